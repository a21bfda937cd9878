import { claimLeastMs, type LocatedSample, type Refusal, refusalOf } from './accept.ts';
import { asnOf, ensureCell, ensureLeaf } from './cells.ts';
import { type Burst, type Counting, updateEstimate } from './estimate.ts';
import { burstsOf, deviationMsOf, findEstimate, lastMs, levelMs } from './estimates.ts';
import type { Learning } from './learning.ts';
import { agreesWithOthers } from './light.ts';
import { correctPriors, learnResidual } from './pop-bias.ts';
import { LEVEL_TILE, priorMs } from './prior.ts';
import { type AsnAlarm, burstMs, fastKey, judgeAsns, judgePools, type Pool, witness } from './witness.ts';

/** What a tick's bursts did. */
export interface Learned {
  readonly accepted: number;
  readonly refused: Partial<Record<Refusal, number>>;
  /** Cells whose estimates changed, each once. */
  readonly touched: readonly number[];
  /** POPs that alarmed. */
  readonly alarms: readonly number[];
  /** POPs whose clients of one AS changed together. */
  readonly asnAlarms: readonly AsnAlarm[];
  /** Cells that have decisions of their own from now on. */
  readonly madeCells: readonly number[];
}

/** Bursts that the offset of a network remembers, and how far off one may be, ms. */
const OFFSET_BURSTS_MAX = 16;
const OFFSET_MAX_MS = 50;
/** A burst's shift may not make it nonsense, ms. */
const LEAST_RTT_MS = 0.1;

/**
 * Takes a tick's bursts in. First each finds its cells and is held against its estimate, to see whether a
 * whole POP, or one AS at it, shifted or loses packets; then, with that taken off, each updates its
 * network's estimate, and those of its AS there and of its place.
 */
export function learn(state: Learning, samples: readonly LocatedSample[], nowMs: number): Learned {
  const refused: Partial<Record<Refusal, number>> = {};
  const madeCells: number[] = [];
  const cellOfSample = new Int32Array(samples.length);
  const pools: (Pool | undefined)[] = [];
  let accepted = 0;
  for (let i = 0; i < samples.length; i++) {
    const sample = samples[i] as LocatedSample;
    const cell = admit(state, sample, nowMs, madeCells);
    cellOfSample[i] = typeof cell === 'string' ? -1 : cell;
    if (typeof cell === 'string') refused[cell] = (refused[cell] ?? 0) + 1;
    else accepted++;
  }
  for (let i = 0; i < samples.length; i++)
    if ((cellOfSample[i] as number) >= 0)
      witness(state, samples[i] as LocatedSample, cellOfSample[i] as number, pools);
  const alarms = judgePools(state, pools, nowMs);
  const asnAlarms = judgeAsns(state, { samples, cellOfSample, pools });
  const fast = new Set(asnAlarms.map(({ pop, asn }) => fastKey(pop, asn)));
  const touched: number[] = [];
  for (let i = 0; i < samples.length; i++) {
    const cell = cellOfSample[i] as number;
    if (cell < 0) continue;
    const sample = samples[i] as LocatedSample;
    const isFast = fast.size > 0 && fast.has(fastKey(sample.popIndex, sample.asn));
    const holdJumps = pools[sample.popIndex]?.hold === true;
    update(state, { sample, cell, holdJumps, isFast }, touched);
  }
  for (const cell of touched) state.marked[cell] = 0;
  if (accepted > 0) correctPriors(state);
  return { accepted, refused, touched, alarms, asnAlarms, madeCells };
}

/** Checks a burst and finds the closest cell that it counts for. */
function admit(state: Learning, sample: LocatedSample, nowMs: number, madeCells: number[]): number | Refusal {
  const { params, cells, level, distances, terms } = state;
  const { placeId, popIndex, asn } = sample;
  const isTile = placeId >= 0 && level[placeId] === LEVEL_TILE;
  const first = placeId * terms.shiftMs.length;
  const isSingle = sample.network >= 0;
  const km = isTile && popIndex >= 0 && !isSingle ? distances[first + popIndex] : undefined;
  const refusal = refusalOf(sample, { nowMs, km }, params);
  if (refusal !== undefined) return refusal;
  const before = cells.ids.size;
  const network = ensureCell(cells, placeId, asn);
  if (cells.ids.size > before) madeCells.push(network);
  cells.lastSampleMs[network] = nowMs;
  const leaf = ensureLeaf(cells, sample);
  // A country or the world is no network: a burst says nothing of all of it.
  if (leaf < 0) return network === placeId && !isTile ? (asn === 0 ? 'unknown-network' : 'no-room') : network;
  const claimMs = (pop: number): number =>
    isTile ? claimLeastMs(distances[first + pop] as number, params) : 0;
  const { estimates, between } = state;
  const rttMs = sample.rttMs ?? Infinity;
  const lit = { cell: leaf, pop: popIndex, rttMs, claimLeastMs: claimMs };
  if (!agreesWithOthers(estimates, between, lit)) return 'faster-than-light';
  cells.lastSampleMs[leaf] = nowMs;
  if (cells.leafActive[leaf - cells.firstLeaf] === 0) {
    cells.leafActive[leaf - cells.firstLeaf] = 1;
    madeCells.push(leaf);
  }
  return leaf;
}

