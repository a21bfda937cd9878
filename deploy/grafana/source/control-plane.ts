import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard, rows, series, stat } from './panels.ts';

const OF = '{instance=~"$instance"}';

const FULL = `isochrone_store_memory_used_bytes${OF} / (isochrone_store_memory_max_bytes${OF} > 0)`;

const NOW = [
  stat({
    title: 'Leaders',
    says: 'Processes that decide: exactly one.',
    unit: 'none',
    queries: [{ expr: 'sum(isochrone_control_leading) or vector(0)' }],
    steps: [
      [null, 'red'],
      [1, 'green'],
      [2, 'red'],
    ],
  }),
  stat({
    title: 'Processes without the store',
    says: 'Of all processes here, those whose store is away. Answers go on from the last table.',
    unit: 'none',
    queries: [{ expr: `count(isochrone_store_connected${OF} == 0) or vector(0)` }],
    steps: [
      [null, 'green'],
      [1, 'red'],
    ],
  }),
  stat({
    title: 'Redis full',
    says: 'Of its maxmemory. At 100 % it refuses writes. No number: it has no maximum, or does not tell.',
    unit: 'percentunit',
    queries: [{ expr: `max(${FULL})` }],
    steps: [
      [null, 'green'],
      [0.75, 'yellow'],
      [0.9, 'red'],
    ],
    decimals: 0,
  }),
  stat({
    title: 'Keys lost by Redis in a day',
    says: 'Thrown away because it was full: drains may be among them. Its policy has to be noeviction.',
    unit: 'none',
    queries: [{ expr: `max(increase(isochrone_store_evicted_keys_total${OF}[1d]))` }],
    steps: [
      [null, 'green'],
      [1, 'red'],
    ],
    decimals: 0,
  }),
  stat({
    title: 'Changes of leader in a day',
    says: 'As the process saw it that saw most of them.',
    unit: 'none',
    queries: [{ expr: `max(increase(isochrone_control_leader_changes_total${OF}[1d]))` }],
    decimals: 0,
  }),
];

const TICKS = [
  series({
    title: 'Time of a tick',
    says: 'Mean of the decisions. Above a second reactions get slower.',
    unit: 's',
    line: 1,
    queries: [
      {
        expr:
          `rate(isochrone_control_tick_seconds_sum${OF}[$__rate_interval]) / ` +
          `rate(isochrone_control_tick_seconds_count${OF}[$__rate_interval])`,
        legend: '{{instance}}',
      },
    ],
  }),
  series({
    title: 'Ticks without a table',
    says: 'Failed, kept back by the guard, or the store was away.',
    unit: 'ops',
    queries: [
      {
        expr: `rate(isochrone_control_failed_ticks_total${OF}[$__rate_interval])`,
        legend: '{{instance}}',
      },
    ],
  }),
  series({
    title: 'Bursts that arrive',
    says: "Agents' bursts a second in the controller. None: agents are silent, or without the store.",
    unit: 'ops',
    queries: [{ expr: `rate(isochrone_samples_total${OF}[$__rate_interval])`, legend: '{{instance}}' }],
  }),
  series({
    title: 'Epoch of the table in use',
    says: 'All lines should lie on one another; one that lags does not hear of new tables.',
    unit: 'none',
    queries: [{ expr: `isochrone_table_epoch${OF}`, legend: '{{instance}}' }],
  }),
];

const STORE = [
  series({
    title: 'Store connected',
    says: '1: the process reaches the store. Redis itself: its own exporter, if you run one.',
    unit: 'none',
    max: 1,
    queries: [{ expr: `isochrone_store_connected${OF}`, legend: '{{instance}}' }],
  }),
  series({
    title: 'Memory of Redis',
    says: 'Used, as it counts towards its maximum, and the maximum where it has one. Alert: 90 % of it.',
    unit: 'bytes',
    queries: [
      { expr: `max(isochrone_store_memory_used_bytes${OF})`, legend: 'used' },
      { expr: `max(isochrone_store_memory_max_bytes${OF} > 0)`, legend: 'maximum' },
      { expr: `0.9 * max(isochrone_store_memory_max_bytes${OF} > 0)`, legend: '90 % of it: alert' },
    ],
  }),
  series({
    title: 'Standing of controllers',
    says: '1: it leads. Two lines at 1 for more than a moment: one of them stands still, and is fenced off.',
    unit: 'none',
    max: 1,
    queries: [{ expr: `isochrone_control_leading${OF}`, legend: '{{instance}}' }],
  }),
  series({
    title: 'Failed calls',
    says: 'Calls to the store that failed, a second: away, full, slow.',
    unit: 'ops',
    queries: [{ expr: `rate(isochrone_store_errors_total${OF}[$__rate_interval])`, legend: '{{instance}}' }],
  }),
  series({
    title: 'Writes refused because another leads',
    says: 'A leader that was cut off tried to publish: refused by the fencing token, as it should be.',
    unit: 'ops',
    queries: [
      { expr: `rate(isochrone_control_fenced_total${OF}[$__rate_interval])`, legend: '{{instance}}' },
    ],
  }),
];

const per = (name: string, by: string): string => `sum by (${by}) (rate(${name}${OF}[$__rate_interval]))`;

const SILENT = `(time() - max by (pop) (isochrone_pop_report_timestamp_seconds${OF}))`;

