import { allMetrics, type Label, type Metric, type Role } from './families.ts';

/** Parts of the page: what begins like this belongs there, the first that fits. */
const PARTS: readonly (readonly [begins: string, title: string])[] = [
  ['isochrone_dns_', 'Name server'],
  ['isochrone_tls_', 'Certificate of DNS over TLS and HTTPS (with `listen.dot` or `listen.doh`)'],
  ['isochrone_query_log_', 'Query log (with `log.queries`)'],
  ['isochrone_pop_info', 'POPs as steering sees them'],
  ['isochrone_pop_state', 'POPs as steering sees them'],
  ['isochrone_pop_load_rps', 'POPs as steering sees them'],
  ['isochrone_pop_expected_rps', 'POPs as steering sees them'],
  ['isochrone_pop_capacity_rps', 'POPs as steering sees them'],
  ['isochrone_pop_share_ratio', 'POPs as steering sees them'],
  ['isochrone_pop_price_seconds', 'POPs as steering sees them'],
  ['isochrone_pop_bias_seconds', 'POPs as steering sees them'],
  ['isochrone_pop_agent_standing', 'POPs as steering sees them'],
  ['isochrone_pop_report_', 'POPs as steering sees them'],
  ['isochrone_link_', 'POPs as steering sees them'],
  ['isochrone_pop_', 'POP tier: requests after the answer'],
  ['isochrone_health_', 'Health checks and verdicts'],
  ['isochrone_control_', 'Control loop'],
  ['isochrone_bursts_', 'Control loop'],
  ['isochrone_samples_', 'Control loop'],
  ['isochrone_moves_', 'Control loop'],
  ['isochrone_cells', 'Control loop'],
  ['isochrone_estimates', 'Control loop'],
  ['isochrone_alarms_', 'Control loop'],
  ['isochrone_services_', 'Control loop'],
  ['isochrone_capacity_', 'Control loop'],
  ['isochrone_regret_', 'Control loop'],
  ['isochrone_delays_', 'Real delays (with `--real-delays`)'],
  ['isochrone_agent_', 'Agent'],
  ['isochrone_ingest_', 'What comes over HTTP from agents and browsers (with `listen.ingest`)'],
  ['isochrone_zone_', 'Zones, transfers and signatures'],
  ['isochrone_secondary_', 'Zones, transfers and signatures'],
  ['isochrone_transfer', 'Zones, transfers and signatures'],
  ['isochrone_notifies_', 'Zones, transfers and signatures'],
  ['isochrone_', 'Process, images, table and store'],
];

/** Labels whose values the code does not list: how many there can be, and of what. */
const OPEN: Readonly<Record<string, string>> = {
  pop: 'POPs',
  link: 'links',
  worker: 'serving threads',
  acl: 'web ACLs',
  rule: 'rules of web ACLs',
  service: 'services',
  zone: 'zones, 200 at most',
};

/** Metrics whose series are not the product of their labels' values. */
const AT_MOST: Readonly<Record<string, string>> = {
  isochrone_build_info: '1',
  isochrone_zone_sources: '3',
  isochrone_secondary_zones: '4',
  isochrone_notifies_out_total: '2',
  isochrone_transfers_in_total: 'results in the code, under 10',
  isochrone_zone_keys: 'keys of 200 zones, as many as are in use at a time',
  isochrone_dns_io: '1',
  isochrone_dns_ecs_queries_total: '162: lengths of IPv4 and IPv6 prefixes, those that came',
  isochrone_dns_ecs_answers_total: '162: lengths of IPv4 and IPv6 prefixes, those that were given',
  isochrone_dns_demand_queries_per_second: '20, the busiest',
  isochrone_pop_info: 'POPs',
  isochrone_pop_state: 'POPs × 3',
  isochrone_health_pop_views: 'POPs × 2',
  isochrone_link_congestion_seconds: 'links',
  isochrone_image_bytes: '4',
  isochrone_image_age_seconds: '2',
  isochrone_client_ranges: '2',
  isochrone_cells_by_depth: '3',
  isochrone_regret_seconds: '3',
  isochrone_samples_refused_total: 'reasons in the code, under 20',
  isochrone_moves_total: 'reasons in the code, under 20',
  isochrone_tls_certificate_reloads_total: '2',
  isochrone_ingest_requests_total: 'status codes in use, under 20',
  isochrone_agent_held_back_bursts_total: '4',
  isochrone_agent_samples_total: 'ways in the code, 8',
  isochrone_pop_requests_total: 'layers 5 × results 8 × status classes 5',
  isochrone_pop_waf_requests_total: 'web ACLs × 2',
  isochrone_pop_edge_code_total: '6',
  isochrone_pop_faults_total: 'details in the code, under 40',
  isochrone_pop_connections_ended_total: 'reasons in the code, under 10',
  isochrone_pop_cache_objects: '3',
  isochrone_pop_cache_octets: '3',
  isochrone_pop_cache_evicted_total: '3',
  isochrone_pop_origin_requests_total: 'origins, 101 at most',
  isochrone_pop_origin_connections_total: 'origins, 101 at most',
  isochrone_pop_origin_connections_open: 'origins, 101 at most',
};

