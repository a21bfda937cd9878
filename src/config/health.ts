import type { z } from 'zod';
import { assert } from '../base/assert.ts';
import type { Fleet } from '../base/fleet.ts';
import { parseCron } from '../steering/cron.ts';
import type { MaintenanceWindow } from '../steering/maintenance.ts';
import type { QuorumParams } from '../steering/quorum.ts';
import type { healthSchema, maintenanceSchema } from './schema-health.ts';

type Parsed = z.output<typeof healthSchema>;

/** How one POP is checked. */
export type HealthCheck = Omit<NonNullable<Parsed['check']>, 'port'> & { readonly port: number };

/** How POPs are checked, and how many probers must agree. */
export interface Health extends QuorumParams {
  /** By position in the fleet; undefined: not at all. */
  readonly checks: readonly (HealthCheck | undefined)[];
  /** Agents that check each POP. */
  readonly agentsPerPop: number;
}

const PORTS = { https: 443, http: 80, tcp: 0, dns: 53 } as const;
const MINUTE_MS = 60_000;

/** Checks by POP, their ports filled in. */
export function healthOf({ check, pops, ...rest }: Parsed, fleet: Fleet): Health {
  return {
    ...rest,
    checks: fleet.pops.map(({ code }) => {
      const own = pops[code] ?? check;
      return own === undefined || own === 'off' ? undefined : { ...own, port: own.port ?? PORTS[own.kind] };
    }),
  };
}

/** A maintenance window that the schema has passed. */
export function windowOf(window: z.output<typeof maintenanceSchema>[number]): MaintenanceWindow {
  const { pop, reason, timezone, durationMin = 0, from = '', to = '' } = window;
  if (window.cron === undefined) return { pop, reason, fromMs: Date.parse(from), toMs: Date.parse(to) };
  const cron = parseCron(window.cron);
  assert(typeof cron !== 'string', 'the schema passed it');
  return { pop, reason, cron, timezone, durationMs: durationMin * MINUTE_MS };
}
