import { seededRandom } from '../../src/base/random.ts';
import { ROW_CANDIDATES, ROW_SHARES, SHARE_WHOLE } from '../../src/steering/image.ts';
import { type ImageParts, NO_LEAVES } from '../../src/steering/image-encode.ts';

/** Places of the default geo databases: the world, countries, tiles of half a degree. */
const PLACES = 10_746;
const LINKS_PER_POP = 2;
/** Of a hundred rows so many are split between two POPs. */
const SPLIT_PERCENT = 1;
const TTL_STEPS = [20, 90, 160, 230, 300];

/** What random parts are made of. */
export interface RandomParts {
  /** Network cells; ignored where `networks` are given. */
  readonly cells: number;
  readonly pops: number;
  readonly distinctRows: number;
  readonly seed: number;
  readonly epoch?: number;
  readonly fleetDigest?: number;
  readonly placesDigest?: number;
  readonly places?: number;
  readonly groups?: number;
  /** Links of the fleet, two a POP by default: candidates are drawn from them. */
  readonly links?: number;
  /** The cells' ASNs and places, as a client image has its sites; ASN 0 has no cell. */
  readonly networks?: { readonly asn: Uint32Array; readonly place: Uint32Array };
}

/**
 * Parts for an image as a decider would make them for a large world, made in some 100 ms: cells with rows of
 * eight candidates out of POPs near each other, drawn from `distinctRows`, some common and many rare; about
 * one in a hundred split. The same seed gives the same parts.
 */
export function randomParts(options: RandomParts): ImageParts {
  const { cells, seed, groups = 1, places = PLACES } = options;
  const random = seededRandom(seed);
  const networks = options.networks ?? randomNetworks(cells, places, random.next);
  const networkCount = networks.asn.length;
  const cellStride = places + networkCount;
  const units = groups * cellStride;
  const rows = {
    cellStride,
    candidates: new Int16Array(units * ROW_CANDIDATES),
    ttlSeconds: new Uint16Array(units),
    ttlReason: new Uint8Array(units),
    shares: new Uint16Array(units * ROW_SHARES),
  };
  const pattern = randomRows(options, random.next);
  for (let unit = 0; unit < units; unit++) {
    // The square makes some rows common and most of them rare.
    const row = Math.floor(random.next() ** 2 * options.distinctRows);
    for (let k = 0; k < ROW_CANDIDATES; k++)
      rows.candidates[unit * ROW_CANDIDATES + k] = pattern.candidates[row * ROW_CANDIDATES + k] as number;
    rows.ttlSeconds[unit] = TTL_STEPS[row % TTL_STEPS.length] as number;
    rows.shares[unit * ROW_SHARES] = pattern.bound[row] as number;
  }
  return {
    epoch: options.epoch ?? 1,
    madeAtMs: 1_700_000_000_000,
    fleetDigest: options.fleetDigest ?? 1,
    placesDigest: options.placesDigest ?? 2,
    groupCount: groups,
    placeCount: places,
    networkAsn: networks.asn,
    networkPlace: networks.place,
    networkCount,
    ...NO_LEAVES,
    rows,
    termsText: new TextEncoder().encode('{}'),
  };
}

/** Gives so many of the parts' cells the row of another cell, as decisions that move cells do. */
export function moveCells({ rows }: ImageParts, count: number, next: () => number): void {
  const { candidates, ttlSeconds, shares = new Uint16Array(0) } = rows;
  for (let i = 0; i < count; i++) {
    const [to, from] = [Math.floor(next() * ttlSeconds.length), Math.floor(next() * ttlSeconds.length)];
    candidates.copyWithin(to * ROW_CANDIDATES, from * ROW_CANDIDATES, (from + 1) * ROW_CANDIDATES);
    shares.copyWithin(to * ROW_SHARES, from * ROW_SHARES, (from + 1) * ROW_SHARES);
    ttlSeconds[to] = ttlSeconds[from] as number;
  }
}

/** Distinct (ASN, place) pairs: each AS at a few places, in no order of places. */
function randomNetworks(
  cells: number,
  places: number,
  next: () => number,
): { asn: Uint32Array; place: Uint32Array } {
  const asn = new Uint32Array(cells);
  const place = new Uint32Array(cells);
  for (let i = 0, as = 0; i < cells; as++) {
    const here = Math.min(cells - i, places, 1 + Math.floor(next() ** 4 * 200));
    let at = Math.floor(next() * places);
    for (let k = 0; k < here; k++, i++) {
      asn[i] = as + 1;
      place[i] = at;
      at = (at + 1 + Math.floor(next() * Math.max(1, Math.floor(places / here) - 1))) % places;
    }
  }
  return { asn, place };
}

function randomRows(
  options: RandomParts,
  next: () => number,
): { candidates: Int16Array; bound: Uint16Array } {
  const { pops, distinctRows } = options;
  const links = options.links ?? pops * LINKS_PER_POP;
  const linksPerPop = Math.max(1, Math.floor(links / pops));
  const candidates = new Int16Array(distinctRows * ROW_CANDIDATES).fill(-1);
  const bound = new Uint16Array(distinctRows);
  const near = Math.min(pops, 2 * ROW_CANDIDATES);
  const order = new Int32Array(near);
  for (let row = 0; row < distinctRows; row++) {
    const first = Math.floor(next() * pops);
    for (let k = 0; k < near; k++) order[k] = (first + k) % pops;
    for (let k = 0; k < Math.min(near, ROW_CANDIDATES); k++) {
      const swap = k + Math.floor(next() * (near - k));
      const pop = order[swap] as number;
      order[swap] = order[k] as number;
      candidates[row * ROW_CANDIDATES + k] = pop * linksPerPop + Math.floor(next() * linksPerPop);
    }
    if (next() * 100 < SPLIT_PERCENT && pops > 1) bound[row] = 1 + Math.floor(next() * (SHARE_WHOLE - 1));
  }
  return { candidates, bound };
}
