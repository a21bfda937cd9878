import type { Pop } from '../base/fleet.ts';
import { burstsOf, findEstimate, isModelled } from './estimates.ts';
import type { Known } from './explain.ts';
import { outWords, rounded } from './explain-notes.ts';
import { candidate, ROW_CANDIDATES } from './image.ts';
import { scoreMs } from './score.ts';
import type { GroupTermsRecord } from './terms.ts';

/** One POP for one cell. Terms in ms, rounded to a hundredth; `scoreMs` is their exact sum. */
export interface ExplainedPop {
  readonly pop: string;
  readonly city: string;
  /** Link that the cell's clients get at this POP now. */
  readonly link: string;
  readonly rttMs: number;
  /** Where the RTT comes from. `prior`: distance alone. */
  readonly rttSource: 'measured' | 'modelled' | 'prior';
  /**
   * Whose bursts they are: the client's own /24 or /48's, its AS's there, those of all networks of its place,
   * or nobody's.
   */
  readonly rttOf: 'leaf' | 'network' | 'place' | 'geography';
  /** Bursts credited to the estimate. */
  readonly bursts: number;
  readonly lossMs: number;
  readonly congestionMs: number;
  readonly priceMs: number;
  readonly biasMs: number;
  readonly scoreMs: number;
  /** Why it cannot be answered; absent when it can. */
  readonly out?: string;
}

/** The cells of a client among the estimates that are looked at to explain one answer. */
export const PLACE_CELL = 0;
export const NETWORK_CELL = 1;
export const LEAF_CELL = 2;

/** The terms of one POP, and why it is out. */
export function explainPop(known: Known, group: GroupTermsRecord, pop: Pop): ExplainedPop {
  const { arrays, view } = known;
  const { index, code, city } = pop;
  const at = group.pops.indexOf(index);
  const rttMs = rounded((view.rttMs[index] as number) + (arrays.shiftMs[index] as number));
  const lossMs = rounded((arrays.lossMs[index] as number) + (view.lossMs[index] as number));
  const congestionMs = rounded(arrays.congestionMs[index] as number);
  const priceMs = rounded(arrays.priceMs[index] as number);
  const biasMs = rounded(group.biasMs[at] ?? 0);
  const out = at < 0 ? 'it does not serve this service' : outWords(known, group.failOpen, index);
  return {
    pop: code,
    city,
    link: linkFor(known, pop),
    rttMs,
    ...sourceOf(known, index),
    lossMs,
    congestionMs,
    priceMs,
    biasMs,
    scoreMs: rounded(scoreMs(rttMs, lossMs, congestionMs, priceMs, biasMs)),
    ...(out === undefined ? {} : { out }),
  };
}

/**
 * The client's own link, or the POP's first in the row, else the POP's first among those that share its
 * clients.
 */
function linkFor(known: Known, pop: Pop): string {
  const { fleet, image, row, terms, linkIndex } = known;
  const own = fleet.links[linkIndex];
  if (own?.popIndex === pop.index) return own.id;
  for (let k = 0; k < ROW_CANDIDATES; k++) {
    const link = fleet.links[candidate(image, row, k)];
    if (link?.popIndex === pop.index) return link.id;
  }
  const shared = pop.links.find((link) => terms.links[link.index]?.shared === true) ?? pop.links[0];
  return shared?.id ?? '';
}

function sourceOf(known: Known, pop: number): Pick<ExplainedPop, 'rttSource' | 'rttOf' | 'bursts'> {
  const { estimates } = known;
  for (const [cell, rttOf] of [
    [LEAF_CELL, 'leaf'],
    [NETWORK_CELL, 'network'],
    [PLACE_CELL, 'place'],
  ] as const) {
    const slot = findEstimate(estimates, cell, pop);
    if (slot < 0 || burstsOf(estimates, slot) === 0) continue;
    const rttSource = isModelled(estimates, slot) ? 'modelled' : 'measured';
    return { rttSource, rttOf, bursts: burstsOf(estimates, slot) };
  }
  return { rttSource: 'prior', rttOf: 'geography', bursts: 0 };
}
