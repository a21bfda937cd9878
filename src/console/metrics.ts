import { collectDefaultMetrics, type Metric, Registry } from 'prom-client';
import type { CounterSnapshot, HistogramSnapshot } from '../base/counters.ts';
import type { AdminApi, ControlMetrics, MetricsView, PopStateWord, PopView, TableView } from './api.ts';
import type { HealthMetrics } from './api-health.ts';
import type { Reply } from './reply.ts';

/** Makes the metrics page. */
export interface MetricsPage {
  /** Everything, read now, in Prometheus' text format. */
  readonly render: (api: Pick<AdminApi, 'metrics'>) => Promise<Reply>;
}

const PREFIX = 'isochrone_';
const STATES: readonly PopStateWord[] = ['up', 'down', 'drained'];

/** Gauges that `prom-client` names like counters; each is the sum of the gauge without `_total`. */
const MISNAMED = ['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`);

/**
 * The metrics of one process. Those of Node and the process itself are `prom-client`'s own; ours are read
 * from snapshots at each scrape, so that nothing is counted twice and the query path never sees
 * `prom-client`.
 */
export function createMetricsPage(): MetricsPage {
  const standard = new Registry();
  collectDefaultMetrics({ register: standard, eventLoopMonitoringPrecision: 100 });
  for (const name of MISNAMED) standard.removeSingleMetric(name);
  return {
    render: async (api) => {
      const ours = new Registry();
      for (const family of familiesOf(await api.metrics())) ours.registerMetric(metricOf(family));
      const body = `${await ours.metrics()}\n${await standard.metrics()}`;
      return { status: 200, type: standard.contentType, body };
    },
  };
}

/** One sample of a family. */
interface MetricSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** `_bucket`, `_sum`, `_count` of histograms and summaries. */
  readonly suffix?: string;
}

/** A family of metrics as it stands now. */
interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly samples: readonly MetricSample[];
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

function familiesOf(view: MetricsView): Family[] {
  return [
    gauge('build_info', 'Always 1; the version is a label.', [
      { labels: { version: view.version, node: process.version }, value: 1 },
    ]),
    ...view.counters.flatMap(counterFamilies),
    ...(view.table === undefined ? [] : tableFamilies(view.table)),
    ...imageFamilies(view),
    ...popFamilies(view.pops),
    single(gauge, 'store_connected', 'Whether the store is reachable.', view.store.connected ? 1 : 0),
    single(counter, 'store_errors_total', 'Failed calls to the store.', view.store.errors),
    ...(view.control === undefined ? [] : controlFamilies(view.control)),
    ...healthFamilies(view.health),
  ];
}

function counterFamilies(snapshot: CounterSnapshot): Family[] {
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
    single(gauge, 'table_build_seconds', 'Time that building the row map took.', table.buildMs / 1000),
  ];
}

