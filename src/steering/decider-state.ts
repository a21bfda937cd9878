import { assert } from '../base/assert.ts';
import type { Fleet } from '../base/fleet.ts';
import { type Cells, createCells, ensureCell, parentOf, releaseCell, releaseLeaf } from './cells.ts';
import type { Deciding } from './decide.ts';
import {
  createEstimates,
  dropCell,
  dropOldEntries,
  ENTRY_EXPIRY_MS,
  ESTIMATED_POPS_MAX,
  type Estimates,
} from './estimates.ts';
import { createFleetState, type FleetState } from './fleet-state.ts';
import { emptyLearning, type Learning } from './learning.ts';
import { createMarket } from './market.ts';
import { lastSampleMs } from './notes.ts';
import { popHashes } from './pack.ts';
import type { SteeringParams } from './params.ts';
import { createPlanner, forgetTarget, isYoung, type Planner } from './planner.ts';
import type { PolicySource } from './policy-rows.ts';
import { type CellGeometry, placeDistances } from './prior.ts';
import { createRegretPass, type RegretPass } from './regret.ts';
import { createCellView } from './rtt.ts';
import { emptyPopTerms, type PopTerms } from './score.ts';
import { createUnits, NONE, resetUnit, type ServiceGroup, type Units } from './units.ts';

/** What a decider is made of. */
export interface DeciderOptions {
  readonly fleet: Fleet;
  readonly geometry: CellGeometry;
  readonly placesDigest: number;
  readonly groups: readonly ServiceGroup[];
  readonly params: SteeringParams;
  /** Networks that policies ask for: they have cells from the start, and keep them. */
  readonly networks?: readonly { readonly placeId: number; readonly asn: number }[];
  /** Network cells and leaf cells at most; `NETWORK_CELLS_MAX` and `LEAF_CELLS_MAX` by default. */
  readonly networkCellsMax?: number;
  readonly leafCellsMax?: number;
  /** Bursts that a network may be sent in all; 0, the default: as the policy sees fit. */
  readonly burstsPerNetworkMax?: number;
}

/** Demand of one client network, located. */
export interface LocatedDemand {
  /** `networkKey` of base/network-key.ts; -1 where it is wider than one network. */
  readonly network: number;
  readonly placeId: number;
  readonly asn: number;
  readonly rps: number;
  /** Service group that it is for; -1: any, and then each group has an equal share. */
  readonly group: number;
}

/** All that a decider remembers. */
export interface DeciderState {
  readonly options: DeciderOptions;
  readonly cells: Cells;
  readonly estimates: Estimates;
  readonly distances: Float32Array;
  readonly units: Units;
  readonly terms: PopTerms;
  readonly fleetState: FleetState;
  readonly learning: Learning;
  readonly deciding: Deciding;
  readonly planner: Planner;
  /** What the rows of policies are made from. */
  readonly policies: PolicySource;
  /** Cells that are never given up. */
  readonly kept: ReadonlySet<number>;
  /** By POP: 1 where it is down: nothing is measured from it. */
  readonly downPops: Uint8Array;
  /** By POP: 1 where what cells lost is the POP's own, or its links'; see `endLosses`. */
  readonly isHit: Uint8Array;
  /** By POP: 1 where it was out at the last tick. */
  readonly wasOut: Uint8Array;
  readonly hashes: ReturnType<typeof popHashes>;
  readonly keyIds: ReadonlyMap<string, number>;
  /** Requests/s by unit. */
  readonly demandRps: Float32Array;
  /** Cells in use. */
  activeCells: Int32Array;
  /** Cells whose estimates changed since they were last saved. */
  readonly unsaved: Set<number>;
  ticks: number;
  lastTickMs: number;
  /** What clients would gain at most by the estimates. */
  readonly regret: RegretPass;
  /** Demand by POP at the last tick, and what of it moved for its gain alone. */
  predictedRps: Float64Array;
  churnRps: number;
}

/**
 * A cell looks its candidates up anew every so many ticks, measured or not: estimates age, priors are
 * corrected.
 */
