import { claimLeastMs, type LocatedSample, type Refusal, refusalOf } from './accept.ts';
import { NO_LOSS, type PopLoss, poolLoss, poolShift } from './alarm.ts';
import { asnOf, type Cells, ensureCell, ensureLeaf } from './cells.ts';
import { type Burst, type Counting, updateEstimate } from './estimate.ts';
import {
  burstsOf,
  deviationMsOf,
  type Estimates,
  findEstimate,
  lastMs,
  levelMs,
  popAt,
} from './estimates.ts';
import { agreesWithOthers } from './light.ts';
import type { SteeringParams } from './params.ts';
import { LEVEL_TILE, priorMs } from './prior.ts';
import type { PopTerms } from './score.ts';

/** What bursts change. */
export interface Learning {
  readonly params: SteeringParams;
  readonly cells: Cells;
  readonly estimates: Estimates;
  /** By place: level (0 world, 1 country, 2 tile). */
  readonly level: Uint8Array;
  /** Float32 [places x POPs]. */
  readonly distances: Float32Array;
  /** Float32 [POPs x POPs]: `lightBetween`. */
  readonly between: Float32Array;
  /** `shiftMs`, `lossMs` and `priorBiasMs` are set here. */
  readonly terms: PopTerms;
  readonly popLoss: PopLoss[];
  /** When a POP's RTT or loss last changed for all its cells, ms since 1970. */
  readonly alarmedAtMs: Float64Array;
  /** By POP: mean of estimate minus plain prior, and over how many bursts. */
  readonly residualMeanMs: Float64Array;
  readonly residualCount: Float64Array;
  /** By cell: what it adds to the RTT of every POP beyond its place, ms; and over how many bursts. */
  readonly offsetMs: Float32Array;
  readonly offsetCount: Uint8Array;
  /** By cell: 1 where its estimates changed in this tick; for `learn` alone. */
  readonly marked: Uint8Array;
}

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

/** Many networks of one AS got slower or faster at one POP in one tick. */
export interface AsnAlarm {
  readonly pop: number;
  readonly asn: number;
}

/** A tick's bursts of one POP, as far as they count for its pools. */
interface Pool {
  readonly residualMs: number[];
  readonly standardised: number[];
  readonly cells: Set<number>;
  sent: number;
  lost: number;
  outliers: number;
  hold: boolean;
}

/** An estimate must rest on so many bursts to witness a shift. */
const WITNESS_BURSTS = 2;
/** Witnesses of one POP that are held against each other in a tick, at most. */
const WITNESSES_MAX = 256;
/** A change of pooled loss above this is an alarm. */
const LOSS_ALARM = 0.01;
/** Share of an AS's networks measured at a POP in a tick that must have changed to one side for an alarm. */
const ASN_ALARM_SHARE = 0.6;
/** Bursts that the mean residual of a POP remembers. */
const RESIDUAL_BURSTS_MAX = 500;
/** Bursts that the mean over all POPs is worth for one POP's correction. */
const RESIDUAL_SHRINK = 50;
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

