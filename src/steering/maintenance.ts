import { type Cron, isCronTime, type WallTime } from './cron.ts';
import type { FleetOverride } from './fleet-state.ts';

/** Times at which a POP is drained, as the configuration says. */
export type MaintenanceWindow = {
  readonly pop: string;
  readonly reason: string;
} & (
  | { readonly fromMs: number; readonly toMs: number }
  | { readonly cron: Cron; readonly timezone: string; readonly durationMs: number }
);

/** The drains that windows make, worked out from the clock alone: they survive restarts, and a lost store. */
export interface Maintenance {
  /** Drains of the windows that are open, ending when these close. */
  readonly drains: (nowMs: number) => readonly FleetOverride[];
}

/** How the reason of a window's drain begins. */
export const MAINTENANCE = 'maintenance: ';
const MINUTE_MS = 60_000;

/** The drains of these windows. Remembers which minutes it has looked at. */
export function createMaintenance(windows: readonly MaintenanceWindow[]): Maintenance {
  const looks = windows.map((window) => ({ window, endsAtMs: createEnd(window) }));
  return {
    drains: (nowMs) =>
      looks.flatMap(({ window, endsAtMs }) => {
        const untilMs = endsAtMs(nowMs);
        return untilMs > nowMs
          ? [{ pop: window.pop, reason: `${MAINTENANCE}${window.reason}`, untilMs }]
          : [];
      }),
  };
}

/**
 * Overrides of operators and of windows together: of one POP's the one that ends last counts, and an
 * operator's without an end before all.
 */
export function withMaintenance(
  overrides: readonly FleetOverride[],
  drains: readonly FleetOverride[],
): readonly FleetOverride[] {
  const endOf = ({ untilMs = Infinity }: FleetOverride): number => untilMs;
  return drains.length === 0 ? overrides : [...drains, ...overrides].toSorted((a, b) => endOf(a) - endOf(b));
}

/** When the window that is open ends, ms since 1970; a time that is past: none is. */
function createEnd(window: MaintenanceWindow): (nowMs: number) => number {
  if ('fromMs' in window) return (nowMs) => (nowMs >= window.fromMs ? window.toMs : 0);
  const { cron, timezone, durationMs } = window;
  const wallTime = wallClock(timezone);
  let lookedMinute = -1;
  let beganAtMs = Number.NEGATIVE_INFINITY;
  return (nowMs) => {
    const minute = Math.floor(nowMs / MINUTE_MS);
    // A clock that was set back is believed.
    if (minute < lookedMinute) beganAtMs = Number.NEGATIVE_INFINITY;
    const first = Math.max(
      minute < lookedMinute ? 0 : lookedMinute + 1,
      minute - Math.ceil(durationMs / MINUTE_MS),
    );
    for (let at = minute; at >= first; at--)
      if (isCronTime(cron, wallTime(at * MINUTE_MS))) {
        beganAtMs = at * MINUTE_MS;
        break;
      }
    lookedMinute = minute;
    return beganAtMs + durationMs;
  };
}

/** What clocks on walls of a time zone show. */
function wallClock(timezone: string): (atMs: number) => WallTime {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: timezone,
    minute: 'numeric',
    hour: 'numeric',
    hourCycle: 'h23',
    day: 'numeric',
    month: 'numeric',
    year: 'numeric',
  });
  return (atMs) => {
    const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]));
    const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
    const [year, month, day] = [part('year'), part('month'), part('day')];
    const weekday = new Date(Date.UTC(year, month - 1, day)).getUTCDay();
    return { minute: part('minute'), hour: part('hour'), day, month, weekday };
  };
}
