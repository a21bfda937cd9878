import { type Atlas, createAtlas } from './atlas.ts';
import { type Belief, believe, emptyBelief, type GeoTrust, type Measured, TRUST_AT_FIRST } from './belief.ts';
import { type Cells, placeOf } from './cells.ts';
import { ageMsOf, burstsOf, ENTRIES, type Estimates, firstEntry, levelMs, popAt } from './estimates.ts';
import { createLibrary, type Library } from './library.ts';
import type { SteeringParams } from './params.ts';
import type { CellGeometry } from './prior.ts';
import { chooseTargets } from './targets.ts';
import { bestByLikeness, bestRepeat, bestUnmeasured, type Worth } from './worth.ts';

/** A burst that is wanted: from a POP to a client network. */
export interface PlannedBurst {
  /** `networkKey` of base/network-key.ts. */
  readonly network: number;
  readonly popIndex: number;
}

/** What the planner reads of the decisions. */
export interface PlanSource {
  readonly params: SteeringParams;
  readonly geometry: CellGeometry;
  readonly cells: Cells;
  readonly estimates: Estimates;
  readonly distances: Float32Array;
  /** By POP: 1 where it is down: its agent measures nothing. */
  readonly down: Uint8Array;
  /** By POP: when its RTT or loss last changed for all its cells, ms since 1970. */
  readonly alarmedAtMs: Float64Array;
  /** POP that a leaf's clients get now. */
  readonly incumbentOf: (leaf: number) => number;
}

/** What is to be measured, and how often each network was. Arrays are indexed by leaf. */
export interface Planner {
  readonly source: PlanSource;
  readonly popCount: number;
  readonly atlas: Atlas;
  readonly belief: Belief;
  readonly library: Library;
  /** Demand of each network, requests/s. */
  readonly rps: Float32Array;
  /** Bursts that each was sent. */
  readonly spent: Uint16Array;
  /** A burst is on its way until then, or until it is answered, ms since 1970. */
  readonly busyUntilMs: Float64Array;
  /** What the next burst to a POP not measured yet promised when last worked out, ms; NaN: never was. */
  readonly promiseMs: Float32Array;
  /** When it is worked out again for those explored, ms since 1970. */
  readonly exploreAtMs: Float64Array;
  /** When the network's last refreshing was, ms since 1970. */
  readonly refreshedAtMs: Float64Array;
  /** Bits by POP: bursts were sent. */
  readonly tried: Uint32Array;
  readonly triedWords: number;
  /** ASes whose way to a POP changed lately, as `asn + 2^32 x pop`, and until when they are watched, ms. */
  readonly watched: Map<number, number>;
  /** Networks explored, and how many of them lay far from where they were claimed. */
  explored: number;
  exploredFar: number;
  cursor: number;
  readonly excluded: Uint8Array;
  readonly burstsPerNetworkMax: number;
}

/** A burst that is not answered by then is taken for lost, ms. */
const BUSY_MS = 5000;
/** A network that was explored is looked at again after so many refreshings. */
const EXPLORE_REFRESHES = 60;
/** A POP is measured again after so many refreshings, by its rank among those measured of the network. */
const RANK_REFRESHES = [1, 3, 3, 10, 10, 10, 30] as const;
/** Those whose POP or AS just changed are measured so much more often, for so long, ms. */
const ALARM_REFRESHES = 0.25;
const ALARM_MS = 30_000;
/** With a bounded number of bursts, what one must promise to be sent, ms. */
const SCARCE_STOP_MS = 0.05;
/** Networks that the trust in the geo database at first is worth. */
const TRUST_NETWORKS = 25;
const WATCHED_MAX = 1000;

/** A planner that sent nothing yet; `burstsPerNetworkMax` 0: no bound but that of the policy. */
export function createPlanner(
  source: PlanSource,
  pops: Parameters<typeof createAtlas>[1],
  burstsPerNetworkMax = 0,
): Planner {
  const atlas = createAtlas(source.geometry, pops);
  const leafMax = source.cells.leafKey.length;
  const triedWords = Math.ceil(pops.length / 32);
  return {
    source,
    popCount: pops.length,
    atlas,
    belief: emptyBelief(atlas),
    library: createLibrary(source.estimates, pops.length),
    rps: new Float32Array(leafMax),
    spent: new Uint16Array(leafMax),
    busyUntilMs: new Float64Array(leafMax),
    promiseMs: new Float32Array(leafMax).fill(Number.NaN),
    exploreAtMs: new Float64Array(leafMax),
    refreshedAtMs: new Float64Array(leafMax),
    tried: new Uint32Array(leafMax * triedWords),
    triedWords,
    watched: new Map(),
    explored: 0,
    exploredFar: 0,
    cursor: 0,
    excluded: new Uint8Array(pops.length),
    burstsPerNetworkMax: burstsPerNetworkMax === 0 ? Infinity : burstsPerNetworkMax,
  };
}

/**
 * What to measure now, the most worthwhile first, at most `burstsMax`. A network is explored one burst after
 * the other: each goes to the POP that promises most, until none promises `probeStopMs`. Then what is known
 * is kept fresh: the POP that its clients get, its challengers less often. The budget goes where demand x
 * what is to be won is highest.
 */
