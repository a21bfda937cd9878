import { ROW_CANDIDATES, ROW_SHARES } from './image.ts';
import type { RowTable } from './intern-rows.ts';
import type { GroupPolicy } from './policy.ts';
import type { CellView } from './rtt.ts';

/** POPs that a cell's decision looks at; the whole fleet when these are all out or too dear. */
export const CANDIDATES = 12;
/** No POP. */
export const NONE = -1;
/** `bestPop` of a unit that is split: its parts are looked at one by one. */
export const SPLIT = -2;
/** Parts that a unit's clients are divided into, at most: as many as a row has shares. */
export const PARTS_MAX = ROW_SHARES + 1;

/** A service group: services with the same POPs and biases share its rows. */
export interface ServiceGroup {
  readonly name: string;
  /** By POP index: whether the POP serves it. */
  readonly serves: Uint8Array;
  /** By POP index: the operator's bias, ms. */
  readonly biasMs: Float64Array;
  /** Who gets which POP in place of the score. Such groups come after all others, and have no units. */
  readonly policy?: GroupPolicy;
}

/** Some of a unit's clients, 0..1, and the POP that they get. */
export interface Part {
  readonly pop: number;
  readonly share: number;
}

/**
 * What is decided, by unit = group x cellStride + cell. `pop`, `costMs`, `lossCode` and `deviationCode` hold
 * `CANDIDATES` entries a unit, sorted by RTT + bias; POP -1 ends. Some 190 octets a unit.
 */
export interface Units {
  readonly groupCount: number;
  readonly cellStride: number;
  readonly pop: Int16Array;
  /** RTT + the cell's own loss, ms: all of the score that is not of the whole POP. */
  readonly costMs: Float32Array;
  /** How much of that is loss, and the deviation of what was measured: in 1/`CODES_PER_MS` ms. */
  readonly lossCode: Uint16Array;
  readonly deviationCode: Uint16Array;
  /**
   * No POP outside the candidates has a lower RTT + bias than this, ms; of a `wide` unit, a lower score
   * than this less what scores fell since (market.ts).
   */
  readonly outsideMs: Float32Array;
  /** 1 where the candidates were picked by the whole score, as those nearest were out or too dear. */
  readonly wide: Uint8Array;
  /**
   * Of a `wide` unit: the POP with the lowest RTT of those that might be answered then, which need not be
   * among the candidates; that RTT without the POP's shift, and the cell's own loss, ms.
   */
  readonly near: { readonly pop: Int16Array; readonly rttMs: Float32Array; readonly lossMs: Float32Array };
  /** POP answered now, or with most of a split unit's clients; -1 before the first decision. */
  readonly incumbent: Int16Array;
  /** Parts of the units whose clients are divided between POPs, the largest first. Few. */
  readonly splits: Map<number, readonly Part[]>;
  /** 1 for a unit that could fill a link alone: its clients are spread over several. */
  readonly heavy: Uint8Array;
  /**
   * POP that led the incumbent at the last tick, and for how many ticks; of a split unit: ticks unpriced.
   */
  readonly challenger: Int16Array;
  readonly lead: Uint8Array;
  /** POP that the unit left only because of an event, to return to; -1 none. */
  readonly home: Int16Array;
  /** When the incumbent came, ms since 1970; 0 at the first decision. */
  readonly movedAtMs: Float64Array;
  /** 1 where the row must be written anew, and where the unit must be looked at in this tick. */
  readonly stale: Uint8Array;
  readonly awake: Uint8Array;
  /** What the clearing holds of a unit: see market.ts. */
  readonly bestPop: Int16Array;
  readonly nextPop: Int16Array;
  readonly slackMs: Float32Array;
  /** What goes into the image. */
  readonly rows: RowTable & { readonly shares: Uint16Array };
}

/** Loss and deviation are kept in steps of 1/32 ms. */
export const CODES_PER_MS = 32;
const CODE_MAX = 0xffff;

