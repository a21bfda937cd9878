import { believe, type GeoTrust, type Measured, TRUST_AT_FIRST } from './belief.ts';
import { placeOf } from './cells.ts';
import { burstsOf, ENTRIES, firstEntry, levelMs, popAt } from './estimates.ts';
import { clearTried, type Planner, stopMs } from './planner.ts';
import { bestByLikeness, bestRepeat, bestUnmeasured, type Prospect, type Worth } from './worth.ts';

/** A network that was explored is looked at again after so many refreshings. */
const EXPLORE_REFRESHES = 150;
/** The best POP has become worse by more than this: ms, and a share of what it was. */
const WORSE_MS = 3;
const WORSE_SHARE = 0.15;
/** It is looked for a better one after so long, ms. */
const WORSE_FOR_MS = 30_000;
/** Networks that the trust in the geo database at first is worth. */
const TRUST_NETWORKS = 25;

/** The POP that the next burst of exploring a network goes to; none when no burst promises enough. */
export function explore(planner: Planner, leaf: number, nowMs: number): number[] {
  const { source } = planner;
  const index = leaf - source.cells.firstLeaf;
  const measured = measuredOf(planner, leaf);
  if (beginsAgain(planner, index, nowMs)) clearTried(planner, index);
  excludeTried(planner, index, measured);
  const fresh = bestFresh(planner, leaf, measured);
  const up = measured.filter(({ pop }) => source.down[pop] === 0);
  const again = bestRepeat(up, planner.extraMs);
  const best = again !== undefined && (fresh === undefined || again.ms > fresh.ms) ? again : fresh;
  planner.promiseMs[index] = best?.ms ?? 0;
  if (best !== undefined && best.ms >= stopMs(planner)) return [best.pop];
  if (fresh !== undefined && up.length === 1 && planner.burstsPerNetworkMax === Infinity) {
    // Whoever has the best POP from the start is to know of another, should that become slow or go.
    planner.promiseMs[index] = stopMs(planner);
    return [fresh.pop];
  }
  const nearest = planner.burstsPerNetworkMax === Infinity ? nearestUntried(planner, leaf, measured) : -1;
  if (nearest >= 0) {
    planner.promiseMs[index] = stopMs(planner);
    return [nearest];
  }
  if (planner.exploreAtMs[index] === 0) noteExplored(planner, leaf);
  planner.knownMs[index] = bestMs(planner, leaf);
  planner.exploreAtMs[index] = nowMs + EXPLORE_REFRESHES * source.params.probeRefreshMs;
  const next = planner.burstsPerNetworkMax === Infinity ? bestWithoutFirst(planner, leaf, up) : undefined;
  if (next === undefined || next.ms < stopMs(planner)) return [];
  planner.promiseMs[index] = stopMs(planner);
  return [next.pop];
}

/**
 * The burst that would promise most if the best POP measured were out: whoever loses it, or finds it too
 * dear, is to go to the right one at once, and a forecast is to know which that is. After `bestFresh`, whose
 * belief holds.
 */
function bestWithoutFirst(planner: Planner, leaf: number, up: readonly Measured[]): Worth | undefined {
  const { excluded, extraMs } = planner;
  const scoreMs = ({ pop, ms }: Measured): number => ms + (extraMs[pop] as number);
  const [first, ...others] = up.toSorted((one, other) => scoreMs(one) - scoreMs(other));
  if (first === undefined) return undefined;
  excluded[first.pop] = 1;
  return mostPromising(planner, leaf, { measured: others, excluded, extraMs });
}

/**
 * The POP next to where a network is claimed to be, if it is up and was not tried: whatever else is believed,
 * its users expect it to be measured. -1: there is none.
 */
function nearestUntried(planner: Planner, leaf: number, measured: readonly Measured[]): number {
  const { source, popCount, excluded } = planner;
  if (!isLocated(planner, leaf)) return -1;
  const first = placeOf(source.cells, leaf) * popCount;
  let nearest = -1;
  for (let pop = 0; pop < popCount; pop++) {
    if (source.down[pop] === 1) continue;
    const km = source.distances[first + pop] as number;
    if (nearest < 0 || km < (source.distances[first + nearest] as number)) nearest = pop;
  }
  const isKnown = nearest < 0 || excluded[nearest] === 1 || measured.some(({ pop }) => pop === nearest);
  return isKnown ? -1 : nearest;
}

/**
 * Looks at a network that was explored: where its best POP has become clearly worse, another may be better
 * now, and it is explored again soon. Not at once: most such changes pass, and a second POP is known.
 */
export function heed(planner: Planner, leaf: number, nowMs: number): void {
  const index = leaf - planner.source.cells.firstLeaf;
  const { knownMs, exploreAtMs } = planner;
  const known = knownMs[index] as number;
  const best = bestMs(planner, leaf);
  const worseMs = best - known;
  if (worseMs <= 0 || known === 0) knownMs[index] = best;
  else if (worseMs > WORSE_MS + WORSE_SHARE * known)
    exploreAtMs[index] = Math.min(exploreAtMs[index] as number, nowMs + WORSE_FOR_MS);
}

/** Score of the best POP measured that is up, ms; Infinity: there is none. */
function bestMs({ source, extraMs }: Planner, leaf: number): number {
  const { estimates, down } = source;
  const first = firstEntry(leaf);
  let best = Infinity;
  for (let entry = first; entry < first + ENTRIES; entry++) {
    const pop = popAt(estimates, entry);
    if (pop < 0) break;
    const level = levelMs(estimates, entry);
    if (level > 0 && down[pop] === 0) best = Math.min(best, level + (extraMs[pop] as number));
  }
  return best;
}

/** Whether a network that was explored is to be explored anew from now on: paths change, bursts go astray. */
function beginsAgain(planner: Planner, index: number, nowMs: number): boolean {
  const wasExplored = (planner.exploreAtMs[index] as number) > 0;
  const isOver = (planner.promiseMs[index] as number) < stopMs(planner);
  return wasExplored && isOver && nowMs >= (planner.exploreAtMs[index] as number);
}

function bestFresh(planner: Planner, leaf: number, measured: readonly Measured[]): Worth | undefined {
  const { source, atlas, belief, excluded, extraMs } = planner;
  if (isLocated(planner, leaf)) {
    const placeId = placeOf(source.cells, leaf);
    const claimKm = claimKmOf(planner, leaf);
    const trust = trustOf(planner);
    believe(atlas, { geometry: source.geometry, placeId, claimKm, measured, trust }, belief);
  }
  const up = measured.filter(({ pop }) => source.down[pop] === 0);
  return mostPromising(planner, leaf, { measured: up, excluded, extraMs });
}

/** The POP not measured yet that promises most, by what is believed of where the network is. */
function mostPromising(planner: Planner, leaf: number, prospect: Prospect): Worth | undefined {
  const { atlas, belief, library } = planner;
  if (!isLocated(planner, leaf)) return bestByLikeness(library, leaf, prospect);
  return bestUnmeasured(atlas, claimKmOf(planner, leaf), belief, prospect);
}

/** From where a network is claimed to be to each POP, km. */
function claimKmOf({ source, popCount }: Planner, leaf: number): Float32Array {
  const placeId = placeOf(source.cells, leaf);
  return source.distances.subarray(placeId * popCount, (placeId + 1) * popCount);
}

/** Whether geography says anything about a cell. */
export function isLocated({ source, located, atlas }: Planner, leaf: number): boolean {
  return atlas.count > 0 && located[placeOf(source.cells, leaf)] === 1;
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
