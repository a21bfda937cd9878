import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { bars, dashboard, rows, series, stat } from './panels.ts';

const OF = '{instance=~"$instance"}';

const per = (name: string, by = ''): string => `sum${by} (rate(${name}${OF}[$__rate_interval]))`;

/** By reason, of one process that decides: those that stand by think the same. */
const regret = `max by (reason) (isochrone_regret_seconds${OF})`;

const byPop = (name: string): string => `max by (pop) (isochrone_${name}${OF})`;

const THE_TABLE = [
  stat({
    title: 'Cells',
    says: 'Networks and places that the table decides for.',
    unit: 'short',
    queries: [{ expr: `max(isochrone_cells${OF})` }],
  }),
  stat({
    title: 'Rows that differ',
    says: 'Different rows of the table: cells with the same row share it.',
    unit: 'short',
    queries: [{ expr: `max(isochrone_table_rows${OF})` }],
  }),
  stat({
    title: 'Networks that asked',
    says: 'Client networks and services seen in the last seconds, from one query in sixteen.',
    unit: 'short',
    queries: [{ expr: `sum(isochrone_dns_demand_networks${OF})` }],
  }),
  stat({
    title: 'Estimated regret',
    says: 'Mean RTT that clients would gain at the nearest POP that is up, by the estimates: at most.',
    unit: 's',
    queries: [{ expr: `sum(${regret})` }],
    steps: [
      [null, 'green'],
      [0.005, 'yellow'],
      [0.02, 'red'],
    ],
    decimals: 2,
  }),
  stat({
    title: 'Of it, for want of capacity',
    says: 'The part that prices and full POPs cause. More capacity near these clients would end it.',
    unit: 's',
    queries: [{ expr: `max(isochrone_regret_seconds${OF.replace('}', ', reason="capacity"}')})` }],
    decimals: 2,
  }),
];

const REGRET = [
  series({
    title: 'Estimated regret, by what keeps clients there',
    says: 'Mean over the demand. `capacity`: prices; `terms`: loss, congestion, bias; `held`: hysteresis.',
    unit: 's',
    stacked: true,
    queries: [{ expr: regret, legend: '{{reason}}' }],
  }),
  series({
    title: 'Price and congestion that clients meet',
    says: 'Mean over the demand, of the POPs that it goes to. A price is no time: it is what moves clients.',
    unit: 's',
    queries: [
      { expr: `sum(${byPop('pop_share_ratio')} * ${byPop('pop_price_seconds')})`, legend: 'price' },
      {
        expr: `sum(${byPop('pop_share_ratio')} * ${byPop('link_congestion_seconds')})`,
        legend: 'congestion',
      },
    ],
  }),
];

const DEPTH = [
  series({
    title: 'Cells by depth',
    says: 'Places, networks at a place, and single networks that get another row than these.',
    unit: 'short',
    queries: [{ expr: `max by (depth) (isochrone_cells_by_depth${OF})`, legend: '{{depth}}' }],
  }),
  series({
    title: 'Pairs of cell and POP that were measured',
    says: 'It rises while clients are explored, and then stays: what is not measured any more is forgotten.',
    unit: 'short',
    queries: [{ expr: `max(isochrone_estimates${OF})`, legend: 'pairs' }],
  }),
];

const WHAT_MOVES = [
  series({
    title: 'Moves by reason',
    says: 'Cells that were given another POP a second. `gain` and `learned`: for lower latency.',
    unit: 'ops',
    stacked: true,
    queries: [{ expr: per('isochrone_moves_total', ' by (reason)'), legend: '{{reason}}' }],
  }),
  series({
    title: 'Moves a cell and hour',
    says: 'Below 0.1 where nothing happens; lasting values above 1 are flaps.',
    unit: 'none',
    queries: [
      {
        expr: `3600 * ${per('isochrone_moves_total')} / max(isochrone_cells${OF})`,
        legend: 'moves a cell-hour',
      },
    ],
  }),
];

