/**
 * Whether the agents' round-trip times can be true beside each other's. A network next door to one POP is an
 * instrument: another POP's time to it, and from it to the first, is that of a path between the two POPs, of
 * which the length is known. Such a path takes about 2.2 to 2.8 times as long as light in vacuum along the
 * great circle, nearly the same for every POP of a fleet, and in fibre never less than 1.5 times. An agent
 * that tells shorter times than it measures shows in it whatever a geo database claims.
 */
export interface Trust {
  readonly popCount: number;
  /** Of the way from a POP to networks next door to another, and on to that: what all POPs have alike. */
  readonly around: Stretches;
  /** Of the same without the way on, to its witnesses alone: tells lies about what is near. */
  readonly along: Stretches;
  /**
   * By POP, then by POP: how often lately what both told of one network was more than light allows; and by
   * POP, how many bursts there were lately.
   */
  readonly conflicts: Float32Array;
  readonly bursts: Float64Array;
  /** By POP: its stretch as a share of the fleet's, 1 where that is more or not known. */
  readonly stretchShare: Float64Array;
  /** By POP: 1 as others, 0 no word is believed. */
  readonly standing: Float64Array;
  /** By POP: 1 where what its agent tells counts only as far as geography and the others allow. */
  readonly held: Uint8Array;
  /** By POP: when that last changed, ms since 1970. */
  readonly changedAtMs: Float64Array;
  /**
   * By POP: networks next door to it, `WITNESSES` at most, -1: none; and the times that told so, ms. The
   * others' times to them are audited.
   */
  readonly witnesses: Int32Array;
  readonly witnessMs: Float32Array;
  /** Of all POPs, the median of what they have around; NaN while that is not known. */
  fleetStretch: number;
  /** Networks of which agents contradicted each other lately, -1: none; and how many there were ever. */
  readonly contested: Int32Array;
  contestedAt: number;
  /** ms since 1970. */
  judgedAtMs: number;
}

/**
 * By POP, then by the POP that networks are next door to: the fifth part of all stretches is below this one;
 * and how many were seen, up to `SEEN_MAX`.
 */
export interface Stretches {
  readonly low: Float32Array;
  readonly seen: Uint16Array;
}

/** Networks next door that are remembered of a POP. */
export const WITNESSES = 16;
/** A network is next door to a POP that it needs no more than this share of light's time between POPs for. */
const NEXT_DOOR_SHARE = 0.35;
/** What takes longer is not next door to any POP, ms. */
const NEXT_DOOR_MOST_MS = 20;
/** POPs that are closer than this to each other say nothing, ms of light there and back. */
export const APART_MS = 3;
const QUANTILE = 0.2;
/** The quantile moves by so much at each burst, more at first. */
const STEP = 0.02;
const STEP_FIRST = 0.5;
const SEEN_MAX = 1000;
/** A pair counts from so many bursts on, a POP with so many pairs, a fleet of so many such POPs. */
const PAIR_LEAST = 20;
const PAIRS_LEAST = 3;
const FLEET_LEAST = 4;
/** Below this share of the fleet's stretch an agent is held; above this one it is let go again. */
const HELD_BELOW = 0.82;
const FREE_ABOVE = 0.9;
/** The same of the lowest stretches along. */
const ALONG_HELD = 0.6;
const ALONG_FREE = 0.75;
/**
 * Two agents contradict each other if they did so as often lately. One is a liar that contradicts several
 * others, and this often in all, also as a share of its bursts: the others contradict only the liar.
 */
const CONFLICTS_LEAST = 2;
const CONTRADICTED_HELD = 2;
const CONFLICTS_HELD = 10;
const CONFLICT_SHARE = 0.003;
/** It contradicts more than so many times as many as the POP in the middle does. */
const OF_MEDIAN = 1.5;
/** Contested networks that are remembered. */
const CONTESTED = 64;
/** Bursts and conflicts count for about so long, ms. */
const MEMORY_MS = 300_000;
/** An agent stays held for so long at least, ms. */
const HELD_LEAST_MS = 1_800_000;
/** No share is less than this. */
const SHARE_LEAST = 0.05;
/** Standing of a held agent at most. */
const HELD_STANDING = 0.5;
/** The fleet's stretch while it is not known. */
const STRETCH_USUAL = 2.3;

