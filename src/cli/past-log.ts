import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';

/** What is kept of a moment, whole. */
export interface KeptParts {
  /** ms since 1970 UTC. */
  readonly atMs: number;
  /** The steering image in use. */
  readonly image: Uint8Array;
  /** By POP: its state word. */
  readonly popState: Int32Array;
  /** By POP whose word is set: why it is out, as far as that was known. */
  readonly out: ReadonlyMap<number, KeptOut>;
  /** Estimates by cell key; empty octets: nothing was measured of that cell. */
  readonly cells: ReadonlyMap<string, Uint8Array>;
  /** All cells of which something was measured are there; else only some are. */
  readonly isWhole: boolean;
}

/** Why a POP is out. */
export interface KeptOut {
  readonly why?: string;
  /** ms since 1970 UTC. */
  readonly sinceMs?: number;
}

/** Moments of the past, packed: the newest of them, in bounded memory. */
export interface PastLog {
  /** One at a time. */
  readonly add: (parts: KeptParts) => Promise<void>;
  /** When they were, by time: ms since 1970 UTC. */
  readonly times: () => readonly number[];
  /** Undefined: it is not kept, or not any more. */
  readonly at: (atMs: number) => Promise<KeptParts | undefined>;
  /** What it takes in memory, octets. */
  readonly octets: () => number;
}

/** Moments that are packed by what differs from one image; with the last of them it goes. */
const GROUP_MOMENTS = 10;
/** A window of zstd that sees all of the image that others are packed by: 2^27 octets at most. */
const WINDOW_LOG_MAX = 27;

interface PackedMoment {
  readonly atMs: number;
  readonly image: Uint8Array;
  readonly cells: Uint8Array;
  readonly keys: Uint8Array;
  readonly isWhole: boolean;
  readonly popState: Int32Array;
  readonly out: KeptParts['out'];
}

interface Group {
  /** Packed by themselves. */
  readonly image: Uint8Array;
  readonly keys: Uint8Array;
  readonly moments: PackedMoment[];
}

/**
 * Keeps the newest `max`, and fewer where they take more than `octetsMax`, but for the newest. Images and
 * keys hardly differ from one moment to the next, and are packed by their difference; estimates all change.
 */
export function createPastLog({ max, octetsMax }: { max: number; octetsMax: number }): PastLog {
  const groups: Group[] = [];
  /** What the newest group is packed by, unpacked. */
  let base = { image: new Uint8Array(0), keys: new Uint8Array(0) };
  let added = 0;
  const octets = (): number =>
    groups.reduce((sum, group) => sum + octetsOf(group), base.image.length + base.keys.length);
  const count = (): number => groups.reduce((sum, { moments }) => sum + moments.length, 0);
  return {
    add: async ({ atMs, image, popState, out, cells, isWhole }) => {
      const names = [...cells.keys()];
      const keys = Buffer.from(names.join('\n'));
      const newest = groups.at(-1);
      if (newest === undefined || added % GROUP_MOMENTS === 0) {
        const first = { image: await pack(image), keys: await pack(keys) };
        base = { image: Uint8Array.from(image), keys };
        groups.push({ ...first, moments: [] });
      }
      groups.at(-1)?.moments.push({
        atMs,
        image: await pack(image, base.image),
        keys: await pack(keys, base.keys),
        cells: await pack(joined([...cells.values()])),
        isWhole,
        popState: popState.slice(),
        out,
      });
      added++;
      while (count() > max || (count() > 1 && octets() > octetsMax)) dropFirst(groups);
    },
    times: () => groups.flatMap(({ moments }) => moments.map(({ atMs }) => atMs)),
    at: async (atMs) => {
      const group = groups.find(({ moments }) => moments.some((one) => one.atMs === atMs));
      const found = group?.moments.find((one) => one.atMs === atMs);
      return group === undefined || found === undefined ? undefined : unpackMoment(group, found);
    },
    octets,
  };
}

function dropFirst(groups: Group[]): void {
  groups[0]?.moments.shift();
  if (groups[0]?.moments.length === 0) groups.shift();
}

function octetsOf({ image, keys, moments }: Group): number {
  return moments.reduce(
    (sum, one) => sum + one.image.length + one.keys.length + one.cells.length + one.popState.byteLength,
    image.length + keys.length,
  );
}

async function unpackMoment(group: Group, packed: PackedMoment): Promise<KeptParts> {
  const { atMs, isWhole, popState, out } = packed;
  const image = await unpack(packed.image, await unpack(group.image));
  const keys = await unpack(packed.keys, await unpack(group.keys));
  const values = parted(await unpack(packed.cells));
  const names = keys.length === 0 ? [] : new TextDecoder().decode(keys).split('\n');
  const cells = new Map(names.map((name, i) => [name, values[i] ?? new Uint8Array(0)]));
  return { atMs, image, popState, out, cells, isWhole };
}

/** Values one after the other, each behind its length (Uint16, little-endian). */
function joined(values: readonly Uint8Array[]): Uint8Array {
  const octets = new Uint8Array(values.reduce((sum, { length }) => sum + 2 + length, 0));
  let at = 0;
  for (const value of values) {
    octets.set([value.length & 0xff, value.length >> 8], at);
    octets.set(value, at + 2);
    at += 2 + value.length;
  }
  return octets;
}

function parted(octets: Uint8Array): Uint8Array[] {
  const values: Uint8Array[] = [];
  for (let at = 0; at < octets.length; ) {
    const length = (octets[at] as number) | ((octets[at + 1] as number) << 8);
    values.push(octets.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return values;
}

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Octets packed, by what differs from others where these are given; not on this thread. */
async function pack(octets: Uint8Array, by?: Uint8Array): Promise<Uint8Array> {
  if (by === undefined || by.length === 0) return compress(Buffer.from(octets));
  const bits = Math.ceil(Math.log2(octets.length + by.length + 1));
  const params = { [constants.ZSTD_c_windowLog]: Math.min(WINDOW_LOG_MAX, Math.max(10, bits)) };
  return compress(Buffer.from(octets), { dictionary: by, params });
}

async function unpack(packed: Uint8Array, by?: Uint8Array): Promise<Uint8Array> {
  return decompress(packed, by === undefined || by.length === 0 ? {} : { dictionary: by });
}
