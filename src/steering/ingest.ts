import { type LocatedSample, type Refusal, refusalOf } from './accept.ts';
import { type PopLoss, poolLoss, poolShift } from './alarm.ts';
import { type Cells, ensureCell } from './cells.ts';
import { type Estimates, ensureEstimate, updateEstimate } from './estimate.ts';
import type { SteeringParams } from './params.ts';
import { LEVEL_TILE, priorMs } from './prior.ts';
import { offsetMs } from './rtt.ts';
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
  /** `shiftMs`, `lossMs` and `priorBiasMs` are set here. */
  readonly terms: PopTerms;
  readonly popLoss: PopLoss[];
  /** When a POP's RTT or loss last changed for all its cells, ms since 1970. */
  readonly alarmedAtMs: Float64Array;
  /** By POP: mean of estimate minus plain prior, and over how many bursts. */
  readonly residualMeanMs: Float64Array;
  readonly residualCount: Float64Array;
}

/** What a tick's bursts did. */
export interface Learned {
  readonly accepted: number;
  readonly refused: Partial<Record<Refusal, number>>;
  /** Cells whose estimates changed. */
  readonly touched: ReadonlySet<number>;
  /** POPs that alarmed. */
  readonly alarms: readonly number[];
  /** Network cells that the bursts made. */
  readonly madeCells: readonly number[];
}

interface Accepted {
  readonly sample: LocatedSample;
  readonly cell: number;
  /** The place's estimate, which the network's burst also counts for; -1 for none. */
  readonly pooledSlot: number;
  readonly slot: number;
}

interface Pool {
  readonly residualMs: number[];
  readonly standardised: number[];
  readonly cells: Set<number>;
  sent: number;
  lost: number;
  hold: boolean;
}

/** An estimate must rest on so many bursts to witness a shift. */
const WITNESS_BURSTS = 2;
/** A change of pooled loss above this is an alarm. */
const LOSS_ALARM = 0.01;
/** Bursts that the mean residual of a POP remembers. */
const RESIDUAL_BURSTS_MAX = 500;
/** Bursts that the mean over all POPs is worth for one POP's correction. */
const RESIDUAL_SHRINK = 50;
/** A burst's shift may not make it nonsense, ms. */
const LEAST_RTT_MS = 0.1;

/**
 * Takes a tick's bursts in, in two passes: first each is held against its estimate to see whether a whole
 * POP shifted or loses packets, then, with that taken off, each updates its network's estimate and its
 * place's.
 */
export function learn(state: Learning, samples: readonly LocatedSample[], nowMs: number): Learned {
  const refused: Partial<Record<Refusal, number>> = {};
  const madeCells: number[] = [];
  const pools = new Map<number, Pool>();
  const accepted: Accepted[] = [];
  for (const sample of samples) {
    const taken = admit(state, sample, nowMs, madeCells);
    if (typeof taken === 'string') {
      refused[taken] = (refused[taken] ?? 0) + 1;
      continue;
    }
    accepted.push(taken);
    witness(state, taken, pools);
  }
  const alarms = judgePools(state, pools, nowMs);
  const touched = new Set<number>();
  for (const taken of accepted)
    update(state, taken, pools.get(taken.sample.popIndex)?.hold === true, touched);
  if (accepted.length > 0) correctPriors(state);
  return { accepted: accepted.length, refused, touched, alarms, madeCells };
}

/** Checks a burst and finds the estimates that it counts for. */
function admit(
  state: Learning,
  sample: LocatedSample,
  nowMs: number,
  madeCells: number[],
): Accepted | Refusal {
  const { params, cells, estimates, level, distances, terms } = state;
  const { placeId, popIndex, asn } = sample;
  const isTile = placeId >= 0 && level[placeId] === LEVEL_TILE;
  const km = isTile && popIndex >= 0 ? distances[placeId * terms.shiftMs.length + popIndex] : undefined;
  const refusal = refusalOf(sample, { nowMs, km }, params);
  if (refusal !== undefined) return refusal;
  const before = cells.ids.size;
  const cell = ensureCell(cells, placeId, asn);
  // A country or the world is no network: a burst says nothing of all of it.
  if (cell === placeId && !isTile) return asn === 0 ? 'unknown-network' : 'no-room';
  if (cells.ids.size > before) madeCells.push(cell);
  cells.lastSampleMs[cell] = nowMs;
  const slot = ensureEstimate(estimates, cell, popIndex);
  if (slot < 0) return 'no-room';
  const pooledSlot = cell !== placeId && isTile ? ensureEstimate(estimates, placeId, popIndex) : -1;
  return { sample, cell, slot, pooledSlot };
}

