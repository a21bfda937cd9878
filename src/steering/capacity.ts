import type { SteeringParams } from './params.ts';

/** What a POP's capacity looked like at the last tick. */
export interface CapacityState {
  /** Load that is not of our steering, requests/s, smoothed. */
  readonly externalRps: number;
  /**
   * Least and most that our steering may lately have brought, requests/s: both go toward what it brings
   * now as old TTLs run out.
   */
  readonly steeredMinRps: number;
  readonly steeredMaxRps: number;
  /**
   * Steered load that the rows do not explain, requests/s, smoothed: clients that are not divided as their
   * shares say, as where a few large ones make up a split cell.
   */
  readonly strayRps: number;
  /** The POP has no room: others fill it. It gets room again only clearly below the target. */
  readonly isFull: boolean;
  /** Requests/s that steering may send there. */
  readonly availableRps: number;
}

/** What is known of a POP at a tick. */
export interface CapacityInput {
  /** From its report, else configured, requests/s. */
  readonly capacityRps: number;
  /** Load that it reported; undefined without a report. */
  readonly reportedRps: number | undefined;
  /** Of these, what the POP says that steering brought; undefined if it does not say. */
  readonly steeredRps?: number | undefined;
  /** Load that the rows of the last tick send there, by the demand known. */
  readonly predictedRps: number;
  /** How much of that is new because demand changed, not because cells moved: it is there already. */
  readonly demandChangeRps: number;
  /** Since the last tick. */
  readonly elapsedMs: number;
}

/** Before the first tick. */
export const CAPACITY_UNKNOWN: CapacityState = {
  externalRps: 0,
  steeredMinRps: 0,
  steeredMaxRps: 0,
  strayRps: 0,
  isFull: false,
  availableRps: Infinity,
};

/** A change of external load beyond this share of the capacity counts at once. */
const JUMP_SHARE = 0.05;
/** Weight of a tick otherwise. */
const EXTERNAL_ALPHA = 0.2;
/** Stray load is smoothed over this time, ms: slower than clients follow. */
const STRAY_MS = 60_000;
/** Stray load counts up to this share of what the rows send: more than that is another mistake. */
const STRAY_SHARE_MAX = 0.5;
/** A full POP has room again below the target less this share of its capacity. */
const ROOM_AGAIN_SHARE = 0.05;

/**
 * Room of a POP for steered load: capacity x target less what others put on it, and less the steered load
 * that the rows do not explain. A POP that tells its steered load apart leaves no doubt about the rest.
 * Otherwise the reported load is that of others and ours; but ours follows our moves only as old TTLs run
 * out, and reports lag too. So theirs is known only to lie between the report less the most and less the
 * least that we may have brought: within these bounds the last value stays. Taking the difference from our
 * present plan instead would mistake the lag for load that comes and goes, and make the answers swing.
 */
export function nextCapacity(
  before: CapacityState,
  input: CapacityInput,
  params: SteeringParams,
): CapacityState {
  const { capacityRps, reportedRps, steeredRps, predictedRps, demandChangeRps, elapsedMs } = input;
  const kept = Math.exp(-elapsedMs / params.drainMs);
  const most = before.steeredMaxRps + demandChangeRps;
  const least = Math.max(0, before.steeredMinRps + demandChangeRps);
  const steeredMaxRps = predictedRps + kept * Math.max(0, most - predictedRps);
  const steeredMinRps = predictedRps - kept * Math.max(0, predictedRps - least);
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
  const availableRps = isFull ? 0 : Math.max(0, target - externalRps - strayRps);
  return { externalRps, steeredMinRps, steeredMaxRps, strayRps, isFull, availableRps };
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
