import { NO_LOSS } from './alarm.ts';
import { placeOf } from './cells.ts';
import {
  burstsOf,
  ENTRIES,
  type Entry,
  findEstimate,
  firstEntry,
  levelMs,
  popAt,
  readEntry,
  writeEntry,
} from './estimates.ts';
import type { Learning } from './learning.ts';
import { forgetLosses } from './loss.ts';
import { offsetMsOf } from './notes.ts';
import { correctPriors } from './pop-bias.ts';
import { LEVEL_TILE, priorMs } from './prior.ts';
import { plausibleMs } from './trust.ts';

/** Round-trip time from a place to a POP by geography, ms. */
export function expectedMs({ params, distances, terms }: Learning, placeId: number, pop: number): number {
  const km = distances[placeId * terms.shiftMs.length + pop] as number;
  return priorMs(params, km) + (terms.priorBiasMs[pop] as number);
}

/** A held agent's times count for so much more: clients who lose little by it go elsewhere, ms. */
const HELD_EXTRA_MS = 8;

/**
 * What is believed of the time in ms that a held agent tells of a cell: as much more as its times are shorter
 * than others', but no less than geography expects, and than other POPs' times to the cell leave.
 */
export function believedMs(
  state: Learning,
  of: { readonly cell: number; readonly placeId: number; readonly pop: number },
  rttMs: number,
): number {
  const { estimates, between, cells, level, trust } = state;
  const { cell, placeId, pop } = of;
  const isTile = level[placeId] === LEVEL_TILE;
  const byPlaceMs = isTile ? expectedMs(state, placeId, pop) + offsetMsOf(cells.notes, cell) : 0;
  let ms = Math.max(rttMs / (trust.stretchShare[pop] as number), byPlaceMs);
  for (let entry = firstEntry(cell); entry < firstEntry(cell) + ENTRIES; entry++) {
    const other = popAt(estimates, entry);
    if (other < 0) break;
    if (other === pop || trust.held[other] === 1 || burstsOf(estimates, entry) === 0) continue;
    const lightMs = between[pop * trust.popCount + other] as number;
    ms = Math.max(ms, plausibleMs(trust, lightMs, levelMs(estimates, entry)));
  }
  return ms + HELD_EXTRA_MS;
}

/**
 * An agent is held from now on, or let go. What it told before is put right where it is held; its clients may
 * leave at once.
 */
export function turnAgent(state: Learning, pop: number, nowMs: number): void {
  const { estimates, cells, residualMeanMs, residualCount, terms, popLoss, forgiven, trust } = state;
  residualMeanMs[pop] = 0;
  residualCount[pop] = 0;
  if (trust.held[pop] === 0) return;
  correctPriors(state);
  terms.shiftMs[pop] = 0;
  terms.lossMs[pop] = 0;
  popLoss[pop] = NO_LOSS;
  forgetLosses(estimates, pop, forgiven);
  state.alarmedAtMs[pop] = nowMs;
  for (let cell = 0; cell < estimates.cellCount; cell++) {
    const entry = findEstimate(estimates, cell, pop);
    if (entry < 0) continue;
    readEntry(estimates, entry, told);
    told.level = believedMs(state, { cell, placeId: placeOf(cells, cell), pop }, told.level);
    told.last = told.level;
    writeEntry(estimates, entry, told);
    forgiven.push(cell);
  }
}

const told: Entry = { level: 0, deviation: 0, last: 0, bursts: 0, time: 0, modelled: false };
