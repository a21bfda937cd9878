import type { CounterSnapshot, FamilySnapshot } from '../base/counters.ts';
import type { Ingest } from '../probe/ingest-server.ts';

/** Figures of the listener for agents and browsers, once there is one. */
export interface IngestMetrics {
  readonly observe: (ingest: Ingest | undefined) => void;
  readonly read: () => readonly CounterSnapshot[];
}

/** Nothing until `observe`. */
export function ingestMetrics(): IngestMetrics {
  let observed: Ingest | undefined;
  return {
    observe: (ingest) => {
      observed = ingest;
    },
    read: () => (observed === undefined ? [] : [ingestCounters(observed)]),
  };
}

/** The figures as metrics. */
export function ingestCounters(ingest: Pick<Ingest, 'replies' | 'beacons'>): CounterSnapshot {
  const { taken, bounded, lost } = ingest.beacons() ?? { taken: 0, bounded: 0, lost: 0 };
  const replies = Object.entries(ingest.replies()).map(([status, value]) => ({ values: [status], value }));
  return {
    families: [
      {
        name: 'isochrone_ingest_requests_total',
        help: 'Requests of agents and browsers, by the status of the reply.',
        kind: 'counter',
        labels: ['status'],
        samples: replies,
      },
      counter('beacon_samples', 'Bursts taken of browsers.', taken),
      counter('beacon_bounded', 'Posts and bursts of browsers over their bounds.', bounded),
      counter('beacon_lost', 'Bursts of browsers that the store did not take.', lost),
    ],
    histograms: [],
  };
}

function counter(what: string, help: string, value: number): FamilySnapshot {
  const samples = [{ values: [], value }];
  return { name: `isochrone_ingest_${what}_total`, help, kind: 'counter', labels: [], samples };
}