/** Ends of names, and the unit that they say. */
const UNITS: readonly (readonly [ends: string, unit: string])[] = [
  ['_timestamp_seconds', 'Unix time, s'],
  ['_seconds', 's'],
  ['_bytes', 'octets'],
  ['_octets', 'octets'],
  ['_ratio', '0…1'],
  ['_standing', '0…1'],
  ['_rps', 'requests/s'],
  ['_queries_per_second', 'queries/s'],
  ['_datagrams', 'datagrams'],
];

const ROLES: readonly Role[] = ['up', 'serve', 'control', 'agent', 'pop'];

/** The text of docs/metrics.md. Throws where nothing bounds a metric's series. */
export function metricsPage(): string {
  const all = allMetrics();
  const titles = [...new Set(PARTS.map(([, title]) => title))];
  const parts = titles.flatMap((title) => {
    const rows = all.filter(({ name }) => partOf(name) === title).map(rowOf);
    const head = [
      '| metric | type, unit | labels | series at most | roles | meaning |',
      `|${' --- |'.repeat(6)}`,
    ];
    return rows.length === 0 ? [] : ['', `## ${title}`, '', ...head, ...rows];
  });
  return [...HEAD, ...parts, ''].join('\n');
}

const HEAD = [
  '# Metrics',
  '',
  'Made by `npm run metrics` from the code that counts; a test fails while it differs, and another holds it',
  'against the pages of running processes. `listen.admin` of `up`, `serve` and `control`, and `--admin-port`',
  "of `agent` and `pop`, have them at `/metrics` in Prometheus' text format. What to watch, and what to do",
  'then: [operations.md](operations.md#metrics-to-watch).',
  '',
  'Names follow Prometheus: the prefix `isochrone_`, base units (seconds, octets, ratios) last, `_total` for',
  'what only rises. No label holds a client, a name that was asked or anything else that strangers choose,',
  'but for the twenty busiest client networks. "Series at most" is for one process; histograms have a series',
  'a bucket, a sum and a count. Beside these each process has `process_*` and `nodejs_*` of',
  '[prom-client](https://github.com/siimon/prom-client).',
];

function rowOf(metric: Metric): string {
  const { name, type, help, labels, roles } = metric;
  const listed = labels.map((label) => `\`${label.name}\`${valuesOf(label)}`).join(', ');
  const where = ROLES.filter((role) => roles.includes(role)).join(' ');
  const cells = [`\`${name}\``, `${type}, ${unitOf(metric)}`, listed, seriesOf(metric), where, help];
  return `| ${cells.join(' | ')} |`;
}

/** Few values are named; many are counted. */
function valuesOf({ name, values = [] }: Label): string {
  if (values.length === 0 || name in OPEN) return '';
  return values.length > 4 ? ` (${values.length})` : `: ${values.join(' ')}`;
}

function unitOf({ name, type }: Metric): string {
  if (name.endsWith('_info')) return 'always 1';
  const bare = name.replace(/_total$/, '');
  const unit = UNITS.find(([ends]) => bare.endsWith(ends))?.[1];
  if (unit !== undefined) return unit;
  return type === 'counter' ? 'count' : 'number';
}

function seriesOf({ name, labels, buckets, type }: Metric): string {
  if (buckets > 0) return String(buckets + 2);
  if (type === 'summary') return '2';
  const stated = AT_MOST[name];
  if (stated !== undefined) return stated;
  if (labels.length === 0) return '1';
  return labels.map((label) => boundOf(name, label)).join(' × ');
}

function boundOf(metric: string, { name, values = [] }: Label): string {
  const bound = OPEN[name] ?? (values.length > 0 ? String(values.length) : undefined);
  if (bound === undefined) throw new Error(`${metric}: nothing bounds the values of its label ${name}`);
  return bound;
}

function partOf(name: string): string {
  return PARTS.find(([begins]) => name.startsWith(begins))?.[1] ?? '';
}
