import { exponential } from '../base/random.ts';
import { chanceOf, gamma } from './chance.ts';
import type { Truth } from './truth.ts';

/** What came back of a burst. */
export interface BurstResult {
  /** Least time of the burst, ms; undefined when every ping was lost. */
  readonly rttMs: number | undefined;
  /** Mean of those that came back less the least, ms. */
  readonly jitterMs: number;
  readonly sent: number;
  readonly lost: number;
}

/** Pings of one burst at most. */
export const PINGS_MAX = 3;
/** A ping that takes longer counts as lost, as agents do it. */
const TIMEOUT_MS = 10_000;
const KIND_PING = 501;

/** The simulated network: answers pings, and nothing else. */
export interface Network {
  /**
   * Pings a cell from a POP at the present tick. Each burst of a tick to a pair has chance of its own, the
   * same whatever else is measured.
   */
  readonly burst: (pair: { cell: number; pop: number; tick: number; nth: number }) => BurstResult;
}

/** The network of a truth. */
export function createNetwork(truth: Truth, seed: number): Network {
  return {
    burst: ({ cell, pop, tick, nth }) => {
      const random = chanceOf(seed, KIND_PING, cell, pop, tick, nth);
      const minMs = truth.minMs(cell, pop);
      const aboveMs = truth.rttMs(cell, pop) - minMs;
      const arrives = truth.isUp(pop) ? 1 - truth.lossRate(cell, pop) : 0;
      let least = Number.POSITIVE_INFINITY;
      let sum = 0;
      let lost = 0;
      for (let i = 0; i < PINGS_MAX; i++) {
        const noiseMs = gamma(random, aboveMs, truth.jitterMs(cell, pop));
        const rttMs = minMs + noiseMs + exponential(random, truth.lastMileMs(cell));
        if (random.next() >= arrives || rttMs > TIMEOUT_MS) lost++;
        else {
          least = Math.min(least, rttMs);
          sum += rttMs;
        }
      }
      const came = PINGS_MAX - lost;
      if (came === 0) return { rttMs: undefined, jitterMs: 0, sent: PINGS_MAX, lost };
      const told = truth.toldShare(cell, pop);
      return { rttMs: told * least, jitterMs: told * (sum / came - least), sent: PINGS_MAX, lost };
    },
  };
}
