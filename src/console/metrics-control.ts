import type { HealthMetrics } from './api-health.ts';
import { byLabel, counter, type Family, gauge, type MetricSample, PREFIX, single } from './metrics-family.ts';
import type { ControlMetrics, ElectionMetrics } from './metrics-view.ts';

/** The control loop's, and its part in the election. */
export function controlFamilies(control: ControlMetrics): Family[] {
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
    gauge(
      'pop_report_timestamp_seconds',
      'When the agent of the POP wrote its last report, Unix time.',
      byLabel('pop', inSeconds(control.reportedAtMs)),
    ),
    single(counter, 'samples_total', 'Bursts that agents sent.', control.samples),
    counter(
      'samples_refused_total',
      'Bursts that were not believed.',
      byLabel('reason', control.refusedSamples),
    ),
    counter('moves_total', 'Cells that were given another POP, by why.', byLabel('reason', control.moves)),
    single(gauge, 'cells', 'Cells in the steering table.', control.cells),
    ...decisionFamilies(control),
    ...electionFamilies(control.election),
  ];
}

/** How the last decision stands. */
function decisionFamilies(control: ControlMetrics): Family[] {
  const now = (name: string, help: string, value: number): Family => single(gauge, name, help, value);
  const total = (name: string, help: string, value: number): Family => single(counter, name, help, value);
  return [
    gauge(
      'cells_by_depth',
      'Cells by depth: places, networks at a place, and single networks (/24, /48).',
      byLabel('depth', control.cellsByDepth),
    ),
    now('estimates', 'Pairs of cell and POP that were measured.', control.estimates),
    total('alarms_total', 'Times that a POP was seen to get slower for many cells.', control.alarms),
    total('control_kept_back_total', 'Tables that the guard kept back.', control.keptBack),
    now(
      'services_fail_open',
      'Service groups that are answered as if all were up, since all their POPs are out.',
      control.failOpen,
    ),
    now(
      'capacity_short_rps',
      'Demand beyond what the POPs that are answered can serve, requests a second.',
      control.shortRps,
    ),
    gauge(
      'regret_seconds',
      'Estimated: RTT of the POPs that clients get less the lowest of those not out, mean over the ' +
        'demand, by what keeps clients there: capacity, other terms of the score, or held by hysteresis.',
      byLabel('reason', inSeconds(control.regretMs)),
    ),
  ];
}

function inSeconds(times: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, ms / 1000]));
}

function electionFamilies(election: ElectionMetrics): Family[] {
  const { standing, token, changes, fenced, takeovers, lastTakeoverMs } = election;
  return [
    single(
      gauge,
      'control_leading',
      'Whether this process is the one that decides.',
      +(standing === 'leading'),
    ),
    single(
      gauge,
      'control_cut_off',
      'Whether this process cannot ask the store who decides.',
      +(standing === 'cut-off'),
    ),
    single(gauge, 'control_lease_token', 'Fencing token of the lease that was seen last.', token),
    single(
      counter,
      'control_leader_changes_total',
      'Times that the lease was seen to change hands.',
      changes,
    ),
    single(counter, 'control_takeovers_total', 'Times that this process began to decide.', takeovers),
    single(
      gauge,
      'control_takeover_seconds',
      'Time that taking up the answers of the one before took, the last time.',
      lastTakeoverMs / 1000,
    ),
    single(
      counter,
      'control_fenced_total',
      'Writes that the store refused because another held the lease by then.',
      fenced,
    ),
  ];
}

/** The checks' and verdicts'. */
export function healthFamilies({ checks, watch, votes, verdictTimes }: HealthMetrics): Family[] {
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
    gauge(
      'health_pop_views',
      'Views that count for the verdict of the POP, by what they see.',
      votes.flatMap(({ pop, up, down }) => [
        { labels: { pop, sees: 'up' }, value: up },
        { labels: { pop, sees: 'down' }, value: down },
      ]),
    ),
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
