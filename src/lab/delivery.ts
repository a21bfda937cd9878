import { chanceOf } from './chance.ts';
import type { DeliveredBurst, MeasuredBurst } from './steerer.ts';

/** An agent's clock and its way to who decides. */
export interface AgentState {
  /** By how much its clock is ahead, ms. */
  readonly clockSkewMs: number;
  /** How often each of its bursts arrives. */
  readonly copies: number;
  /** Each arrives up to so much later, ms: one may overtake another. */
  readonly lateMs: number;
}

/** The way of bursts from the agents to who decides: with wrong clocks, twice, late and out of order. */
export interface Delivery {
  /** Takes what was measured at a moment of true time, ms. */
  readonly send: (bursts: readonly MeasuredBurst[], tick: number, nowMs: number) => void;
  /** What has arrived by then, in the order of arrival. */
  readonly take: (nowMs: number) => readonly DeliveredBurst[];
}

interface UnderWay {
  readonly burst: DeliveredBurst;
  readonly arrivesMs: number;
}

const KIND_LATE = 502;

/** A delivery, by what each POP's agent is like now. */
export function createDelivery(agentOf: (pop: number) => AgentState, seed: number): Delivery {
  let underWay: UnderWay[] = [];
  return {
    send: (bursts, tick, nowMs) => {
      const random = chanceOf(seed, KIND_LATE, tick);
      for (const measured of bursts) {
        const { clockSkewMs, copies, lateMs } = agentOf(measured.pop);
        const burst = { ...measured, atMs: nowMs + clockSkewMs };
        for (let copy = 0; copy < copies; copy++)
          underWay.push({ burst, arrivesMs: lateMs === 0 ? nowMs : nowMs + lateMs * random.next() });
      }
    },
    take: (nowMs) => {
      const arrived = underWay.filter(({ arrivesMs }) => arrivesMs <= nowMs);
      underWay = underWay.filter(({ arrivesMs }) => arrivesMs > nowMs);
      return arrived.sort((one, other) => one.arrivesMs - other.arrivesMs).map(({ burst }) => burst);
    },
  };
}
