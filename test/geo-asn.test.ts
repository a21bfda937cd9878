import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAddress } from '../src/base/address.ts';
import { OperatorError } from '../src/base/errors.ts';
import { networkTable } from '../src/base/network-table.ts';
import { asnRuns } from '../src/geo/asn-runs.ts';
import { createDescriber } from '../src/geo/describe.ts';
import {
  addressOf,
  anyNumber,
  areSound,
  bitsOf,
  numbered,
  prefixOf,
  valueAt,
} from './helpers/geo-addresses.ts';
import { writeMmdb } from './helpers/mmdb-writer.ts';

interface Range {
  readonly first: bigint;
  readonly last: bigint;
  readonly asn: number;
}

function textOf(family: 4 | 6, range: Range): string {
  if (family === 4) return `${range.first},${range.last}`;
  const last = numbered(6, range.last);
  last.octets.fill(255, 8);
  return `${formatAddress(numbered(6, range.first))},${formatAddress(last)}`;
}

/** Disjoint ranges from sorted borders, with borders at both ends of the address space now and then. */
function ranges(family: 4 | 6): fc.Arbitrary<Range[]> {
  return fc.uniqueArray(anyNumber(family), { minLength: 2, maxLength: 20 }).map((points) => {
    const sorted = points.sort((left, right) => (left < right ? -1 : 1));
    const pairs = Array.from({ length: sorted.length >> 1 }, (_, i) => sorted.slice(i * 2, i * 2 + 2));
    return pairs.map(([first = 0n, last = 0n], i) => ({ first, last, asn: 64_500 + i }));
  });
}

/** City databases that know nobody who is asked for here: describing needs some. */
function nowhere(ipVersion: 4 | 6) {
  const prefix = prefixOf(ipVersion === 4 ? '240.0.0.0/4' : '3ffe::/16');
  const content = {
    databaseType: 'City',
    ipVersion,
    recordSize: 24,
    entries: [{ prefix, record: {} }],
  } as const;
  return { file: 'city.mmdb', bytes: writeMmdb(content) };
}
const sources = { city4: nowhere(4), city6: nowhere(6), overrides: networkTable([]) };

for (const family of [4, 6] as const)
  test(`IPv${family}: the AS of every address, in the image and in words`, () => {
    const end = (1n << BigInt(bitsOf(family))) - 1n;
    fc.assert(
      fc.property(ranges(family), fc.array(anyNumber(family)), (rows, others) => {
        const text = rows.map((row) => `${textOf(family, row)},${row.asn},"Net, ""${row.asn}"""\n`).join('');
        const table = { file: 'asn.csv', bytes: Buffer.from(text) };
        const runs = asnRuns(table, family);
        assert.ok(areSound(runs));
        const describe = createDescriber({ ...sources, asn4: table, asn6: table });
        const edges = rows.flatMap(({ first, last }) => [first - 1n, first, last, last + 1n]);
        for (const value of [...edges, ...others].filter((one) => one >= 0n && one <= end)) {
          const row = rows.find(({ first, last }) => first <= value && value <= last);
          const address = numbered(family, value);
          assert.equal(valueAt(runs, address), row?.asn ?? 0);
          const { asn, asName } = describe(address);
          assert.deepEqual([asn, asName], row === undefined ? [0, ''] : [row.asn, `Net, "${row.asn}"`]);
        }
      }),
      { numRuns: 200, seed: 2 },
    );
  });

test('where ranges overlap the later one holds; less than an IPv6 /64 is left out', () => {
  const overlapping = { file: 'a.csv', bytes: Buffer.from('10,99,1,A\n50,120,2,B') };
  const describe4 = createDescriber({ ...sources, asn4: overlapping });
  for (const [value, asn] of [
    [49n, 1],
    [60n, 2],
    [121n, 0],
  ] as const) {
    assert.equal(valueAt(asnRuns(overlapping, 4), numbered(4, value)), asn);
    assert.equal(describe4(numbered(4, value)).asn, asn);
  }
  const rows = '2001:db8::1,2001:db8::1,1,Host\n2001:db8:0:1::5,2001:db8:0:3:ffff:ffff:ffff:ffff,2,Net\n';
  const table = { file: 'a.csv', bytes: Buffer.from(rows) };
  const describe6 = createDescriber({ ...sources, asn6: table });
  for (const [text, asn] of [
    ['2001:db8::1', 0],
    ['2001:db8:0:1::9', 0],
    ['2001:db8:0:2::', 2],
    ['2001:db8:0:4::', 0],
  ] as const) {
    assert.equal(valueAt(asnRuns(table, 6), addressOf(text)), asn, text);
    assert.equal(describe6(addressOf(text)).asn, asn, text);
  }
});

test('bad lines are named, all of them', () => {
  const text = '1,2,3,Fine\nx,2,3,No\n5,4,3,Backwards\n4294967296,4294967297,1,Large\n1,9,1,Again\n';
  assert.throws(
    () => asnRuns({ file: 'asn.csv', bytes: Buffer.from(text) }, 4),
    (error) => error instanceof OperatorError && error.problems.map(({ line }) => line).join() === '2,3,4,5',
  );
  assert.throws(() => asnRuns({ file: 'asn.csv', bytes: Buffer.from('\n') }, 4), /no ranges/);
  assert.throws(() => asnRuns({ file: 'asn.csv', bytes: Buffer.from('::1::,::2,1,x\n') }, 6), /asn.csv:1/);
});
