import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { bars, dashboard, rows, series, stat } from './panels.ts';
import { popMap } from './pop-map.ts';

const answers = (more: string): string =>
  `sum(rate(isochrone_dns_answers_total{instance=~"$instance"${more}}[$__rate_interval]))`;

const handling = (quantile: number): string =>
  `histogram_quantile(${quantile}, sum by (le) ` +
  '(rate(isochrone_dns_handling_seconds_bucket{instance=~"$instance"}[$__rate_interval])))';

const NOW = [
  stat({
    title: 'Answers',
    says: 'DNS queries answered a second, all processes and transports.',
    unit: 'reqps',
    span: 3,
    queries: [
      {
        expr: 'sum(rate(isochrone_dns_queries_total{instance=~"$instance"}[$__rate_interval])) or vector(0)',
      },
    ],
  }),
  stat({
    title: 'Failures',
    says: 'Share of answers that are SERVFAIL. Anything but nought means that a zone or a table is missing.',
    unit: 'percentunit',
    span: 3,
    queries: [
      {
        expr: `(${answers(', kind="failed"')} or vector(0)) / clamp_min(${answers('')} or vector(0), 1e-9)`,
      },
    ],
    steps: [
      [null, 'green'],
      [0.0001, 'yellow'],
      [0.01, 'red'],
    ],
    decimals: 2,
  }),
  stat({
    title: 'p99 of a query',
    says: 'From the reading of a UDP query to the kernel having its response; sampled, measured.',
    unit: 's',
    queries: [{ expr: handling(0.99) }],
    steps: [
      [null, 'green'],
      [0.001, 'yellow'],
      [0.01, 'red'],
    ],
    span: 3,
  }),
  stat({
    title: 'Regret, estimated',
    says: 'Mean RTT that clients would gain at the nearest POP that is up. More: dashboard Mapping.',
    unit: 's',
    queries: [{ expr: 'sum(max by (reason) (isochrone_regret_seconds{instance=~"$instance"}))' }],
    steps: [
      [null, 'green'],
      [0.005, 'yellow'],
      [0.02, 'red'],
    ],
    decimals: 2,
    span: 3,
  }),
  stat({
    title: 'POPs up',
    says: 'POPs that may be answered now.',
    unit: 'none',
    span: 3,
    queries: [{ expr: 'max(sum by (instance) (isochrone_pop_state{instance=~"$instance", state="up"}))' }],
  }),
  stat({
    title: 'POPs down or drained',
    says: 'POPs that nobody is answered with, by verdict or by an operator.',
    unit: 'none',
    span: 3,
    queries: [
      {
        expr: 'max(sum by (instance) (isochrone_pop_state{instance=~"$instance", state=~"down|drained"}))',
      },
    ],
    steps: [
      [null, 'green'],
      [1, 'yellow'],
      [5, 'red'],
    ],
  }),
  stat({
    title: 'Age of the table',
    says: 'The oldest steering table in use. It is renewed each 10 s; older than 30 s: nobody decides.',
    unit: 's',
    span: 3,
    queries: [{ expr: 'max(isochrone_table_age_seconds{instance=~"$instance"})' }],
    steps: [
      [null, 'green'],
      [15, 'yellow'],
      [30, 'red'],
    ],
    decimals: 0,
  }),
  stat({
    title: 'Load against capacity',
    says: 'Requests a second that all POPs report, over what they can serve.',
    unit: 'percentunit',
    span: 3,
    queries: [
      {
        expr:
          'max(sum by (instance) (isochrone_pop_load_rps{instance=~"$instance"}) / ' +
          'sum by (instance) (isochrone_pop_capacity_rps{instance=~"$instance"}))',
      },
    ],
    steps: [
      [null, 'green'],
      [0.8, 'yellow'],
      [0.95, 'red'],
    ],
    decimals: 0,
  }),
];

const WHERE_CLIENTS_GO = [
  popMap(),
  bars({
    title: 'Share of demand by POP, the first ten',
    says: 'Share of the demand that the table in use sends to the POP.',
    unit: 'percentunit',
    queries: [
      {
        expr: 'topk(10, max by (pop) (isochrone_pop_share_ratio{instance=~"$instance"}))',
        legend: '{{pop}}',
      },
    ],
  }),
];

const OVER_TIME = [
  series({
    title: 'Answers by kind',
    says: 'DNS responses a second: steered, other answers, denials, refusals.',
    unit: 'reqps',
    stacked: true,
    queries: [
      {
        expr: 'sum by (kind) (rate(isochrone_dns_answers_total{instance=~"$instance"}[$__rate_interval]))',
        legend: '{{kind}}',
      },
    ],
  }),
  series({
    title: 'HTTPS requests at POPs, by the layer that answered',
    says: 'Where POPs run in these processes; empty elsewhere. More: dashboard Request path.',
    unit: 'reqps',
    stacked: true,
    queries: [
      {
        expr: 'sum by (layer) (rate(isochrone_pop_requests_total{instance=~"$instance"}[$__rate_interval]))',
        legend: '{{layer}}',
      },
    ],
  }),
  series({
    title: 'Time that a query takes here',
    says: 'From the reading of a UDP query to the kernel having its response; sampled, measured.',
    unit: 's',
    queries: [0.5, 0.99].map((quantile) => ({ expr: handling(quantile), legend: `p${100 * quantile}` })),
  }),
];

/** What one looks at first. */
export function overview(): DashboardBuilder {
  return rows(
    dashboard('overview', {
      title: 'Overview',
      says: 'Whether answers go out, where they send clients, and whether anything is wrong.',
    }),
    [
      ['Now', NOW],
      ['Where clients go', WHERE_CLIENTS_GO],
      ['Over time', OVER_TIME],
    ],
  );
}