/** A burst as it counts for estimates: its minimum, and of its jitter the part that clients feel, ms. */
export function burstMs(sample: LocatedSample, params: SteeringParams): number {
  return sample.rttMs === undefined
    ? Number.NaN
    : sample.rttMs + params.jitterWeight * (sample.jitterMs ?? 0);
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

function witness(state: Learning, sample: LocatedSample, cell: number, pools: (Pool | undefined)[]): void {
  const { estimates, terms, params } = state;
  const { popIndex } = sample;
  let pool = pools[popIndex];
  if (pool === undefined) {
    pool = { residualMs: [], standardised: [], cells: new Set(), sent: 0, lost: 0, outliers: 0, hold: false };
    pools[popIndex] = pool;
  }
  pool.sent += sample.sent;
  pool.lost += sample.lost;
  if (sample.rttMs === undefined) return;
  const entry = findEstimate(estimates, cell, popIndex);
  if (entry < 0 || burstsOf(estimates, entry) < WITNESS_BURSTS) return;
  const residual = burstMs(sample, params) - (terms.shiftMs[popIndex] as number) - levelMs(estimates, entry);
  const standardised = residual / Math.max(params.deviationMinMs, deviationMsOf(estimates, entry));
  if (Math.abs(standardised) > params.clipDeviations) pool.outliers++;
  if (pool.residualMs.length >= WITNESSES_MAX) return;
  pool.residualMs.push(residual);
  pool.standardised.push(standardised);
  pool.cells.add(cell);
}

function judgePools(state: Learning, pools: readonly (Pool | undefined)[], nowMs: number): number[] {
  const { params, terms, popLoss, alarmedAtMs } = state;
  const alarms: number[] = [];
  for (const [pop, pool] of pools.entries()) {
    if (pool === undefined) continue;
    const { residualMs, standardised, cells, sent, lost } = pool;
    const verdict = poolShift(
      { residualMs, standardised, cells: cells.size },
      terms.shiftMs[pop] as number,
      params,
    );
    const before = popLoss[pop] ?? NO_LOSS;
    const loss = poolLoss({ sent, lost }, before);
    popLoss[pop] = loss;
    terms.shiftMs[pop] = verdict.shiftMs;
    terms.lossMs[pop] = params.lossMsPerUnit * Math.max(0, loss.rate - params.lossIgnored);
    pool.hold = verdict.alarmed || verdict.suspected;
    if (!verdict.alarmed && Math.abs(loss.rate - before.rate) <= LOSS_ALARM) continue;
    alarmedAtMs[pop] = nowMs;
    alarms.push(pop);
  }
  return alarms;
}

/**
 * ASes of which most networks that were measured at a POP changed to one side while the POP as a whole did
 * not: their way to it changed. Looked for only at POPs with enough outliers.
 */
function judgeAsns(
  state: Learning,
  seen: { samples: readonly LocatedSample[]; cellOfSample: Int32Array; pools: readonly (Pool | undefined)[] },
): AsnAlarm[] {
  const { params, estimates, terms } = state;
  const { samples, cellOfSample, pools } = seen;
  if (!pools.some((pool) => pool !== undefined && !pool.hold && pool.outliers >= params.alarmCells))
    return [];
  const counts = new Map<number, { pop: number; asn: number; all: number; above: number; below: number }>();
  for (let i = 0; i < samples.length; i++) {
    const cell = cellOfSample[i] as number;
    const sample = samples[i] as LocatedSample;
    const { popIndex: pop, asn } = sample;
    const pool = pools[pop];
    if (cell < 0 || asn === 0 || sample.rttMs === undefined || pool === undefined || pool.hold) continue;
    if (pool.outliers < params.alarmCells) continue;
    const entry = findEstimate(estimates, cell, pop);
    if (entry < 0 || burstsOf(estimates, entry) < WITNESS_BURSTS) continue;
    const key = fastKey(pop, asn);
    const count = counts.get(key) ?? { pop, asn, all: 0, above: 0, below: 0 };
    counts.set(key, count);
    const residual = burstMs(sample, params) - (terms.shiftMs[pop] as number) - levelMs(estimates, entry);
    const limit = params.clipDeviations * Math.max(params.deviationMinMs, deviationMsOf(estimates, entry));
    count.all++;
    if (residual > limit) count.above++;
    if (residual < -limit) count.below++;
  }
  return [...counts.values()].filter(({ all, above, below }) => {
    const most = Math.max(above, below);
    return most >= params.alarmCells && most >= ASN_ALARM_SHARE * all;
  });
}

function fastKey(pop: number, asn: number): number {
  return pop * 2 ** 32 + asn;
}

function update(
  state: Learning,
  taken: { sample: LocatedSample; cell: number; holdJumps: boolean; isFast: boolean },
  touched: number[],
): void {
  const { params, estimates, terms, popLoss, cells, level, marked } = state;
  const { sample, cell, holdJumps, isFast } = taken;
  const { popIndex: pop, placeId, sent, lost, atMs, modelled } = sample;
  const rttMs = Math.max(LEAST_RTT_MS, burstMs(sample, params) - (terms.shiftMs[pop] as number));
  const burst = { rttMs, sent, lost, atMs, modelled };
  const popLossRate = popLoss[pop]?.rate ?? 0;
  const how = { params, pooled: false, holdJumps, isFast, popLossRate };
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
  const rttMs = Math.max(LEAST_RTT_MS, burst.rttMs - offset);
  updateEstimate(estimates, { cell: placeId, pop }, { ...burst, rttMs }, how);
  if (Number.isNaN(burst.rttMs)) return;
  const known = findEstimate(estimates, placeId, pop);
  const km = distances[placeId * terms.shiftMs.length + pop] as number;
  const expected =
    known >= 0 && popAt(estimates, known) === pop && burstsOf(estimates, known) >= OFFSET_BURSTS_MAX
      ? levelMs(estimates, known)
      : priorMs(params, km) + (terms.priorBiasMs[pop] as number);
  const seen = Math.max(-OFFSET_MAX_MS, Math.min(OFFSET_MAX_MS, burst.rttMs - expected));
  const count = Math.min(OFFSET_BURSTS_MAX, (offsetCount[cell] as number) + 1);
  offsetCount[cell] = count;
  offsetMs[cell] = offset + (seen - offset) / (count + 1);
}

function learnResidual(state: Learning, sample: LocatedSample, rttMs: number): void {
  const { params, distances, residualMeanMs, residualCount, terms } = state;
  const pop = sample.popIndex;
  const km = distances[sample.placeId * terms.shiftMs.length + pop] as number;
  const bound = Number.isNaN(km) ? Infinity : 2 * params.popBiasMaxMs;
  const residual = Math.max(-bound, Math.min(bound, rttMs - priorMs(params, km)));
  const count = Math.min(RESIDUAL_BURSTS_MAX, (residualCount[pop] as number) + 1);
  residualCount[pop] = count;
  residualMeanMs[pop] =
    (residualMeanMs[pop] as number) + (residual - (residualMeanMs[pop] as number)) / count;
}

/** The correction of each POP's prior: its mean residual, shrunk toward that of all POPs, bounded. */
function correctPriors(state: Learning): void {
  const { params, residualMeanMs, residualCount, terms } = state;
  let sum = 0;
  let count = 0;
  for (let pop = 0; pop < residualCount.length; pop++) {
    sum += (residualMeanMs[pop] as number) * (residualCount[pop] as number);
    count += residualCount[pop] as number;
  }
  const all = count === 0 ? 0 : sum / count;
  const max = params.popBiasMaxMs;
  for (let pop = 0; pop < residualCount.length; pop++) {
    const own = residualCount[pop] as number;
    const mean = ((residualMeanMs[pop] as number) * own + all * RESIDUAL_SHRINK) / (own + RESIDUAL_SHRINK);
    terms.priorBiasMs[pop] = Math.max(-max, Math.min(max, mean));
  }
}
