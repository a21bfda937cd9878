import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Address, formatAddress, parseAddress } from '../src/base/address.ts';
import { OperatorError } from '../src/base/errors.ts';
import { asnName, findAsn } from '../src/geo/asn.ts';
import { compileAsnTable } from '../src/geo/asn-parse.ts';

interface Range {
  readonly first: bigint;
  readonly last: bigint;
  readonly asn: number;
}

/** IPv4 in 32 bits; IPv6 in its upper 64. */
function addressOf(family: 4 | 6, value: bigint): Address {
  const octets = new Uint8Array(16);
  const width = family === 4 ? 4 : 8;
  for (let i = 0; i < width; i++) octets[i] = Number((value >> BigInt(8 * (width - 1 - i))) & 255n);
  return { family, octets };
}

function textOf(family: 4 | 6, range: Range): string {
  if (family === 4) return `${range.first},${range.last}`;
  const last = addressOf(6, range.last);
  last.octets.fill(255, 8);
  return `${formatAddress(addressOf(6, range.first))},${formatAddress(last)}`;
}

/** Disjoint ranges from sorted borders, with borders at both ends of the address space now and then. */
function ranges(bits: number): fc.Arbitrary<Range[]> {
  const end = (1n << BigInt(bits)) - 1n;
  const point = fc.oneof(
    fc.bigInt({ min: 0n, max: end }),
    fc.bigInt({ min: 0n, max: 300n }),
    fc.bigInt({ min: (end >> 1n) - 9n, max: (end >> 1n) + 9n }),
    fc.constantFrom(0n, end),
  );
  return fc.uniqueArray(point, { minLength: 2, maxLength: 20 }).map((points) => {
    const sorted = points.sort((left, right) => (left < right ? -1 : 1));
    const pairs = Array.from({ length: sorted.length >> 1 }, (_, i) => sorted.slice(i * 2, i * 2 + 2));
    return pairs.map(([first = 0n, last = 0n], i) => ({ first, last, asn: 64_500 + i }));
  });
}

for (const [family, bits] of [
  [4, 32],
  [6, 64],
] as const)
  test(`IPv${family}: the range that holds an address, and the widest prefix in it or in the gap`, () => {
    const end = (1n << BigInt(bits)) - 1n;
    fc.assert(
      fc.property(ranges(bits), fc.array(fc.bigInt({ min: 0n, max: end })), (rows, others) => {
        const text = rows.map((row) => `${textOf(family, row)},${row.asn},"Net, ""${row.asn}"""\n`).join('');
        const table = compileAsnTable({ file: 'asn.csv', bytes: Buffer.from(text) }, family);
        const edges = rows.flatMap(({ first, last }) => [first - 1n, first, last, last + 1n]);
        const hit = { row: -1, depth: 0 };
        for (const value of [...edges, ...others].filter((one) => one >= 0n && one <= end)) {
          findAsn(table, addressOf(family, value), hit);
          const index = rows.findIndex(({ first, last }) => first <= value && value <= last);
          assert.equal(hit.row, index);
          if (index >= 0) assert.equal(asnName(table, index), `Net, "${rows[index]?.asn}"`);
          assert.equal(hit.depth, widest(rows, value, bits), `${value}`);
        }
      }),
      { numRuns: 300, seed: 2 },
    );
  });

function widest(rows: readonly Range[], value: bigint, bits: number): number {
  const rowsOf = (from: bigint, to: bigint): Range[] =>
    rows.filter(({ first, last }) => first <= to && last >= from);
  for (let length = 0; length <= bits; length++) {
    const size = 1n << BigInt(bits - length);
    const from = (value / size) * size;
    const touched = rowsOf(from, from + size - 1n);
    if (touched.length === 0) return length;
    if (touched.length === 1 && touched[0] && touched[0].first <= from && touched[0].last >= from + size - 1n)
      return length;
  }
  return bits;
}

test('where ranges overlap the later one holds; less than an IPv6 /64 is left out', () => {
  const overlapping = compileAsnTable({ file: 'a.csv', bytes: Buffer.from('10,99,1,A\n50,120,2,B') }, 4);
  const hit = { row: -1, depth: 0 };
  findAsn(overlapping, addressOf(4, 60n), hit);
  assert.equal(overlapping.asn[hit.row], 2);
  findAsn(overlapping, addressOf(4, 49n), hit);
  assert.equal(overlapping.asn[hit.row], 1);
  const rows = '2001:db8::1,2001:db8::1,1,Host\n2001:db8:0:1::5,2001:db8:0:3:ffff:ffff:ffff:ffff,2,Net\n';
  const table = compileAsnTable({ file: 'a.csv', bytes: Buffer.from(rows) }, 6);
  const asnOf = (text: string): number => {
    findAsn(table, parseAddress(text) as Address, hit);
    return hit.row < 0 ? 0 : (table.asn[hit.row] as number);
  };
  assert.deepEqual(['2001:db8::1', '2001:db8:0:1::9', '2001:db8:0:2::'].map(asnOf), [0, 0, 2]);
});

test('bad lines are named, all of them', () => {
  const text = '1,2,3,Fine\nx,2,3,No\n5,4,3,Backwards\n4294967296,4294967297,1,Large\n1,9,1,Again\n';
  assert.throws(
    () => compileAsnTable({ file: 'asn.csv', bytes: Buffer.from(text) }, 4),
    (error) => error instanceof OperatorError && error.problems.map(({ line }) => line).join() === '2,3,4,5',
  );
  assert.throws(() => compileAsnTable({ file: 'asn.csv', bytes: Buffer.from('\n') }, 4), /no ranges/);
  assert.throws(
    () => compileAsnTable({ file: 'asn.csv', bytes: Buffer.from('::1::,::2,1,x\n') }, 6),
    /asn.csv:1/,
  );
});
