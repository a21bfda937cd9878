import type { SteeringParams } from './params.ts';

/** What a POP's capacity looked like at the last tick. */
export interface CapacityState {
  /** Load that is not of our steering, requests/s, smoothed. */
  readonly externalRps: number;
  /**
   * Demand that moves took away and brought, as far as clients may not have followed yet: it goes down as
   * old TTLs run out, requests/s.
   */
  readonly drainingRps: number;
  readonly fillingRps: number;
  /**
   * Steered load that the rows do not explain, requests/s, smoothed: clients that are not divided as their
   * shares say, as where a few large ones make up a split cell.
   */
  readonly strayRps: number;
  /** The POP has no room: others fill it. It gets room again only clearly below the target. */
  readonly isFull: boolean;
}

/** What is known of a POP at a tick. */
export interface CapacityInput {
  /** What it can serve, requests/s. */
  readonly capacityRps: number;
  /** Load that it reported; undefined without a report. */
  readonly reportedRps: number | undefined;
  /** Of these, what the POP says that steering brought; undefined if it does not say. */
  readonly steeredRps?: number | undefined;
  /** Load that the rows of the last tick send there, by the demand known now. */
  readonly predictedRps: number;
  /** Demand that moved away, and that moved there, at the last tick. */
  readonly leftRps: number;
  readonly cameRps: number;
  /** Of what moved away before, and may not have gone yet, what moved back at the last tick. */
  readonly returnedRps: number;
  /** Since the last tick. */
  readonly elapsedMs: number;
}

/** Before the first tick. */
export const CAPACITY_UNKNOWN: CapacityState = {
  externalRps: 0,
  drainingRps: 0,
  fillingRps: 0,
  strayRps: 0,
  isFull: false,
};

/** A change of external load beyond this share of the capacity counts at once. */
const JUMP_SHARE = 0.05;
/** Weight of a tick otherwise. */
const EXTERNAL_ALPHA = 0.2;
/**
 * Clients in flight are held to be so many times as many: TTLs run out evenly, over at most `drainMs`, but
 * reports lag by up to a tenth of that.
 */
const FLIGHT_SPARE = 1.15;
/** Stray load is smoothed over this time, ms: slower than clients follow. */
const STRAY_MS = 60_000;
/** Stray load counts up to this share of what the rows send: more than that is another mistake. */
const STRAY_SHARE_MAX = 0.5;
/** A full POP has room again below the target less this share of its capacity. */
const ROOM_AGAIN_SHARE = 0.05;

/**
 * What others put on a POP, and the steered load that the rows do not explain. A POP that tells its steered
 * load apart leaves no doubt about the rest. Otherwise the reported load is that of others and ours; but
 * ours follows our moves only as old TTLs run out, and reports lag too. So theirs is known only to lie
 * between the report less the most and less the least that we may have brought: within these bounds the
 * last value stays. Taking the difference from our present plan instead would mistake the lag for load that
 * comes and goes, and make the answers swing.
 */
export function nextCapacity(
  before: CapacityState,
  input: CapacityInput,
  params: SteeringParams,
): CapacityState {
  const { capacityRps, reportedRps, steeredRps, predictedRps, leftRps, cameRps, returnedRps, elapsedMs } =
    input;
  const kept = Math.exp(-elapsedMs / params.drainMs);
  const drainingRps = kept * Math.max(0, before.drainingRps + leftRps - returnedRps);
  const fillingRps = kept * (before.fillingRps + cameRps);
  const steeredMaxRps = predictedRps + FLIGHT_SPARE * drainingRps;
  const steeredMinRps = Math.max(0, predictedRps - FLIGHT_SPARE * fillingRps);
  const known = reportedRps === undefined || steeredRps === undefined ? undefined : reportedRps - steeredRps;
  const seen =
    known === undefined
      ? externalSeen(before.externalRps, { reportedRps, steeredMinRps, steeredMaxRps })
      : Math.max(0, known);
  const isJump = Math.abs(seen - before.externalRps) > JUMP_SHARE * capacityRps;
  const externalRps = isJump ? seen : before.externalRps + EXTERNAL_ALPHA * (seen - before.externalRps);
  const target = params.utilisationTarget * capacityRps;
  const isFull = externalRps >= (before.isFull ? target - ROOM_AGAIN_SHARE * capacityRps : target);
  const strayRps = nextStray(before.strayRps, { steeredRps, steeredMaxRps, predictedRps, elapsedMs });
  return { externalRps, drainingRps, fillingRps, strayRps, isFull };
}

function nextStray(
  beforeRps: number,
  seen: {
    steeredRps: number | undefined;
    steeredMaxRps: number;
    predictedRps: number;
    elapsedMs: number;
  },
): number {
  const { steeredRps = 0, steeredMaxRps, predictedRps, elapsedMs } = seen;
  const excess = Math.min(Math.max(0, steeredRps - steeredMaxRps), STRAY_SHARE_MAX * predictedRps);
  return excess + (beforeRps - excess) * Math.exp(-elapsedMs / STRAY_MS);
}

/** The load of others that fits the report and is nearest to what it was before. */
function externalSeen(
  beforeRps: number,
  seen: { reportedRps: number | undefined; steeredMinRps: number; steeredMaxRps: number },
): number {
  const { reportedRps, steeredMinRps, steeredMaxRps } = seen;
  if (reportedRps === undefined) return 0;
  const least = Math.max(0, reportedRps - steeredMaxRps);
  const most = Math.max(0, reportedRps - steeredMinRps);
  return Math.max(least, Math.min(most, beforeRps));
}

/** A link's octets a request are learned this fast when they fall, and when they rise: events pass. */
const RATIO_FALL = 0.3;
const RATIO_RISE = 0.05;

/**
 * Megabits a second that the links of a POP carry for each request a second, smoothed; NaN while unknown.
 * What else may be on the links counts as if it came with the requests. Where a link is full (`isFull`) more
 * was wanted than was seen.
 */
export function nextMbpsPerRps(before: number, seen: number, isFull: boolean): number {
  if (!(seen > 0) || !Number.isFinite(seen)) return before;
  if (Number.isNaN(before)) return seen;
  if (isFull && seen < before) return before;
  return before + (seen < before ? RATIO_FALL : RATIO_RISE) * (seen - before);
}
