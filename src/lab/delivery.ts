import { chanceOf } from './chance.ts';
import type { DeliveredBurst, MeasuredBurst } from './steerer.ts';
import type { Truth } from './truth.ts';

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

/** A delivery as the events of a world have it. */
export function createDelivery(truth: Truth, seed: number): Delivery {
  let underWay: UnderWay[] = [];
  return {
    send: (bursts, tick, nowMs) => {
      const random = chanceOf(seed, KIND_LATE, tick);
      for (const measured of bursts) {
        const { clockSkewMs, copies, lateMs } = truth.agent(measured.pop);
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