/** Nothing was told yet: every agent is believed. */
export function createTrust(popCount: number): Trust {
  return {
    popCount,
    around: noStretches(popCount),
    along: noStretches(popCount),
    conflicts: new Float32Array(popCount * popCount),
    bursts: new Float64Array(popCount),
    stretchShare: new Float64Array(popCount).fill(1),
    standing: new Float64Array(popCount).fill(1),
    held: new Uint8Array(popCount),
    changedAtMs: new Float64Array(popCount).fill(-Infinity),
    witnesses: new Int32Array(popCount * WITNESSES).fill(-1),
    witnessMs: new Float32Array(popCount * WITNESSES).fill(Infinity),
    fleetStretch: Number.NaN,
    contested: new Int32Array(CONTESTED).fill(-1),
    contestedAt: 0,
    judgedAtMs: 0,
  };
}

function noStretches(popCount: number): Stretches {
  return { low: new Float32Array(popCount * popCount), seen: new Uint16Array(popCount * popCount) };
}

/** A burst to a network: it may be next door to the POP, closer than one that is remembered. */
export function noteWitness(trust: Trust, pop: number, cell: number, rttMs: number): void {
  if (rttMs > NEXT_DOOR_MOST_MS) return;
  const { witnesses, witnessMs } = trust;
  let farthest = pop * WITNESSES;
  for (let at = pop * WITNESSES; at < (pop + 1) * WITNESSES; at++) {
    if (witnesses[at] === cell) {
      witnessMs[at] = rttMs;
      return;
    }
    if ((witnessMs[at] as number) > (witnessMs[farthest] as number)) farthest = at;
  }
  if (rttMs >= (witnessMs[farthest] as number)) return;
  witnesses[farthest] = cell;
  witnessMs[farthest] = rttMs;
}

/**
 * Counts what a POP's agent tells of a network beside what is known of it from another POP: times in ms,
 * `lightMs` there and back between the POPs.
 */
export function noteStretch(
  trust: Trust,
  of: { readonly pop: number; readonly other: number; readonly cell: number },
  times: { readonly rttMs: number; readonly otherMs: number; readonly lightMs: number },
): void {
  const { rttMs, otherMs, lightMs } = times;
  if (otherMs > lightMs || lightMs < APART_MS || rttMs === Infinity) return;
  const at = of.pop * trust.popCount + of.other;
  if (otherMs <= NEXT_DOOR_SHARE * lightMs) noteLow(trust.around, at, (rttMs + otherMs) / lightMs);
  if (isWitness(trust, of.other, of.cell)) noteLow(trust.along, at, (rttMs - otherMs) / lightMs);
}

function isWitness({ witnesses }: Trust, pop: number, cell: number): boolean {
  for (let at = pop * WITNESSES; at < (pop + 1) * WITNESSES; at++) if (witnesses[at] === cell) return true;
  return false;
}

/** Moves the quantile of a pair. */
function noteLow({ low, seen }: Stretches, at: number, stretch: number): void {
  const count = Math.min(SEEN_MAX, (seen[at] as number) + 1);
  seen[at] = count;
  const before = low[at] as number;
  const step = Math.max(STEP, STEP_FIRST / count);
  low[at] = count === 1 ? stretch : before + (stretch < before ? step * (QUANTILE - 1) : step * QUANTILE);
}

/**
 * Counts that two agents told more of a network than light allows; of one network seldom, as some networks
 * are in many places at once.
 */
export function noteConflict(trust: Trust, pop: number, other: number, cell: number): void {
  const { conflicts, popCount, contested } = trust;
  if (contested.includes(cell)) return;
  contested[trust.contestedAt++ % contested.length] = cell;
  for (const at of [pop * popCount + other, other * popCount + pop])
    conflicts[at] = (conflicts[at] as number) + 1;
}

/** Judges every agent. Returns the POPs whose agents are held, or let go, from now on. */
export function judgeTrust(trust: Trust, nowMs: number): number[] {
  const { popCount, stretchShare, standing, held, changedAtMs } = trust;
  const around = sharesOf(trust, trust.around, median);
  const along = sharesOf(trust, trust.along, lowest);
  trust.fleetStretch = around.fleet;
  const worst = mostContradicted(trust);
  const changed: number[] = [];
  for (let pop = 0; pop < popCount; pop++) {
    const share = around.shares[pop] as number;
    const alongShare = along.shares[pop] as number;
    stretchShare[pop] = share;
    const isHeld = held[pop] === 1;
    const isFree =
      share > FREE_ABOVE && alongShare > ALONG_FREE && nowMs - (changedAtMs[pop] as number) >= HELD_LEAST_MS;
    const turns = isHeld ? isFree : share < HELD_BELOW || alongShare < ALONG_HELD || pop === worst;
    if (turns) {
      held[pop] = isHeld ? 0 : 1;
      changedAtMs[pop] = nowMs;
      changed.push(pop);
    }
    standing[pop] = held[pop] === 1 ? Math.min(share, HELD_STANDING) : share;
  }
  forget(trust, nowMs);
  return changed;
}