function imageFamilies({ images, table, nowMs }: MetricsView): Family[] {
  const { zones, clients } = images;
  const sample = (image: string, value: number): MetricSample => ({ labels: { image }, value });
  const ageSeconds = (madeAtMs: number): number => Math.max(0, nowMs - madeAtMs) / 1000;
  const octets = [sample('zones', zones.octets), sample('clients', clients.octets)];
  if (table !== undefined) octets.push(sample('steering', table.octets), sample('row map', table.mapOctets));
  return [
    gauge('image_bytes', 'Size of the images that answers are made from.', octets),
    gauge('image_age_seconds', 'Time since the image was made from its sources.', [
      sample('zones', ageSeconds(zones.madeAtMs)),
      sample('clients', ageSeconds(clients.madeAtMs)),
    ]),
    single(gauge, 'zones', 'Zones that are answered for.', zones.zones),
    single(gauge, 'zone_names', 'Names in all zones, empty non-terminals among them.', zones.names),
    single(gauge, 'zone_records', 'Records in all zones.', zones.records),
    gauge('client_ranges', 'Ranges of addresses that lie in one place and network.', [
      { labels: { family: 'ipv4' }, value: clients.rangesIpv4 },
      { labels: { family: 'ipv6' }, value: clients.rangesIpv6 },
    ]),
    single(gauge, 'client_sites', 'Pairs of place and network that clients are in.', clients.sites),
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
  return [
    gauge('pop_state', 'Whether the POP is in the state that the label names.', states),
    each('pop_load_rps', 'Requests a second that the POP reports.', ({ loadRps }) => loadRps),
    each('pop_capacity_rps', 'Requests a second that the POP can serve.', ({ capacityRps }) => capacityRps),
    each('pop_share_ratio', 'Share of the demand that the table sends to the POP.', ({ share }) => share),
    each('pop_price_seconds', 'Score term: price of the POP for its load.', ({ priceMs }) => priceMs / 1000),
    each('pop_bias_seconds', "Score term: operator's bias of the POP.", ({ biasMs }) => biasMs / 1000),
    gauge('link_congestion_seconds', 'Score term: congestion of the link.', links),
  ];
}

function controlFamilies(control: ControlMetrics): Family[] {
  const ticks: MetricSample[] = [
    { labels: {}, value: control.totalTickMs / 1000, suffix: '_sum' },
    { labels: {}, value: control.ticks, suffix: '_count' },
  ];
  return [
    {
      name: `${PREFIX}control_tick_seconds`,
      help: 'Time that decisions took.',
      type: 'summary',
      samples: ticks,
    },
    single(
      gauge,
      'control_last_tick_seconds',
      'Time that the last decision took.',
      control.lastTickMs / 1000,
    ),
    single(
      counter,
      'control_failed_ticks_total',
      'Ticks without a table: failed, kept back, or the store was away.',
      control.failedTicks,
    ),
    single(
      counter,
      'control_plan_seconds_total',
      'Of the time of decisions, what planning measurements took.',
      control.totalPlanMs / 1000,
    ),
    counter(
      'bursts_planned_total',
      'Bursts that agents were given to make.',
      byLabel('pop', control.plannedBursts),
    ),
    single(
      counter,
      'bursts_lost_total',
      'Bursts that were planned and did not reach the list of an agent.',
      control.lostBursts,
    ),
    single(counter, 'samples_total', 'Bursts that agents sent.', control.samples),
    counter(
      'samples_refused_total',
      'Bursts that were not believed.',
      byLabel('reason', control.refusedSamples),
    ),
    counter('moves_total', 'Cells that were given another POP, by why.', byLabel('reason', control.moves)),
    single(gauge, 'cells', 'Cells in the steering table.', control.cells),
  ];
}

function healthFamilies({ checks, watch, verdictTimes }: HealthMetrics): Family[] {
  const times: MetricSample[] = [
    { labels: {}, value: verdictTimes.sumMs / 1000, suffix: '_sum' },
    { labels: {}, value: verdictTimes.count, suffix: '_count' },
  ];
  const total = (name: string, help: string, value: number): Family => single(counter, name, help, value);
  return [
    total('health_checks_total', 'Checks of POPs that this process made.', checks.made),
    total('health_checks_failed_total', 'Of these, those that failed.', checks.failed),
    total('health_checks_postponed_total', 'Checks put off: too many were under way.', checks.postponed),
    total('health_views_lost_total', 'Views that the store did not take.', checks.viewsLost),
    single(gauge, 'health_views', 'Probers whose views are heard now.', watch.views),
    total('health_verdicts_total', 'POPs that went down or came up by the views.', watch.verdictChanges),
    total('health_reads_failed_total', 'Readings of views that the store refused.', watch.storeFailures),
    {
      name: `${PREFIX}health_verdict_seconds`,
      help: 'Time from the first failed check of this process to the verdict that a POP is down.',
      type: 'summary',
      samples: times,
    },
    single(
      gauge,
      'health_last_verdict_seconds',
      'The same time of the last verdict.',
      verdictTimes.lastMs / 1000,
    ),
  ];
}

function byLabel(label: string, counts: Readonly<Record<string, number>>): MetricSample[] {
  return Object.entries(counts).map(([name, value]) => ({ labels: { [label]: name }, value }));
}

function gauge(name: string, help: string, samples: readonly MetricSample[]): Family {
  return { name: PREFIX + name, help, type: 'gauge', samples };
}

function counter(name: string, help: string, samples: readonly MetricSample[]): Family {
  return { name: PREFIX + name, help, type: 'counter', samples };
}

function single(make: typeof gauge, name: string, help: string, value: number): Family {
  return make(name, help, [{ labels: {}, value }]);
}
