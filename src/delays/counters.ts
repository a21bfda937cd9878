import { counterLayout } from '../base/counters.ts';

/** What became of packets, and how many wait: the thread writes them, `/metrics` shows them. */
export const DELAY_LAYOUT = counterLayout(
  [
    {
      name: 'isochrone_delays_packets_total',
      help: 'Packets between clients and POPs here, by what was done to make modelled delays real.',
      kind: 'counter',
      labels: [{ name: 'result', values: ['held', 'passed', 'lost', 'overflow'] }],
    },
    {
      name: 'isochrone_delays_waiting_packets',
      help: 'Packets that are held now.',
      kind: 'gauge',
      labels: [],
    },
  ],
  [],
);

/** Slots of the block. */
export const DELAY_SLOT = {
  HELD: 0,
  /** Let through at once: not between a client and what it asks. */
  PASSED: 1,
  /** Dropped as the model loses them. */
  LOST: 2,
  /** Dropped because too many were held. */
  OVERFLOW: 3,
  WAITING: 4,
} as const;
