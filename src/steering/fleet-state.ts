import type { Fleet, Link, Pop } from '../base/fleet.ts';
import { CAPACITY_UNKNOWN, type CapacityState, nextCapacity } from './capacity.ts';
import { linkCongestionMs, linkShares, nextCongestionMs, spreadLinks } from './congestion.ts';
import { HEALTH_UNKNOWN, nextHealth, type PopHealth, reportsFlow } from './health.ts';
import type { SteeringParams } from './params.ts';
import type { PopTerms } from './score.ts';

/** What a POP said of itself; the store's reports have this form. */
export interface FleetReport {
  readonly pop: string;
  readonly atMs: number;
  readonly loadRps: number;
  /** Of these, what steering brought; absent: unknown. */
  readonly steeredRps?: number | undefined;
  readonly capacityRps: number;
  readonly healthy: boolean;
  readonly links: readonly {
    readonly id: string;
    readonly throughputMbps: number;
    readonly capacityMbps: number;
    readonly queueMs: number;
    readonly lossRate: number;
  }[];
}

/** An operator's word; the store's overrides have this form. */
export interface FleetOverride {
  readonly pop: string;
  readonly reason: string;
  /** When it ends, ms since 1970; absent: never by itself. */
  readonly untilMs?: number;
}

/** What is remembered of POPs and links from tick to tick. */
export interface FleetState {
  readonly health: PopHealth[];
  readonly capacity: CapacityState[];
  /** By POP: 1 where it must not be answered. */
  readonly out: Uint8Array;
  readonly state: ('up' | 'down' | 'drained')[];
  /** Why a POP is not up; '' when it is. */
  readonly why: string[];
  readonly reportedRps: (number | undefined)[];
  readonly steeredRps: (number | undefined)[];
  readonly capacityRps: Float64Array;
  readonly availableRps: Float64Array;
  /** By link. */
  readonly congestionMs: Float64Array;
  readonly shared: Uint8Array;
  /** By POP: the links that share its clients, by slot. */
  readonly linkChoices: (readonly number[])[];
  /**
   * When reports were last looked at, and since when they come without a gap; ms since 1970, Infinity:
   * they do not.
   */
  readonly reporting: { lookedAtMs: number; sinceMs: number };
}

/** Nobody looked for so long: reports that are missing were not this POP's alone. */
const LOOK_GAP_MS = 3000;

/** Nothing known yet: every POP is up and every link free. */
export function createFleetState(fleet: Fleet): FleetState {
  return {
    health: fleet.pops.map(() => HEALTH_UNKNOWN),
    capacity: fleet.pops.map(() => CAPACITY_UNKNOWN),
    out: new Uint8Array(fleet.pops.length),
    state: fleet.pops.map(() => 'up'),
    why: fleet.pops.map(() => ''),
    reportedRps: fleet.pops.map(() => undefined),
    steeredRps: fleet.pops.map(() => undefined),
    capacityRps: Float64Array.from(fleet.pops, (pop) => pop.capacityRps),
    availableRps: new Float64Array(fleet.pops.length).fill(Infinity),
    congestionMs: new Float64Array(fleet.links.length),
    shared: new Uint8Array(fleet.links.length).fill(1),
    linkChoices: fleet.pops.map((pop) => spreadLinks(pop.links)),
    reporting: { lookedAtMs: 0, sinceMs: Infinity },
  };
}

/** The override that counts for each POP now, by code. */
export function activeOverrides(
  overrides: readonly FleetOverride[],
  nowMs: number,
): ReadonlyMap<string, FleetOverride> {
  const active = overrides.filter((override) => override.untilMs === undefined || override.untilMs > nowMs);
  return new Map(active.map((override) => [override.pop, override]));
}

/**
 * Takes reports and overrides in. `changed`: POPs went out or came back, or a POP's set of shared links
 * changed.
 */
