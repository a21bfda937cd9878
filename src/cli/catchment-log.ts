import { type Catchment, SHARE_STEPS } from './catchment.ts';

/** A catchment, and how much its places asked for then. */
export interface WeighedCatchment extends Catchment {
  /** By place: its part of all demand, as `packWeight` gives it. */
  readonly weight: Uint16Array;
}

/** A catchment as it was. */
export interface KeptCatchment extends WeighedCatchment {
  readonly atMs: number;
  readonly epoch: number;
}

/** The catchments of the last hour, of one service group: the oldest whole, of each other what changed. */
export interface CatchmentLog {
  readonly add: (atMs: number, epoch: number, catchment: WeighedCatchment) => void;
  /** The one nearest to a time; undefined while there is none. */
  readonly nearest: (atMs: number) => KeptCatchment | undefined;
  /** What it takes in memory, octets. */
  readonly octets: () => number;
}

/** A part of a place's clients that came or went is kept once it is more than this. */
const SHARE_CHANGE = SHARE_STEPS / 20;
/** A step of weights: one more is so much larger, in natural logarithms. 65,535 of them are 14 decades. */
const WEIGHT_STEP = 0.0005;
const WEIGHT_MAX = 0xffff;
/** A weight that changed is kept once it did by more than this: by 2 %. */
const WEIGHT_CHANGE = 40;
/** Octets of a place: in what is kept whole, and in what names the places that changed. */
const WHOLE_OCTETS = 5;
const NAMED_OCTETS = 9;

/** A part 0..1 of all demand in 16 bits, to a fortieth of a per cent; 0: none. */
export function packWeight(part: number): number {
  return part > 0 ? Math.max(1, WEIGHT_MAX + Math.min(0, Math.round(Math.log(part) / WEIGHT_STEP))) : 0;
}

/** The part that was packed. */
export function unpackWeight(packed: number): number {
  return packed === 0 ? 0 : Math.exp((packed - WEIGHT_MAX) * WEIGHT_STEP);
}

interface Entry extends WeighedCatchment {
  readonly atMs: number;
  readonly epoch: number;
  /** Places that changed since the entry before; undefined: all are there. */
  readonly places: Uint32Array | undefined;
}

/** Keeps the newest `max`. */
export function createCatchmentLog(max: number): CatchmentLog {
  const entries: Entry[] = [];
  /** What the entries make up to the last, and from the first. */
  let last: WeighedCatchment | undefined;
  return {
    add: (atMs, epoch, catchment) => {
      if (last === undefined || last.popOf.length !== catchment.popOf.length) {
        entries.length = 0;
        last = copyOf(catchment);
        entries.push({ ...copyOf(catchment), atMs, epoch, places: undefined });
        return;
      }
      const entry = { ...changes(last, catchment), atMs, epoch };
      apply(entry, last);
      entries.push(entry);
      if (entries.length > max) dropFirst(entries);
    },
    nearest: (atMs) => {
      let best = 0;
      for (const [i, entry] of entries.entries())
        if (Math.abs(entry.atMs - atMs) <= Math.abs((entries[best] as Entry).atMs - atMs)) best = i;
      const first = entries[0];
      if (first === undefined) return undefined;
      const made = copyOf(first);
      for (const entry of entries.slice(1, best + 1)) apply(entry, made);
      const { atMs: keptAtMs, epoch } = entries[best] as Entry;
      return { ...made, atMs: keptAtMs, epoch };
    },
    octets: () =>
      [...entries, ...(last === undefined ? [] : [{ ...last, places: undefined }])].reduce(
        (sum, { places, popOf, share, weight }) =>
          sum + (places?.byteLength ?? 0) + popOf.byteLength + share.length + weight.byteLength,
        0,
      ),
  };
}

/** The second entry becomes the whole one. */
function dropFirst(entries: Entry[]): void {
  const [first, second] = entries as [Entry, Entry];
  const whole = copyOf(first);
  apply(second, whole);
  entries.splice(0, 2, { ...whole, atMs: second.atMs, epoch: second.epoch, places: undefined });
}

/** All places where so many changed that naming them would take more. */
function changes(before: WeighedCatchment, now: WeighedCatchment): Omit<Entry, 'atMs' | 'epoch'> {
  const changed: number[] = [];
  for (let place = 0; place < now.popOf.length; place++) {
    const moved = Math.abs((now.share[place] as number) - (before.share[place] as number));
    const weighed = Math.abs((now.weight[place] as number) - (before.weight[place] as number));
    const isOther = now.popOf[place] !== before.popOf[place];
    if (isOther || moved > SHARE_CHANGE || weighed > WEIGHT_CHANGE) changed.push(place);
  }
  if (changed.length * NAMED_OCTETS > now.popOf.length * WHOLE_OCTETS)
    return { ...copyOf(now), places: undefined };
  return {
    places: Uint32Array.from(changed),
    popOf: Int16Array.from(changed, (place) => now.popOf[place] as number),
    share: Uint8Array.from(changed, (place) => now.share[place] as number),
    weight: Uint16Array.from(changed, (place) => now.weight[place] as number),
  };
}

function apply({ places, popOf, share, weight }: Entry, into: WeighedCatchment): void {
  if (places === undefined) {
    into.popOf.set(popOf);
    into.share.set(share);
    into.weight.set(weight);
    return;
  }
  for (const [i, place] of places.entries()) {
    into.popOf[place] = popOf[i] as number;
    into.share[place] = share[i] as number;
    into.weight[place] = weight[i] as number;
  }
}

function copyOf({ popOf, share, weight }: WeighedCatchment): WeighedCatchment {
  return { popOf: popOf.slice(), share: share.slice(), weight: weight.slice() };
}
