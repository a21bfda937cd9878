import type { Asked } from './waf.ts';

const NONE = [{ Priority: 0, Type: 'NONE' }];
const LOWER = [{ Priority: 0, Type: 'LOWERCASE' }];
export const query = (name: string) => ({ SingleQueryArgument: { Name: name } });
export const bytes = (
  SearchString: string,
  PositionalConstraint: string,
  FieldToMatch: object,
  T = NONE,
) => ({
  ByteMatchStatement: { SearchString, PositionalConstraint, FieldToMatch, TextTransformations: T },
});
const xff = (value: string): Asked => ({ headers: [['x-forwarded-for', value]], client: '203.0.113.9' });
const json = (pattern: object, scope: string, more: object = {}) =>
  bytes('evil', 'CONTAINS', { JsonBody: { MatchPattern: pattern, MatchScope: scope, ...more } });
const cookie = (value: string): Asked => ({ headers: [['cookie', value]] });

interface Row {
  readonly name: string;
  readonly statement: object;
  readonly meant: readonly Asked[];
  readonly notMeant: readonly Asked[];
  readonly capacity: number;
}

/** Statements of each type: what they mean, what they do not, and what they cost. */
export const ROWS: readonly Row[] = [
  {
    name: 'ByteMatch EXACTLY on the path',
    statement: bytes('/admin', 'EXACTLY', { UriPath: {} }),
    meant: [{ target: '/admin' }, { target: '/admin?x=1' }],
    notMeant: [{ target: '/admin/' }, { target: '/ADMIN' }],
    capacity: 2,
  },
  {
    name: 'ByteMatch STARTS_WITH in lower case',
    statement: bytes('/admin', 'STARTS_WITH', { UriPath: {} }, LOWER),
    meant: [{ target: '/ADMIN/x' }],
    notMeant: [{ target: '/x/admin' }],
    capacity: 12,
  },
  {
    name: 'ByteMatch ENDS_WITH',
    statement: bytes('.php', 'ENDS_WITH', { UriPath: {} }),
    meant: [{ target: '/a.php' }],
    notMeant: [{ target: '/a.php5' }],
    capacity: 2,
  },
  {
    name: 'ByteMatch CONTAINS_WORD in a header',
    statement: bytes('bot', 'CONTAINS_WORD', { SingleHeader: { Name: 'User-Agent' } }),
    meant: [{ headers: [['user-agent', 'a bot/1']] }, { headers: [['user-agent', 'bot']] }],
    notMeant: [{ headers: [['user-agent', 'robots, bott']] }, {}],
    capacity: 10,
  },
  {
    name: 'ByteMatch of base64 octets',
    statement: {
      ByteMatchStatement: {
        SearchStringBase64: Buffer.from('é').toString('base64'),
        PositionalConstraint: 'CONTAINS',
        FieldToMatch: { Body: { OversizeHandling: 'CONTINUE' } },
        TextTransformations: NONE,
      },
    },
    meant: [{ body: 'caf\u00e9' }],
    notMeant: [{ body: 'cafe' }],
    capacity: 10,
  },
  {
    name: 'all query arguments, decoded',
    statement: bytes('<x', 'CONTAINS', { AllQueryArguments: {} }, [{ Priority: 0, Type: 'URL_DECODE' }]),
    meant: [{ target: '/?a=1&b=%3Cx' }],
    notMeant: [{ target: '/?%3Cx=1' }],
    capacity: 30,
  },
  {
    name: 'the method, and the whole query',
    statement: {
      AndStatement: {
        Statements: [
          bytes('POST', 'EXACTLY', { Method: {} }),
          bytes('a=1&b', 'STARTS_WITH', { QueryString: {} }),
        ],
      },
    },
    meant: [{ method: 'POST', target: '/?a=1&b=2' }],
    notMeant: [{ method: 'GET', target: '/?a=1&b=2' }, { method: 'POST' }],
    capacity: 4,
  },
  {
    name: 'OR and NOT',
    statement: {
      NotStatement: {
        Statement: {
          OrStatement: {
            Statements: [bytes('/a', 'EXACTLY', { UriPath: {} }), bytes('/b', 'EXACTLY', { UriPath: {} })],
          },
        },
      },
    },
    meant: [{ target: '/c' }],
    notMeant: [{ target: '/a' }, { target: '/b' }],
    capacity: 4,
  },
  {
    name: 'JSON body, values of some paths',
    statement: json({ IncludedPaths: ['/user/name', '/tags/1'] }, 'VALUE'),
    meant: [{ body: '{"user":{"name":"evil"}}' }, { body: '{"tags":["a","evil"]}' }],
    notMeant: [{ body: '{"user":{"evil":"x"},"name":"evil","tags":["evil"]}' }, {}],
    capacity: 20,
  },
  {
    name: 'JSON body, keys',
    statement: json({ All: {} }, 'KEY', { InvalidFallbackBehavior: 'MATCH' }),
    meant: [{ body: '{"a":{"evil":1}}' }, { body: '{"a":' }],
    notMeant: [{ body: '{"a":"evil"}' }],
    capacity: 20,
  },
  {
    name: 'JSON body, as text where it is none',
    statement: json({ All: {} }, 'ALL', { InvalidFallbackBehavior: 'EVALUATE_AS_STRING' }),
    meant: [{ body: 'a=evil' }, { body: '["evil"]' }],
    notMeant: [{ body: 'a=good' }],
    capacity: 20,
  },
  {
    name: 'headers by name, and too many of them',
    statement: bytes('evil', 'EXACTLY', {
      Headers: {
        MatchPattern: { IncludedHeaders: ['X-A'] },
        MatchScope: 'VALUE',
        OversizeHandling: 'MATCH',
      },
    }),
    meant: [{ headers: [['x-a', 'evil']] }, { headers: [['x-b', 'x'.repeat(9000)]] }],
    notMeant: [{ headers: [['x-b', 'evil']] }, { headers: [['x-b', 'x'.repeat(8000)]] }],
    capacity: 2,
  },
  {
    name: 'cookies but some',
    statement: bytes('evil', 'CONTAINS', {
      Cookies: {
        MatchPattern: { ExcludedCookies: ['known'] },
        MatchScope: 'VALUE',
        OversizeHandling: 'CONTINUE',
      },
    }),
    meant: [cookie('known=1; other=evil')],
    notMeant: [cookie('known=evil'), cookie('evil=1')],
    capacity: 10,
  },
  {
    name: 'the order of headers',
    statement: bytes('host:accept', 'EXACTLY', { HeaderOrder: { OversizeHandling: 'CONTINUE' } }),
    meant: [{ headers: ['host', 'accept'].map((name) => [name, 'x'] as const) }],
    notMeant: [{ headers: ['accept', 'host'].map((name) => [name, 'x'] as const) }],
    capacity: 2,
  },
  {
    name: 'a body larger than is looked at',
    statement: bytes('evil', 'CONTAINS', { Body: { OversizeHandling: 'MATCH' } }),
    meant: [{ body: 'evil' }, { body: 'good', bodyIsWhole: false }],
    notMeant: [{ body: 'good' }],
    capacity: 10,
  },
  {
    name: 'size',
    statement: {
      SizeConstraintStatement: {
        FieldToMatch: query('q'),
        ComparisonOperator: 'GT',
        Size: 5,
        TextTransformations: NONE,
      },
    },
    meant: [{ target: '/?q=123456' }, { target: '/?Q=123456' }],
    notMeant: [{ target: '/?q=12345' }, { target: '/' }],
    capacity: 1,
  },
  {
    name: 'regex',
    statement: {
      RegexMatchStatement: {
        RegexString: '^/[a-z]+/\\d{2,}$',
        FieldToMatch: { UriPath: {} },
        TextTransformations: NONE,
      },
    },
    meant: [{ target: '/abc/12' }],
    notMeant: [{ target: '/abc/1' }, { target: '/x/abc/12' }],
    capacity: 3,
  },
  {
    name: 'SQL injection',
    statement: {
      SqliMatchStatement: {
        FieldToMatch: query('id'),
        TextTransformations: [{ Priority: 0, Type: 'URL_DECODE' }],
        SensitivityLevel: 'HIGH',
      },
    },
    meant: [{ target: '/?id=1%27%20OR%20%271%27%3D%271' }, { target: '/?id=1+union+select+1' }],
    notMeant: [{ target: '/?id=union' }, { target: "/?id=O'Neil" }],
    capacity: 40,
  },
  {
    name: 'cross-site scripting',
    statement: {
      XssMatchStatement: {
        FieldToMatch: { QueryString: {} },
        TextTransformations: [{ Priority: 0, Type: 'URL_DECODE' }],
      },
    },
    meant: [{ target: '/?q=%3Cscript%3E' }, { target: '/?q=%22+onload%3Dalert(1)' }],
    notMeant: [{ target: '/?q=%3Cb%3Ebold%3C/b%3E' }, { target: '/?once=1' }],
    capacity: 50,
  },
  {
    name: 'country',
    statement: { GeoMatchStatement: { CountryCodes: ['DE', 'AT'] } },
    meant: [{ client: '192.0.2.1' }],
    notMeant: [{ client: '198.51.100.7' }, { client: '203.0.113.1' }],
    capacity: 1,
  },
  {
    name: 'country of a forwarded address',
    statement: {
      GeoMatchStatement: {
        CountryCodes: ['FR'],
        ForwardedIPConfig: { HeaderName: 'X-Forwarded-For', FallbackBehavior: 'MATCH' },
      },
    },
    meant: [xff('198.51.100.7, 10.0.0.1'), xff('rubbish')],
    notMeant: [xff('192.0.2.1'), { client: '198.51.100.7' }],
    capacity: 1,
  },
  {
    name: 'autonomous system',
    statement: { AsnMatchStatement: { AsnList: [64_500] } },
    meant: [{ client: '192.0.2.1' }],
    notMeant: [{ client: '198.51.100.7' }],
    capacity: 1,
  },
  {
    name: 'IP set',
    statement: { IPSetReferenceStatement: { ARN: 'arn:set' } },
    meant: [{ client: '192.0.2.200' }, { client: '2001:db8::5' }],
    notMeant: [{ client: '192.0.3.1' }, { client: '2001:db9::5' }],
    capacity: 1,
  },
  {
    name: 'IP set, any forwarded address',
    statement: {
      IPSetReferenceStatement: {
        ARN: 'arn:set',
        IPSetForwardedIPConfig: {
          HeaderName: 'X-Forwarded-For',
          FallbackBehavior: 'NO_MATCH',
          Position: 'ANY',
        },
      },
    },
    meant: [xff('203.0.113.1, 192.0.2.5'), xff('[2001:db8::1]:443')],
    notMeant: [xff('203.0.113.1'), xff('rubbish'), {}],
    capacity: 5,
  },
  {
    name: 'regex set',
    statement: {
      RegexPatternSetReferenceStatement: {
        ARN: 'patterns',
        FieldToMatch: { UriPath: {} },
        TextTransformations: NONE,
      },
    },
    meant: [{ target: '/wp-login.php' }, { target: '/x.bak' }],
    notMeant: [{ target: '/index.html' }],
    capacity: 25,
  },
];

/** What the statements refer to. */
export const SETS = [
  {
    IPSet: {
      Name: 'set',
      ARN: 'arn:set',
      IPAddressVersion: 'IPV4',
      Addresses: ['192.0.2.0/24', '2001:db8::/32'],
    },
  },
  {
    Name: 'patterns',
    RegularExpressionList: [{ RegexString: '^/wp-' }, { RegexString: '\\.bak$' }],
  },
];
