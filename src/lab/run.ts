import { must } from '../base/assert.ts';
import type { FleetOverride, FleetReport } from '../steering/fleet-state.ts';
import type { Regret } from '../steering/regret.ts';
import { ewmaSteerer, geoSteerer, roundRobinSteerer } from './baselines.ts';
import { createDelivery } from './delivery.ts';
import { isochroneSteerer } from './engine.ts';
import { createForeseer, type ForeseenLoss } from './foreseen.ts';
import { createJudge, type Figures } from './judge.ts';
import { type Clients, createClients } from './load.ts';
import { createNetwork, type Network } from './network.ts';
import { oracleSteerer } from './oracle.ts';
import type { Answer, ClaimedWorld, MeasuredBurst, Share, Steerer, SteererOptions } from './steerer.ts';
import { openTruth, type Truth } from './truth.ts';
import type { World } from './world.ts';

export const POLICIES = ['isochrone', 'geo', 'round-robin', 'ewma', 'oracle'] as const;
export type Policy = (typeof POLICIES)[number];

/** How a world is run. */
export interface RunOptions {
  readonly world: World;
  readonly policy: Policy;
  /** Bursts that a cell may spend in the whole run; undefined: as the policy sees fit. */
  readonly burstsPerCell?: number | undefined;
  /** The world's by default. */
  readonly ticks?: number | undefined;
  readonly seed?: number | undefined;
  /** Foresees the load of the others whenever POPs go, and measures it. */
  readonly foresees?: boolean | undefined;
  /** From a tick on, pings have the luck of another seed: all before is the same, what comes after is not. */
  readonly otherLuck?: { readonly fromTick: number } | undefined;
}

/** A decision that changed: rows of decisions.csv. */
export interface DecisionRow {
  readonly tick: number;
  readonly cell: number;
  readonly shares: readonly Share[];
}

/** A burst that was made: a row of probes.csv. */
export interface ProbeRow {
  readonly tick: number;
  readonly cell: number;
  readonly pop: number;
  readonly pings: number;
}

/** What came of a run. */
export interface RunResult {
  readonly policy: Policy;
  readonly ticks: number;
  readonly seed: number;
  readonly burstsPerCell: number | undefined;
  readonly decisions: readonly DecisionRow[];
  readonly probes: readonly ProbeRow[];
  readonly figures: Figures;
  /** What the policy thinks that clients would gain at most at the end, ms; absent: it does not say. */
  readonly estimatedRegret: Regret | undefined;
  /** What was foreseen and what came, each time that POPs went; empty where that was not asked for. */
  readonly foreseen: readonly ForeseenLoss[];
}

/** A run, tick by tick: the caller may look up between two. */
export interface Run {
  readonly ticks: number;
  /** Does one tick; false when there was none left. */
  readonly step: () => boolean;
  /** After the last tick. */
  readonly result: () => RunResult;
}

/** Simulated time of tick 0, ms since 1970. */
const START_MS = 1_700_000_000_000;
/** Bursts that all agents together make at most, a second and cell: less than half a ping a second each. */
const BURSTS_PER_SECOND = 0.3;
const BURSTS_PER_TICK_MIN = 64;
/** Other luck is that of the seed so many on. */
const OTHER_SEED = 1_000_003;

/** Starts a run in simulated time. The same options give the same result. */
export function startRun(options: RunOptions): Run {
  const { world, policy, burstsPerCell } = options;
  const { head, pops, cells } = world;
  const ticks = options.ticks ?? head.ticks;
  const seed = options.seed ?? head.seed;
  const truth = openTruth(world);
  const claimed = claimedOf(world);
  const steerer = steererOf(policy, { claimed, seed, burstsPerCell }, truth);
  const judge = createJudge(truth, head);
  const clients = createClients({ cellCount: cells.length, popCount: pops.length, seed });
  const stage = { claimed, truth, steerer, clients, network: networkOf(truth, seed, options) };
  const delivery = createDelivery(truth.agent, seed);
  const budget = burstBudget(cells.length, head.tickSeconds, burstsPerCell);
  const foreseer = options.foresees === true ? createForeseer(world, ticks) : undefined;
  const probes: ProbeRow[] = [];
  const decisions: DecisionRow[] = [];
  const last: (readonly Share[])[] = [];
  let load: Float64Array = new Float64Array(pops.length);
  let demandRps: Float64Array = Float64Array.from(cells, (cell) => cell.demandRps);
  let tick = 0;
  return {
    ticks,
    step: () => {
      if (tick >= ticks) return false;
      const nowMs = START_MS + Math.round(tick * head.tickSeconds * 1000);
      foreseer?.before(tick, () => steerer.saved?.());
      const happened = truth.advance(tick);
      judge.happened(tick, happened);
      const sent = measure(stage, { tick, nowMs, budget, probes });
      delivery.send(sent, tick, nowMs);
      const bursts = delivery.take(nowMs);
      const reports = reportsOf(stage, load, nowMs);
      steerer.tick({ nowMs, bursts, reports, overrides: overridesOf(stage), demandRps });
      const answers = cells.map((_, cell) => steerer.answer(cell));
      for (const [cell, { shares }] of answers.entries()) {
        if (sameShares(last[cell], shares)) continue;
        last[cell] = shares;
        decisions.push({ tick, cell, shares });
      }
      clients.ask(nowMs, (cell) => answers[cell] as Answer);
      load = clients.loadRps(truth.demandRps);
      demandRps = demandRps.map((_, cell) => truth.demandRps(cell));
      judge.observe(tick, {
        sharesOf: (cell) => last[cell] as readonly Share[],
        load,
        bursts: sent.length,
      });
      foreseer?.after(tick, load, () => steerer.saved?.());
      tick++;
      return true;
    },
    result: () => {
      const figures = judge.figures(probes.length);
      const foreseen = foreseer?.losses() ?? [];
      const estimatedRegret = steerer.estimatedRegret?.();
      return { policy, ticks, seed, burstsPerCell, decisions, probes, figures, estimatedRegret, foreseen };
    },
  };
}

