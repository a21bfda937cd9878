import { claimLeastMs, type LocatedSample, type Refusal, refusalOf } from './accept.ts';
import { asnOf, ensureCell, ensureLeaf } from './cells.ts';
import { type Burst, type Counting, updateEstimate } from './estimate.ts';
import { burstsOf, deviationMsOf, findEstimate, lastMs, levelMs } from './estimates.ts';
import type { Learning } from './learning.ts';
import { agreesWithOthers } from './light.ts';
import type { Pool } from './pool.ts';
import { correctPriors, learnResidual } from './pop-bias.ts';
import { LEVEL_TILE, priorMs } from './prior.ts';
import { type AsnAlarm, burstMs, fastKey, judgeAsns, judgePools, witness } from './witness.ts';

/** What a tick's bursts did. */
export interface Learned {
  readonly accepted: number;
  readonly refused: Partial<Record<Refusal, number>>;
  /** Cells whose estimates changed, each once. */
  readonly touched: readonly number[];
  /** POPs that alarmed. */
  readonly alarms: readonly number[];
  /** A POP may be shifting: the next bursts tell. */
  readonly isSuspected: boolean;
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
  const gate = gateOf(state, nowMs, madeCells);
  let accepted = 0;
  for (let i = 0; i < samples.length; i++) {
    const sample = samples[i] as LocatedSample;
    const cell = admit(gate, sample);
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
  const updating = updatingOf(state, touched);
  for (let i = 0; i < samples.length; i++) {
    const cell = cellOfSample[i] as number;
    if (cell < 0) continue;
    const sample = samples[i] as LocatedSample;
    const isFast = fast.size > 0 && fast.has(fastKey(sample.popIndex, sample.asn));
    const holdJumps = pools[sample.popIndex]?.hold === true;
    updating.own.holdJumps = holdJumps;
    updating.own.isFast = isFast;
    update(updating, sample, cell);
  }
  for (const cell of touched) state.marked[cell] = 0;
  if (accepted > 0) correctPriors(state);
  const isSuspected = pools.some((pool, pop) => pool?.hold === true && !alarms.includes(pop));
  return { accepted, refused, touched, alarms, isSuspected, asnAlarms, madeCells };
}

/** What admitting a tick's bursts works with: made once a tick, as there may be a million. */
interface Gate {
  readonly state: Learning;
  readonly madeCells: number[];
  readonly seen: { nowMs: number; km: number | undefined };
  readonly lit: { cell: number; pop: number; rttMs: number; claimLeastMs: (pop: number) => number };
  /** First of the claimed place's distances; -1: it is too wide to have any. */
  first: number;
}

function gateOf(state: Learning, nowMs: number, madeCells: number[]): Gate {
  const { distances, params } = state;
  const gate: Gate = {
    state,
    madeCells,
    seen: { nowMs, km: undefined },
    lit: {
      cell: 0,
      pop: 0,
      rttMs: 0,
      claimLeastMs: (pop) =>
        gate.first < 0 ? 0 : claimLeastMs(distances[gate.first + pop] as number, params),
    },
    first: -1,
  };
  return gate;
}

/** Checks a burst and finds the closest cell that it counts for. */
function admit(gate: Gate, sample: LocatedSample): number | Refusal {
  const { state, madeCells, seen, lit } = gate;
  const { params, cells, level, distances, terms, estimates, between } = state;
  const { placeId, popIndex, asn } = sample;
  const isTile = placeId >= 0 && level[placeId] === LEVEL_TILE;
  gate.first = isTile ? placeId * terms.shiftMs.length : -1;
  const isJudgedByClaim = isTile && popIndex >= 0 && sample.network < 0;
  seen.km = isJudgedByClaim ? distances[gate.first + popIndex] : undefined;
  const refusal = refusalOf(sample, seen, params);
  if (refusal !== undefined) return refusal;
  const leaf = ensureLeaf(cells, sample);
  if (leaf >= 0) {
    lit.cell = leaf;
    lit.pop = popIndex;
    lit.rttMs = sample.rttMs ?? Infinity;
    if (!agreesWithOthers(estimates, between, lit)) return 'faster-than-light';
  }
  const before = cells.ids.size;
  const network = ensureCell(cells, placeId, asn);
  // A country or the world is no network: a burst says nothing of all of it.
  if (leaf < 0 && network === placeId && !isTile) return asn === 0 ? 'unknown-network' : 'no-room';
  if (cells.ids.size > before) madeCells.push(network);
  cells.lastSampleMs[network] = seen.nowMs;
  if (leaf < 0) return network;
  cells.lastSampleMs[leaf] = seen.nowMs;
  if (cells.leafActive[leaf - cells.firstLeaf] === 0) {
    cells.leafActive[leaf - cells.firstLeaf] = 1;
    madeCells.push(leaf);
  }
  return leaf;
}

/** What updating works with: made once a tick, and filled in for each burst. */
interface Updating {
  readonly state: Learning;
  readonly touched: number[];
  readonly burst: { -readonly [Key in keyof Burst]: Burst[Key] };
  readonly placed: { -readonly [Key in keyof Burst]: Burst[Key] };
  readonly own: { -readonly [Key in keyof Counting]: Counting[Key] };
  readonly pooled: { -readonly [Key in keyof Counting]: Counting[Key] };
  readonly which: { cell: number; pop: number };
}

function updatingOf(state: Learning, touched: number[]): Updating {
  const { params, terms } = state;
  const burst = { rttMs: 0, sent: 0, lost: 0, atMs: 0, modelled: false };
  const own = {
    params,
    pooled: false,
    holdJumps: false,
    isFast: false,
    popLossRate: 0,
    extraMs: terms.priceMs,
  };
  const which = { cell: 0, pop: 0 };
  return { state, touched, burst, placed: { ...burst }, own, pooled: { ...own, pooled: true }, which };
}

function update(updating: Updating, sample: LocatedSample, cell: number): void {
  const { state, burst, own, pooled, which } = updating;
  const { params, estimates, terms, popLoss, cells, level } = state;
  const { popIndex: pop, placeId } = sample;
  const known = findEstimate(estimates, cell, pop);
  const bursts = known < 0 ? 0 : burstsOf(estimates, known);
  const rttMs = Math.max(LEAST_RTT_MS, burstMs(sample, bursts, params) - (terms.shiftMs[pop] as number));
  burst.rttMs = rttMs;
  burst.sent = sample.sent;
  burst.lost = sample.lost;
  burst.atMs = sample.atMs;
  burst.modelled = sample.modelled;
  own.popLossRate = popLoss[pop]?.rate ?? 0;
  pooled.popLossRate = own.popLossRate;
  pooled.holdJumps = own.holdJumps;
  pooled.isFast = own.isFast ?? false;
  which.pop = pop;
  which.cell = cell;
  const entry = updateEstimate(estimates, which, burst, own);
  mark(updating, cell);
  const isTile = level[placeId] === LEVEL_TILE;
  if (cell >= cells.firstLeaf && asnOf(cells, cell) !== 0) {
    const network = ensureCell(cells, placeId, sample.asn);
    if (network !== placeId) {
      which.cell = network;
      updateEstimate(estimates, which, burst, pooled);
      mark(updating, network);
    }
  }
  if (!isTile || cell === placeId) return;
  poolPlace(updating, sample, cell);
  mark(updating, placeId);
  if (!Number.isNaN(rttMs) && entry >= 0 && isOrdinary(state, entry)) learnResidual(state, sample, rttMs);
}

function mark({ state, touched }: Updating, cell: number): void {
  if (state.marked[cell] === 1) return;
  state.marked[cell] = 1;
  touched.push(cell);
}

/** Whether the last burst was no outlier. */
function isOrdinary({ estimates, params }: Learning, entry: number): boolean {
  const off = Math.abs(lastMs(estimates, entry) - levelMs(estimates, entry));
  return off <= params.clipDeviations * deviationMsOf(estimates, entry);
}

/** Networks of a place share their way to the POPs, not their access lines: what these add is taken off. */
function poolPlace(updating: Updating, sample: LocatedSample, cell: number): void {
  const { state, burst, placed, pooled, which } = updating;
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
  Object.assign(placed, burst);
  if (!isLost) placed.rttMs = rttMs;
  which.cell = placeId;
  updateEstimate(estimates, which, placed, pooled);
  if (isLost) return;
  const seen = Math.max(-OFFSET_MAX_MS, Math.min(OFFSET_MAX_MS, burst.rttMs - expected));
  const count = Math.min(OFFSET_BURSTS_MAX, (offsetCount[cell] as number) + 1);
  offsetCount[cell] = count;
  offsetMs[cell] = offset + (seen - offset) / (count + 1);
}