/** No decisions yet. `rowGroups`: groups that have rows, those of policies too. */
export function createUnits(groupCount: number, cellStride: number, rowGroups = groupCount): Units {
  const count = groupCount * cellStride;
  const rowCount = rowGroups * cellStride;
  return {
    groupCount,
    cellStride,
    pop: new Int16Array(count * CANDIDATES).fill(NONE),
    costMs: new Float32Array(count * CANDIDATES),
    lossCode: new Uint16Array(count * CANDIDATES),
    deviationCode: new Uint16Array(count * CANDIDATES),
    outsideMs: new Float32Array(count),
    wide: new Uint8Array(count),
    near: {
      pop: new Int16Array(count).fill(NONE),
      rttMs: new Float32Array(count),
      lossMs: new Float32Array(count),
    },
    incumbent: new Int16Array(count).fill(NONE),
    splits: new Map(),
    heavy: new Uint8Array(count),
    challenger: new Int16Array(count).fill(NONE),
    lead: new Uint8Array(count),
    home: new Int16Array(count).fill(NONE),
    movedAtMs: new Float64Array(count),
    stale: new Uint8Array(count).fill(1),
    awake: new Uint8Array(count).fill(1),
    bestPop: new Int16Array(count).fill(NONE),
    nextPop: new Int16Array(count).fill(NONE),
    slackMs: new Float32Array(count).fill(-Infinity),
    rows: {
      cellStride,
      candidates: new Int16Array(rowCount * ROW_CANDIDATES).fill(NONE),
      ttlSeconds: new Uint16Array(rowCount),
      ttlReason: new Uint8Array(rowCount),
      shares: new Uint16Array(rowCount * ROW_SHARES),
    },
  };
}

/**
 * Forgets a unit's decision, for a cell that was given up or newly made; `like`: unit whose answer it
 * starts from.
 */
export function resetUnit(units: Units, unit: number, like: number): void {
  units.incumbent[unit] = like === NONE ? NONE : (units.incumbent[like] as number);
  units.home[unit] = like === NONE ? NONE : (units.home[like] as number);
  units.splits.delete(unit);
  units.heavy[unit] = 0;
  units.movedAtMs[unit] = 0;
  units.challenger[unit] = NONE;
  units.lead[unit] = 0;
  units.wide[unit] = 0;
  units.bestPop[unit] = NONE;
  units.pop.fill(NONE, unit * CANDIDATES, (unit + 1) * CANDIDATES);
  wakeUnit(units, unit);
}

/** Has the unit scored anew, looked at and its row written in this tick. */
export function wakeUnit(units: Units, unit: number): void {
  units.slackMs[unit] = -Infinity;
  units.awake[unit] = 1;
  units.stale[unit] = 1;
}

const pickedPop = new Int16Array(CANDIDATES + 1);
const pickedKey = new Float64Array(CANDIDATES + 1);

/**
 * Picks a unit's candidates from the cell's view: the `CANDIDATES` POPs of the group with the lowest RTT +
 * bias, or with `extraMs` (by POP: all that a whole POP adds to its scores; Infinity: out) the lowest whole
 * score. The POPs that it has and the home stay among them.
 */
export function pickCandidates(
  units: Units,
  unit: number,
  group: ServiceGroup,
  view: CellView,
  extraMs?: Float64Array,
): void {
  const count = extraMs === undefined ? pickNearest(group, view) : pickBest(view, extraMs);
  units.outsideMs[unit] = count < CANDIDATES ? Infinity : (pickedKey[CANDIDATES - 1] as number);
  units.wide[unit] = extraMs === undefined ? 0 : 1;
  const kept = keepPops(units, unit, group, count);
  const first = unit * CANDIDATES;
  for (let k = 0; k < CANDIDATES; k++) {
    const pop = k < kept ? (pickedPop[k] as number) : NONE;
    units.pop[first + k] = pop;
    if (pop === NONE) break;
    const lossMs = view.lossMs[pop] as number;
    units.costMs[first + k] = (view.rttMs[pop] as number) + lossMs;
    units.lossCode[first + k] = Math.min(CODE_MAX, Math.round(lossMs * CODES_PER_MS));
    const deviationMs = view.deviationMs[pop] as number;
    units.deviationCode[first + k] = Math.min(CODE_MAX, Math.round(deviationMs * CODES_PER_MS));
  }
  units.slackMs[unit] = -Infinity;
  units.awake[unit] = 1;
}

