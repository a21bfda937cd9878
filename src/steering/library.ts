import { mix32 } from '../base/random.ts';
import type { Measured } from './belief.ts';
import { type Estimates, entryCount, firstEntry, levelMs, popAt } from './estimates.ts';

/**
 * Fingerprints: what was measured of some networks, for comparison with others. Two networks with the same
 * round-trip times to two or three POPs are mostly in one place, whatever that is.
 */
export interface Library {
  /** A cell was measured: it may enter, or its fingerprint is renewed. */
  readonly renew: (cell: number) => void;
  readonly forget: (cell: number) => void;
  /** By POP: what a burst is expected to win over `bestMs`, ms; valid until the next call. */
  readonly promise: (cell: number, measured: readonly Measured[], bestMs: number) => Float64Array;
}

/** Cells in it at most: those with the lowest hashes, whoever came first. */
const CELLS_MAX = 512;
/** Spread of a round-trip time between networks of one place: ms, and a share. */
const LIKE_MS = 2;
const LIKE_SHARE = 0.05;
/** Chance that two networks of one place differ all the same; then anything up to so many ms is as likely. */
const UNLIKE_CHANCE = 0.03;
const UNLIKE_MS = 300;
/** Weight of not knowing, in fingerprints; what it promises, as a share of the best so far. */
const UNKNOWN_WEIGHT = 0.5;
const UNKNOWN_PROMISE = 0.3;
/** A logarithm of likeness beyond this changes nothing more. */
const LOG_MAX = 30;

/** An empty library. */
export function createLibrary(estimates: Estimates, popCount: number): Library {
  const levels = new Float32Array(CELLS_MAX * popCount).fill(Number.NaN);
  const cells = new Int32Array(CELLS_MAX).fill(-1);
  const slots = new Map<number, number>();
  const sums = new Float64Array(popCount);
  const weights = new Float64Array(popCount);
  const slotFor = (cell: number): number => {
    const known = slots.get(cell);
    if (known !== undefined) return known;
    let worst = -1;
    for (let slot = 0; slot < CELLS_MAX; slot++) {
      const other = cells[slot] as number;
      if (other < 0) return slot;
      if (worst < 0 || mix32(other) > mix32(cells[worst] as number)) worst = slot;
    }
    return mix32(cell) < mix32(cells[worst] as number) ? worst : -1;
  };
  const forget = (cell: number): void => {
    const slot = slots.get(cell);
    if (slot === undefined) return;
    slots.delete(cell);
    cells[slot] = -1;
    levels.fill(Number.NaN, slot * popCount, (slot + 1) * popCount);
  };
  return {
    forget,
    renew: (cell) => {
      if (entryCount(estimates, cell) === 0) return;
      const slot = slotFor(cell);
      if (slot < 0) return;
      if (cells[slot] !== cell) forget(cells[slot] as number);
      cells[slot] = cell;
      slots.set(cell, slot);
      const first = firstEntry(cell);
      for (let entry = first; entry < first + entryCount(estimates, cell); entry++) {
        const level = levelMs(estimates, entry);
        if (level > 0) levels[slot * popCount + popAt(estimates, entry)] = level;
      }
    },
    promise: (cell, measured, bestMs) => {
      // Networks that nothing tells apart try different POPs, and so tell each other.
      for (let pop = 0; pop < popCount; pop++)
        sums[pop] = UNKNOWN_WEIGHT * UNKNOWN_PROMISE * bestMs * (0.5 + mix32(mix32(cell) + pop) / 2 ** 32);
      weights.fill(UNKNOWN_WEIGHT);
      for (let slot = 0; slot < CELLS_MAX; slot++) {
        const other = cells[slot] as number;
        if (other < 0 || other === cell) continue;
        const weight = likeness(levels, slot * popCount, measured);
        for (let pop = 0; pop < popCount; pop++) {
          const level = levels[slot * popCount + pop] as number;
          if (Number.isNaN(level)) continue;
          weights[pop] = (weights[pop] as number) + weight;
          sums[pop] = (sums[pop] as number) + weight * Math.max(0, bestMs - level);
        }
      }
      for (let pop = 0; pop < popCount; pop++) sums[pop] = (sums[pop] as number) / (weights[pop] as number);
      return sums;
    },
  };
}

/** How much likelier it is that two fingerprints are of one place than of any two. */
function likeness(levels: Float32Array, from: number, measured: readonly Measured[]): number {
  let log = 0;
  for (const { pop, ms } of measured) {
    const level = levels[from + pop] as number;
    if (Number.isNaN(level)) continue;
    const spread = LIKE_MS + LIKE_SHARE * Math.min(level, ms);
    const same = Math.exp(-Math.abs(level - ms) / spread) / (2 * spread);
    log += Math.log((1 - UNLIKE_CHANCE) * same * UNLIKE_MS + UNLIKE_CHANCE);
  }
  return Math.exp(Math.min(LOG_MAX, log));
}