const AGENTS = [
  stat({
    title: 'Agents that report',
    says: 'POPs whose agent reported within 15 s, as the controller reads them.',
    unit: 'none',
    queries: [{ expr: `count(max by (pop) (isochrone_pop_load_rps${OF})) or vector(0)` }],
    steps: [
      [null, 'red'],
      [1, 'green'],
    ],
  }),
  stat({
    title: 'POPs without a word',
    says: 'POPs whose agent is silent: nothing is measured from there. Alert: IsochroneAgentSilent.',
    unit: 'none',
    queries: [
      {
        expr:
          `count(max by (pop) (isochrone_pop_capacity_rps${OF}) unless on (pop) ` +
          `max by (pop) (isochrone_pop_load_rps${OF})) or vector(0)`,
      },
    ],
    steps: [
      [null, 'green'],
      [1, 'yellow'],
      [5, 'red'],
    ],
  }),
  stat({
    title: 'Agents without the store',
    says: 'Of the agents that are scraped, those that cannot reach it: samples wait for two minutes.',
    unit: 'none',
    queries: [{ expr: `count(isochrone_agent_store_connected${OF} == 0) or vector(0)` }],
    steps: [
      [null, 'green'],
      [1, 'red'],
    ],
  }),
  stat({
    title: 'Samples lost',
    says: 'Of what scraped agents measured, batches dropped: too old or too many while the store was away.',
    unit: 'percentunit',
    queries: [
      {
        expr:
          `sum(rate(isochrone_agent_dropped_batches_total${OF}[$__rate_interval])) / clamp_min(` +
          `sum(rate(isochrone_agent_dropped_batches_total${OF}[$__rate_interval])) + ` +
          `sum(rate(isochrone_agent_sent_batches_total${OF}[$__rate_interval])), 1e-9)`,
      },
    ],
    steps: [
      [null, 'green'],
      [0.001, 'yellow'],
      [0.05, 'red'],
    ],
    decimals: 1,
  }),
  series({
    title: 'Last word, the ten most silent POPs',
    says: 'Time since its agent wrote a report, as the controller reads it. From 15 s on it is silent.',
    unit: 's',
    line: 15,
    queries: [{ expr: `topk(10, ${SILENT})`, legend: '{{pop}}' }],
  }),
  series({
    title: 'Last word, as agents know it',
    says: 'Time since the store took a batch and a report of each scraped agent.',
    unit: 's',
    line: 15,
    queries: ['batch', 'report'].map((what) => ({
      expr: `time() - isochrone_agent_last_${what}_timestamp_seconds${OF}`,
      legend: `{{instance}} ${what}`,
    })),
  }),
  series({
    title: 'Samples by way',
    says: 'Samples a second of scraped agents, by how they were measured; `passive`: connections of clients.',
    unit: 'ops',
    stacked: true,
    queries: [{ expr: per('isochrone_agent_samples_total', 'way'), legend: '{{way}}' }],
  }),
  series({
    title: 'Bursts of agents',
    says: 'Sent a second, those that nobody answered, and those wanted of networks without a known address.',
    unit: 'ops',
    queries: [
      { expr: per('isochrone_agent_bursts_total', 'job'), legend: 'sent' },
      { expr: per('isochrone_agent_unanswered_bursts_total', 'job'), legend: 'unanswered' },
      { expr: per('isochrone_agent_unknown_targets_total', 'job'), legend: 'no address' },
    ],
  }),
  series({
    title: 'Pings lost',
    says: 'Share of the pings to clients that were lost, by agent: a path that is in trouble, or the agent.',
    unit: 'percentunit',
    queries: [
      {
        expr:
          `rate(isochrone_agent_pings_lost_total${OF}[$__rate_interval]) / ` +
          `clamp_min(rate(isochrone_agent_pings_total${OF}[$__rate_interval]), 1e-9)`,
        legend: '{{instance}}',
      },
    ],
  }),
  series({
    title: 'Held back, by reason',
    says: 'Bursts wanted and not sent a second: bounds of politeness, and who wants none.',
    unit: 'ops',
    stacked: true,
    queries: [{ expr: per('isochrone_agent_held_back_bursts_total', 'reason'), legend: '{{reason}}' }],
  }),
  series({
    title: 'Queues of agents',
    says: 'Batches that wait for the store, and bursts under way. At 1,000 batches the oldest are dropped.',
    unit: 'none',
    queries: [
      { expr: `isochrone_agent_waiting_batches${OF}`, legend: '{{instance}} batches' },
      { expr: `isochrone_agent_bursts_under_way${OF}`, legend: '{{instance}} bursts' },
    ],
  }),
  series({
    title: 'Batches',
    says: 'Batches a second that the store took, and that were dropped.',
    unit: 'ops',
    queries: [
      { expr: per('isochrone_agent_sent_batches_total', 'job'), legend: 'sent' },
      { expr: per('isochrone_agent_dropped_batches_total', 'job'), legend: 'dropped' },
    ],
  }),
];

/** Who decides, how long it takes, and how the store is. */
export function controlPlane(): DashboardBuilder {
  return rows(
    dashboard('control-plane', {
      title: 'Control plane',
      says: 'The leader and those that stand by, ticks, samples, Redis, and the agents.',
    }),
    [
      ['Now', NOW],
      ['Ticks', TICKS],
      ['Store', STORE],
      ['Agents', AGENTS],
    ],
  );
}
