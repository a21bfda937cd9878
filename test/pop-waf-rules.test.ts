import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rateCounter } from '../src/pop/waf/rate.ts';
import { isSqlInjection } from '../src/pop/waf/sqli.ts';
import { isCrossSiteScript } from '../src/pop/waf/xss.ts';
import { aclOf, ask, blockRule, faultsOf } from './helpers/waf.ts';

const NONE = [{ Priority: 0, Type: 'NONE' }];
const path = (SearchString: string) => ({
  ByteMatchStatement: {
    SearchString,
    PositionalConstraint: 'STARTS_WITH',
    FieldToMatch: { UriPath: {} },
    TextTransformations: NONE,
  },
});

test('WAF rules run in the order of priorities: counted ones label, the first other decides', () => {
  const acl = aclOf([
    blockRule(path('/'), { Name: 'late', Priority: 9 }),
    {
      Name: 'marked',
      Priority: 1,
      Statement: path('/x'),
      Action: { Count: { CustomRequestHandling: { InsertHeaders: [{ Name: 'Seen', Value: 'yes' }] } } },
      RuleLabels: [{ Name: 'team:x' }],
    },
    {
      Name: 'ours',
      Priority: 2,
      Statement: { LabelMatchStatement: { Scope: 'NAMESPACE', Key: 'team:' } },
      Action: { Allow: { CustomRequestHandling: { InsertHeaders: [{ Name: 'Ok', Value: '1' }] } } },
    },
  ]);
  const verdict = ask(acl, { target: '/x' });
  assert.deepEqual(verdict, {
    action: 'allow',
    rule: 'ours',
    counted: ['marked'],
    insertHeaders: [
      ['x-amzn-waf-seen', 'yes'],
      ['x-amzn-waf-ok', '1'],
    ],
    labels: ['awswaf:000000000000:webacl:acl:team:x'],
  });
  assert.equal(ask(acl, { target: '/y' }).rule, 'late');
});

test('WAF: a blocked request can get a response of its own', () => {
  const response = {
    ResponseCode: 429,
    CustomResponseBodyKey: 'slow',
    ResponseHeaders: [{ Name: 'Retry-After', Value: '60' }],
  };
  const acl = aclOf([blockRule(path('/'), { Action: { Block: { CustomResponse: response } } })], [], {
    CustomResponseBodies: { slow: { ContentType: 'APPLICATION_JSON', Content: '{"slow":"down"}' } },
  });
  assert.deepEqual(ask(acl, {}).response, {
    status: 429,
    headers: [['retry-after', '60']],
    contentType: 'application/json',
    body: '{"slow":"down"}',
  });
});

const GROUP = {
  RuleGroup: {
    Name: 'group',
    ARN: 'arn:aws:wafv2:us-east-1:111122223333:global/rulegroup/group/1',
    Capacity: 50,
    Rules: [
      blockRule(path('/bad'), { Name: 'bad', Priority: 0, RuleLabels: [{ Name: 'bad' }] }),
      blockRule(path('/worse'), { Name: 'worse', Priority: 1 }),
    ],
  },
};

function groupRule(override: object, more: object = {}) {
  const { ARN } = GROUP.RuleGroup;
  return {
    Name: 'use',
    Priority: 0,
    Statement: { RuleGroupReferenceStatement: { ARN, ...more } },
    OverrideAction: override,
  };
}

test('WAF rule groups: by reference, counted as a whole, rules of it given other actions', () => {
  const plain = aclOf([groupRule({ None: {} })], [GROUP]);
  assert.equal(plain.capacity, 50, 'what the group declares');
  const blocked = ask(plain, { target: '/bad' });
  assert.deepEqual([blocked.action, blocked.rule], ['block', 'use/bad']);
  assert.deepEqual(blocked.labels, ['awswaf:111122223333:rulegroup:group:bad']);
  const counted = ask(aclOf([groupRule({ Count: {} })], [GROUP]), { target: '/bad' });
  assert.deepEqual([counted.action, counted.counted], ['allow', ['use/bad']]);
  const overrides = { RuleActionOverrides: [{ Name: 'worse', ActionToUse: { Count: {} } }] };
  const one = aclOf([groupRule({ None: {} }, overrides)], [GROUP]);
  assert.deepEqual(
    [ask(one, { target: '/worse' }).action, ask(one, { target: '/bad' }).action],
    ['allow', 'block'],
  );
});

const rate = (more: object) => ({ RateBasedStatement: { Limit: 10, EvaluationWindowSec: 60, ...more } });

