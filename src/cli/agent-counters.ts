import type { CounterSnapshot, FamilySnapshot } from '../base/counters.ts';
import type { RealCounts } from '../probe/real.ts';
import type { StoreState } from '../store/store.ts';

/** An agent's figures as metrics. */
export function agentCounters(counts: RealCounts, store: StoreState): CounterSnapshot {
  const { restraints } = counts;
  const by = (all: Readonly<Record<string, number>>): FamilySnapshot['samples'] =>
    Object.entries(all).map(([which, value]) => ({ values: [which], value }));
  return {
    families: [
      counter('bursts', 'Bursts sent.', counts.bursts),
      counter('unanswered_bursts', 'Bursts that nobody answered.', counts.unanswered),
      counter(
        'unknown_targets',
        'Bursts wanted to networks of which no address is known.',
        counts.unknownTargets,
      ),
      {
        name: 'isochrone_agent_held_back_bursts_total',
        help: 'Bursts wanted and not sent, by why.',
        kind: 'counter',
        labels: ['reason'],
        samples: by(restraints),
      },
      {
        name: 'isochrone_agent_samples_total',
        help: 'Samples for the controller, by the way in which they were measured.',
        kind: 'counter',
        labels: ['way'],
        samples: by(counts.samples),
      },
      counter('pings', 'Pings of these samples.', counts.pings),
      counter('pings_lost', 'Of these, those that were lost.', counts.pingsLost),
      counter('passive_samples', 'Samples of connections that clients have open.', counts.passiveSamples),
      counter('passive_failures', 'Looks at connections that failed.', counts.passiveFailures),
      counter(
        'exporter_failures',
        "Times that the exporter's page could not be had.",
        counts.exporterFailures,
      ),
      counter('sent_batches', 'Batches that the store took.', counts.sent),
      counter('dropped_batches', 'Batches dropped: the buffer was full, or they grew old.', counts.dropped),
      counter('overflow_samples', 'Samples that found no room in their batch.', counts.overflow),
      counter('lost_reports', 'Reports and demand lists that the store did not take.', counts.reportsLost),
      gauge('waiting_batches', 'Batches that wait for the store.', counts.waiting),
      gauge('bursts_under_way', 'Bursts under way.', counts.underWay),
      gauge('connections', 'Connections of clients seen at the last look.', counts.connections),
      gauge('store_connected', 'Whether the store is reachable.', store.connected ? 1 : 0),
      stamp('last_batch', 'When the store last took a batch of samples, Unix time.', counts.sentAtMs),
      stamp(
        'last_report',
        'When the store last took a report or a demand list, Unix time.',
        counts.reportedAtMs,
      ),
    ],
    histograms: [],
  };
}

function counter(what: string, help: string, value: number): FamilySnapshot {
  return single(`${what}_total`, { help, kind: 'counter', value });
}

function gauge(what: string, help: string, value: number): FamilySnapshot {
  return single(what, { help, kind: 'gauge', value });
}

/** Without a sample until it first happened. */
function stamp(what: string, help: string, atMs: number): FamilySnapshot {
  const { samples, ...family } = gauge(`${what}_timestamp_seconds`, help, atMs / 1000);
  return { ...family, samples: atMs > 0 ? samples : [] };
}

function single(
  what: string,
  { help, kind, value }: { help: string; kind: FamilySnapshot['kind']; value: number },
): FamilySnapshot {
  return { name: `isochrone_agent_${what}`, help, kind, labels: [], samples: [{ values: [], value }] };
}