function pickNearest(group: ServiceGroup, view: CellView): number {
  const { serves, biasMs } = group;
  const { rttMs } = view;
  let count = 0;
  let worstMs = Infinity;
  for (let pop = 0; pop < serves.length; pop++) {
    const key = (rttMs[pop] as number) + (biasMs[pop] as number);
    // Most are no candidates: seen here, they cost next to nothing.
    if (key >= worstMs || serves[pop] === 0) continue;
    count = insert(count, pop, key);
    if (count === CANDIDATES) worstMs = pickedKey[CANDIDATES - 1] as number;
  }
  return count;
}

function pickBest(view: CellView, extraMs: Float64Array): number {
  let count = 0;
  for (let pop = 0; pop < extraMs.length; pop++) {
    const key = (view.rttMs[pop] as number) + (view.lossMs[pop] as number) + (extraMs[pop] as number);
    if (key !== Infinity) count = insert(count, pop, key);
  }
  return count;
}

function insert(count: number, pop: number, key: number): number {
  if (count === CANDIDATES && key >= (pickedKey[CANDIDATES - 1] as number)) return count;
  let k = count < CANDIDATES ? count : CANDIDATES - 1;
  while (k > 0 && (pickedKey[k - 1] as number) > key) {
    pickedKey[k] = pickedKey[k - 1] as number;
    pickedPop[k] = pickedPop[k - 1] as number;
    k--;
  }
  pickedKey[k] = key;
  pickedPop[k] = pop;
  return Math.min(CANDIDATES, count + 1);
}

const wantedPops = new Int16Array(PARTS_MAX + 1);

/** Makes sure that the unit's POPs and its home are among the picked; the last others give way. */
function keepPops(units: Units, unit: number, group: ServiceGroup, picked: number): number {
  let wanted = 0;
  wantedPops.fill(NONE);
  const parts = units.splits.get(unit);
  if (parts === undefined) wantedPops[wanted++] = units.incumbent[unit] as number;
  else for (const { pop } of parts) wantedPops[wanted++] = pop;
  wantedPops[wanted++] = units.home[unit] as number;
  let count = picked;
  for (let i = 0; i < wanted; i++) {
    const pop = wantedPops[i] as number;
    if (pop === NONE || group.serves[pop] === 0 || isPicked(pop, count)) continue;
    let at = CANDIDATES - 1;
    if (count < CANDIDATES) at = count++;
    else while (wantedPops.includes(pickedPop[at] as number)) at--;
    pickedPop[at] = pop;
  }
  return count;
}

function isPicked(pop: number, count: number): boolean {
  for (let k = 0; k < count; k++) if (pickedPop[k] === pop) return true;
  return false;
}

/** Position of a POP among a unit's candidates; -1 if it is none of them. */
export function candidateOf(units: Units, unit: number, pop: number): number {
  const first = unit * CANDIDATES;
  for (let at = first; pop !== NONE && at < first + CANDIDATES; at++) {
    if (units.pop[at] === pop) return at;
    if (units.pop[at] === NONE) break;
  }
  return NONE;
}

/** Error of the difference of two candidates' estimates, ms. */
export function deviationMs(units: Units, one: number, other: number): number {
  const { deviationCode } = units;
  return Math.hypot(deviationCode[one] as number, deviationCode[other] as number) / CODES_PER_MS;
}