test('WAF rate rule: the request after the limit is blocked, within the window, by POP and address', () => {
  const acl = aclOf([blockRule(rate({ AggregateKeyType: 'IP' }))]);
  const actions = (client: string, atMs: number, count: number): string[] =>
    Array.from({ length: count }, () => ask(acl, { client, nowMs: atMs }).action);
  assert.deepEqual(actions('192.0.2.1', 0, 12), [...Array(10).fill('allow'), 'block', 'block']);
  assert.deepEqual(actions('192.0.2.2', 0, 1), ['allow'], 'another address');
  assert.equal(ask(acl, { client: '192.0.2.1', pop: 'AMS' }).action, 'allow', 'another POP');
  assert.deepEqual(actions('192.0.2.1', 53_000, 1), ['block'], 'still in the window');
  assert.deepEqual(actions('192.0.2.1', 66_000, 1), ['allow'], 'the window has passed');
  assert.equal(acl.capacity, 2);
});

test('WAF rate rule: keys of its own, and only some of the requests', () => {
  const acl = aclOf([
    blockRule(
      rate({
        AggregateKeyType: 'CUSTOM_KEYS',
        CustomKeys: [{ Header: { Name: 'x-user', TextTransformations: NONE } }, { HTTPMethod: {} }],
        ScopeDownStatement: path('/login'),
      }),
    ),
  ]);
  const send = (user: string | undefined, target: string, count: number): string => {
    const headers = user === undefined ? [] : [['x-user', user] as const];
    const all = Array.from({ length: count }, () => ask(acl, { headers, target }).action);
    return all.at(-1) ?? '';
  };
  assert.equal(send('a', '/login', 11), 'block');
  assert.equal(send('b', '/login', 10), 'allow');
  assert.equal(send('a', '/other', 50), 'allow', 'out of scope');
  assert.equal(send(undefined, '/login', 50), 'allow', 'without the key');
  assert.equal(acl.capacity, 2 + 60 + 2);
});

test('WAF rate counters are bounded', () => {
  const counter = rateCounter(60_000);
  for (let i = 0; i < 25_000; i++) counter.count(String(i), 0);
  assert.equal(counter.size(), 10_000);
  assert.equal(counter.count('24999', 0), 2, 'the newest are kept');
});

test('WAF: all faults at once, each with its line', () => {
  const faults = faultsOf(
    [
      blockRule({ ByteMatchStatment: {} }),
      blockRule(path('/'), { Name: 'r2', Priority: 0 }),
      blockRule(path('/'), { Name: 'r3', Priority: 0, Action: { Captcha: {} } }),
      blockRule({ ManagedRuleGroupStatement: { VendorName: 'AWS', Name: 'x' } }, { Name: 'r4', Priority: 4 }),
      blockRule(
        {
          RegexMatchStatement: {
            RegexString: '(a)\\1',
            FieldToMatch: { UriPath: {} },
            TextTransformations: [{ Priority: 0, Type: 'URLDECODE' }],
          },
        },
        { Name: 'r5', Priority: 5 },
      ),
      blockRule({ IPSetReferenceStatement: { ARN: 'nowhere' } }, { Name: 'r6', Priority: 6 }),
      blockRule({ GeoMatchStatement: { CountryCodes: ['Germany'] } }, { Name: 'r7', Priority: 7 }),
      { Name: 'r8', Priority: 8, Statement: rate({ Limit: 5, AggregateKeyType: 'IP' }) },
    ],
    [{ Name: 'set', Addresses: ['192.0.2.1/24', 'x'] }],
  );
  const expected = [
    /other0\.json:4:.*Addresses\[0\].*host bits set/,
    /other0\.json:5:.*"x" is neither/,
    /acl\.json:11:.*ByteMatchStatment: no such statement; did you mean ByteMatchStatement\?/,
    /Captcha: needs a service/,
    /ManagedRuleGroupStatement: rule groups of AWS/,
    /RegexString: not a regular expression of RE2/,
    /Type: "URLDECODE" is not known; did you mean URL_DECODE\?/,
    /ARN: no IP set has the ARN "nowhere": given are set/,
    /CountryCodes\[0\]: 7 characters/,
    /Rules\[7\]: Action is missing/,
    /Limit: 5 is not a whole number from 10/,
  ];
  for (const pattern of expected)
    assert.ok(
      faults.some((fault) => pattern.test(fault)),
      `${pattern} in\n${faults.join('\n')}`,
    );
});