export const REFRESH_TICKS = 16;
/** A network or leaf cell that was not measured for this long is given up, ms: a day. */
const CELL_EXPIRY_MS = 86_400_000;
/** A decider that knows nothing yet. */
export function createDeciderState(options: DeciderOptions): DeciderState {
  const { fleet, geometry, params } = options;
  // Those that policies decide come last.
  const groups = options.groups.filter(({ policy }) => policy === undefined);
  const popCount = fleet.pops.length;
  assert(popCount <= ESTIMATED_POPS_MAX, `at most ${ESTIMATED_POPS_MAX} POPs`);
  const cells = cellsOf(options);
  const estimates = createEstimates(cells.capacity);
  const distances = placeDistances(geometry, fleet.pops);
  const units = createUnits(groups.length, cells.capacity, options.groups.length);
  const terms = emptyPopTerms(popCount);
  const fleetState = createFleetState(fleet);
  const alarmedAtMs = new Float64Array(popCount).fill(-Infinity);
  const demandRps = new Float32Array(groups.length * cells.capacity);
  const groupOut = groups.map(() => new Uint8Array(popCount));
  const activeCells = Int32Array.from({ length: geometry.count }, (_, place) => place);
  const { softRps, hardRps, capacityRps } = fleetState;
  const room = { softRps, hardRps, capacityRps };
  const shared = { params, cells, estimates, distances, terms, alarmedAtMs };
  const downPops = new Uint8Array(popCount);
  const incumbentOf = (leaf: number): number => units.incumbent[leaf] as number;
  const learning = emptyLearning(shared, { level: geometry.level, pops: fleet.pops });
  const { trust, between } = learning;
  const planSource = { ...shared, geometry, down: downPops, trust, between, incumbentOf };
  const planner = createPlanner(planSource, fleet.pops, options.burstsPerNetworkMax);
  const failOpen = groups.map(() => false);
  return {
    options,
    cells,
    estimates,
    distances,
    units,
    terms,
    fleetState,
    learning,
    deciding: {
      ...shared,
      units,
      groups,
      market: createMarket({ params, units, groups, out: groupOut, activeCells, demandRps, terms, ...room }),
      groupOut,
      failOpen,
      linkChoices: fleetState.linkChoices,
      isYoung: (cell) => isYoung(planner, cell),
      returnedAtMs: new Float64Array(popCount).fill(-Infinity),
      demandRps,
      startRps: new Float64Array(popCount),
      leftRps: new Float64Array(popCount),
      returnedRps: new Float64Array(popCount),
      cameRps: new Float64Array(popCount),
      view: createCellView(popCount),
    },
    planner,
    policies: policySource(options, { cells, distances, failOpen, fleetState, units }),
    kept: keptCells(options, cells),
    downPops,
    isHit: new Uint8Array(popCount),
    wasOut: new Uint8Array(popCount),
    hashes: popHashes(fleet.pops.map(({ code }) => code)),
    keyIds: new Map(geometry.key.map((key, id) => [key, id])),
    demandRps,
    activeCells,
    unsaved: new Set(),
    ticks: 0,
    lastTickMs: 0,
    regret: createRegretPass(),
    predictedRps: new Float64Array(popCount),
    churnRps: 0,
  };
}

function cellsOf({ geometry, networkCellsMax: networkMax, leafCellsMax: leafMax }: DeciderOptions): Cells {
  return createCells(geometry.count, { networkMax, leafMax });
}

function keptCells({ networks = [] }: DeciderOptions, cells: Cells): ReadonlySet<number> {
  return new Set(networks.map(({ placeId, asn }) => ensureCell(cells, placeId, asn)));
}

function policySource(
  { fleet, geometry, groups, params }: DeciderOptions,
  parts: Pick<DeciderState, 'cells' | 'distances' | 'fleetState' | 'units'> & { failOpen: boolean[] },
): PolicySource {
  const { cells, distances, failOpen, fleetState, units } = parts;
  return {
    policies: groups.map(({ policy }) => policy),
    geometry,
    cells,
    distances,
    linkPop: Int32Array.from(fleet.links, (link) => link.popIndex),
    linkChoices: fleetState.linkChoices,
    out: fleetState.out,
    failOpen,
    rows: units.rows,
    ttlMinSeconds: params.ttlMinSeconds,
  };
}

