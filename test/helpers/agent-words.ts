import type { PopReport, SampleBatch } from '../../src/store/store.ts';

/** What an agent of FRA may send, as the listener's tests have it. */

/** When it was measured, ms since 1970. */
export const START_MS = 1_800_000_000_000;
/** Of Frankfurt's agent. */
export const FRA_TOKEN = 'a-secret-of-frankfurt';
export const batch: SampleBatch = {
  pop: 'FRA',
  atMs: START_MS,
  source: 'measured',
  samples: [
    { network: '203.0.113.0/24', rttMs: 12.5, jitterMs: 0.5, sent: 3, lost: 0, method: 'tcp' },
    { network: '2001:db8::/48', sent: 3, lost: 3 },
  ],
};

export const report: PopReport = {
  pop: 'FRA',
  atMs: START_MS,
  source: 'measured',
  loadRps: 10,
  capacityRps: 100,
  healthy: true,
  links: [{ id: 'FRA-a', throughputMbps: 1, capacityMbps: 10, queueMs: 0, lossRate: 0 }],
};
