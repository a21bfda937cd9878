import type { SteeringParams } from './params.ts';

/**
 * What the bursts of one tick say of a POP as a whole: residuals against each cell's own estimate, shift
 * removed.
 */
export interface PooledResiduals {
  /** Burst minus estimate, ms, in the order of measuring. */
  readonly residualMs: readonly number[];
  /** The same in deviations of that estimate. */
  readonly standardised: readonly number[];
  /** Cell that each comes from. */
  readonly cells: readonly number[];
}

/** A POP's shift after a tick, and whether it changed. */
export interface ShiftVerdict {
  /** RTT in ms that all clients of the POP have beyond their estimates: a detour, a failing line, a queue. */
  readonly shiftMs: number;
  /** The shift changed: cells may leave or return at once. */
  readonly alarmed: boolean;
  /** Not enough to alarm, yet many cells moved to one side: they may be the front of a shift. */
  readonly suspected: boolean;
}

/** Bursts of one tick from one POP, by packets. */
export interface LossCount {
  readonly sent: number;
  readonly lost: number;
}

/** A POP's loss, pooled over its cells. */
export interface PopLoss {
  /** 0..1. */
  readonly rate: number;
  /** Packets remembered, fading from tick to tick. */
  readonly sent: number;
  readonly lost: number;
  /** Sign of the last surprising tick; two in a row on one side are a change. */
  readonly side: number;
  /** Packets lost in the last tick. */
  readonly lastLost: number;
  /** Rate after the last tick that lost a packet, and packets since. */
  readonly lossyRate: number;
  readonly cleanSent: number;
}

/**
 * Before the first burst: credit of a thousand packets without loss, fading, so that the first one lost
 * proves little.
 */
export const NO_LOSS: PopLoss = {
  rate: 0,
  sent: 1000,
  lost: 0,
  side: 0,
  lastLost: 0,
  lossyRate: 0,
  cleanSent: 0,
};

const SHIFT_MIN_MS = -500;
const SHIFT_MAX_MS = 5000;
/** What is left of a shift that ended, as a share of it: below, it is over. */
const SHIFT_LEFT_SHARE = 0.1;
/** Share of cells that are outliers on one side from which a shift of the whole POP is suspected. */
const SUSPECT_SHARE = 0.3;
const SUSPECT_NEWEST_SHARE = 0.6;
/** Cells whose newest bursts alarm, though those before them in the tick do not, and how many must agree. */
const NEWEST_CELLS = 6;
const NEWEST_SHARE = 0.8;
/** Share of the packets remembered that is kept from tick to tick, where there is no surprise. */
const LOSS_KEPT = 0.97;
/** Loss that is expected of any path when judging a surprise. */
const LOSS_FLOOR = 0.005;
/** Deviations of a tick's loss that are a change at once, and when they come twice in a row. */
const LOSS_JUMP = 4;
const LOSS_JUMP_TWICE = 2;
/** A smaller difference of loss is never called a change. */
const LOSS_JUMP_MIN = 0.01;
/**
 * Fewer packets lost than this, in one tick or in two, prove no rise: with 150 POPs and one packet in a
 * thousand lost by chance, fewer come together every few minutes.
 */
const LOSS_PACKETS_MIN = 4;
const LOSS_PACKETS_TWICE_MIN = 6;
/** Loss is over when so many packets came through as at its rate would do so with this chance. */
const LOSS_OVER_CHANCE = 0.01;
/** Packets lost of a tick's newest bursts that count alone, if they are so many times the share of all. */
const NEWEST_LOST = 6;
const NEWEST_TIMES = 2;
/** Loss credited as not there, in packets: a tick with few packets proves little. */
const LOSS_PRIOR_SENT = 20;

/**
 * Whether the whole POP got slower or faster: the median of its standardised residuals exceeds
 * `alarmDeviations` and the median residual `alarmMs`, over at least `alarmCells` cells. Then every cell's
 * RTT to the POP shifts at once, measured this tick or not, and shifts back the same way when it ends,
 * leaving each cell's own estimate as it was. What began within the tick shows in the newest bursts alone
 * (`newest`: with those of the ticks before): these alarm too, if nearly all are outliers on one side.
 */
export function poolShift(
  pool: PooledResiduals,
  shiftMs: number,
  params: SteeringParams,
  newest = pool,
): ShiftVerdict {
  const median = alarmMedian(pool, params) ?? newestMedian(newest, params);
  if (median === undefined) {
    const last = newest.standardised.slice(-NEWEST_CELLS);
    const suspected =
      (distinct(pool.cells) >= params.alarmCells &&
        outlierShare(pool.standardised, params) >= SUSPECT_SHARE) ||
      (distinct(newest.cells.slice(-NEWEST_CELLS)) >= params.alarmCells &&
        outlierShare(last, params) >= SUSPECT_NEWEST_SHARE);
    return { shiftMs, alarmed: false, suspected };
  }
  const next = Math.max(SHIFT_MIN_MS, Math.min(SHIFT_MAX_MS, shiftMs + median));
  const over = Math.abs(next) < Math.max(params.alarmMs / 2, SHIFT_LEFT_SHARE * Math.abs(shiftMs));
  return { shiftMs: over ? 0 : next, alarmed: true, suspected: false };
}

