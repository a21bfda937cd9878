import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatPrefix } from '../src/base/address.ts';
import { formatProblem } from '../src/base/errors.ts';
import {
  type NetworkOverride,
  networkAt,
  networkDigest,
  networkTable,
  rowsInOrder,
} from '../src/base/network-table.ts';
import { loadConfig } from '../src/config/config.ts';
import { readNetworksCsv } from '../src/config/networks.ts';
import { prefixOf } from './helpers/geo-addresses.ts';

const HEADER = 'prefix,country,latitude,longitude,asn,label';
const read = (text: string) => readNetworksCsv(new TextEncoder().encode(text), 'n.csv');
const rowsOf = (table: ReturnType<typeof networkTable>): NetworkOverride[] =>
  Array.from({ length: table.count }, (_, row) => networkAt(table, row));

test('networks from CSV: columns in any order, empty cells, quotes, comments', () => {
  const text =
    '\uFEFF# ours\r\nlabel,prefix,latitude,longitude\r\n"Köln, ""Süd""",192.0.2.0/24,50.9,6.96\r\n' +
    ',2001:db8::/32,-33.87,151.21\n';
  const { table, problems } = read(text);
  assert.deepEqual(problems, []);
  assert.deepEqual(rowsOf(table), [
    { prefix: prefixOf('192.0.2.0/24'), latitude: 50.9, longitude: 6.96, label: 'Köln, "Süd"' },
    { prefix: prefixOf('2001:db8::/32'), latitude: -33.87, longitude: 151.21 },
  ]);
  const bare = read(`${HEADER}\n198.51.100.7,DE,,,64500,\n`);
  assert.deepEqual(rowsOf(bare.table), [{ prefix: prefixOf('198.51.100.7/32'), country: 'DE', asn: 64500 }]);
});

test('every planted fault is told with its line, and only those', () => {
  const faults: [row: string, expected: RegExp][] = [
    ['192.0.2.0/33,DE,,,,', /prefix: .*the prefix length must be 0 to 32$/],
    ['192.0.2.1/24,DE,,,,', /prefix: .*has host bits set: did you mean 192\.0\.2\.0\/24\?$/],
    ['2001:db8::/65,DE,,,,', /prefix: .*told apart by their first 64 bits, not by more$/],
    ['nowhere,DE,,,,', /prefix: "nowhere" is neither an IP address nor an IP prefix$/],
    [',DE,,,,', /prefix: is missing$/],
    ['192.0.2.0/24,de,,,,', /country: "de" is not a country code/],
    ['192.0.2.0/24,,91,0,,', /latitude: "91" is not a number from -90 to 90$/],
    ['192.0.2.0/24,,1,east,,', /longitude: "east" is not a number from -180 to 180$/],
    ['192.0.2.0/24,,1,,,', /latitude and longitude stand together, or neither$/],
    ['192.0.2.0/24,,,,0,', /asn: "0" is not a whole number from 1 to 4294967295$/],
    ['192.0.2.0/24,,,,4294967296,', /asn: /],
    ['192.0.2.0/24,,,,1e3,', /asn: /],
    ['192.0.2.0/24,,,,,home', /says nothing of the network/],
    [`192.0.2.0/24,DE,,,,${'x'.repeat(129)}`, /label: 129 characters: at most 128$/],
    ['192.0.2.0/24,DE', /^n\.csv:4: 2 cells where the header names 6 columns$/],
    ['10.0.0.0/8,DE,,,,', /prefix: the prefix "10\.0\.0\.0\/8" stands on line 3 already$/],
  ];
  for (const [row, expected] of faults) {
    const { problems } = read(`# comment\n${HEADER}\n10.0.0.0/8,DE,,,,\n${row}\n10.1.0.0/16,FR,1,2,5,fine\n`);
    assert.equal(problems.length, 1, row);
    assert.match(formatProblem(problems[0] ?? { file: '', message: '' }), expected);
    assert.equal(problems[0]?.line, 4, row);
  }
  const all = faults.map(([row]) => row).join('\n');
  const { problems } = read(`${HEADER}\n10.0.0.0/8,DE,,,,\n${all}\n`);
  assert.deepEqual(
    problems.map(({ line }) => line),
    faults.map((_, i) => i + 3),
  );
});

test('headers, empty files, and no more problems than a screen holds', () => {
  const messages = (text: string) => read(text).problems.map(formatProblem);
  assert.deepEqual(messages(''), ['n.csv:1: no networks: the file is empty']);
  assert.deepEqual(messages('prefx,country\n'), [
    'n.csv:1: no such column: "prefx"; did you mean "prefix"?',
    'n.csv:1: the column "prefix" is missing',
  ]);
  assert.match(messages('prefix,asn,asn\n')[0] ?? '', /the column "asn" stands twice/);
  const many = messages(`${HEADER}\n${'x,,,,,\n'.repeat(1000)}`);
  assert.equal(many.length, 21);
  assert.equal(many.at(-1), 'n.csv: and 980 more lines with faults');
});

test('a configuration names the file, and does not read it', () => {
  const pop =
    '{code: AAA, city: C, country: DE, region: r, latitude: 1, longitude: 2, capacityRps: 3, ' +
    'links: [{transit: t, capacityMbps: 1, ipv4: 192.0.2.1}]}';
  const text = `zones: [{origin: e.example, file: z}]\npops: [${pop}]\n`;
  const load = (networks: string) =>
    loadConfig({ text: `${text}networks: ${networks}\n`, file: 'a/b.yaml', read: () => assert.fail('read') });
  const named = load('nets/own.csv');
  assert.equal(named.geo.networks, 'a/nets/own.csv');
  assert.equal(named.networks.count, 0);
  const listed = load('[{prefix: 10.0.0.0/8, country: DE}]');
  assert.equal(listed.geo.networks, undefined);
  assert.deepEqual(rowsOf(listed.networks), [{ prefix: prefixOf('10.0.0.0/8'), country: 'DE' }]);
});

const network: fc.Arbitrary<NetworkOverride> = fc.record(
  {
    prefix: fc.constantFrom('10.0.0.0/8', '10.0.0.0/9', '::/0', '2001:db8::/64', '0.0.0.0/0').map(prefixOf),
    country: fc.constantFrom('DE', 'FR'),
    asn: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    label: fc.string({ minLength: 1, maxLength: 200, unit: 'grapheme' }),
  },
  { requiredKeys: ['prefix'], noNullPrototype: true },
);

test('a table gives back what was put in, in order when asked, and its digest tells tables apart', () => {
  fc.assert(
    fc.property(fc.array(network, { maxLength: 60 }), (networks) => {
      const table = networkTable(networks);
      assert.deepEqual(rowsOf(table), networks);
      const ordered = [...rowsInOrder(table)].map((row) => networks[row] as NetworkOverride);
      assert.equal(new Set(rowsInOrder(table)).size, networks.length);
      for (const [i, { prefix }] of ordered.entries()) {
        const before = ordered[i - 1]?.prefix ?? prefix;
        assert.ok(before.address.family <= prefix.address.family);
        if (formatPrefix(before).split('/')[0] === formatPrefix(prefix).split('/')[0])
          assert.ok(before.length <= prefix.length);
      }
      assert.equal(networkDigest(table), networkDigest(networkTable(networks)));
      const [first] = networks;
      if (first !== undefined)
        assert.notEqual(
          networkDigest(table),
          networkDigest(networkTable([{ ...first, asn: (first.asn ?? 0) ^ 1 }, ...networks.slice(1)])),
        );
    }),
    { numRuns: 200, seed: 8 },
  );
});
