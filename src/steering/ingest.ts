import type { LocatedSample, Refusal } from './accept.ts';
import { admitBlock, intakeOf } from './admit.ts';
import { turnAgent } from './held.ts';
import type { Learning } from './learning.ts';
import { beginTick } from './pool.ts';
import { correctPriors } from './pop-bias.ts';
import { judgeTrust } from './trust.ts';
import { updateBlock, updatingOf } from './update.ts';
import { type AsnAlarm, fastKey, judgeAsns, judgePools } from './witness.ts';

/** What a tick's bursts did. */
export interface Learned {
  readonly accepted: number;
  /** By burst: the closest cell that it counted for; -1: refused. */
  readonly cellOfSample: Int32Array;
  readonly refused: Partial<Record<Refusal, number>>;
  /** Cells whose estimates changed, each once. */
  readonly touched: readonly number[];
  /** POPs that alarmed. */
  readonly alarms: readonly number[];
  /** Agents are held from now on, or let go: what was believed of their cells changed. */
  readonly hasTurned: boolean;
  /** A POP may be shifting: the next bursts tell. */
  readonly isSuspected: boolean;
  /** POPs whose clients of one AS changed together. */
  readonly asnAlarms: readonly AsnAlarm[];
  /** Cells that have decisions of their own from now on. */
  readonly madeCells: readonly number[];
}

/**
 * Bursts taken together: what each needs of memory is read for all of them before the first is looked at, so
 * that the waits overlap.
 */
const BLOCK = 64;

/**
 * Takes a tick's bursts in. First each finds its cells and is held against its estimate, to see whether a
 * whole POP, or one AS at it, shifted or loses packets; then, with that taken off, each updates its
 * network's estimate, and those of its AS there and of its place.
 */
export function learn(state: Learning, samples: readonly LocatedSample[], nowMs: number): Learned {
  state.ticks++;
  for (const pool of state.pools) beginTick(pool, nowMs);
  const intake = intakeOf(state, samples, nowMs);
  for (let from = 0; from < samples.length; from += BLOCK)
    admitBlock(intake, from, Math.min(samples.length, from + BLOCK));
  const { accepted, refused, madeCells } = intake;
  const judged = accepted > 0 ? judgeTrust(state.trust, nowMs) : [];
  for (const pop of judged) turnAgent(state, pop, nowMs);
  const alarms = judgePools(state, nowMs);
  const asnAlarms = judgeAsns(state, intake);
  const fast = new Set(asnAlarms.map(({ pop, asn }) => fastKey(pop, asn)));
  const updating = updatingOf(intake, fast);
  for (let from = 0; from < samples.length; from += BLOCK)
    updateBlock(updating, from, Math.min(samples.length, from + BLOCK));
  if (accepted > 0) correctPriors(state);
  const isSuspected = state.pools.some((pool, pop) => pool.hold && !alarms.includes(pop));
  return {
    accepted,
    cellOfSample: intake.cellOfSample,
    refused,
    touched: updating.touched,
    alarms,
    hasTurned: judged.length > 0,
    isSuspected,
    asnAlarms,
    madeCells,
  };
}