test('WAF: what a web ACL or a rule group may cost is bounded', () => {
  const sql = (i: number) =>
    blockRule(
      {
        SqliMatchStatement: {
          FieldToMatch: { AllQueryArguments: {} },
          TextTransformations: Array.from({ length: 10 }, (_, k) => ({ Priority: k, Type: 'URL_DECODE' })),
        },
      },
      { Name: `r${i}`, Priority: i },
    );
  const [fault = ''] = faultsOf(Array.from({ length: 40 }, (_, i) => sql(i)));
  assert.match(fault, /need 5200 capacity units: at most 5000/);
  const small = { RuleGroup: { ...GROUP.RuleGroup, Capacity: 3 } };
  assert.match(faultsOf([groupRule({ None: {} })], [small])[0] ?? '', /need 4 capacity units, more than 3/);
});

test('WAF: a regex bomb costs time in proportion to its text', () => {
  const acl = aclOf([
    blockRule({
      RegexMatchStatement: {
        RegexString: '^(([a-z])+.)+[A-Z]([a-z])+$',
        FieldToMatch: { Body: {} },
        TextTransformations: NONE,
      },
    }),
  ]);
  // A backtracking engine takes 2^30 steps for 30 letters.
  const spentMs = (letters: number): number => {
    const beganMs = performance.now();
    ask(acl, { body: 'a'.repeat(letters) });
    return performance.now() - beganMs;
  };
  spentMs(100);
  assert.ok(spentMs(16_000) < 5000);
});

test('WAF: no text of 64 KiB keeps the detectors busy for long', () => {
  // Each of these once cost, or could cost, time in proportion to the square of its length or worse.
  for (const unit of ['<!--`', '<a ', '\\"', "\\'", '((', '1 or ', 'a=', '"x', '/*', '&#', '{"', '<', ' ']) {
    const text = unit.repeat(65_536 / unit.length);
    const acl = aclOf([
      blockRule({ XssMatchStatement: { FieldToMatch: { Body: {} }, TextTransformations: NONE } }),
      blockRule(
        {
          SqliMatchStatement: {
            FieldToMatch: { JsonBody: { MatchPattern: { All: {} }, MatchScope: 'ALL' } },
            TextTransformations: [{ Priority: 0, Type: 'HTML_ENTITY_DECODE' }],
          },
        },
        { Name: 'sql', Priority: 1 },
      ),
    ]);
    const beganMs = performance.now();
    ask(acl, { body: `{${text}\\` });
    assert.ok(performance.now() - beganMs < 5000, JSON.stringify(unit));
  }
});

test('WAF: SQL injection is told from English and from names', () => {
  const attacks = [
    "' OR 1=1--",
    "admin'--",
    '1 UNION ALL SELECT NULL,NULL',
    '1; DROP TABLE users',
    '1 AND SLEEP(5)',
    "x' AND ASCII(SUBSTRING((SELECT password FROM users),1,1))>64#",
    '1/**/UNION/**/SELECT/**/1',
    '1 /*!50000UNION*/ /*!50000SELECT*/ 1',
    '") OR ("a"="a',
    "';WAITFOR DELAY '0:0:5'--",
    '1 order by 10--',
  ];
  const plain = [
    "O'Neil & Sons",
    'select the best of both worlds from our union of flavours',
    'rock and roll or jazz',
    '1950 or 1960',
    "it's 5 o'clock -- time to go",
    'C++ and C#',
    'price > 10 and < 20',
    'a@b.example',
  ];
  for (const text of attacks) assert.ok(isSqlInjection(text, 'LOW'), text);
  for (const text of plain) assert.ok(!isSqlInjection(text, 'LOW'), text);
});

test('WAF: scripts are told from harmless markup', () => {
  const attacks = [
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '"><svg/onload=alert(1)>',
    "' onmouseover='alert(1)",
    '<a href="java\nscript:alert(1)">x</a>',
    '<a href="&#106;avascript:alert(1)">x</a>',
    'javascript:alert(1)',
    '<div style="width: expression(alert(1))">',
    '<!--[if gte IE 4]><script>alert(1)</script>',
  ];
  const plain = [
    '<b>bold</b> and <i>more</i>',
    '<a href="https://www.example/?a=b">link</a>',
    '<img src="data:image/png;base64,iVBORw0KGgo=" alt="">',
    '1 < 2 and 3 > 2',
    'once = 1, only = 2',
    'I <3 you',
    'style="color: red"',
  ];
  for (const text of attacks) assert.ok(isCrossSiteScript(text), text);
  for (const text of plain) assert.ok(!isCrossSiteScript(text), text);
});
