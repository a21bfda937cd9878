import type { HeaderList } from '../headers.ts';
import { pathOfKey, scopeOfKey } from './cache-key.ts';
import type { Freshness } from './freshness.ts';
import { varyKey } from './vary.ts';

/** A response that is kept, whole. */
export interface StoredObject {
  readonly status: number;
  headers: HeaderList;
  /** Empty, where it is kept in parts. */
  readonly body: Uint8Array;
  /** It is kept in parts, which together have so many octets. */
  readonly wholeOctets?: number;
  freshness: Freshness;
  /** Request fields it varies by, and what the request had of them. */
  readonly varyNames: readonly string[];
  readonly varyKey: string;
  /** Compressed forms, made when first wanted; undefined: compressing gained nothing. */
  readonly encoded: Map<string, Uint8Array | undefined>;
}

/** Objects by key, in so many octets; what was not used for longest goes first. */
export interface ObjectStore {
  /** The variant that answers such a request, whatever its age; it counts as used. */
  readonly find: (key: string, requestHeaders: HeaderList) => StoredObject | undefined;
  /** Keeps it in place of the variant for the same request fields. Says whether it fits. */
  readonly put: (key: string, object: StoredObject) => boolean;
  /** Counts octets that an object got after it was kept. */
  readonly grew: (key: string, object: StoredObject, octets: number) => void;
  readonly delete: (key: string) => boolean;
  /** Drops all objects whose path (with query) is that, or begins with it. Gives their number. */
  readonly invalidate: (wanted: PathPattern) => number;
  readonly clear: () => void;
  readonly size: () => { readonly objects: number; readonly octets: number; readonly evicted: number };
}

/** What is to be dropped: `/a/b`, or with a trailing `*` all that begins so. */
export interface PathPattern {
  /** Of one distribution; undefined: of all. */
  readonly scope: string | undefined;
  readonly pattern: string;
}

interface Entry {
  readonly variants: StoredObject[];
  octets: number;
}

/** Variants of one key; the oldest goes. */
const VARIANTS_MAX = 32;
/** Counted for each object besides its octets and its headers. */
const OVERHEAD_OCTETS = 400;

export function createObjectStore(octetsMax: number): ObjectStore {
  return new LruStore(octetsMax);
}

class LruStore implements ObjectStore {
  readonly #octetsMax: number;
  /** In order of use, the longest unused first. */
  readonly #entries = new Map<string, Entry>();
  readonly #byPath = new Map<string, Set<string>>();
  #octets = 0;
  #evicted = 0;

  constructor(octetsMax: number) {
    this.#octetsMax = octetsMax;
  }

  find(key: string, requestHeaders: HeaderList): StoredObject | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.variants.findLast((one) => varyKey(one.varyNames, requestHeaders) === one.varyKey);
  }

  put(key: string, object: StoredObject): boolean {
    const needed = octetsOf(key, object);
    if (needed > this.#octetsMax) return false;
    const entry = this.#entryOf(key);
    const same = entry.variants.findIndex(
      (one) => one.varyKey === object.varyKey && one.varyNames.join() === object.varyNames.join(),
    );
    const place = same >= 0 ? same : entry.variants.length >= VARIANTS_MAX ? 0 : -1;
    if (place >= 0) {
      const [gone] = entry.variants.splice(place, 1);
      if (gone !== undefined) this.#grow(entry, -octetsOf(key, gone));
    }
    entry.variants.push(object);
    this.#grow(entry, needed);
    this.#makeRoom();
    return true;
  }

  grew(key: string, object: StoredObject, octets: number): void {
    const entry = this.#entries.get(key);
    // It may be gone, or another in its place.
    if (entry === undefined || !entry.variants.includes(object)) return;
    this.#grow(entry, octets);
    this.#makeRoom();
  }

  delete(key: string): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#entries.delete(key);
    this.#octets -= entry.octets;
    const place = placeOf(key);
    const keys = this.#byPath.get(place);
    keys?.delete(key);
    if (keys?.size === 0) this.#byPath.delete(place);
    return true;
  }

  invalidate(wanted: PathPattern): number {
    const doomed = matchingKeys(this.#entries, this.#byPath, wanted);
    for (const key of doomed) this.delete(key);
    return doomed.length;
  }

  clear(): void {
    this.#entries.clear();
    this.#byPath.clear();
    this.#octets = 0;
  }

  size(): ReturnType<ObjectStore['size']> {
    return { objects: this.#entries.size, octets: this.#octets, evicted: this.#evicted };
  }

  #makeRoom(): void {
    for (const key of this.#entries.keys()) {
      if (this.#octets <= this.#octetsMax) return;
      this.delete(key);
      this.#evicted++;
    }
  }

  #entryOf(key: string): Entry {
    const known = this.#entries.get(key);
    const entry = known ?? { variants: [], octets: 0 };
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (known === undefined) {
      const place = placeOf(key);
      const keys = this.#byPath.get(place);
      if (keys === undefined) this.#byPath.set(place, new Set([key]));
      else keys.add(key);
    }
    return entry;
  }

  #grow(entry: Entry, by: number): void {
    entry.octets += by;
    this.#octets += by;
  }
}

/** Whether a key is of such a path. */
export function keyMatches(key: string, { scope, pattern }: PathPattern): boolean {
  if (scope !== undefined && scopeOfKey(key) !== scope) return false;
  const target = targetOfKey(key);
  return pattern.endsWith('*') ? target.startsWith(pattern.slice(0, -1)) : target === pattern;
}

function matchingKeys(
  entries: ReadonlyMap<string, Entry>,
  byPath: ReadonlyMap<string, ReadonlySet<string>>,
  wanted: PathPattern,
): string[] {
  const { scope, pattern } = wanted;
  if (scope !== undefined && !pattern.endsWith('*')) {
    const keys = byPath.get(`${scope}\n${pattern.split('?', 1)[0]}`) ?? [];
    return [...keys].filter((key) => keyMatches(key, wanted));
  }
  return [...entries.keys()].filter((key) => keyMatches(key, wanted));
}

function targetOfKey(key: string): string {
  const query = key.split('\n')[2];
  return pathOfKey(key) + (query?.startsWith('?') === true ? query : '');
}

function placeOf(key: string): string {
  return `${scopeOfKey(key)}\n${pathOfKey(key)}`;
}

function octetsOf(key: string, { headers, body, encoded }: StoredObject): number {
  let sum = OVERHEAD_OCTETS + key.length + body.length;
  for (const [name, value] of headers) sum += name.length + value.length;
  for (const form of encoded.values()) sum += form?.length ?? 0;
  return sum;
}
