import type { CounterSnapshot, FamilySnapshot } from '../base/counters.ts';
import type { ConnectionGuard } from './l1/connections.ts';
import type { Done } from './l1/exchange.ts';
import type { Tier } from './tier.ts';

/** Counts what clients were answered, by the layer that answered and how. */
export interface PopCounters {
  readonly count: (done: Done) => void;
  /** For `/metrics`. */
  readonly read: (parts: {
    readonly tier: Tier;
    readonly guard: Pick<ConnectionGuard, 'open' | 'ended'>;
  }) => CounterSnapshot;
}

/**
 * Origins with series of their own; the others are `other`. A Lambda@Edge handler may name as many as it
 * likes.
 */
const ORIGINS_NAMED = 100;

/** Bounds of the histogram of times, s. */
const BOUNDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createPopCounters(): PopCounters {
  const requests = new Map<string, number>();
  const faults = new Map<string, number>();
  const buckets = new Array<number>(BOUNDS.length + 1).fill(0);
  let seconds = 0;
  let octets = 0;
  return {
    count: ({ response, sent, tookMs }) => {
      const { from, result, status, fault } = response;
      add(requests, `${from} ${result} ${Math.floor(status / 100)}xx`);
      if (fault !== undefined) add(faults, fault);
      octets += sent.octets;
      seconds += tookMs / 1000;
      let bucket = 0;
      while (bucket < BOUNDS.length && tookMs / 1000 > (BOUNDS[bucket] ?? 0)) bucket++;
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    },
    read: ({ tier, guard }) => ({
      families: [
        {
          name: 'isochrone_pop_requests_total',
          help: 'Requests that the POPs of this process answered, by the layer that answered and how.',
          kind: 'counter',
          labels: ['layer', 'result', 'status'],
          samples: Array.from(requests, ([key, value]) => ({ values: key.split(' '), value })),
        },
        {
          name: 'isochrone_pop_faults_total',
          help: 'Requests that the POP tier itself could not or would not serve, by detail.',
          kind: 'counter',
          labels: ['detail'],
          samples: samplesOf(faults),
        },
        single('isochrone_pop_sent_octets_total', 'Octets of bodies sent to clients.', 'counter', octets),
        single('isochrone_pop_connections', 'Connections of clients now.', 'gauge', guard.open()),
        {
          name: 'isochrone_pop_connections_ended_total',
          help: 'Connections ended because of what their clients did, by reason.',
          kind: 'counter',
          labels: ['reason'],
          samples: samplesOf(guard.ended()),
        },
        ...tierFamilies(tier),
      ],
      histograms: [
        {
          name: 'isochrone_pop_request_seconds',
          help: 'From the head of a request to the end of its answer.',
          bounds: BOUNDS,
          counts: [...buckets],
          sum: seconds,
        },
      ],
    }),
  };
}

function tierFamilies(tier: Tier): FamilySnapshot[] {
  const { caches, origins } = tier.figures();
  const byLayer = (pick: (cache: (typeof caches)[number]) => number): FamilySnapshot['samples'] => {
    const sums = new Map<string, number>();
    for (const cache of caches) sums.set(cache.layer, (sums.get(cache.layer) ?? 0) + pick(cache));
    return samplesOf(sums);
  };
  const named = new Set([...new Set(origins.map(({ origin }) => origin))].slice(0, ORIGINS_NAMED));
  const byOrigin = (pick: (origin: (typeof origins)[number]) => number): FamilySnapshot['samples'] => {
    const sums = new Map<string, number>();
    for (const origin of origins) {
      const name = named.has(origin.origin) ? origin.origin : 'other';
      sums.set(name, (sums.get(name) ?? 0) + pick(origin));
    }
    return samplesOf(sums);
  };
  const family = (
    name: string,
    help: string,
    rest: Pick<FamilySnapshot, 'kind' | 'labels' | 'samples'>,
  ): FamilySnapshot => ({ name, help, ...rest });
  const layer = { labels: ['layer'] };
  const origin = { labels: ['origin'] };
  return [
    family('isochrone_pop_cache_objects', 'Objects in the caches now.', {
      ...layer,
      kind: 'gauge',
      samples: byLayer(({ objects }) => objects),
    }),
    family('isochrone_pop_cache_octets', 'Octets that the caches hold now.', {
      ...layer,
      kind: 'gauge',
      samples: byLayer(({ octets }) => octets),
    }),
    family('isochrone_pop_cache_evicted_total', 'Objects that had to make room for others.', {
      ...layer,
      kind: 'counter',
      samples: byLayer(({ evicted }) => evicted),
    }),
    family('isochrone_pop_origin_requests_total', 'Requests sent to origins.', {
      ...origin,
      kind: 'counter',
      samples: byOrigin(({ requests }) => requests),
    }),
    family('isochrone_pop_origin_connections_total', 'Connections opened to origins.', {
      ...origin,
      kind: 'counter',
      samples: byOrigin(({ opened }) => opened),
    }),
    family('isochrone_pop_origin_connections_open', 'Connections to origins now.', {
      ...origin,
      kind: 'gauge',
      samples: byOrigin(({ open }) => open),
    }),
  ];
}

function single(name: string, help: string, kind: 'counter' | 'gauge', value: number): FamilySnapshot {
  return { name, help, kind, labels: [], samples: [{ values: [], value }] };
}

function samplesOf(counts: ReadonlyMap<string, number>): FamilySnapshot['samples'] {
  return Array.from(counts, ([key, value]) => ({ values: [key], value }));
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
