import type { SteeringParams } from './params.ts';

/** What an agent said of its POP, as steering needs it. */
export interface HealthReport {
  /** By the agent's clock: only tells one report from the next. */
  readonly atMs: number;
  readonly healthy: boolean;
}

/** What is remembered of one POP's health. */
export interface PopHealth {
  readonly state: 'up' | 'down';
  /** Why it is down, in words; '' when up. */
  readonly why: string;
  /** What says so: its agent, or that this went silent; '' when up. */
  readonly by: '' | 'report' | 'silence';
  readonly badInARow: number;
  readonly goodInARow: number;
  /** `atMs` of the last report; 0 if there was none ever. */
  readonly reportAtMs: number;
  /** When that report was first seen, by our clock; 0 if there was none ever. */
  readonly seenAtMs: number;
  /** Mean time between reports, ms. */
  readonly intervalMs: number;
}

/** A POP that never reported: it counts as up, so that a fleet without agents is served (fail static). */
export const HEALTH_UNKNOWN: PopHealth = {
  state: 'up',
  why: '',
  by: '',
  badInARow: 0,
  goodInARow: 0,
  reportAtMs: 0,
  seenAtMs: 0,
  intervalMs: 1000,
};

/** Reports rarer than this are believed one by one when bad: a second one would come too late. */
const SLOW_REPORT_MS = 700;
const INTERVAL_MIN_MS = 250;
const INTERVAL_MAX_MS = 5000;

/**
 * Health of a POP after a look at its report (undefined: none in the store). `flowingSinceMs`:
 * since when other POPs' reports come, so that silence is this POP's and not the store's; Infinity when
 * they do not.
 */
export function nextHealth(
  before: PopHealth,
  seen: { report: HealthReport | undefined; nowMs: number; flowingSinceMs: number },
  params: SteeringParams,
): PopHealth {
  const { report, nowMs, flowingSinceMs } = seen;
  if (report !== undefined && report.atMs !== before.reportAtMs)
    return afterReport(before, report, nowMs, params);
  if (before.seenAtMs === 0 || before.state === 'down') return before;
  const silentMs = nowMs - Math.max(before.seenAtMs, flowingSinceMs);
  if (silentMs <= params.silentReports * before.intervalMs) return before;
  return { ...before, state: 'down', why: 'its reports stopped', by: 'silence', goodInARow: 0 };
}

/** Whether reports come in at all: at least half of the POPs that ever reported did so lately. */
export function reportsFlow(health: readonly PopHealth[], nowMs: number, params: SteeringParams): boolean {
  let ever = 0;
  let lately = 0;
  for (const { seenAtMs, intervalMs } of health) {
    if (seenAtMs === 0) continue;
    ever++;
    if (nowMs - seenAtMs <= params.silentReports * intervalMs) lately++;
  }
  return lately * 2 >= ever && lately > 0;
}

function afterReport(
  before: PopHealth,
  report: HealthReport,
  nowMs: number,
  params: SteeringParams,
): PopHealth {
  const gapMs = nowMs - before.seenAtMs;
  const isFirst = before.seenAtMs === 0;
  const intervalMs = isFirst
    ? before.intervalMs
    : before.intervalMs +
      0.3 * (Math.max(INTERVAL_MIN_MS, Math.min(INTERVAL_MAX_MS, gapMs)) - before.intervalMs);
  const seen = { ...before, reportAtMs: report.atMs, seenAtMs: nowMs, intervalMs };
  if (report.healthy) {
    const goodInARow = before.goodInARow + 1;
    const recovered = before.state === 'up' || goodInARow >= params.goodReports;
    return {
      ...seen,
      goodInARow,
      badInARow: goodInARow >= params.goodReports ? 0 : before.badInARow,
      state: recovered ? 'up' : 'down',
      why: recovered ? '' : before.why,
      by: recovered ? '' : before.by,
    };
  }
  const badInARow = before.badInARow + 1;
  const enough = badInARow >= params.badReports || intervalMs >= SLOW_REPORT_MS || isFirst;
  const isDown = enough || before.state === 'down';
  return {
    ...seen,
    badInARow,
    goodInARow: 0,
    state: isDown ? 'down' : 'up',
    why: isDown ? 'its agent reports it unhealthy' : '',
    by: isDown ? 'report' : '',
  };
}
