import { ROW_CANDIDATES, ROW_SHARES } from './image.ts';
import type { RowTable } from './intern-rows.ts';
import type { CellView } from './rtt.ts';
import { type PopTerms, scoreMs } from './score.ts';

/** POPs that a cell's decision looks at; the whole fleet when these are all out or too dear. */
export const CANDIDATES = 12;
/** No POP. */
export const NONE = -1;

/** A service group: services with the same POPs and biases share its rows. */
export interface ServiceGroup {
  readonly name: string;
  /** By POP index: whether the POP serves it. */
  readonly serves: Uint8Array;
  /** By POP index: the operator's bias, ms. */
  readonly biasMs: Float64Array;
}

/**
 * What is decided, by unit = group x cellStride + cell. `pop`, `rttMs`, `lossMs` and `deviationMs` hold
 * `CANDIDATES` entries a unit, sorted by RTT + bias; POP -1 ends.
 */
export interface Units {
  readonly groupCount: number;
  readonly cellStride: number;
  readonly pop: Int16Array;
  readonly rttMs: Float32Array;
  readonly lossMs: Float32Array;
  readonly deviationMs: Float32Array;
  /** No POP outside the candidates has a lower RTT + bias than this, ms. */
  readonly outsideMs: Float32Array;
  /** 1 where the candidates were picked by the whole score, as those nearest were out or too dear. */
  readonly wide: Uint8Array;
  /** POP answered now; -1 before the first decision. */
  readonly incumbent: Int16Array;
  /** POP with the rest of a split unit's clients, and the incumbent's share 0..1; -1 and 1: whole. */
  readonly alt: Int16Array;
  readonly share: Float32Array;
  /** 1 for a unit whose demand is heavy for one of its POPs: see split.ts. */
  readonly heavy: Uint8Array;
  /** POP that led the incumbent at the last tick, and for how many ticks; of a split unit: ticks unpriced. */
  readonly challenger: Int16Array;
  readonly lead: Uint8Array;
  /** POP that the unit left only because of an event, to return to; -1 none. */
  readonly home: Int16Array;
  /** When the incumbent came, ms since 1970; 0 at the first decision. */
  readonly movedAtMs: Float64Array;
  /** 1 where the row must be written anew. */
  readonly stale: Uint8Array;
  /** What goes into the image. */
  readonly rows: RowTable & { readonly shares: Uint16Array };
}

