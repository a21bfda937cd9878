import type { Location } from '../base/geodesy.ts';
import { type Atlas, createAtlas } from './atlas.ts';
import { partnersOf } from './audit.ts';
import { type Belief, emptyBelief } from './belief.ts';
import type { Cells } from './cells.ts';
import type { Estimates } from './estimates.ts';
import { createLibrary, type Library } from './library.ts';
import type { SteeringParams } from './params.ts';
import type { CellGeometry } from './prior.ts';
import type { PopTerms } from './score.ts';
import type { Trust } from './trust.ts';

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
  /** Whose times are believed; and Float32 [POPs x POPs]: `lightBetween`. */
  readonly trust: Trust;
  readonly between: Float32Array;
  /** What a whole POP adds to its clients' round-trip times: its price above all. */
  readonly terms: PopTerms;
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
  /** By place: 1 where geography says something about it: how far it is from every POP is known. */
  readonly located: Uint8Array;
  /** Demand of each network, requests/s. */
  readonly rps: Float32Array;
  /** Bursts that each was sent. */
  readonly spent: Uint16Array;
  /** Bursts are on their way until then, or until all are answered, ms since 1970. */
  readonly busyUntilMs: Float64Array;
  /** Bursts on their way. */
  readonly awaited: Uint8Array;
  /** POP + 1 of the burst of exploring that is on its way; 0: none is. */
  readonly asked: Uint16Array;
  /** Bursts of exploring in a row that nobody answered. */
  readonly unanswered: Uint8Array;
  /** What the next burst to a POP not measured yet promised when last worked out, ms; NaN: never was. */
  readonly promiseMs: Float32Array;
  /** When it is worked out again for those explored, ms since 1970. */
  readonly exploreAtMs: Float64Array;
  /** Score of the best POP measured when exploring ended, ms, or since then if it fell. */
  readonly knownMs: Float32Array;
  /** Bits by POP: a burst was sent since exploring began, and if nobody answered it, another. */
  readonly tried: Uint32Array;
  readonly triedWords: number;
  /** ASes whose way to a POP changed lately, as `asn + 2^32 x pop`, and until when they are watched, ms. */
  readonly watched: Map<number, number>;
  /** Networks explored, and how many of them lay far from where they were claimed. */
  explored: number;
  exploredFar: number;
  cursor: number;
  /** Pairs of POPs that were looked at for an audit. */
  auditTurn: number;
  /** By POP: those against which its times are held; -1: none. */
  readonly partners: Int16Array;
  readonly excluded: Uint8Array;
  /** By POP: shift, loss, congestion and price, ms; as of the last call. */
  readonly extraMs: Float64Array;
  readonly burstsPerNetworkMax: number;
}

/** A POP or an AS at it is watched for so long after it changed, ms. */
const ALARM_MS = 30_000;
const WATCHED_MAX = 1000;
/** With a bounded number of bursts, what one must promise to be sent, ms. */
const SCARCE_STOP_MS = 0.05;

/** A planner that sent nothing yet; `burstsPerNetworkMax` 0: no bound but that of the policy. */
export function createPlanner(
  source: PlanSource,
  pops: readonly Location[],
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
    located: locatedPlaces(source, pops.length),
    rps: new Float32Array(leafMax),
    spent: new Uint16Array(leafMax),
    busyUntilMs: new Float64Array(leafMax),
    awaited: new Uint8Array(leafMax),
    asked: new Uint16Array(leafMax),
    unanswered: new Uint8Array(leafMax),
    promiseMs: new Float32Array(leafMax).fill(Number.NaN),
    exploreAtMs: new Float64Array(leafMax),
    knownMs: new Float32Array(leafMax),
    tried: new Uint32Array(leafMax * triedWords),
    triedWords,
    watched: new Map(),
    explored: 0,
    exploredFar: 0,
    cursor: 0,
    auditTurn: 0,
    partners: partnersOf(source.between, pops.length),
    excluded: new Uint8Array(pops.length),
    extraMs: new Float64Array(pops.length),
    burstsPerNetworkMax: burstsPerNetworkMax === 0 ? Infinity : burstsPerNetworkMax,
  };
}

function locatedPlaces({ distances }: PlanSource, popCount: number): Uint8Array {
  const located = new Uint8Array(distances.length / popCount).fill(1);
  for (let at = 0; at < distances.length; at++)
    if (Number.isNaN(distances[at])) located[Math.floor(at / popCount)] = 0;
  return located;
}

/** The network of a leaf was given up. */
export function forgetTarget(planner: Planner, leaf: number): void {
  const index = leaf - planner.source.cells.firstLeaf;
  planner.library.forget(leaf);
  planner.rps[index] = 0;
  planner.spent[index] = 0;
  planner.busyUntilMs[index] = 0;
  planner.awaited[index] = 0;
  planner.asked[index] = 0;
  planner.unanswered[index] = 0;
  planner.promiseMs[index] = Number.NaN;
  planner.exploreAtMs[index] = 0;
  planner.knownMs[index] = 0;
  clearTried(planner, index);
}

/** Every POP may be tried again. */
export function clearTried({ tried, triedWords }: Planner, index: number): void {
  tried.fill(0, index * triedWords, (index + 1) * triedWords);
}

/** Networks are explored anew, as what was known of them was wrong. */
export function exploreAnew(planner: Planner, cells: readonly number[]): void {
  for (const cell of cells) {
    const index = cell - planner.source.cells.firstLeaf;
    if (index < 0) continue;
    planner.promiseMs[index] = Number.NaN;
    clearTried(planner, index);
  }
}

/** Sets whether a POP was tried. */
export function setTried({ tried, triedWords }: Planner, index: number, pop: number, isTried: boolean): void {
  const at = index * triedWords + (pop >> 5);
  const bit = 1 << (pop & 31);
  tried[at] = isTried ? (tried[at] as number) | bit : (tried[at] as number) & ~bit;
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

/** What a burst must promise. */
export function stopMs(planner: Planner): number {
  return planner.burstsPerNetworkMax === Infinity ? planner.source.params.probeStopMs : SCARCE_STOP_MS;
}

/** Whether the POP, or the network's AS at it, changed just now. */
export function isWatched(planner: Planner, leaf: number, pop: number, nowMs: number): boolean {
  const { alarmedAtMs, cells } = planner.source;
  if (nowMs - (alarmedAtMs[pop] as number) <= ALARM_MS) return true;
  if (planner.watched.size === 0) return false;
  const asn = cells.leafAsn[leaf - cells.firstLeaf] as number;
  return (planner.watched.get(pop * 2 ** 32 + asn) ?? 0) >= nowMs;
}

/** Looks up what each POP adds to round-trip times now. */
export function renewExtra({ source, extraMs }: Planner): void {
  const { shiftMs, lossMs, congestionMs, priceMs } = source.terms;
  for (let pop = 0; pop < extraMs.length; pop++)
    extraMs[pop] =
      (shiftMs[pop] as number) +
      (lossMs[pop] as number) +
      (congestionMs[pop] as number) +
      (priceMs[pop] as number);
}
