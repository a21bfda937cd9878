import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard, rows, series, stat } from './panels.ts';

const OF = '{instance=~"$instance"}';

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

/** Who decides, how long it takes, and how the store is. */
export function controlPlane(): DashboardBuilder {
  return rows(
    dashboard('control-plane', {
      title: 'Control plane',
      says: 'The leader and those that stand by, ticks, samples and Redis.',
    }),
    [
      ['Now', NOW],
      ['Ticks', TICKS],
      ['Store', STORE],
    ],
  );
}
