import type { LocatedSample } from './accept.ts';
import type { Intake } from './admit.ts';
import { type Burst, type Counting, updateEntry, updateEstimate } from './estimate.ts';
import {
  burstsOf,
  deviationMsOf,
  type Estimates,
  findEstimate,
  foreseeEstimates,
  lastMs,
  levelMs,
} from './estimates.ts';
import { believedMs, expectedMs } from './held.ts';
import type { Learning } from './learning.ts';
import { foreseeNotes, noteOffset, noteTouched, OFFSET_BURSTS_MAX, offsetMsOf } from './notes.ts';
import type { Pool } from './pool.ts';
import { learnResidual } from './pop-bias.ts';
import { LEVEL_TILE } from './prior.ts';
import { burstMs, fastKey } from './witness.ts';

/** How far off a burst may be that counts for the offset of a network, ms. */
const OFFSET_MAX_MS = 50;
/** A burst's shift may not make it nonsense, ms. */
const LEAST_RTT_MS = 0.1;

/** What updating works with: made once a tick, and filled in for each burst. */
export interface Updating {
  readonly intake: Intake;
  /** POPs whose clients of one AS changed together, as `fastKey`. */
  readonly fast: ReadonlySet<number>;
  /** Cells whose estimates changed, each once. */
  readonly touched: number[];
  readonly burst: { -readonly [Key in keyof Burst]: Burst[Key] };
  readonly own: { -readonly [Key in keyof Counting]: Counting[Key] };
  readonly pooled: { -readonly [Key in keyof Counting]: Counting[Key] };
  readonly which: { cell: number; pop: number };
}

/** Nothing was updated yet. */
export function updatingOf(intake: Intake, fast: ReadonlySet<number>): Updating {
  const counting = (pooled: boolean): Counting => ({
    params: intake.state.params,
    pooled,
    holdJumps: false,
    isFast: false,
    popLossRate: 0,
    extraMs: intake.state.terms.priceMs,
  });
  return {
    intake,
    fast,
    touched: [],
    burst: { rttMs: 0, sent: 0, lost: 0, atMs: 0, modelled: false },
    own: counting(false),
    pooled: counting(true),
    which: { cell: 0, pop: 0 },
  };
}

/** Lets bursts that were taken in count. */
export function updateBlock(updating: Updating, from: number, to: number): void {
  const { samples, cellOfSample, networkOfSample } = updating.intake;
  foresee(updating, from, to);
  for (let i = from; i < to; i++) {
    const cell = cellOfSample[i] as number;
    if (cell >= 0) update(updating, samples[i] as LocatedSample, cell, networkOfSample[i] as number);
  }
}

/** Reads ahead what is known of the bursts' cells. */
function foresee({ intake }: Updating, from: number, to: number): void {
  const { state, samples, cellOfSample, networkOfSample } = intake;
  const { estimates, cells, distances, terms } = state;
  let sum = 0;
  for (let i = from; i < to; i++) {
    const cell = cellOfSample[i] as number;
    if (cell < 0) continue;
    const { placeId, popIndex } = samples[i] as LocatedSample;
    const network = networkOfSample[i] as number;
    sum += foreseeNotes(cells.notes, cell) + foreseeEstimates(estimates, cell);
    sum += foreseeEstimates(estimates, placeId);
    sum += distances[placeId * terms.shiftMs.length + popIndex] as number;
    if (network !== placeId) sum += foreseeEstimates(estimates, network);
  }
  intake.foreseen += sum;
}

