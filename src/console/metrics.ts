import { collectDefaultMetrics, type Metric, Registry } from 'prom-client';
import type { CounterSnapshot, HistogramSnapshot } from '../base/counters.ts';
import type { AdminApi, PopStateWord, PopView, TableView } from './api.ts';
import { controlFamilies, healthFamilies } from './metrics-control.ts';
import { counter, type Family, gauge, type MetricSample, single } from './metrics-family.ts';
import type { MetricsView, ProcessFacts } from './metrics-view.ts';
import type { Reply } from './reply.ts';

/** Makes the metrics page. */
export interface MetricsPage {
  /** Everything, read now, in Prometheus' text format. */
  readonly render: (api: Pick<AdminApi, 'metrics'>) => Promise<Reply>;
}

const STATES: readonly PopStateWord[] = ['up', 'down', 'drained'];

/** Gauges that `prom-client` names like counters; each is the sum of the gauge without `_total`. */
const MISNAMED = ['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`);

/**
 * The metrics of one process. Those of Node and the process itself are `prom-client`'s own; ours are read
 * from snapshots at each scrape, so that nothing is counted twice and the query path never sees
 * `prom-client`.
 */
export function createMetricsPage(): MetricsPage {
  const standard = standardMetrics();
  return { render: async (api) => pageOf(familiesOf(await api.metrics()), standard) };
}

/** A page of counters alone, for roles that have no console: read now, with those of Node and the process. */
export function createCountersPage(facts: ProcessFacts): (snapshot: CounterSnapshot) => Promise<Reply> {
  const standard = standardMetrics();
  return (snapshot) => pageOf([buildInfo(facts), ...counterFamilies(snapshot)], standard);
}

function buildInfo({ version, role }: ProcessFacts): Family {
  const labels = { version, role, node: process.version };
  return gauge('build_info', 'Always 1; version and role are labels.', [{ labels, value: 1 }]);
}

function standardMetrics(): Registry {
  const standard = new Registry();
  collectDefaultMetrics({ register: standard, eventLoopMonitoringPrecision: 100 });
  for (const name of MISNAMED) standard.removeSingleMetric(name);
  return standard;
}

async function pageOf(families: readonly Family[], standard: Registry): Promise<Reply> {
  const ours = new Registry();
  for (const family of families) ours.registerMetric(metricOf(family));
  const body = `${await ours.metrics()}\n${await standard.metrics()}`;
  return { status: 200, type: standard.contentType, body };
}

/**
 * `prom-client` prints whatever has this `get`; its own counters can only be added to, never set to what
 * was read.
 */
function metricOf(family: Family): Metric {
  const { name, help, type, samples } = family;
  const values = samples.map(({ labels, value, suffix }) => ({
    labels,
    value,
    ...(suffix === undefined ? {} : { metricName: name + suffix }),
  }));
  const get = async () => ({ name, help, type, values, aggregator: 'sum' });
  // The registry calls only `name` and `get()`; the class has methods that a snapshot cannot have.
  return { name, get } as unknown as Metric;
}

/** Every family of a process that has a console. */
export function familiesOf(view: MetricsView): Family[] {
  return [
    buildInfo(view),
    ...view.counters.flatMap(counterFamilies),
    ...(view.table === undefined ? [] : tableFamilies(view.table)),
    ...imageFamilies(view),
    ...popFamilies(view.pops),
    ...storeFamilies(view.store),
    ...(view.control === undefined ? [] : controlFamilies(view.control)),
    ...healthFamilies(view.health),
  ];
}

/** Counters as families. */
export function counterFamilies(snapshot: CounterSnapshot): Family[] {
  const families = snapshot.families.map(
    ({ name, help, kind, labels, samples }): Family => ({
      name,
      help,
      type: kind,
      samples: samples.map(({ values, value }) => ({
        labels: Object.fromEntries(labels.map((label, i) => [label, values[i] ?? ''])),
        value,
      })),
    }),
  );
  return [...families, ...snapshot.histograms.map(histogram)];
}

function histogram(snapshot: HistogramSnapshot): Family {
  const { name, help, bounds, counts, sum } = snapshot;
  let seen = 0;
  const samples: MetricSample[] = counts.map((count, i) => {
    seen += count;
    return { labels: { le: String(bounds[i] ?? '+Inf') }, value: seen, suffix: '_bucket' };
  });
  samples.push({ labels: {}, value: sum, suffix: '_sum' }, { labels: {}, value: seen, suffix: '_count' });
  return { name, help, type: 'histogram', samples };
}

function tableFamilies(table: TableView): Family[] {
  return [
    single(gauge, 'table_epoch', 'Epoch of the steering table in use.', table.epoch),
    single(gauge, 'table_age_seconds', 'Age of the steering table in use.', table.ageMs / 1000),
    single(gauge, 'table_rows', 'Rows of the steering table that differ.', table.rows),
    ...(table.map === undefined
      ? []
      : [
          single(
            gauge,
            'table_build_seconds',
            'Time that building the row map took.',
            table.map.buildMs / 1000,
          ),
        ]),
  ];
}

function imageFamilies({ images, table, nowMs }: MetricsView): Family[] {
  const { zones, clients } = images;
  const sample = (image: string, value: number): MetricSample => ({ labels: { image }, value });
  const ageSeconds = (madeAtMs: number): number => Math.max(0, nowMs - madeAtMs) / 1000;
  const octets = [sample('clients', clients.octets)];
  const ages = [sample('clients', ageSeconds(clients.madeAtMs))];
  if (zones !== undefined) {
    octets.unshift(sample('zones', zones.octets));
    ages.unshift(sample('zones', ageSeconds(zones.madeAtMs)));
  }
  if (table !== undefined) octets.push(sample('steering', table.octets));
  if (table?.map !== undefined) octets.push(sample('row map', table.map.octets));
  return [
    gauge('image_bytes', 'Size of the images that answers are made from.', octets),
    gauge('image_age_seconds', 'Time since the image was made from its sources.', ages),
    ...(zones === undefined ? [] : zoneFamilies(zones)),
    gauge('client_ranges', 'Ranges of addresses that lie in one place and network.', [
      { labels: { family: 'ipv4' }, value: clients.rangesIpv4 },
      { labels: { family: 'ipv6' }, value: clients.rangesIpv6 },
    ]),
    single(gauge, 'client_sites', 'Pairs of place and network that clients are in.', clients.sites),
  ];
}

function zoneFamilies(zones: NonNullable<MetricsView['images']['zones']>): Family[] {
  return [
    single(gauge, 'zones', 'Zones that are answered for.', zones.zones),
    single(gauge, 'zone_names', 'Names in all zones, empty non-terminals among them.', zones.names),
    single(gauge, 'zone_records', 'Records in all zones.', zones.records),
  ];
}

function storeFamilies({ connected, errors, memory }: MetricsView['store']): Family[] {
  const state = [
    single(gauge, 'store_connected', 'Whether the store is reachable.', connected ? 1 : 0),
    single(counter, 'store_errors_total', 'Failed calls to the store.', errors),
  ];
  if (memory === undefined) return state;
  return [
    ...state,
    single(
      gauge,
      'store_memory_used_bytes',
      'Memory that Redis uses, as it counts towards its maximum. Only of a Redis that tells.',
      memory.usedOctets,
    ),
    single(
      gauge,
      'store_memory_max_bytes',
      'Memory that Redis may use, its maxmemory; 0: no maximum.',
      memory.maxOctets,
    ),
    single(
      counter,
      'store_evicted_keys_total',
      'Keys that Redis threw away because it was full.',
      memory.evictedKeys,
    ),
    single(
      gauge,
      'store_evicts',
      'Whether Redis throws keys away when it is full: its maxmemory-policy is not noeviction.',
      memory.evicts ? 1 : 0,
    ),
  ];
}

function popFamilies(pops: readonly PopView[]): Family[] {
  const each = (name: string, help: string, value: (pop: PopView) => number | undefined): Family =>
    gauge(
      name,
      help,
      pops.flatMap((pop) => {
        const now = value(pop);
        return now === undefined ? [] : [{ labels: { pop: pop.code }, value: now }];
      }),
    );
  const states = pops.flatMap((pop) =>
    STATES.map((state) => ({ labels: { pop: pop.code, state }, value: pop.state === state ? 1 : 0 })),
  );
  const links = pops.flatMap((pop) =>
    pop.links.map((link) => ({ labels: { pop: pop.code, link: link.id }, value: link.congestionMs / 1000 })),
  );
  const places = pops.map(({ code, city, country, latitude, longitude }) => {
    const where = { latitude: String(latitude), longitude: String(longitude) };
    return { labels: { pop: code, city, country, ...where }, value: 1 };
  });
  return [
    gauge('pop_info', 'Always 1; where the POP is, in degrees, is a label.', places),
    gauge('pop_state', 'Whether the POP is in the state that the label names.', states),
    each('pop_load_rps', 'Requests a second that the POP reports.', ({ loadRps }) => loadRps),
    each(
      'pop_expected_rps',
      'Requests a second that the POP expects by the time that new answers count: as now, or more.',
      ({ loadRps, expectedRps = loadRps }) => expectedRps,
    ),
    each('pop_capacity_rps', 'Requests a second that the POP can serve.', ({ capacityRps }) => capacityRps),
    each('pop_share_ratio', 'Share of the demand that the table sends to the POP.', ({ share }) => share),
    each('pop_price_seconds', 'Score term: price of the POP for its load.', ({ priceMs }) => priceMs / 1000),
    each(
      'pop_agent_standing',
      'Standing of the agent of the POP: below 1 its times are held to what others allow.',
      ({ agentStanding }) => agentStanding,
    ),
    each('pop_bias_seconds', "Score term: operator's bias of the POP.", ({ biasMs }) => biasMs / 1000),
    gauge('link_congestion_seconds', 'Score term: congestion of the link.', links),
  ];
}
