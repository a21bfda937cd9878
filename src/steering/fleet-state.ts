import type { Fleet, Link, Pop } from '../base/fleet.ts';
import { CAPACITY_UNKNOWN, type CapacityState, nextMbpsPerRps } from './capacity.ts';
import { linkCongestionMs, linkShares, nextCongestionMs, spreadLinks } from './congestion.ts';
import { HEALTH_UNKNOWN, nextHealth, type PopHealth, reportsFlow } from './health.ts';
import type { SteeringParams } from './params.ts';
import { type DownBy, downBy, NO_VERDICT, type Verdict } from './quorum.ts';
import type { PopTerms } from './score.ts';

/** What a POP said of itself; the store's reports have this form. */
export interface FleetReport {
  readonly pop: string;
  readonly atMs: number;
  readonly loadRps: number;
  /** Of these, what steering brought; absent: unknown. */
  readonly steeredRps?: number | undefined;
  /** What it expects to serve soon; absent: as much as now. */
  readonly expectedRps?: number | undefined;
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
  /** When it began, ms since 1970; absent: nobody noted. */
  readonly sinceMs?: number;
  /** When it ends, ms since 1970; absent: never by itself. */
  readonly untilMs?: number;
}

/** What is remembered of POPs and links from tick to tick. */
export interface FleetState {
  readonly health: PopHealth[];
  readonly capacity: CapacityState[];
  /** By POP: what says that it is down, also while it is drained; '' when nothing does. */
  readonly downBy: DownBy[];
  /** By POP: 1 where it must not be answered. */
  readonly out: Uint8Array;
  readonly state: ('up' | 'down' | 'drained')[];
  /** Why a POP is not up; '' when it is. */
  readonly why: string[];
  readonly reportedRps: (number | undefined)[];
  readonly steeredRps: (number | undefined)[];
  readonly expectedRps: (number | undefined)[];
  /** What its servers can serve, and its links carry, whichever is less. */
  readonly capacityRps: Float64Array;
  /** Requests/s that steering may send there: while it has no price, and at most. */
  readonly softRps: Float64Array;
  readonly hardRps: Float64Array;
  /** By service group, then of all together: share of their capacity that POPs are filled to. */
  readonly levels: number[];
  /** Megabits a second that its links carry for each request a second; NaN while unknown. */
  readonly mbpsPerRps: Float64Array;
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
    downBy: fleet.pops.map(() => ''),
    out: new Uint8Array(fleet.pops.length),
    state: fleet.pops.map(() => 'up'),
    why: fleet.pops.map(() => ''),
    reportedRps: fleet.pops.map(() => undefined),
    steeredRps: fleet.pops.map(() => undefined),
    expectedRps: fleet.pops.map(() => undefined),
    capacityRps: Float64Array.from(fleet.pops, (pop) => pop.capacityRps),
    softRps: new Float64Array(fleet.pops.length).fill(Infinity),
    hardRps: new Float64Array(fleet.pops.length).fill(Infinity),
    levels: [],
    mbpsPerRps: new Float64Array(fleet.pops.length).fill(Number.NaN),
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
 * changed; `relinked`: by POP, 1 where the latter did.
 */
export function observeFleet(
  state: FleetState,
  seen: {
    fleet: Fleet;
    params: SteeringParams;
    terms: PopTerms;
    reports: readonly FleetReport[];
    overrides: readonly FleetOverride[];
    /** What probers together see, by POP; absent: nobody looks. */
    verdicts?: readonly Verdict[] | undefined;
    nowMs: number;
  },
): { readonly changed: boolean; readonly relinked: Uint8Array } {
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
  const relinked = new Uint8Array(fleet.pops.length);
  for (const pop of fleet.pops) {
    const { code, index } = pop;
    const report = reports.get(code);
    const health = nextHealth(state.health[index] as PopHealth, { report, nowMs, flowingSinceMs }, params);
    state.health[index] = health;
    const drain = drains.get(code);
    const verdict = seen.verdicts?.[index] ?? NO_VERDICT;
    const by = downBy(health.by, verdict.state);
    const word = drain !== undefined ? 'drained' : by === '' ? 'up' : 'down';
    state.downBy[index] = by;
    if (word !== state.state[index]) changed = true;
    state.state[index] = word;
    state.why[index] = drain === undefined ? downWords(by, health, verdict) : drainWords(drain);
    state.out[index] = word === 'up' ? 0 : 1;
    state.reportedRps[index] = finite(report?.loadRps);
    state.steeredRps[index] = finite(report?.steeredRps);
    state.expectedRps[index] = finite(report?.expectedRps);
    state.capacityRps[index] = servableRps(state, pop, report, params);
    if (observeLinks(state, pop, report, params)) relinked[index] = 1;
    terms.congestionMs[index] = bestLinkMs(state, pop);
  }
  return { changed: changed || relinked.includes(1), relinked };
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

/** A POP's links are judged by its requests only when it has so many, as a share of its capacity. */
const RATIO_LOAD_SHARE = 0.02;
/** A link is full at this share of its capacity. */
const FULL_SHARE = 0.95;

/**
 * What a POP can serve, requests/s: its servers, or its links up to the knee of congestion if these carry
 * less. So what steering itself would bring onto a full link is kept away by the POP's price.
 */
function servableRps(
  state: FleetState,
  pop: Pop,
  report: FleetReport | undefined,
  params: SteeringParams,
): number {
  const capacityRps = finite(report?.capacityRps) ?? pop.capacityRps;
  const loadRps = finite(report?.loadRps) ?? 0;
  const sum = (of: (link: FleetReport['links'][number]) => number): number =>
    report?.links.reduce((total, link) => total + (finite(of(link)) ?? 0), 0) ?? 0;
  if (loadRps > RATIO_LOAD_SHARE * capacityRps) {
    const isFull =
      report?.links.some((link) => link.throughputMbps >= FULL_SHARE * link.capacityMbps) === true;
    const seen = sum(({ throughputMbps }) => throughputMbps) / loadRps;
    state.mbpsPerRps[pop.index] = nextMbpsPerRps(state.mbpsPerRps[pop.index] as number, seen, isFull);
  }
  const linksMbps = sum(({ capacityMbps }) => capacityMbps);
  const linksRps = (params.congestionKnee * linksMbps) / (state.mbpsPerRps[pop.index] as number);
  return linksMbps > 0 && linksRps < capacityRps ? linksRps : capacityRps;
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

/** Why a POP is down; '' when it is not. */
function downWords(by: DownBy, health: PopHealth, verdict: Verdict): string {
  return by === '' ? '' : by === 'views' ? verdict.why : health.why;
}

/** Why a POP is drained, and until when. */
export function drainWords(override: FleetOverride): string {
  const until = override.untilMs === undefined ? '' : ` until ${new Date(override.untilMs).toISOString()}`;
  return `drained${until}${override.reason === '' ? '' : `: ${override.reason}`}`;
}

function finite(value: number | undefined): number | undefined {
  return value !== undefined && Number.isFinite(value) && value >= 0 ? value : undefined;
}
