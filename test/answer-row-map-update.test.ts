import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRowMapper, openRowMap, type RowMap } from '../src/answer/row-map.ts';
import type { Address } from '../src/base/address.ts';
import { networkKey } from '../src/base/network-key.ts';
import { numbered } from './helpers/geo-addresses.ts';
import {
  assertFound,
  besides,
  clientImage,
  find,
  opened,
  type Runs,
  runs,
  steeringImage,
  type TestLeaf,
} from './helpers/row-maps.ts';

/** A map that is made from the one before says of every address what one made from nothing says. */

const SITES = 12;
const LINKS = 4;

/** So many ranges under one entry of the root table that it has a table of its own. */
const crowd = (family: 4 | 6, sites: readonly number[]): Runs => {
  const start = family === 4 ? 0x0b0b_0000n : 0x2a01_0000_0000_0000n;
  const step = family === 4 ? 64n : 0x3_1000_0000n;
  return Array.from({ length: 900 }, (_, i) => ({
    start: start + BigInt(i) * step,
    site: sites[(i * i) % sites.length] as number,
  }));
};

const sites = fc.array(fc.nat(SITES - 1), { minLength: 1, maxLength: 40 });
const merged = (one: Runs, other: Runs): Runs => {
  const all = new Map([...one, ...other].map((run) => [run.start, run]));
  return [...all.values()].sort((a, b) => (a.start < b.start ? -1 : 1));
};

const links = fc.array(fc.nat(LINKS), { minLength: SITES, maxLength: SITES });
const tick = fc.record({
  /** Places that get another link, in one of two groups. */
  changes: fc.array(fc.tuple(fc.nat(1), fc.nat(SITES - 1), fc.nat(LINKS)), { maxLength: 3 }),
  leaf: fc.option(fc.tuple(fc.nat(5), fc.nat(LINKS + 2))),
  networks: fc.boolean(),
});

test('a map made from the one before is what one made from nothing is', () => {
  fc.assert(
    fc.property(
      fc.tuple(runs(4, SITES), runs(6, SITES), sites),
      fc.tuple(links, links),
      fc.boolean(),
      fc.array(tick, { minLength: 1, maxLength: 8 }),
      ([four, six, own], [one, other], areAlike, ticks) => {
        const v4 = merged(four, crowd(4, own));
        const v6 = merged(six, crowd(6, own));
        const clients = clientImage(v4, v6, SITES);
        const mapper = createRowMapper(clients);
        const groups = [one.slice(), areAlike ? one.slice() : other.slice()];
        const leaves: TestLeaf[] = [0x0b0b05n, 0x0b0b06n, 0n].map((network, i) => {
          return { key: networkKey(numbered(4, network << 8n)), place: 0, asn: 0, links: [i, i] };
        });
        for (const high of [0x2a01_0000_0009n, 0x2a01_0123_4567n, 0xffff_ffff_ffffn])
          leaves.push({ key: networkKey(numbered(6, high << 16n)), place: 1, asn: 0, links: [9, 2] });
        const asked = askedOf([v4, v6], leaves);
        for (const { changes, leaf, networks } of ticks) {
          for (const [group, place, link] of changes) (groups[group] as number[])[place] = link;
          if (leaf !== null) {
            const [at, link] = leaf;
            const before = leaves[at] as TestLeaf;
            leaves[at] = { ...before, links: [link, link], isActive: link <= LINKS };
          }
          const steering = steeringImage({
            groups: 2,
            placeCount: SITES,
            link: (group, place) => groups[group]?.[place] ?? 0,
            networks: networks ? [[1, 4, 2] as const] : [],
            leaves,
          });
          const map = openRowMap(mapper.map(steering));
          assert.ok(typeof map !== 'string', String(map));
          assertSame(map, opened(clients, steering), asked);
        }
      },
    ),
    { numRuns: 60, seed: 21 },
  );
});

/** Beside every border of a range or a leaf. */
function askedOf(ranges: readonly [Runs, Runs], leaves: readonly TestLeaf[]): readonly Address[] {
  const borders = leaves.flatMap(({ key }) => [BigInt(key), BigInt(key + 1)]);
  const four = borders.filter((key) => key <= 1n << 24n).map((key) => ({ start: key << 8n }));
  const six = borders.filter((key) => key > 1n << 24n).map((key) => ({ start: (key - (1n << 24n)) << 16n }));
  return [...besides(4, [...ranges[0], ...four]), ...besides(6, [...ranges[1], ...six])];
}

function assertSame(map: RowMap, fresh: RowMap, asked: readonly Address[]): void {
  for (const address of asked)
    for (const group of [0, 1]) assertFound(find(map, group, address), find(fresh, group, address), address);
}

test('where no number changed the map is the very same; maps do not grow without bound', () => {
  const list = merged([{ start: 0n, site: 0 }], crowd(4, [1, 2, 3, 4, 5, 6, 7, 8]));
  const clients = clientImage(list, [{ start: 0n, site: 0 }], SITES);
  const mapper = createRowMapper(clients);
  const image = (shift: number) =>
    steeringImage({ groups: 1, placeCount: SITES, link: (_, place) => (place === 5 ? 50 + shift : place) });
  const first = mapper.map(image(0));
  // Its rows say something else, but are numbered as before.
  assert.equal(mapper.map(image(100)), first);
  let longest = 0;
  for (let i = 0; i < 200; i++) {
    const link = (_: number, place: number): number => (place === 1 + (i % 5) ? 3 : place);
    longest = Math.max(longest, mapper.map(steeringImage({ groups: 1, placeCount: SITES, link })).length);
  }
  assert.ok(longest < first.length * 2, `${longest} octets, at first ${first.length}`);
});