const ALARMS = [
  series({
    title: 'Alarms',
    says: 'POPs that got slower for many cells at once: these are measured and moved faster.',
    unit: 'none',
    queries: [{ expr: `sum(increase(isochrone_alarms_total${OF}[$__rate_interval]))`, legend: 'alarms' }],
  }),
  series({
    title: 'Demand without room',
    says: 'Requests a second beyond what the POPs that are answered can serve. It is shed in proportion.',
    unit: 'reqps',
    queries: [{ expr: `max(isochrone_capacity_short_rps${OF})`, legend: 'short' }],
  }),
];

const WHAT_IS_MEASURED = [
  series({
    title: 'Bursts',
    says: 'Bursts a second that agents were given, that came back, and that were lost on the way to agents.',
    unit: 'ops',
    queries: [
      { expr: per('isochrone_bursts_planned_total'), legend: 'planned' },
      { expr: per('isochrone_samples_total'), legend: 'arrived' },
      { expr: per('isochrone_bursts_lost_total'), legend: 'lost' },
    ],
  }),
  series({
    title: 'Bursts refused, by reason',
    says: 'Faster than light, from the future, too old, of unknown networks: not believed.',
    unit: 'ops',
    stacked: true,
    queries: [
      {
        expr: `${per('isochrone_samples_refused_total', ' by (reason)')} or vector(0)`,
        legend: '{{reason}}',
      },
    ],
  }),
];

const WHAT_TELLS_CLIENTS_APART = [
  series({
    title: 'Steered answers by what told the client',
    says: "ECS: the client's own network; else its resolver's address.",
    unit: 'reqps',
    stacked: true,
    queries: [{ expr: per('isochrone_dns_pop_answers_total', ' by (client)'), legend: '{{client}}' }],
  }),
  series({
    title: 'Ranges of addresses',
    says: 'Ranges that lie in one place and network, of the geo databases in use.',
    unit: 'short',
    queries: [{ expr: `max by (family) (isochrone_client_ranges${OF})`, legend: '{{family}}' }],
  }),
];

/** Shares of the whole, the largest first: what lengths prefixes have. */
const lengths = (name: string, label: string): string => {
  const all = per(name, ` by (family, ${label})`);
  return `topk(12, ${all} / on () group_left () clamp_min(sum(${all}), 1e-9))`;
};

const SUBNETS = [
  bars({
    title: 'Scopes of answers, the twelve most frequent',
    says: 'How wide a prefix may keep what was chosen by ECS. Shorter: fewer queries, coarser choices.',
    unit: 'percentunit',
    max: 1,
    queries: [{ expr: lengths('isochrone_dns_ecs_answers_total', 'scope'), legend: '{{family}} /{{scope}}' }],
  }),
  bars({
    title: 'Client subnets that came, the twelve most frequent',
    says: 'Bits of the client that resolvers tell. /24 and /56 or /48 are usual; /0 asks not to be located.',
    unit: 'percentunit',
    max: 1,
    queries: [
      { expr: lengths('isochrone_dns_ecs_queries_total', 'source'), legend: '{{family}} /{{source}}' },
    ],
  }),
  series({
    title: 'Answers by scope',
    says: 'Answers a second that were chosen by ECS. A jump: the table told networks apart, or joined them.',
    unit: 'reqps',
    stacked: true,
    queries: [
      {
        expr: per('isochrone_dns_ecs_answers_total', ' by (family, scope)'),
        legend: '{{family}} /{{scope}}',
      },
    ],
  }),
];

/** How well clients are mapped, and what it costs to know. */
export function mapping(): DashboardBuilder {
  return rows(
    dashboard('mapping', {
      title: 'Mapping',
      says: 'What is measured, what moves, and what tells clients apart.',
    }),
    [
      ['The table', THE_TABLE],
      ['Regret, estimated', REGRET],
      ['Cells', DEPTH],
      ['What moves', [...WHAT_MOVES, ...ALARMS]],
      ['What is measured', WHAT_IS_MEASURED],
      ['What tells clients apart', WHAT_TELLS_CLIENTS_APART],
      ['Client subnets (ECS)', SUBNETS],
    ],
  );
}