/** Starts a new network or leaf cell from the answers that its clients had. */
export function startCell(state: DeciderState, cell: number): void {
  const { units, cells } = state;
  const parent = parentOf(cells, cell);
  for (let group = 0; group < units.groupCount; group++) {
    const first = group * units.cellStride;
    resetUnit(units, first + cell, first + parent);
  }
}

/** POPs went out or came back: each group sees whether it fails open. */
export function takeFleetChange(state: DeciderState, nowMs: number): void {
  const { fleetState, deciding, wasOut } = state;
  for (const [pop, out] of fleetState.out.entries()) {
    if (out === 0 && wasOut[pop] === 1) deciding.returnedAtMs[pop] = nowMs;
    wasOut[pop] = out;
  }
  for (const [group, { serves }] of deciding.groups.entries()) {
    const isOpen = fleetState.out.every((out, pop) => out === 1 || serves[pop] === 0);
    deciding.failOpen[group] = isOpen;
    if (isOpen) deciding.groupOut[group]?.fill(0);
    else deciding.groupOut[group]?.set(fleetState.out);
  }
}

/** Lists the cells in use anew, after some came or went. */
export function listCells(state: DeciderState): void {
  const { cells } = state;
  const { placeCount, networkCount, firstLeaf, leafCount, networkAsn, leafActive } = cells;
  const active = new Int32Array(placeCount + networkCount + leafCount);
  let count = 0;
  for (let place = 0; place < placeCount; place++) active[count++] = place;
  for (let index = 0; index < networkCount; index++)
    if (networkAsn[index] !== 0) active[count++] = placeCount + index;
  for (let index = 0; index < leafCount; index++)
    if (leafActive[index] === 1) active[count++] = firstLeaf + index;
  state.activeCells = active.subarray(0, count);
}

/**
 * Gives up networks that nobody measured for a day, and what was measured half a day ago: one share of the
 * cells a tick. Whether any went.
 */
export function releaseOldCells(state: DeciderState, nowMs: number): boolean {
  const { cells, estimates, units, unsaved, planner } = state;
  const isOld = (cell: number): boolean => nowMs - lastSampleMs(cells.notes, cell) >= CELL_EXPIRY_MS;
  let released = false;
  const turn = state.ticks % REFRESH_TICKS;
  for (let i = turn; i < state.activeCells.length; i += REFRESH_TICKS) {
    const cell = state.activeCells[i] as number;
    if (cell < cells.placeCount || state.kept.has(cell) || !isOld(cell)) {
      dropOldEntries(estimates, cell, nowMs, ENTRY_EXPIRY_MS);
      continue;
    }
    dropCell(estimates, cell);
    if (cell < cells.firstLeaf) releaseCell(cells, cell);
    else {
      forgetTarget(planner, cell);
      releaseLeaf(cells, cell);
    }
    unsaved.delete(cell);
    for (let group = 0; group < units.groupCount; group++)
      resetUnit(units, group * units.cellStride + cell, NONE);
    released = true;
  }
  releaseIdleLeaves(state, nowMs);
  return released;
}

/** Gives up networks that were never measured and are not asked for any more. */
function releaseIdleLeaves({ cells, planner, ticks }: DeciderState, nowMs: number): void {
  const { leafKey, leafActive, leafCount, firstLeaf } = cells;
  for (let index = ticks % REFRESH_TICKS; index < leafCount; index += REFRESH_TICKS) {
    const isKept = (leafKey[index] as number) < 0 || leafActive[index] === 1;
    if (isKept || (planner.rps[index] as number) > 0) continue;
    if (nowMs < (planner.busyUntilMs[index] as number)) continue;
    forgetTarget(planner, firstLeaf + index);
    releaseLeaf(cells, firstLeaf + index);
  }
}
