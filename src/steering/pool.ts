import type { LossCount, PooledResiduals } from './alarm.ts';

/** A POP's bursts, as far as they count for all its clients: sums of a tick, and the newest. Mutable. */
export interface Pool {
  /** Of this tick's bursts. */
  sent: number;
  lost: number;
  outliers: number;
  /** The POP changed, or may have: its bursts prove no jump of single cells. */
  hold: boolean;
  bursts: number;
  /** Witnesses ever, and before this tick. */
  witnesses: number;
  witnessesBefore: number;
  /** When the tick was, ms since 1970. */
  atMs: number;
  /** Rings: the n-th stands at n modulo the length. */
  readonly sentOf: Uint16Array;
  readonly lostOf: Uint16Array;
  readonly residualMs: Float64Array;
  readonly standardised: Float64Array;
  readonly cell: Int32Array;
}

/** A burst held against the estimate of its cell: the difference in ms, and in deviations of the estimate. */
export interface Residual {
  readonly residualMs: number;
  readonly standardised: number;
  readonly cell: number;
}

/** Witnesses of one POP that are held against each other, at most, and how long they are remembered, ms. */
const WITNESSES_MAX = 256;
const REMEMBERED_MS = 5000;
/** Bursts of a tick that are its newest. */
const NEWEST_BURSTS = 12;

/** Nothing was measured yet. */
export function newPool(): Pool {
  return {
    sent: 0,
    lost: 0,
    outliers: 0,
    hold: false,
    bursts: 0,
    witnesses: 0,
    witnessesBefore: 0,
    atMs: -Infinity,
    sentOf: new Uint16Array(NEWEST_BURSTS),
    lostOf: new Uint16Array(NEWEST_BURSTS),
    residualMs: new Float64Array(WITNESSES_MAX),
    standardised: new Float64Array(WITNESSES_MAX),
    cell: new Int32Array(WITNESSES_MAX),
  };
}

/** Begins a tick. Witnesses of the ticks just before count among its newest: ticks may be short. */
export function beginTick(pool: Pool, nowMs: number): void {
  const isOld = Math.abs(nowMs - pool.atMs) > REMEMBERED_MS;
  if (isOld) forgetWitnesses(pool);
  Object.assign(pool, { sent: 0, lost: 0, outliers: 0, hold: false, bursts: 0, atMs: nowMs });
  pool.witnessesBefore = pool.witnesses;
  pool.sentOf.fill(0);
  pool.lostOf.fill(0);
}

/** The POP changed: what was held against its old state says nothing more. */
export function forgetWitnesses(pool: Pool): void {
  pool.witnesses = 0;
  pool.witnessesBefore = 0;
}

/** Counts a burst's packets. */
export function noteBurst(pool: Pool, sent: number, lost: number): void {
  pool.sent += sent;
  pool.lost += lost;
  const at = pool.bursts++ % NEWEST_BURSTS;
  pool.sentOf[at] = sent;
  pool.lostOf[at] = lost;
}

/** Takes a witness in. */
export function noteResidual(pool: Pool, one: Residual): void {
  const at = pool.witnesses++ % WITNESSES_MAX;
  pool.residualMs[at] = one.residualMs;
  pool.standardised[at] = one.standardised;
  pool.cell[at] = one.cell;
}

/** Packets of the newest bursts. */
export function newestPackets({ sentOf, lostOf }: Pool): LossCount {
  const sum = (counts: Uint16Array): number => counts.reduce((total, count) => total + count, 0);
  return { sent: sum(sentOf), lost: sum(lostOf) };
}

/** Witnesses in the order of measuring: those of this tick, and with some of the ticks before. */
export function residualsOf(pool: Pool): {
  readonly tick: PooledResiduals;
  readonly newest: PooledResiduals;
} {
  const { witnesses, witnessesBefore } = pool;
  const ofTick = Math.min(witnesses - witnessesBefore, WITNESSES_MAX);
  return { tick: lastOf(pool, ofTick), newest: lastOf(pool, Math.min(witnesses, WITNESSES_MAX)) };
}

function lastOf({ witnesses, residualMs, standardised, cell }: Pool, count: number): PooledResiduals {
  const inOrder = (ring: Float64Array | Int32Array): number[] =>
    Array.from({ length: count }, (_, i) => ring[(witnesses - count + i) % WITNESSES_MAX] as number);
  return { residualMs: inOrder(residualMs), standardised: inOrder(standardised), cells: inOrder(cell) };
}
