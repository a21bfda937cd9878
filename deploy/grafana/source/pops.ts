import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { bars, dashboard, rows, series } from './panels.ts';

const OF = '{instance=~"$instance", pop=~"$pop"}';

const most = (name: string): string => `max by (pop) (${name}${OF})`;

const LOAD_AND_CAPACITY = [
  bars({
    title: 'Load over capacity, the fullest ten',
    says: 'Requests a second that the POP reports, over what it can serve. Prices keep it below 1.',
    unit: 'percentunit',
    max: 1,
    queries: [
      {
        expr: `topk(10, ${most('isochrone_pop_load_rps')} / ${most('isochrone_pop_capacity_rps')})`,
        legend: '{{pop}}',
      },
    ],
    steps: [
      [null, 'green'],
      [0.8, 'yellow'],
      [0.95, 'red'],
    ],
  }),
  series({
    title: 'Load of the ten busiest',
    says: 'Requests a second, as the POPs report them, and what they expect by the time new answers count.',
    unit: 'reqps',
    queries: [
      { expr: `topk(10, ${most('isochrone_pop_load_rps')})`, legend: '{{pop}}' },
      {
        expr: `${most('isochrone_pop_expected_rps')} and topk(10, ${most('isochrone_pop_load_rps')})`,
        legend: '{{pop}} expected',
      },
    ],
  }),
  series({
    title: 'Load and capacity of the chosen POPs',
    says: 'Sum over the POPs chosen above: how near they are, together, to what they can serve.',
    unit: 'reqps',
    queries: [
      { expr: `sum(${most('isochrone_pop_load_rps')})`, legend: 'load' },
      { expr: `sum(${most('isochrone_pop_capacity_rps')})`, legend: 'capacity' },
    ],
  }),
  series({
    title: 'Price, the ten dearest',
    says: 'What a POP costs for its load. It rises as the POP fills: those with a near other leave first.',
    unit: 's',
    queries: [{ expr: `topk(10, ${most('isochrone_pop_price_seconds')})`, legend: '{{pop}}' }],
  }),
];

const SCORE_TERMS = [
  series({
    title: 'Price, congestion and bias, the ten dearest',
    says: 'Price for the load, congestion of the worst link, and the bias of the operator, added up.',
    unit: 's',
    stacked: true,
    queries: [
      {
        expr: `topk(10, ${most('isochrone_pop_price_seconds')} > 0) or vector(0)`,
        legend: 'price {{pop}}',
      },
      {
        expr: `topk(10, ${most('isochrone_link_congestion_seconds')} > 0) or vector(0)`,
        legend: 'congestion {{pop}}',
      },
      {
        expr: `topk(10, ${most('isochrone_pop_bias_seconds')} > 0) or vector(0)`,
        legend: 'bias {{pop}}',
      },
    ],
  }),
  series({
    title: 'Congestion by link, the ten worst',
    says: 'What clients of the link lose to its queue. Another link may be free.',
    unit: 's',
    queries: [
      {
        expr: `topk(10, max by (pop, link) (isochrone_link_congestion_seconds${OF}))`,
        legend: '{{link}}',
      },
    ],
  }),
];

const HEALTH = [
  series({
    title: 'POPs by state',
    says: 'As this process answers now: down by verdict of the quorum, drained by an operator or a window.',
    unit: 'none',
    stacked: true,
    queries: [
      {
        expr: 'max by (state) (sum by (instance, state) (isochrone_pop_state{instance=~"$instance"}))',
        legend: '{{state}}',
      },
    ],
  }),
  series({
    title: 'Checks',
    says: 'Health checks a second, those that failed, and those that were put off.',
    unit: 'ops',
    queries: ['', 'failed_', 'postponed_'].map((which) => ({
      expr: `sum(rate(isochrone_health_checks_${which}total{instance=~"$instance"}[$__rate_interval]))`,
      legend: which === '' ? 'checks' : which.slice(0, -1),
    })),
  }),
  series({
    title: 'Views that see a POP down, the ten worst',
    says: 'Share of the views that count. At the quorum of `health` (half by default) the POP is down.',
    unit: 'percentunit',
    max: 1,
    line: 0.5,
    queries: [
      {
        expr:
          `topk(10, max by (pop) (isochrone_health_pop_views${OF.replace('}', ', sees="down"}')} ` +
          `/ on (instance, pop) clamp_min(sum by (instance, pop) (isochrone_health_pop_views${OF}), 1)))`,
        legend: '{{pop}}',
      },
    ],
  }),
  series({
    title: 'Probers heard',
    says: 'Views that count for verdicts. One that sees nothing at all is not heard.',
    unit: 'none',
    queries: [{ expr: 'isochrone_health_views{instance=~"$instance"}', legend: '{{instance}}' }],
  }),
  series({
    title: 'Standing of agents, the lowest ten',
    says: 'Below 1: the times of the agent cannot be true, and are held to what the others allow.',
    unit: 'none',
    max: 1,
    queries: [{ expr: `bottomk(10, min by (pop) (isochrone_pop_agent_standing${OF}))`, legend: '{{pop}}' }],
  }),
];

const ANSWERS = [
  series({
    title: 'Steered answers, the ten busiest',
    says: 'Answers a second that named the POP.',
    unit: 'reqps',
    queries: [
      {
        expr: `topk(10, sum by (pop) (rate(isochrone_dns_pop_answers_total${OF}[$__rate_interval])))`,
        legend: '{{pop}}',
      },
    ],
  }),
  series({
    title: 'Share of demand, the ten largest',
    says: 'Share of the demand that the table in use sends to the POP.',
    unit: 'percentunit',
    stacked: true,
    queries: [{ expr: `topk(10, ${most('isochrone_pop_share_ratio')})`, legend: '{{pop}}' }],
  }),
];

const CACHES = [
  series({
    title: 'Requests that POPs of these processes answer',
    says: 'HTTPS requests a second by how: Hit, Miss, RefreshHit, Error … More: dashboard Request path.',
    unit: 'reqps',
    stacked: true,
    queries: [
      {
        expr: 'sum by (result) (rate(isochrone_pop_requests_total{instance=~"$instance"}[$__rate_interval]))',
        legend: '{{result}}',
      },
    ],
  }),
  series({
    title: 'Connections of clients',
    says: 'Open now, by process.',
    unit: 'none',
    queries: [{ expr: 'isochrone_pop_connections{instance=~"$instance"}', legend: '{{instance}}' }],
  }),
];

/** What is known of each POP, and what it does to the decisions. */
export function pops(): DashboardBuilder {
  return rows(
    dashboard('pops', {
      title: 'POPs',
      says: 'Health, load and score terms of each POP. Choose POPs above; explain a client in the console.',
      withPops: true,
    }),
    [
      ['Load and capacity', LOAD_AND_CAPACITY],
      ['Score terms: what a POP costs its clients beside the round-trip time', SCORE_TERMS],
      ['Health', HEALTH],
      ['Answers', ANSWERS],
      ['Requests', CACHES],
    ],
  );
}
