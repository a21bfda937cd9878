import type { Catchment } from './catchment.ts';
import { SHARE_STEPS } from './catchment.ts';

/** A catchment as it was. */
export interface KeptCatchment extends Catchment {
  readonly atMs: number;
  readonly epoch: number;
}

/** The catchments of the last hour, of one service group: the oldest whole, of each other what changed. */
export interface CatchmentLog {
  readonly add: (atMs: number, epoch: number, catchment: Catchment) => void;
  /** The one nearest to a time; undefined while there is none. */
  readonly nearest: (atMs: number) => KeptCatchment | undefined;
  /** What it takes in memory, octets. */
  readonly octets: () => number;
}

/** A part of a place's clients that came or went is kept once it is more than this. */
const SHARE_CHANGE = SHARE_STEPS / 20;

interface Entry extends Catchment {
  readonly atMs: number;
  readonly epoch: number;
  /** Places that changed since the entry before; undefined: all are there. */
  readonly places: Uint32Array | undefined;
}

/** Keeps the newest `max`. */
export function createCatchmentLog(max: number): CatchmentLog {
  const entries: Entry[] = [];
  /** What the entries make up to the last, and from the first. */
  let last: Catchment | undefined;
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
        (sum, { places, popOf, share }) => sum + (places?.byteLength ?? 0) + popOf.byteLength + share.length,
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
function changes(before: Catchment, now: Catchment): Pick<Entry, 'places' | 'popOf' | 'share'> {
  const changed: number[] = [];
  for (let place = 0; place < now.popOf.length; place++) {
    const moved = Math.abs((now.share[place] as number) - (before.share[place] as number));
    if (now.popOf[place] !== before.popOf[place] || moved > SHARE_CHANGE) changed.push(place);
  }
  if (changed.length * 7 > now.popOf.length * 3) return { ...copyOf(now), places: undefined };
  return {
    places: Uint32Array.from(changed),
    popOf: Int16Array.from(changed, (place) => now.popOf[place] as number),
    share: Uint8Array.from(changed, (place) => now.share[place] as number),
  };
}

function apply({ places, popOf, share }: Entry, into: Catchment): void {
  if (places === undefined) {
    into.popOf.set(popOf);
    into.share.set(share);
    return;
  }
  for (const [i, place] of places.entries()) {
    into.popOf[place] = popOf[i] as number;
    into.share[place] = share[i] as number;
  }
}

function copyOf({ popOf, share }: Catchment): Catchment {
  return { popOf: popOf.slice(), share: share.slice() };
}
