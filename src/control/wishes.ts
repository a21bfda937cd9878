import type { FleetOverride } from '../steering/fleet-state.ts';
import { REPORT_EXPIRY_MS } from '../store/bounds.ts';
import type { PopReport } from '../store/store.ts';

/** Drains that POPs wish for in their reports; each ends with the report. */
export function drainWishes(reports: readonly PopReport[]): FleetOverride[] {
  return reports.flatMap(({ pop, drain, atMs }) =>
    drain === undefined ? [] : [{ pop, reason: `its agent: ${drain}`, untilMs: atMs + REPORT_EXPIRY_MS }],
  );
}