function witness(state: Learning, taken: Accepted, pools: Map<number, Pool>): void {
  const { estimates, terms, params } = state;
  const { sample, slot, cell } = taken;
  let pool = pools.get(sample.popIndex);
  if (pool === undefined) {
    pool = { residualMs: [], standardised: [], cells: new Set(), sent: 0, lost: 0, hold: false };
    pools.set(sample.popIndex, pool);
  }
  pool.sent += sample.sent;
  pool.lost += sample.lost;
  if (sample.rttMs === undefined || (estimates.bursts[slot] as number) < WITNESS_BURSTS) return;
  const residual =
    sample.rttMs - (terms.shiftMs[sample.popIndex] as number) - (estimates.level[slot] as number);
  pool.residualMs.push(residual);
  pool.standardised.push(residual / Math.max(params.deviationMinMs, estimates.deviation[slot] as number));
  pool.cells.add(cell);
}

function judgePools(state: Learning, pools: ReadonlyMap<number, Pool>, nowMs: number): number[] {
  const { params, terms, popLoss, alarmedAtMs } = state;
  const alarms: number[] = [];
  for (const [pop, pool] of pools) {
    const { residualMs, standardised, cells, sent, lost } = pool;
    const verdict = poolShift(
      { residualMs, standardised, cells: cells.size },
      terms.shiftMs[pop] as number,
      params,
    );
    const before = popLoss[pop] as PopLoss;
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

function update(state: Learning, taken: Accepted, holdJumps: boolean, touched: Set<number>): void {
  const { params, estimates, terms, popLoss } = state;
  const { sample, cell, slot, pooledSlot } = taken;
  const pop = sample.popIndex;
  const shift = terms.shiftMs[pop] as number;
  const burst = {
    rttMs: sample.rttMs === undefined ? Number.NaN : Math.max(LEAST_RTT_MS, sample.rttMs - shift),
    sent: sample.sent,
    lost: sample.lost,
    atMs: sample.atMs,
    modelled: sample.modelled,
  };
  const popLossRate = (popLoss[pop] as PopLoss).rate;
  updateEstimate(estimates, slot, burst, { params, pooled: false, holdJumps, popLossRate });
  touched.add(cell);
  if (pooledSlot >= 0) {
    // Networks of a place share their way to the POPs, not their access lines.
    const pooled = { ...burst, rttMs: Math.max(LEAST_RTT_MS, burst.rttMs - networkOffsetMs(state, taken)) };
    updateEstimate(estimates, pooledSlot, pooled, { params, pooled: true, holdJumps, popLossRate });
    touched.add(sample.placeId);
  }
  if (
    state.level[sample.placeId] === LEVEL_TILE &&
    estimates.streak[slot] === 0 &&
    !Number.isNaN(burst.rttMs)
  )
    learnResidual(state, sample, burst.rttMs);
}

/** What the network of a burst adds to the RTT of every POP, against the prior of its place, ms. */
function networkOffsetMs(state: Learning, taken: Accepted): number {
  const { params, distances, terms } = state;
  const first = taken.sample.placeId * terms.shiftMs.length;
  return offsetMs(
    state,
    { cell: taken.cell, nowMs: taken.sample.atMs },
    (pop) => priorMs(params, distances[first + pop] as number) + (terms.priorBiasMs[pop] as number),
  );
}

function learnResidual(state: Learning, sample: LocatedSample, rttMs: number): void {
  const { params, distances, residualMeanMs, residualCount, terms } = state;
  const pop = sample.popIndex;
  const km = distances[sample.placeId * terms.shiftMs.length + pop] as number;
  const bound = 2 * params.popBiasMaxMs;
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