function networkOf(truth: Truth, seed: number, { otherLuck }: RunOptions): Network {
  const network = createNetwork(truth, seed);
  if (otherLuck === undefined) return network;
  const other = createNetwork(truth, seed + OTHER_SEED);
  return { burst: (pair) => (pair.tick < otherLuck.fromTick ? network : other).burst(pair) };
}

/** What a policy may know: a copy without the truth, the demand and the noise. */
function claimedOf({ head, pops, cells }: World): ClaimedWorld {
  return {
    head,
    pops,
    cells: cells.map(({ cell, prefix, latitude, longitude, country, city }) => {
      return { cell, prefix, latitude, longitude, country, city };
    }),
  };
}

function steererOf(policy: Policy, options: SteererOptions, truth: Truth): Steerer {
  switch (policy) {
    case 'isochrone':
      return isochroneSteerer(options);
    case 'geo':
      return geoSteerer(options);
    case 'round-robin':
      return roundRobinSteerer(options);
    case 'ewma':
      return ewmaSteerer(options);
    case 'oracle':
      return oracleSteerer(truth);
  }
}

interface Stage {
  readonly claimed: ClaimedWorld;
  readonly truth: Truth;
  readonly steerer: Steerer;
  readonly clients: Clients;
  readonly network: Network;
}

/** Holds every cell to what it may spend. */
interface BurstBudget {
  readonly perTick: number;
  readonly take: (cell: number) => boolean;
}

function burstBudget(cellCount: number, tickSeconds: number, perCell = Infinity): BurstBudget {
  const spent = new Uint32Array(cellCount);
  return {
    perTick: Math.max(BURSTS_PER_TICK_MIN, Math.ceil(cellCount * tickSeconds * BURSTS_PER_SECOND)),
    take: (cell) => {
      if ((spent[cell] as number) >= perCell) return false;
      spent[cell] = (spent[cell] as number) + 1;
      return true;
    },
  };
}

function measure(
  { steerer, network, claimed }: Stage,
  of: { tick: number; nowMs: number; budget: BurstBudget; probes: ProbeRow[] },
): readonly MeasuredBurst[] {
  const { tick, nowMs, budget, probes } = of;
  const times = new Map<number, number>();
  const bursts: MeasuredBurst[] = [];
  for (const { cell, pop } of steerer.plan(nowMs, budget.perTick).slice(0, budget.perTick)) {
    if (!budget.take(cell)) continue;
    const pair = cell * claimed.pops.length + pop;
    const nth = times.get(pair) ?? 0;
    times.set(pair, nth + 1);
    const result = network.burst({ cell, pop, tick, nth });
    bursts.push({ cell, pop, ...result });
    probes.push({ tick, cell, pop, pings: result.sent });
  }
  return bursts;
}

/** The POPs' reports: what they are now, with the load of the tick before. */
function reportsOf({ truth, claimed }: Stage, load: Float64Array, nowMs: number): readonly FleetReport[] {
  return claimed.pops.map(({ pop }, index) => {
    const healthy = truth.isUp(index);
    const loadRps = healthy ? must(load[index], 'load') : 0;
    const capacityRps = truth.capacityRps(index);
    return { pop, atMs: nowMs, loadRps, steeredRps: loadRps, capacityRps, healthy, links: [] };
  });
}

function overridesOf({ truth, claimed }: Stage): readonly FleetOverride[] {
  return claimed.pops.flatMap(({ pop }, index) => (truth.isDrained(index) ? [{ pop, reason: 'drain' }] : []));
}

function sameShares(before: readonly Share[] | undefined, now: readonly Share[]): boolean {
  if (before === undefined || before.length !== now.length) return false;
  return before.every(({ pop, share }, i) => pop === now[i]?.pop && share === now[i]?.share);
}
