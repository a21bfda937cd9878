/**
 * Views by which arrays of octets are read and written four octets at a time, wherever those lie. Who
 * receives messages has a fixed set of arrays for them, and so each array's view is made once: this
 * remembers them.
 */
export interface PacketViews {
  readonly arrays: Uint8Array[];
  readonly views: DataView[];
  /** Which of its places the next array takes when none is free. */
  turn: number;
}

/** Arrays remembered at most: far more than a thread uses, so that hardly two want one place. */
const PLACES = 512;
const PLACE_SHIFT = 32 - 9;
/** Places looked at for one array. */
const PROBES = 4;
const NOTHING = new Uint8Array(0);
const HASH_PRIME = 0x9e3779b1 | 0;
const LENGTH_PRIME = 0x85ebca6b | 0;

/** Nothing remembered. */
export function createPacketViews(): PacketViews {
  return {
    arrays: new Array<Uint8Array>(PLACES).fill(NOTHING),
    views: new Array<DataView>(PLACES).fill(new DataView(NOTHING.buffer)),
    turn: 0,
  };
}

/** The view of an array: of all of it, and nothing else. */
export function viewOf(known: PacketViews, octets: Uint8Array): DataView {
  const home = homeOf(octets);
  return known.arrays[home] === octets ? (known.views[home] as DataView) : findView(known, octets, home);
}

/** Arrays differ by where they lie in their memory, or by length; by both where they are many. */
function homeOf(octets: Uint8Array): number {
  const mixed = Math.imul(octets.byteOffset, HASH_PRIME) + Math.imul(octets.length, LENGTH_PRIME);
  return (mixed | 0) >>> PLACE_SHIFT;
}

/** Looks at the other places that the array may have taken, and gives it one if it has none. */
function findView(known: PacketViews, octets: Uint8Array, home: number): DataView {
  let free = -1;
  for (let probe = 0; probe < PROBES; probe++) {
    const place = (home + probe) & (PLACES - 1);
    if (known.arrays[place] === octets) return known.views[place] as DataView;
    if (free < 0 && known.arrays[place] === NOTHING) free = place;
  }
  if (free < 0) {
    free = (home + known.turn) & (PLACES - 1);
    known.turn = (known.turn + 1) % PROBES;
  }
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  known.arrays[free] = octets;
  known.views[free] = view;
  return view;
}
