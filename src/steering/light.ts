import { distanceKm, type Location } from '../base/geodesy.ts';
import { burstsOf, ENTRIES, type Estimates, firstEntry, levelMs, popAt, removeEntry } from './estimates.ts';
import { noteConflict, noteStretch, noteWitness, type Trust } from './trust.ts';

/** There and back at the speed of light in vacuum: 2 / 299.792458 km a ms. */
export const LIGHT_MS_PER_KM = 2 / 299.792458;
/** Clocks and estimates err by so much, ms. */
const SLACK_MS = 1;

/**
 * Least round-trip time by way of light between each two POPs, ms: Float32 [POPs x POPs]; 0 where a location
 * is not known.
 */
export function lightBetween(pops: readonly Location[]): Float32Array {
  const least = new Float32Array(pops.length * pops.length);
  for (const [i, one] of pops.entries())
    for (const [j, other] of pops.entries()) {
      const km = distanceKm(one, other);
      least[i * pops.length + j] = Number.isNaN(km) ? 0 : km * LIGHT_MS_PER_KM;
    }
  return least;
}

/** A burst to a network, and what its claimed location allows. */
export interface LitBurst {
  readonly cell: number;
  readonly pop: number;
  readonly rttMs: number;
  /** By POP: least round-trip time from the claimed location less what may be wrong with it, ms. */
  readonly claimLeastMs: (pop: number) => number;
  /** Where the agents' standing is counted. */
  readonly trust: Trust;
}

/**
 * Whether a burst can be true beside what else was measured of the network: light needs at least the time
 * between two POPs for the way from one to the network and on to the other, wherever the network is. So a
 * wrong claim refuses nothing. Of two that contradict each other the one goes that the claim contradicts
 * too: the burst (false), or the estimate, which is forgotten.
 */
export function agreesWithOthers(estimates: Estimates, between: Float32Array, burst: LitBurst): boolean {
  const { cell, pop, rttMs, claimLeastMs, trust } = burst;
  const popCount = Math.sqrt(between.length);
  const first = firstEntry(cell);
  const isHeld = trust.held[pop] === 1;
  let falseCount = 0;
  trust.bursts[pop] = (trust.bursts[pop] as number) + 1;
  for (let entry = first; entry < first + ENTRIES; entry++) {
    const other = popAt(estimates, entry);
    if (other < 0) break;
    if (other === pop || burstsOf(estimates, entry) === 0) continue;
    const level = levelMs(estimates, entry);
    const lightMs = between[pop * popCount + other] as number;
    noteStretch(trust, { pop, other, cell }, { rttMs, otherMs: level, lightMs });
    if (isHeld || rttMs + level >= lightMs - SLACK_MS) continue;
    noteConflict(trust, pop, other, cell);
    if (rttMs < claimLeastMs(pop) || level >= claimLeastMs(other)) return false;
    falseEntries[falseCount++] = entry;
  }
  noteWitness(trust, pop, cell, rttMs);
  // From the last on: the last entry takes the place of one that goes.
  while (falseCount > 0) removeEntry(estimates, cell, falseEntries[--falseCount] as number);
  return true;
}

const falseEntries = new Int32Array(ENTRIES);