/**
 * The POP whose agent contradicts most others that are believed, and clearly more than most do; -1: there is
 * none.
 */
function mostContradicted(trust: Trust): number {
  const { popCount, bursts, held } = trust;
  const counts: number[] = [];
  let worst = -1;
  let most = CONTRADICTED_HELD - 1;
  for (let pop = 0; pop < popCount; pop++) {
    if (held[pop] === 1) continue;
    const { others, times } = contradictions(trust, pop);
    counts.push(others);
    if (others <= most || times < Math.max(CONFLICTS_HELD, CONFLICT_SHARE * (bursts[pop] as number)))
      continue;
    most = others;
    worst = pop;
  }
  return worst >= 0 && most > OF_MEDIAN * median(counts) ? worst : -1;
}

/** How many others that are believed a POP's agent contradicts, and how often. */
function contradictions(
  { popCount, conflicts, held }: Trust,
  pop: number,
): { readonly others: number; readonly times: number } {
  let others = 0;
  let times = 0;
  for (let other = 0; other < popCount; other++) {
    const count = held[other] === 1 ? 0 : (conflicts[pop * popCount + other] as number);
    times += count;
    if (count >= CONFLICTS_LEAST) others++;
  }
  return { others, times };
}

/** Lets old bursts and conflicts go. */
function forget(trust: Trust, nowMs: number): void {
  const { conflicts, bursts } = trust;
  const kept = Math.exp(-Math.max(0, Math.min(MEMORY_MS, nowMs - trust.judgedAtMs)) / MEMORY_MS);
  trust.judgedAtMs = nowMs;
  for (let at = 0; at < conflicts.length; at++) conflicts[at] = (conflicts[at] as number) * kept;
  for (let pop = 0; pop < bursts.length; pop++) bursts[pop] = (bursts[pop] as number) * kept;
}

/** Least time to a network that a held agent is believed, beside what another POP knows of it, ms. */
export function plausibleMs(trust: Trust, lightMs: number, otherMs: number): number {
  const stretch = Number.isNaN(trust.fleetStretch) ? STRETCH_USUAL : trust.fleetStretch;
  return stretch * lightMs - otherMs;
}

/**
 * The stretch of each POP, of its pairs as `reduce` says, as a share of the fleet's median: 1 where it is
 * more or not known. NaN for the fleet: too few are known.
 */
function sharesOf(
  { popCount }: Trust,
  { low, seen }: Stretches,
  reduce: (values: number[]) => number,
): { readonly fleet: number; readonly shares: readonly number[] } {
  const own = Array.from({ length: popCount }, (_, pop) => {
    const found: number[] = [];
    for (let at = pop * popCount; at < (pop + 1) * popCount; at++)
      if ((seen[at] as number) >= PAIR_LEAST) found.push(low[at] as number);
    return found.length < PAIRS_LEAST ? Number.NaN : reduce(found);
  });
  const known = own.filter((stretch) => !Number.isNaN(stretch));
  const fleet = known.length < Math.max(FLEET_LEAST, popCount / 2) ? Number.NaN : median(known);
  const shares = own.map((stretch) => {
    const share = stretch / fleet;
    return Number.isNaN(share) ? 1 : Math.max(SHARE_LEAST, Math.min(1, share));
  });
  return { fleet, shares };
}

/** Mean of the two lowest: a liar's are low beside POPs that are near. */
function lowest(values: number[]): number {
  values.sort((one, other) => one - other);
  return ((values[0] as number) + (values[1] as number)) / 2;
}

/** Of several, so that one liar among them changes little. */
function median(values: number[]): number {
  values.sort((one, other) => one - other);
  const middle = values.length >> 1;
  const upper = values[middle] as number;
  return values.length % 2 === 1 ? upper : ((values[middle - 1] as number) + upper) / 2;
}
