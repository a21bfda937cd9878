/** What the POPs of a market can take. Arrays by POP. */
export interface Fillable {
  readonly capacityRps: Float64Array;
  /** Load that is not of the rows: of others, and stray. */
  readonly usedRps: Float64Array;
  /** 1 where others fill it: it takes nothing while the others suffice. */
  readonly isFull: Uint8Array;
}

/** One service group: demand, and by POP 1 where it must not be answered. */
export interface GroupDemand {
  readonly demandRps: number;
  readonly out: Uint8Array;
}

/** Overloaded POPs are filled to so much more than demand needs: so that cells need not fit exactly. */
const SPARE = 0.003;
/** A level that is higher than needed by up to this stays: demand is never quite constant. */
const KEPT = 0.005;
const HALVINGS = 40;

/**
 * The share of their capacity that the POPs of a group are filled to at most: 1; and where that does not
 * suffice the share beyond 1 at which all are equally overloaded. Others' load counts.
 */
export function fillLevel(pops: Fillable, group: GroupDemand, before: number): number {
  if (roomAt(pops, group.out, 1) >= group.demandRps) return 1;
  const needed = group.demandRps * (1 + SPARE);
  let least = 1;
  let most = 2;
  while (roomAt(pops, group.out, most) < needed && most < LEVEL_MAX) most *= 2;
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (least + most) / 2;
    if (roomAt(pops, group.out, middle) >= needed) most = middle;
    else least = middle;
  }
  return before >= most && before <= most + KEPT ? before : most;
}

/** A fleet overloaded beyond this many times its capacity is overloaded evenly only up to it. */
const LEVEL_MAX = 1e6;

/** Requests/s that a POP takes when it is filled to a share of its capacity. */
export function roomRps(pops: Fillable, pop: number, level: number): number {
  if (pops.isFull[pop] === 1 && level <= 1) return 0;
  return Math.max(0, level * (pops.capacityRps[pop] as number) - (pops.usedRps[pop] as number));
}

function roomAt(pops: Fillable, out: Uint8Array, level: number): number {
  let sum = 0;
  for (let pop = 0; pop < out.length; pop++) if (out[pop] === 0) sum += roomRps(pops, pop, level);
  return sum;
}