/** No decisions yet. */
export function createUnits(groupCount: number, cellStride: number): Units {
  const count = groupCount * cellStride;
  return {
    groupCount,
    cellStride,
    pop: new Int16Array(count * CANDIDATES).fill(NONE),
    rttMs: new Float32Array(count * CANDIDATES),
    lossMs: new Float32Array(count * CANDIDATES),
    deviationMs: new Float32Array(count * CANDIDATES),
    outsideMs: new Float32Array(count),
    wide: new Uint8Array(count),
    incumbent: new Int16Array(count).fill(NONE),
    alt: new Int16Array(count).fill(NONE),
    share: new Float32Array(count).fill(1),
    heavy: new Uint8Array(count),
    challenger: new Int16Array(count).fill(NONE),
    lead: new Uint8Array(count),
    home: new Int16Array(count).fill(NONE),
    movedAtMs: new Float64Array(count),
    stale: new Uint8Array(count).fill(1),
    rows: {
      cellStride,
      candidates: new Int16Array(count * ROW_CANDIDATES).fill(NONE),
      ttlSeconds: new Uint16Array(count),
      ttlReason: new Uint8Array(count),
      shares: new Uint16Array(count * ROW_SHARES),
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
  units.alt[unit] = NONE;
  units.share[unit] = 1;
  units.heavy[unit] = 0;
  units.movedAtMs[unit] = 0;
  units.challenger[unit] = NONE;
  units.lead[unit] = 0;
  units.wide[unit] = 0;
  units.stale[unit] = 1;
  units.pop.fill(NONE, unit * CANDIDATES, (unit + 1) * CANDIDATES);
}

/** Score of the k-th candidate of a unit, ms. */
export function candidateScore(units: Units, at: number, terms: PopTerms, biasMs: Float64Array): number {
  const pop = units.pop[at] as number;
  return scoreMs(
    (units.rttMs[at] as number) + (terms.shiftMs[pop] as number),
    (terms.lossMs[pop] as number) + (units.lossMs[at] as number),
    terms.congestionMs[pop] as number,
    terms.priceMs[pop] as number,
    biasMs[pop] as number,
  );
}

const pickedPop = new Int16Array(CANDIDATES + 1);
const pickedKey = new Float64Array(CANDIDATES + 1);

/**
 * Picks a unit's candidates from the cell's view: the `CANDIDATES` POPs of the group with the lowest RTT +
 * bias, or with `terms` the lowest whole score among those not `out`. The POPs that it has and the home stay
 * among them.
 */
export function pickCandidates(
  units: Units,
  unit: number,
  group: ServiceGroup,
  view: CellView,
  wide?: { terms: PopTerms; out: Uint8Array },
): void {
  const count = pickLowest(group, view, wide);
  if (wide === undefined)
    units.outsideMs[unit] = count < CANDIDATES ? Infinity : (pickedKey[CANDIDATES - 1] as number);
  units.wide[unit] = wide === undefined ? 0 : 1;
  let kept = count;
  kept = keepPop(group, units.home[unit] as number, kept, CANDIDATES - 2);
  kept = keepPop(group, units.incumbent[unit] as number, kept, CANDIDATES - 1);
  kept = keepPop(group, units.alt[unit] as number, kept, CANDIDATES - 3);
  const first = unit * CANDIDATES;
  for (let k = 0; k < CANDIDATES; k++) {
    const pop = k < kept ? (pickedPop[k] as number) : NONE;
    units.pop[first + k] = pop;
    if (pop === NONE) break;
    units.rttMs[first + k] = view.rttMs[pop] as number;
    units.lossMs[first + k] = view.lossMs[pop] as number;
    units.deviationMs[first + k] = view.deviationMs[pop] as number;
  }
}

function pickLowest(
  group: ServiceGroup,
  view: CellView,
  wide: { terms: PopTerms; out: Uint8Array } | undefined,
): number {
  let count = 0;
  for (let pop = 0; pop < group.serves.length; pop++) {
    if (group.serves[pop] === 0 || wide?.out[pop] === 1) continue;
    const key =
      wide === undefined
        ? (view.rttMs[pop] as number) + (group.biasMs[pop] as number)
        : viewScore(view, pop, wide.terms, group.biasMs);
    if (count === CANDIDATES && key >= (pickedKey[CANDIDATES - 1] as number)) continue;
    let k = count < CANDIDATES ? count++ : CANDIDATES - 1;
    while (k > 0 && (pickedKey[k - 1] as number) > key) {
      pickedKey[k] = pickedKey[k - 1] as number;
      pickedPop[k] = pickedPop[k - 1] as number;
      k--;
    }
    pickedKey[k] = key;
    pickedPop[k] = pop;
  }
  return count;
}

/** Score of a POP for the cell of the view, ms. */
function viewScore(view: CellView, pop: number, terms: PopTerms, biasMs: Float64Array): number {
  return scoreMs(
    (view.rttMs[pop] as number) + (terms.shiftMs[pop] as number),
    (terms.lossMs[pop] as number) + (view.lossMs[pop] as number),
    terms.congestionMs[pop] as number,
    terms.priceMs[pop] as number,
    biasMs[pop] as number,
  );
}

/** Makes sure that `pop` is among the first `count` picked, at `place` if it must displace one. */
function keepPop(group: ServiceGroup, pop: number, count: number, place: number): number {
  if (pop === NONE || group.serves[pop] === 0) return count;
  for (let k = 0; k < count; k++) if (pickedPop[k] === pop) return count;
  const k = count < CANDIDATES ? count : place;
  pickedPop[k] = pop;
  return Math.max(count, k + 1);
}

/** Position of a POP among a unit's candidates; -1 if it is none of them. */
export function candidateOf(units: Units, unit: number, pop: number): number {
  const first = unit * CANDIDATES;
  for (let at = first; pop !== NONE && at < first + CANDIDATES; at++) if (units.pop[at] === pop) return at;
  return NONE;
}