function update(
  state: Learning,
  taken: { sample: LocatedSample; cell: number; holdJumps: boolean; isFast: boolean },
  touched: number[],
): void {
  const { params, estimates, terms, popLoss, cells, level, marked } = state;
  const { sample, cell, holdJumps, isFast } = taken;
  const { popIndex: pop, placeId, sent, lost, atMs, modelled } = sample;
  const known = findEstimate(estimates, cell, pop);
  const bursts = known < 0 ? 0 : burstsOf(estimates, known);
  const rttMs = Math.max(LEAST_RTT_MS, burstMs(sample, bursts, params) - (terms.shiftMs[pop] as number));
  const burst = { rttMs, sent, lost, atMs, modelled };
  const popLossRate = popLoss[pop]?.rate ?? 0;
  const how = { params, pooled: false, holdJumps, isFast, popLossRate, extraMs: terms.priceMs };
  const mark = (one: number): void => {
    if (marked[one] === 1) return;
    marked[one] = 1;
    touched.push(one);
  };
  const entry = updateEstimate(estimates, { cell, pop }, burst, how);
  mark(cell);
  const isTile = level[placeId] === LEVEL_TILE;
  const pooled = { ...how, pooled: true };
  if (cell >= cells.firstLeaf && asnOf(cells, cell) !== 0) {
    const network = ensureCell(cells, placeId, sample.asn);
    if (network !== placeId) {
      updateEstimate(estimates, { cell: network, pop }, burst, pooled);
      mark(network);
    }
  }
  if (!isTile || cell === placeId) return;
  poolPlace(state, { sample, cell }, burst, pooled);
  mark(placeId);
  if (!Number.isNaN(rttMs) && entry >= 0 && isOrdinary(state, entry)) learnResidual(state, sample, rttMs);
}

/** Whether the last burst was no outlier. */
function isOrdinary({ estimates, params }: Learning, entry: number): boolean {
  const off = Math.abs(lastMs(estimates, entry) - levelMs(estimates, entry));
  return off <= params.clipDeviations * deviationMsOf(estimates, entry);
}

/** Networks of a place share their way to the POPs, not their access lines: what these add is taken off. */
function poolPlace(
  state: Learning,
  { sample, cell }: { sample: LocatedSample; cell: number },
  burst: Burst,
  how: Counting,
): void {
  const { params, estimates, distances, terms, offsetMs, offsetCount } = state;
  const { placeId, popIndex: pop } = sample;
  const offset = offsetMs[cell] as number;
  const known = findEstimate(estimates, placeId, pop);
  const km = distances[placeId * terms.shiftMs.length + pop] as number;
  const expected =
    known >= 0 && burstsOf(estimates, known) >= OFFSET_BURSTS_MAX
      ? levelMs(estimates, known)
      : priorMs(params, km) + (terms.priorBiasMs[pop] as number);
  const isLost = Number.isNaN(burst.rttMs);
  // An offset explains by how much a burst differs from what was expected, and no more.
  const least = Math.min(burst.rttMs, expected);
  const most = Math.max(burst.rttMs, expected);
  const rttMs = Math.max(LEAST_RTT_MS, least, Math.min(most, burst.rttMs - offset));
  updateEstimate(estimates, { cell: placeId, pop }, isLost ? burst : { ...burst, rttMs }, how);
  if (isLost) return;
  const seen = Math.max(-OFFSET_MAX_MS, Math.min(OFFSET_MAX_MS, burst.rttMs - expected));
  const count = Math.min(OFFSET_BURSTS_MAX, (offsetCount[cell] as number) + 1);
  offsetCount[cell] = count;
  offsetMs[cell] = offset + (seen - offset) / (count + 1);
}
