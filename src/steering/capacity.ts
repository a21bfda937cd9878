import type { SteeringParams } from './params.ts';

/** What a POP's capacity looked like at the last tick. */
export interface CapacityState {
  /** Load that is not of our steering, requests/s, smoothed. */
  readonly externalRps: number;
  /** Highest load lately expected of our steering, fading as old TTLs run out. */
  readonly expectedRps: number;
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
  /** Load that the rows of the last tick send there, by the demand known. */
  readonly predictedRps: number;
  /** Since the last tick. */
  readonly elapsedMs: number;
}

/** Before the first tick. */
export const CAPACITY_UNKNOWN: CapacityState = {
  externalRps: 0,
  expectedRps: 0,
  isFull: false,
  availableRps: Infinity,
};

/** A change of external load beyond this share of the capacity counts at once. */
const JUMP_SHARE = 0.05;
/** Weight of a tick otherwise. */
const EXTERNAL_ALPHA = 0.2;
/** A full POP has room again below the target less this share of its capacity. */
const ROOM_AGAIN_SHARE = 0.05;

/**
 * Room of a POP for steered load: capacity x target less what others put on it. What others put there is
 * the reported load beyond what our own steering explains, now or under TTLs that still run: so a report
 * that lags behind our own moves is not mistaken for somebody else's load, which would make the answers
 * swing.
 */
export function nextCapacity(
  before: CapacityState,
  input: CapacityInput,
  params: SteeringParams,
): CapacityState {
  const { capacityRps, reportedRps, predictedRps, elapsedMs } = input;
  const expectedRps = Math.max(predictedRps, before.expectedRps * Math.exp(-elapsedMs / params.drainMs));
  const seen = reportedRps === undefined ? 0 : Math.max(0, reportedRps - expectedRps);
  const isJump = Math.abs(seen - before.externalRps) > JUMP_SHARE * capacityRps;
  const externalRps = isJump ? seen : before.externalRps + EXTERNAL_ALPHA * (seen - before.externalRps);
  const target = params.utilisationTarget * capacityRps;
  const isFull = externalRps >= (before.isFull ? target - ROOM_AGAIN_SHARE * capacityRps : target);
  return { externalRps, expectedRps, isFull, availableRps: isFull ? 0 : target - externalRps };
}
