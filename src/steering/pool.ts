import type { LossCount, PooledResiduals } from './alarm.ts';

/** A tick's bursts of one POP, as far as they count for all its clients: the newest, and sums. Mutable. */
export interface Pool {
  /** Of all bursts. */
  sent: number;
  lost: number;
  outliers: number;
  /** The POP changed, or may have: its bursts prove no jump of single cells. */
  hold: boolean;
  bursts: number;
  witnesses: number;
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

/** Witnesses of one POP that are held against each other in a tick, at most. */
const WITNESSES_MAX = 256;
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
    sentOf: new Uint16Array(NEWEST_BURSTS),
    lostOf: new Uint16Array(NEWEST_BURSTS),
    residualMs: new Float64Array(WITNESSES_MAX),
    standardised: new Float64Array(WITNESSES_MAX),
    cell: new Int32Array(WITNESSES_MAX),
  };
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

/** The newest witnesses in the order of measuring. */
export function residualsOf({ witnesses, residualMs, standardised, cell }: Pool): PooledResiduals {
  const inOrder = (ring: Float64Array | Int32Array): number[] => {
    const [from, count] = [witnesses % WITNESSES_MAX, Math.min(witnesses, WITNESSES_MAX)];
    return witnesses <= WITNESSES_MAX
      ? Array.from(ring.subarray(0, count))
      : [...ring.subarray(from), ...ring.subarray(0, from)];
  };
  return { residualMs: inOrder(residualMs), standardised: inOrder(standardised), cells: inOrder(cell) };
}
