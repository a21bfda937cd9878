import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard, rows, series, stat } from './panels.ts';

const OF = 'instance=~"$instance"';

/** Sum of a counter's rate: `more` are label matchers, `by` the labels that stay. */
function per(name: string, { more = '', by = '' }: { more?: string; by?: string } = {}): string {
  const matchers = more === '' ? OF : `${OF}, ${more}`;
  const grouped = by === '' ? '' : ` by (${by})`;
  return `sum${grouped} (rate(${name}{${matchers}}[$__rate_interval]))`;
}

const REQUESTS = 'isochrone_pop_requests_total';
/** What caches could have answered: not refusals, redirects and what functions made. */
const CACHEABLE = 'result=~"Hit|RefreshHit|Miss"';

/** Share of the second in the first; nothing was asked: nought. */
const share = (part: string, whole: string): string =>
  `(${part} or vector(0)) / clamp_min(${whole} or vector(0), 1e-9)`;

/** Of what reaches a layer, the share that it answers itself. */
const answeredBy = (layer: string, beyond: string): string =>
  share(
    per(REQUESTS, { more: `${CACHEABLE}, layer="${layer}"` }),
    per(REQUESTS, { more: `${CACHEABLE}, layer=~"${beyond}"` }),
  );

const quantile = (of: number): string =>
  `histogram_quantile(${of}, ${per('isochrone_pop_request_seconds_bucket', { by: 'le' })})`;

const NOW = [
  stat({
    title: 'Requests',
    says: 'HTTPS requests that POPs of the chosen processes answer a second.',
    unit: 'reqps',
    queries: [{ expr: per(REQUESTS) }],
  }),
  stat({
    title: 'Hit ratio',
    says: 'Of what may be cached, the share that some cache answered. What is not cacheable does not count.',
    unit: 'percentunit',
    queries: [
      {
        expr: share(per(REQUESTS, { more: 'result=~"Hit|RefreshHit"' }), per(REQUESTS, { more: CACHEABLE })),
      },
    ],
    steps: [
      [null, 'red'],
      [0.5, 'yellow'],
      [0.8, 'green'],
    ],
    decimals: 1,
  }),
  stat({
    title: 'Server errors',
    says: 'Share of answers with 5xx: mostly origins that fail. See "Faults of the tier" below.',
    unit: 'percentunit',
    queries: [{ expr: share(per(REQUESTS, { more: 'status="5xx"' }), per(REQUESTS)) }],
    steps: [
      [null, 'green'],
      [0.001, 'yellow'],
      [0.01, 'red'],
    ],
    decimals: 2,
  }),
  stat({
    title: 'p99 of a request',
    says: 'From the head of a request to the last octet of its answer, which clients may take slowly.',
    unit: 's',
    queries: [{ expr: quantile(0.99) }],
    decimals: 3,
  }),
  stat({
    title: 'Connections',
    says: 'Connections that clients have open now.',
    unit: 'short',
    queries: [{ expr: `sum(isochrone_pop_connections{${OF}})` }],
  }),
  stat({
    title: 'Blocked by rules',
    says: 'Share of the requests that web ACLs looked at and refused.',
    unit: 'percentunit',
    queries: [
      {
        expr: share(
          per('isochrone_pop_waf_requests_total', { more: 'action="block"' }),
          per('isochrone_pop_waf_requests_total'),
        ),
      },
    ],
    decimals: 1,
  }),
];

const LAYERS = [
  series({
    title: 'Requests by the layer that answered',
    says: 'l1: refused, redirected or made by a function; l2, rec and shield: caches; l3: the origin.',
    unit: 'reqps',
    stacked: true,
    queries: [{ expr: per(REQUESTS, { by: 'layer' }), legend: '{{layer}}' }],
  }),
  series({
    title: 'Hit ratio by layer',
    says: 'Of what reaches the layer, the share that it answers itself.',
    unit: 'percentunit',
    max: 1,
    queries: [
      { expr: answeredBy('l2', 'l2|rec|shield|l3'), legend: 'L2, the cache of the POP' },
      { expr: answeredBy('rec', 'rec|shield|l3'), legend: 'regional edge cache' },
      { expr: answeredBy('shield', 'shield|l3'), legend: 'origin shield' },
    ],
  }),
  series({
    title: 'Requests by status',
    says: 'Classes of status codes.',
    unit: 'reqps',
    stacked: true,
    queries: [{ expr: per(REQUESTS, { by: 'status' }), legend: '{{status}}' }],
  }),
  series({
    title: 'Time of a request',
    says: 'From its head to the last octet of its answer.',
    unit: 's',
    queries: [0.5, 0.9, 0.99].map((of) => ({ expr: quantile(of), legend: `p${100 * of}` })),
  }),
];

