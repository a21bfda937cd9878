import type { LocatedSample } from './accept.ts';
import { judgedPackets, NO_LOSS, poolLoss, poolShift } from './alarm.ts';
import { burstsOf, deviationMsOf, findEstimate, levelMs } from './estimates.ts';
import type { Learning } from './learning.ts';
import { forgetLosses } from './loss.ts';
import type { SteeringParams } from './params.ts';
import { forgetWitnesses, newestPackets, noteBurst, noteResidual, type Pool, residualsOf } from './pool.ts';

/** Many networks of one AS got slower or faster at one POP in one tick. */
export interface AsnAlarm {
  readonly pop: number;
  readonly asn: number;
}

/** An estimate must rest on so many bursts to witness a shift. */
const WITNESS_BURSTS = 1;
/** A change of pooled loss above this is an alarm. */
const LOSS_ALARM = 0.01;
/** Share of an AS's networks measured at a POP in a tick that must have changed to one side for an alarm. */
const ASN_ALARM_SHARE = 0.6;
/** Bursts of an entry from which on jitter counts in full, roughly: one burst tells little of it. */
const JITTER_BURSTS = 2.5;
const JITTER_AT_FIRST = 0.5;

/**
 * A burst as it counts for an estimate that rests on so many, ms: its minimum, and of its jitter, which
 * clients feel too, a part that grows as there are bursts to average it over. NaN: every packet was lost.
 */
export function burstMs(sample: LocatedSample, bursts: number, params: SteeringParams): number {
  if (sample.rttMs === undefined) return Number.NaN;
  const part = (bursts + JITTER_AT_FIRST) / (bursts + JITTER_AT_FIRST + JITTER_BURSTS);
  return sample.rttMs + params.jitterWeight * part * (sample.jitterMs ?? 0);
}

/** Holds a burst against the estimate that it counts for, and counts its packets, for its POP's pool. */
export function witness(state: Learning, sample: LocatedSample, cell: number): void {
  const { estimates, terms, params } = state;
  const { popIndex } = sample;
  // An agent that is not believed does not tell of its POP as a whole either.
  if (state.trust.held[popIndex] === 1) return;
  const pool = state.pools[popIndex] as Pool;
  noteBurst(pool, sample.sent, sample.lost);
  if (sample.rttMs === undefined) return;
  const entry = findEstimate(estimates, cell, popIndex);
  if (entry < 0 || burstsOf(estimates, entry) < WITNESS_BURSTS) return;
  const residual =
    burstMs(sample, burstsOf(estimates, entry), params) -
    (terms.shiftMs[popIndex] as number) -
    levelMs(estimates, entry);
  const standardised = residual / Math.max(params.deviationMinMs, deviationMsOf(estimates, entry));
  if (Math.abs(standardised) > params.clipDeviations) pool.outliers++;
  noteResidual(pool, { residualMs: residual, standardised, cell });
}

/** Whether each POP shifted as a whole or loses packets; sets its terms. Returns those that alarm. */
export function judgePools(state: Learning, nowMs: number): number[] {
  const { params, terms, popLoss, alarmedAtMs, pools } = state;
  const alarms: number[] = [];
  for (const [pop, pool] of pools.entries()) {
    if (pool.bursts === 0) continue;
    const { tick, newest } = residualsOf(pool);
    const verdict = poolShift(tick, terms.shiftMs[pop] as number, params, newest);
    if (verdict.alarmed) forgetWitnesses(pool);
    const before = popLoss[pop] ?? NO_LOSS;
    const loss = poolLoss(judgedPackets(pool, newestPackets(pool)), before);
    if (loss === NO_LOSS && before !== NO_LOSS) forgetLosses(state.estimates, pop, state.forgiven);
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
export function judgeAsns(
  state: Learning,
  seen: { samples: readonly LocatedSample[]; cellOfSample: Int32Array },
): AsnAlarm[] {
  const { params, estimates, terms, pools } = state;
  const { samples, cellOfSample } = seen;
  if (!pools.some((pool) => !pool.hold && pool.outliers >= params.alarmCells)) return [];
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
    const residual =
      burstMs(sample, burstsOf(estimates, entry), params) -
      (terms.shiftMs[pop] as number) -
      levelMs(estimates, entry);
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

/** One number for a POP and an AS. */
export function fastKey(pop: number, asn: number): number {
  return pop * 2 ** 32 + asn;
}