export function observeFleet(
  state: FleetState,
  seen: {
    fleet: Fleet;
    params: SteeringParams;
    terms: PopTerms;
    reports: readonly FleetReport[];
    overrides: readonly FleetOverride[];
    nowMs: number;
  },
): { readonly changed: boolean } {
  const { fleet, params, terms, overrides, nowMs } = seen;
  const reports = new Map(seen.reports.map((report) => [report.pop, report]));
  const drains = activeOverrides(overrides, nowMs);
  for (const { code, index } of fleet.pops) {
    const before = state.health[index] as PopHealth;
    // Whether others report is judged below, when all of this tick's reports are in.
    state.health[index] = nextHealth(
      before,
      { report: reports.get(code), nowMs, flowingSinceMs: Infinity },
      params,
    );
  }
  const flowingSinceMs = observeReporting(state, nowMs, params);
  let changed = false;
  for (const pop of fleet.pops) {
    const { code, index } = pop;
    const report = reports.get(code);
    const health = nextHealth(state.health[index] as PopHealth, { report, nowMs, flowingSinceMs }, params);
    state.health[index] = health;
    const drain = drains.get(code);
    const word = drain !== undefined ? 'drained' : health.state;
    if (word !== state.state[index]) changed = true;
    state.state[index] = word;
    state.why[index] = drain === undefined ? health.why : drainWords(drain);
    state.out[index] = word === 'up' ? 0 : 1;
    state.reportedRps[index] = finite(report?.loadRps);
    state.steeredRps[index] = finite(report?.steeredRps);
    state.capacityRps[index] = finite(report?.capacityRps) ?? pop.capacityRps;
    if (observeLinks(state, pop, report, params)) changed = true;
    terms.congestionMs[index] = bestLinkMs(state, pop);
  }
  return { changed };
}

/**
 * Since when reports come: from the first look after a gap on, so that a store that was away makes nobody
 * silent.
 */
function observeReporting(state: FleetState, nowMs: number, params: SteeringParams): number {
  const { reporting, health } = state;
  const isGap = nowMs - reporting.lookedAtMs > LOOK_GAP_MS;
  reporting.lookedAtMs = nowMs;
  if (!reportsFlow(health, nowMs, params)) reporting.sinceMs = Infinity;
  else if (isGap || reporting.sinceMs === Infinity) reporting.sinceMs = nowMs;
  return reporting.sinceMs;
}

/** Sets the room of each POP from the load that the rows in force are expected to bring. */
export function observeCapacity(
  state: FleetState,
  seen: {
    params: SteeringParams;
    predictedRps: Float64Array;
    demandChangeRps: Float64Array;
    elapsedMs: number;
  },
): void {
  const { params, predictedRps, demandChangeRps, elapsedMs } = seen;
  for (let pop = 0; pop < state.capacity.length; pop++) {
    const next = nextCapacity(
      state.capacity[pop] as CapacityState,
      {
        capacityRps: state.capacityRps[pop] as number,
        reportedRps: state.reportedRps[pop],
        steeredRps: state.steeredRps[pop],
        predictedRps: predictedRps[pop] as number,
        demandChangeRps: demandChangeRps[pop] as number,
        elapsedMs,
      },
      params,
    );
    state.capacity[pop] = next;
    state.availableRps[pop] = next.availableRps;
  }
}

/** Updates a POP's links; whether the set that shares its clients changed. */
function observeLinks(
  state: FleetState,
  pop: Pop,
  report: FleetReport | undefined,
  params: SteeringParams,
): boolean {
  for (const link of pop.links) {
    const seen = report?.links.find(({ id }) => id === link.id);
    const seenMs = seen === undefined ? 0 : linkCongestionMs(seen, params);
    state.congestionMs[link.index] = nextCongestionMs(
      state.congestionMs[link.index] as number,
      seenMs,
      params,
    );
  }
  const bestMs = bestLinkMs(state, pop);
  let changed = false;
  for (const { index } of pop.links) {
    const congestionMs = state.congestionMs[index] as number;
    const shared = linkShares({ congestionMs, bestMs, shared: state.shared[index] === 1 }, params) ? 1 : 0;
    if (shared !== state.shared[index]) changed = true;
    state.shared[index] = shared;
  }
  if (changed)
    state.linkChoices[pop.index] = spreadLinks(
      pop.links.filter((link: Link) => state.shared[link.index] === 1),
    );
  return changed;
}

function bestLinkMs(state: FleetState, pop: Pop): number {
  return pop.links.reduce(
    (least, link) => Math.min(least, state.congestionMs[link.index] as number),
    Infinity,
  );
}

function drainWords(override: FleetOverride): string {
  const until = override.untilMs === undefined ? '' : ` until ${new Date(override.untilMs).toISOString()}`;
  return `drained${until}${override.reason === '' ? '' : `: ${override.reason}`}`;
}

function finite(value: number | undefined): number | undefined {
  return value !== undefined && Number.isFinite(value) && value >= 0 ? value : undefined;
}