const CACHES = [
  series({
    title: 'What the caches hold',
    says: 'Octets by layer. Near the configured bound, objects make room for others.',
    unit: 'bytes',
    stacked: true,
    queries: [{ expr: `sum by (layer) (isochrone_pop_cache_octets{${OF}})`, legend: '{{layer}}' }],
  }),
  series({
    title: 'Objects, and objects that made room',
    says: 'Objects by layer, and those dropped for others in the interval: caches that are too small.',
    unit: 'short',
    queries: [
      { expr: `sum by (layer) (isochrone_pop_cache_objects{${OF}})`, legend: '{{layer}}' },
      {
        expr: `sum by (layer) (increase(isochrone_pop_cache_evicted_total{${OF}}[$__rate_interval]))`,
        legend: '{{layer}} made room',
      },
    ],
  }),
];

const ORIGINS = [
  series({
    title: 'Requests to origins',
    says: 'What no cache answered, by origin.',
    unit: 'reqps',
    stacked: true,
    queries: [{ expr: per('isochrone_pop_origin_requests_total', { by: 'origin' }), legend: '{{origin}}' }],
  }),
  series({
    title: 'Connections to origins',
    says: 'Open now, and opened a second. Kept connections save the handshakes of those opened anew.',
    unit: 'none',
    queries: [
      { expr: `sum by (origin) (isochrone_pop_origin_connections_open{${OF}})`, legend: '{{origin}} open' },
      {
        expr: per('isochrone_pop_origin_connections_total', { by: 'origin' }),
        legend: '{{origin}} opened a second',
      },
    ],
  }),
];

const SECURITY = [
  series({
    title: 'Web ACLs',
    says: 'Requests a second by what the ACL did.',
    unit: 'reqps',
    stacked: true,
    queries: [
      {
        expr: per('isochrone_pop_waf_requests_total', { by: 'acl, action' }),
        legend: '{{acl}} {{action}}',
      },
    ],
  }),
  series({
    title: 'Rules that meant a request, the ten busiest',
    says: 'By ACL and rule, counted ones too: look here before a rule that counts is made one that blocks.',
    unit: 'reqps',
    queries: [
      {
        expr: `topk(10, ${per('isochrone_pop_waf_rule_matches_total', { by: 'rule' })})`,
        legend: '{{rule}}',
      },
    ],
  }),
  series({
    title: 'Functions and handlers',
    says: 'Calls a second by how they ended: the request went on, was answered there, or the code failed.',
    unit: 'ops',
    queries: [
      { expr: per('isochrone_pop_edge_code_total', { by: 'kind, ended' }), legend: '{{kind}} {{ended}}' },
    ],
  }),
  series({
    title: 'Faults of the tier',
    says: 'Answers that the tier made in place of an origin, by detail as in the access log.',
    unit: 'reqps',
    stacked: true,
    queries: [{ expr: per('isochrone_pop_faults_total', { by: 'detail' }), legend: '{{detail}}' }],
  }),
];

const LOAD = [
  series({
    title: 'Processor time',
    says: 'Cores that each process with POPs takes, all its threads.',
    unit: 'none',
    queries: [
      {
        expr:
          `rate(process_cpu_seconds_total{${OF}}[$__rate_interval]) ` +
          'and on (instance) isochrone_pop_connections',
        legend: '{{instance}}',
      },
    ],
  }),
  series({
    title: 'Requests by result',
    says: 'As X-Cache says it: Hit, Miss, RefreshHit, Error, Redirect, LimitExceeded, or made by edge code.',
    unit: 'reqps',
    stacked: true,
    queries: [{ expr: per(REQUESTS, { by: 'result' }), legend: '{{result}}' }],
  }),
  series({
    title: 'Octets to clients',
    says: 'Octets of bodies a second.',
    unit: 'Bps',
    queries: [{ expr: per('isochrone_pop_sent_octets_total', { by: 'instance' }), legend: '{{instance}}' }],
  }),
  series({
    title: 'Connections ended, by reason',
    says: 'Ended because of what their clients did: slow heads, silence, too many.',
    unit: 'ops',
    stacked: true,
    queries: [
      {
        expr: `${per('isochrone_pop_connections_ended_total', { by: 'reason' })} or vector(0)`,
        legend: '{{reason}}',
      },
    ],
  }),
];

/** What happens to requests after the DNS answer, layer by layer. */
export function requestPath(): DashboardBuilder {
  return rows(
    dashboard('request-path', {
      title: 'Request path',
      says: 'Requests through the layers of POPs: caches, origins, rules and functions, and the load.',
    }),
    [
      ['Now', NOW],
      ['Layers', LAYERS],
      ['Caches', CACHES],
      ['Origins', ORIGINS],
      ['Security', SECURITY],
      ['Load', LOAD],
    ],
  );
}