export function planBursts(
  planner: Planner,
  nowMs: number,
  burstsMax: number,
  exploredMax = Infinity,
): PlannedBurst[] {
  const bursts: PlannedBurst[] = [];
  for (const leaf of chooseTargets(planner, nowMs, { burstsMax, exploredMax })) {
    if (bursts.length >= burstsMax) break;
    const index = leaf - planner.source.cells.firstLeaf;
    const pops = isExploring(planner, index, nowMs) ? explore(planner, leaf, nowMs) : [];
    if (pops.length === 0) pops.push(...refresh(planner, leaf, nowMs));
    for (const pop of pops) if (bursts.length < burstsMax) send(planner, leaf, pop, nowMs, bursts);
  }
  return bursts;
}

/** The cell was measured: its next burst may go. */
export function noteMeasured(planner: Planner, cell: number): void {
  const { cells } = planner.source;
  if (cell < cells.firstLeaf) return;
  planner.busyUntilMs[cell - cells.firstLeaf] = 0;
  if (!isLocated(planner, cell)) planner.library.renew(cell);
}

/** The network of a leaf was given up. */
export function forgetTarget(planner: Planner, leaf: number): void {
  const index = leaf - planner.source.cells.firstLeaf;
  planner.library.forget(leaf);
  planner.rps[index] = 0;
  planner.spent[index] = 0;
  planner.busyUntilMs[index] = 0;
  planner.promiseMs[index] = Number.NaN;
  planner.exploreAtMs[index] = 0;
  planner.refreshedAtMs[index] = 0;
  planner.tried.fill(0, index * planner.triedWords, (index + 1) * planner.triedWords);
}

/** The networks of an AS got slower or faster at a POP: they are watched for a while. */
export function watchAsn(planner: Planner, pop: number, asn: number, nowMs: number): void {
  if (planner.watched.size >= WATCHED_MAX) planner.watched.clear();
  planner.watched.set(pop * 2 ** 32 + asn, nowMs + ALARM_MS);
}

/** Whether a cell is a network that is explored for the first time: what it learns counts at once. */
export function isYoung(planner: Planner, cell: number): boolean {
  const { cells } = planner.source;
  return cell >= cells.firstLeaf && planner.exploreAtMs[cell - cells.firstLeaf] === 0;
}

/** Whether it is not known yet what another POP might bring, or time to ask again. */
export function isExploring(planner: Planner, index: number, nowMs: number): boolean {
  const promise = planner.promiseMs[index] as number;
  return (
    Number.isNaN(promise) || promise >= stopMs(planner) || nowMs >= (planner.exploreAtMs[index] as number)
  );
}

/** Refreshings that the most urgent measurement of a leaf is overdue; below 1: nothing is due. */
export function overdue(planner: Planner, leaf: number, nowMs: number): number {
  let most = 0;
  forEachRanked(planner, leaf, (entry, rank) => {
    most = Math.max(most, overdueOf(planner, leaf, { entry, rank, nowMs }));
  });
  return most;
}

/** What a burst must promise. */
export function stopMs(planner: Planner): number {
  return planner.burstsPerNetworkMax === Infinity ? planner.source.params.probeStopMs : SCARCE_STOP_MS;
}

function explore(planner: Planner, leaf: number, nowMs: number): number[] {
  const { source } = planner;
  const index = leaf - source.cells.firstLeaf;
  const measured = measuredOf(planner, leaf);
  excludeTried(planner, index, measured);
  const fresh = bestFresh(planner, leaf, measured);
  const again = bestRepeat(measured.filter(({ pop }) => source.down[pop] === 0));
  const best = again !== undefined && (fresh === undefined || again.ms > fresh.ms) ? again : fresh;
  planner.promiseMs[index] = best?.ms ?? 0;
  if (best !== undefined && best.ms >= stopMs(planner)) return [best.pop];
  if (planner.exploreAtMs[index] === 0) noteExplored(planner, leaf);
  planner.exploreAtMs[index] = nowMs + EXPLORE_REFRESHES * source.params.probeRefreshMs;
  return [];
}

function bestFresh(planner: Planner, leaf: number, measured: readonly Measured[]): Worth | undefined {
  const { source, atlas, belief, library, excluded } = planner;
  const prospect = { measured: measured.filter(({ pop }) => source.down[pop] === 0), excluded };
  if (!isLocated(planner, leaf)) return bestByLikeness(library, leaf, prospect);
  const placeId = placeOf(source.cells, leaf);
  const claimKm = source.distances.subarray(placeId * planner.popCount, (placeId + 1) * planner.popCount);
  believe(atlas, { geometry: source.geometry, placeId, claimKm, measured, trust: trustOf(planner) }, belief);
  return bestUnmeasured(atlas, claimKm, belief, prospect);
}

/** Whether geography says anything about a cell. */
function isLocated(planner: Planner, leaf: number): boolean {
  const { cells, distances } = planner.source;
  const first = placeOf(cells, leaf) * planner.popCount;
  for (let pop = 0; pop < planner.popCount; pop++) if (Number.isNaN(distances[first + pop])) return false;
  return planner.atlas.count > 0;
}

