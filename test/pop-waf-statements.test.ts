import assert from 'node:assert/strict';
import { test } from 'node:test';
import { must } from '../src/base/assert.ts';
import { readAcl } from '../src/pop/waf/acl.ts';
import { aclOf, ask, blockRule } from './helpers/waf.ts';
import { bytes, query, ROWS, SETS } from './helpers/waf-rows.ts';

/** Each statement type of AWS WAFv2 by a table, and each text transformation. */

for (const { name, statement, meant, notMeant, capacity } of ROWS)
  test(`WAF statement: ${name}`, () => {
    const acl = aclOf([blockRule(statement)], SETS);
    for (const asked of meant) assert.equal(ask(acl, asked).action, 'block', JSON.stringify(asked));
    for (const asked of notMeant) assert.equal(ask(acl, asked).action, 'allow', JSON.stringify(asked));
    assert.equal(acl.capacity, capacity, 'capacity units');
  });

const TRANSFORMED: readonly (readonly [type: string, from: string, to: string])[] = [
  ['NONE', 'aB', 'aB'],
  ['COMPRESS_WHITE_SPACE', 'a \t\r\n b\u00a0c', 'a b c'],
  ['HTML_ENTITY_DECODE', '&lt;a&#62;&#x41;&quot', '<a>A"'],
  ['LOWERCASE', 'ABC\u00c9', 'abc\u00c9'],
  ['CMD_LINE', 'C^M"D  /c; DIR', 'cmd/c dir'],
  ['URL_DECODE', 'a%41+%zz%', 'aA %zz%'],
  ['BASE64_DECODE', 'ZXZpbA==', 'evil'],
  ['BASE64_DECODE_EXT', 'ZX.Zp bA', 'evil'],
  ['HEX_DECODE', '6576696c', 'evil'],
  ['MD5', 'a', Buffer.from('0cc175b9c0f1b6a831c399e269772661', 'hex').toString('latin1')],
  ['REPLACE_COMMENTS', 'a/*x*/b/*y', 'a b '],
  ['ESCAPE_SEQ_DECODE', '\\x41\\101\\n\\q', 'AA\n\\q'],
  ['SQL_HEX_DECODE', 'a0x4142 0x1', 'aAB 0x1'],
  ['CSS_DECODE', '\\6A avascrip\\74', 'javascript'],
  ['JS_DECODE', '\\u0041\\x42\\u{43}\\n', 'ABC\n'],
  ['NORMALIZE_PATH', '/a//./b/../c/', '/a/c/'],
  ['NORMALIZE_PATH', '../a/../../b', '../../b'],
  ['NORMALIZE_PATH_WIN', '\\a\\..\\b', '/b'],
  ['REMOVE_NULLS', 'e\0vil', 'evil'],
  ['REPLACE_NULLS', 'e\0vil', 'e vil'],
  ['URL_DECODE_UNI', '%u0041%uff1c%42', 'A<B'],
  ['UTF8_TO_UNICODE', 'caf\u00c3\u00a9', 'caf%u00e9'],
];

test('WAF text transformations: each gives what it should, and all of them are there', () => {
  for (const [Type, from, to] of TRANSFORMED) {
    const acl = aclOf([
      blockRule({
        ByteMatchStatement: {
          SearchStringBase64: Buffer.from(to, 'latin1').toString('base64'),
          PositionalConstraint: 'EXACTLY',
          FieldToMatch: { SingleHeader: { Name: 'x' } },
          TextTransformations: [{ Priority: 0, Type }],
        },
      }),
    ]);
    assert.equal(ask(acl, { headers: [['x', from]] }).action, 'block', `${Type} of ${JSON.stringify(from)}`);
  }
  assert.equal(new Set(TRANSFORMED.map(([type]) => type)).size, 21);
});

test('WAF transformations are done in the order of their priorities', () => {
  const steps = [
    { Priority: 5, Type: 'LOWERCASE' },
    { Priority: 1, Type: 'BASE64_DECODE' },
  ];
  const acl = aclOf([blockRule(bytes('evil', 'EXACTLY', query('q'), steps))]);
  assert.equal(ask(acl, { target: `/?q=${Buffer.from('EVIL').toString('base64')}` }).action, 'block');
});

test('WAF: what `aws wafv2 get-web-acl` prints is read as it is, search strings in base64', () => {
  const metrics = (MetricName: string) => ({
    SampledRequestsEnabled: true,
    CloudWatchMetricsEnabled: true,
    MetricName,
  });
  const printed = {
    WebACL: {
      Name: 'printed',
      Id: 'a1b2c3d4-0000-1111-2222-333344445555',
      ARN: 'arn:aws:wafv2:us-east-1:111122223333:global/webacl/printed/a1b2c3d4',
      DefaultAction: { Allow: {} },
      Description: '',
      Rules: [
        {
          ...blockRule(bytes(Buffer.from('/admin').toString('base64'), 'STARTS_WITH', { UriPath: {} })),
          RuleLabels: [{ Name: 'admin' }],
          VisibilityConfig: metrics('rule'),
        },
      ],
      VisibilityConfig: metrics('printed'),
      Capacity: 2,
      ManagedByFirewallManager: false,
      LabelNamespace: 'awswaf:111122223333:webacl:printed:',
    },
    LockToken: '0f0f0f0f-0000-1111-2222-333344445555',
  };
  const { acl, problems } = readAcl({ file: 'printed.json', text: JSON.stringify(printed) }, []);
  assert.deepEqual(problems, []);
  const { action, labels } = ask(must(acl, 'ACL'), { target: '/admin/x' });
  assert.deepEqual([action, labels], ['block', ['awswaf:111122223333:webacl:printed:admin']]);
  assert.equal(ask(must(acl, 'ACL'), { target: '/' }).action, 'allow');
});