function update(updating: Updating, sample: LocatedSample, cell: number, network: number): void {
  const { intake, burst, own, pooled, which } = updating;
  const { estimates, level } = intake.state;
  const { popIndex: pop, placeId } = sample;
  which.pop = pop;
  which.cell = cell;
  const known = findEstimate(estimates, cell, pop);
  takeUp(updating, sample, known);
  const entry = count(estimates, known, updating, own);
  touch(updating, cell);
  if (cell !== network && network !== placeId) {
    which.cell = network;
    updateEstimate(estimates, which, burst, pooled);
    touch(updating, network);
  }
  if (level[placeId] !== LEVEL_TILE || cell === placeId) return;
  which.cell = placeId;
  poolPlace(updating, sample, cell);
  touch(updating, placeId);
  if (intake.state.trust.held[pop] === 1) return;
  if (!Number.isNaN(burst.rttMs) && entry >= 0 && isOrdinary(intake.state, entry))
    learnResidual(intake.state, sample, burst.rttMs);
}

/** Lets the burst in hand count for an entry, or for one that is made; which one, -1: none. */
function count(estimates: Estimates, known: number, { which, burst }: Updating, how: Counting): number {
  if (known < 0) return updateEstimate(estimates, which, burst, how);
  updateEntry(estimates, known, burst, how);
  return known;
}

/** Sets what a burst counts as for an entry, -1: none yet; and how. */
function takeUp(
  { intake, fast, burst, own, pooled, which }: Updating,
  sample: LocatedSample,
  entry: number,
): void {
  const { params, estimates, terms, popLoss } = intake.state;
  const { popIndex: pop } = sample;
  const bursts = entry < 0 ? 0 : burstsOf(estimates, entry);
  burst.rttMs = Math.max(LEAST_RTT_MS, burstMs(sample, bursts, params) - (terms.shiftMs[pop] as number));
  if (intake.state.trust.held[pop] === 1)
    burst.rttMs = believedMs(intake.state, { cell: which.cell, placeId: sample.placeId, pop }, burst.rttMs);
  burst.sent = sample.sent;
  burst.lost = sample.lost;
  burst.atMs = sample.atMs;
  burst.modelled = sample.modelled;
  own.holdJumps = (intake.state.pools[pop] as Pool).hold;
  own.isFast = fast.size > 0 && fast.has(fastKey(pop, sample.asn));
  own.popLossRate = popLoss[pop]?.rate ?? 0;
  pooled.popLossRate = own.popLossRate;
  pooled.holdJumps = own.holdJumps;
  pooled.isFast = own.isFast;
}

function touch({ intake, touched }: Updating, cell: number): void {
  const { cells, ticks } = intake.state;
  if (noteTouched(cells.notes, cell, ticks)) touched.push(cell);
}

/** Whether the last burst was no outlier. */
function isOrdinary({ estimates, params }: Learning, entry: number): boolean {
  const off = Math.abs(lastMs(estimates, entry) - levelMs(estimates, entry));
  return off <= params.clipDeviations * deviationMsOf(estimates, entry);
}

/** Networks of a place share their way to the POPs, not their access lines: what these add is taken off. */
function poolPlace(updating: Updating, sample: LocatedSample, cell: number): void {
  const { intake, burst, pooled } = updating;
  const { estimates, cells } = intake.state;
  const { placeId, popIndex } = sample;
  const { rttMs } = burst;
  const known = findEstimate(estimates, placeId, popIndex);
  if (Number.isNaN(rttMs)) {
    count(estimates, known, updating, pooled);
    return;
  }
  const isKnown = known >= 0 && burstsOf(estimates, known) >= OFFSET_BURSTS_MAX;
  const expected = isKnown ? levelMs(estimates, known) : expectedMs(intake.state, placeId, popIndex);
  // An offset explains by how much a burst differs from what was expected, and no more.
  const least = Math.min(rttMs, expected);
  const most = Math.max(rttMs, expected);
  burst.rttMs = Math.max(LEAST_RTT_MS, least, Math.min(most, rttMs - offsetMsOf(cells.notes, cell)));
  count(estimates, known, updating, pooled);
  burst.rttMs = rttMs;
  const ms = Math.max(-OFFSET_MAX_MS, Math.min(OFFSET_MAX_MS, rttMs - expected));
  noteOffset(cells.notes, cell, ms);
}