/** How far the geo database is trusted, by what became of the networks that were explored. */
function trustOf({ explored, exploredFar }: Planner): GeoTrust {
  const { right, region, anywhere } = TRUST_AT_FIRST;
  const far = (anywhere * TRUST_NETWORKS + exploredFar) / (TRUST_NETWORKS + explored);
  const rest = (1 - far) / (right + region);
  return { right: right * rest, region: region * rest, anywhere: far };
}

function noteExplored(planner: Planner, leaf: number): void {
  if (!isLocated(planner, leaf)) return;
  planner.explored++;
  planner.exploredFar += planner.belief.farShare;
}

function refresh(planner: Planner, leaf: number, nowMs: number): number[] {
  const due: number[] = [];
  const { source } = planner;
  const index = leaf - source.cells.firstLeaf;
  const isScarce = planner.burstsPerNetworkMax !== Infinity;
  forEachRanked(planner, leaf, (entry, rank) => {
    const pop = popAt(source.estimates, entry);
    if (source.down[pop] === 1 || (isScarce && !isWatched(planner, leaf, pop, nowMs))) return;
    if (overdueOf(planner, leaf, { entry, rank, nowMs }) >= 1) due.push(pop);
  });
  planner.refreshedAtMs[index] = nowMs;
  return due;
}

/** Calls back with the entries of a cell, and their ranks; 0: the POP that its clients get. */
function forEachRanked(planner: Planner, leaf: number, visit: (entry: number, rank: number) => void): void {
  const { estimates, incumbentOf } = planner.source;
  const incumbent = incumbentOf(leaf);
  const first = firstEntry(leaf);
  for (let entry = first; entry < first + ENTRIES; entry++) {
    const pop = popAt(estimates, entry);
    if (pop < 0) break;
    let rank = pop === incumbent ? 0 : 1;
    const level = levelMs(estimates, entry);
    for (let other = first; rank > 0 && other < first + ENTRIES; other++) {
      const rival = popAt(estimates, other);
      if (rival < 0) break;
      if (rival !== incumbent && levelMs(estimates, other) < level) rank++;
    }
    visit(entry, Math.min(rank, RANK_REFRESHES.length - 1));
  }
}

function overdueOf(
  planner: Planner,
  leaf: number,
  { entry, rank, nowMs }: { entry: number; rank: number; nowMs: number },
): number {
  const { estimates, params } = planner.source;
  const pop = popAt(estimates, entry);
  const refreshes =
    (RANK_REFRESHES[rank] as number) * (isWatched(planner, leaf, pop, nowMs) ? ALARM_REFRESHES : 1);
  return ageMsOf(estimates, entry, nowMs) / (refreshes * params.probeRefreshMs);
}

function isWatched(planner: Planner, leaf: number, pop: number, nowMs: number): boolean {
  const { alarmedAtMs, cells } = planner.source;
  if (nowMs - (alarmedAtMs[pop] as number) <= ALARM_MS) return true;
  if (planner.watched.size === 0) return false;
  const asn = cells.leafAsn[leaf - cells.firstLeaf] as number;
  return (planner.watched.get(pop * 2 ** 32 + asn) ?? 0) >= nowMs;
}

function measuredOf(planner: Planner, leaf: number): (Measured & { bursts: number })[] {
  const { estimates } = planner.source;
  const measured: (Measured & { bursts: number })[] = [];
  const first = firstEntry(leaf);
  for (let entry = first; entry < first + ENTRIES; entry++) {
    const pop = popAt(estimates, entry);
    if (pop < 0) break;
    const bursts = burstsOf(estimates, entry);
    if (bursts > 0) measured.push({ pop, ms: levelMs(estimates, entry), bursts });
  }
  return measured;
}

/** Rules out POPs that are down, and those that were tried and did not come among the best. */
function excludeTried(planner: Planner, index: number, measured: readonly Measured[]): void {
  const { excluded, tried, triedWords, source } = planner;
  for (let pop = 0; pop < excluded.length; pop++) {
    const word = tried[index * triedWords + (pop >> 5)] as number;
    excluded[pop] = source.down[pop] === 1 || ((word >>> (pop & 31)) & 1) === 1 ? 1 : 0;
  }
  for (const { pop } of measured) excluded[pop] = source.down[pop] as number;
}

function send(planner: Planner, leaf: number, pop: number, nowMs: number, bursts: PlannedBurst[]): void {
  const index = leaf - planner.source.cells.firstLeaf;
  const { spent, tried, triedWords } = planner;
  if ((spent[index] as number) >= planner.burstsPerNetworkMax) return;
  spent[index] = Math.min(0xffff, (spent[index] as number) + 1);
  const at = index * triedWords + (pop >> 5);
  tried[at] = (tried[at] as number) | (1 << (pop & 31));
  planner.busyUntilMs[index] = nowMs + BUSY_MS;
  bursts.push({ network: planner.source.cells.leafKey[index] as number, popIndex: pop });
}
