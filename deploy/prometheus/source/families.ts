/**
 * Every family of metrics that the program has, by asking the code that makes them for what it makes of
 * nearly nothing: names, types, sentences and labels are its own. A test holds the result against the pages
 * of running processes.
 */
import type { CounterLayout, CounterSnapshot, FamilySnapshot } from '../../../src/base/counters.ts';
import { counterBlock, readCounters } from '../../../src/base/counters.ts';
import { accessLogCounters } from '../../../src/cli/access-log-file.ts';
import { agentCounters } from '../../../src/cli/agent-counters.ts';
import { certificateFamilies } from '../../../src/cli/certificate.ts';
import { demandCounters } from '../../../src/cli/demand-view.ts';
import { ingestCounters } from '../../../src/cli/ingest-metrics.ts';
import { queryLogCounters } from '../../../src/cli/query-log.ts';
import { zoneCounters } from '../../../src/cli/zone-metrics.ts';
import { familiesOf } from '../../../src/console/metrics.ts';
import type { MetricsView, ProcessFacts } from '../../../src/console/metrics-view.ts';
import { DELAY_LAYOUT } from '../../../src/delays/counters.ts';
import { createPopCounters } from '../../../src/pop/pop-counters.ts';
import { securityCounts } from '../../../src/pop/security-counters.ts';
import { serverLayout } from '../../../src/server/counters.ts';
import { createLoadReader, crewFamilies } from '../../../src/server/supervisor-families.ts';
import { CONTROL, HEALTH, IMAGES, MEMORY, POP, TABLE } from './example.ts';

export type Role = ProcessFacts['role'];

/** A label; `values` where the code lists them. */
export interface Label {
  readonly name: string;
  readonly values?: readonly string[];
}

/** A family as the page tells of it. */
export interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly help: string;
  readonly labels: readonly Label[];
  /** Buckets of a histogram, the last one without bound among them. */
  readonly buckets: number;
  readonly roles: readonly Role[];
}

/** Where a snapshot's counters are: those roles, and only if `needs` is configured. */
interface Source {
  readonly roles: readonly Role[];
  readonly snapshot: CounterSnapshot;
  /** Labels' values, where a layout has them. */
  readonly layout?: CounterLayout;
}

const NONE: CounterSnapshot = { families: [], histograms: [] };

/** All of them, in the order of the pages. */
export function allMetrics(): readonly Metric[] {
  const found = new Map<string, Metric>();
  const add = (metric: Metric): void => {
    const known = found.get(metric.name);
    const roles = [...new Set([...(known?.roles ?? []), ...metric.roles])];
    found.set(metric.name, { ...metric, roles });
  };
  for (const role of ['up', 'serve', 'control', 'agent', 'pop'] as const)
    for (const { name, type, help, samples } of familiesOf(viewOf(role))) {
      const has = role === 'agent' || role === 'pop' ? name === 'isochrone_build_info' : true;
      const labels = Object.keys(samples[0]?.labels ?? {}).map((label) => ({ name: label }));
      if (has) add({ name, type, help, labels, buckets: 0, roles: [role] });
    }
  for (const { roles, snapshot, layout } of sources()) {
    const listed = new Map(layout?.families.map((family) => [family.name, family.labels]));
    for (const { name, kind, help, labels } of snapshot.families) {
      const named = listed.get(name) ?? labels.map((label) => ({ name: label }));
      add({ name, type: kind, help, labels: named, buckets: 0, roles });
    }
    for (const { name, help, counts } of snapshot.histograms)
      add({ name, type: 'histogram', help, labels: [], buckets: counts.length, roles });
  }
  return [...found.values()];
}

/** What the console of a role has: only a name server has zones and row maps, only a controller decides. */
function viewOf(role: Role): MetricsView {
  const answers = role === 'up' || role === 'serve';
  const { map: _, ...plain } = TABLE;
  return {
    role,
    version: '0',
    counters: [],
    table: answers ? TABLE : plain,
    images: answers ? IMAGES : { clients: IMAGES.clients },
    nowMs: 1,
    pops: [POP],
    store: { connected: true, errors: 0, memory: MEMORY },
    ...(role === 'serve' ? {} : { control: CONTROL }),
    health: HEALTH,
  };
}

function sources(): readonly Source[] {
  const servers: readonly Role[] = ['up', 'serve'];
  const layout = serverLayout(['FRA']);
  const block = counterBlock(layout);
  const delays = counterBlock(DELAY_LAYOUT);
  const families = (list: readonly FamilySnapshot[]): CounterSnapshot => ({ ...NONE, families: list });
  // What these read of a crew, a tier and an agent's counts is all that they get.
  const crew = { slots: [], options: { deaths: { banned: () => 0 } }, data: {} } as never;
  const tier = { figures: () => ({ caches: [], origins: [] }) } as never;
  const guard = { open: () => 0, ended: () => new Map() };
  const state = { connected: true, address: '', errors: 0, damaged: 0 };
  return [
    { roles: servers, snapshot: readCounters(layout, [block]), layout },
    { roles: servers, snapshot: families(crewFamilies(crew, { kind: 'native' } as never)) },
    { roles: servers, snapshot: families(createLoadReader(crew, [block])(layout)) },
    { roles: servers, snapshot: demandOfNobody() },
    { roles: servers, snapshot: zonesOfAllKinds() },
    { roles: servers, snapshot: families(certificateFamilies({ notAfterMs: 0 } as never, {})) },
    { roles: servers, snapshot: queryLogCounters({ logged: 0, lost: 0 }) },
    {
      roles: ['up', 'serve', 'control'],
      snapshot: ingestCounters({ replies: () => ({}), beacons: () => undefined }),
    },
    { roles: ['up', 'pop'], snapshot: createPopCounters().read({ tier, guard }) },
    { roles: ['up', 'pop'], snapshot: securityCounts(new Map()).read() },
    { roles: ['up', 'pop'], snapshot: accessLogCounters(0) },
    { roles: ['up', 'pop'], snapshot: readCounters(DELAY_LAYOUT, [delays]), layout: DELAY_LAYOUT },
    { roles: ['agent'], snapshot: agentCounters({ restraints: {}, samples: {} } as never, state) },
  ];
}

/** One signed zone, and zones from elsewhere, of which nothing is known yet. */
function zonesOfAllKinds(): CounterSnapshot {
  const notes = { signed: { zone: { expiresAtS: 0, tookMs: 0 } } };
  const fetched = { results: {}, octets: 0 };
  const figures = { secondaries: [], fetched, notified: {}, keys: new Map() };
  return zoneCounters({ images: { zones: { notes } } } as never, [], figures as never);
}

function demandOfNobody(): CounterSnapshot {
  const demand = () => ({ cells: [], overflowQps: 0, qps: 0 });
  return demandCounters({} as never, { demand } as never);
}