/** Median residual of bursts that alarm, ms. */
function alarmMedian(pool: PooledResiduals, params: SteeringParams): number | undefined {
  if (distinct(pool.cells) < params.alarmCells) return undefined;
  const median = medianOf(pool.residualMs);
  const isFar = Math.abs(medianOf(pool.standardised)) > params.alarmDeviations;
  return isFar && Math.abs(median) > params.alarmMs ? median : undefined;
}

/** Median of the longest row of newest bursts nearly all of which are outliers on one side, if it alarms. */
function newestMedian(pool: PooledResiduals, params: SteeringParams): number | undefined {
  const least = Math.max(NEWEST_CELLS, params.alarmCells);
  const all = pool.standardised.length;
  let longest = 0;
  let above = 0;
  let below = 0;
  for (let count = 1; count <= all; count++) {
    const value = pool.standardised[all - count] as number;
    if (value > params.clipDeviations) above++;
    if (value < -params.clipDeviations) below++;
    if (count >= least && Math.max(above, below) >= NEWEST_SHARE * count) longest = count;
  }
  const cells = pool.cells.slice(all - longest);
  if (longest === 0 || distinct(cells) < least) return undefined;
  const [residualMs, standardised] = [pool.residualMs.slice(-longest), pool.standardised.slice(-longest)];
  return alarmMedian({ residualMs, standardised, cells }, params);
}

function distinct(cells: readonly number[]): number {
  return new Set(cells).size;
}

/**
 * Packets of a tick that its POP's loss is judged by: all, or those of its newest bursts alone where many of
 * these were lost, and a far larger share than of all.
 */
export function judgedPackets(all: LossCount, newest: LossCount): LossCount {
  const isNews = newest.lost * all.sent > NEWEST_TIMES * all.lost * newest.sent;
  return isNews && newest.lost >= NEWEST_LOST ? newest : all;
}

/**
 * Pooled loss of a POP after a tick: over the packets of some thirty ticks, unless this tick is a surprise
 * (a binomial test): then older packets are forgotten, so that real loss counts, and ends, within a tick or
 * two.
 */
export function poolLoss(count: LossCount, before: PopLoss): PopLoss {
  if (count.sent === 0) return before;
  const cleanSent = count.lost === 0 ? before.cleanSent + count.sent : 0;
  if (before.lossyRate > LOSS_FLOOR && (1 - before.lossyRate) ** cleanSent < LOSS_OVER_CHANCE) return NO_LOSS;
  const seen = count.lost / count.sent;
  const expected = Math.min(0.5, Math.max(before.rate, LOSS_FLOOR));
  const z = (seen - before.rate) / Math.sqrt((expected * (1 - expected)) / count.sent);
  const side = Math.abs(z) > LOSS_JUMP_TWICE ? Math.sign(z) : 0;
  const isOnce = Math.abs(z) > LOSS_JUMP && (z < 0 || count.lost >= LOSS_PACKETS_MIN);
  const isTwice = side !== 0 && side === before.side;
  const isSurprise = isOnce || (isTwice && (z < 0 || count.lost + before.lastLost >= LOSS_PACKETS_TWICE_MIN));
  const isChange = isSurprise && Math.abs(seen - before.rate) > LOSS_JUMP_MIN;
  const kept = isChange ? 0 : LOSS_KEPT;
  // Where loss has ended, one packet lost in the next ticks proves as little as before it began.
  const credit = isChange && seen < LOSS_FLOOR ? NO_LOSS.sent : 0;
  const sent = before.sent * kept + count.sent + credit;
  const lost = before.lost * kept + count.lost;
  const rate = lost / (sent + LOSS_PRIOR_SENT);
  return {
    rate,
    sent,
    lost,
    side: isChange ? 0 : side,
    lastLost: count.lost,
    lossyRate: count.lost > 0 ? rate : before.lossyRate,
    cleanSent,
  };
}

/** Median; 0 of nothing. */
function medianOf(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

/** Share of the residuals that are outliers on the side on which there are more. */
function outlierShare(standardised: readonly number[], params: SteeringParams): number {
  let above = 0;
  let below = 0;
  for (const value of standardised) {
    if (value > params.clipDeviations) above++;
    if (value < -params.clipDeviations) below++;
  }
  return Math.max(above, below) / Math.max(1, standardised.length);
}
