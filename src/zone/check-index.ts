import { TYPE } from '../wire/constants.ts';
import { formatName, isAtOrBelow, lowerOctet } from '../wire/name.ts';
import type { ZoneProblem } from './problem.ts';
import type { ZoneRecord } from './record.ts';

/** Highest TTL: 31 bits (RFC 2181 §8). */
const TTL_MAX = 0x7fff_ffff;

/** What stands at one owner. */
export interface CheckedNode {
  readonly owner: Uint8Array;
  readonly records: ZoneRecord[];
}

/**
 * The zone by owner, for looking up from one record to another. Keys are lower-case wire names as
 * characters.
 */
export interface ZoneIndex {
  readonly apex: string;
  readonly nodes: Map<string, CheckedNode>;
  /** Owners of NS below the apex. */
  readonly cuts: Set<string>;
  /** Owners of DNAME. */
  readonly renamed: Set<string>;
}

/** Notes a problem at a record. */
export type Note = (record: ZoneRecord, severity: ZoneProblem['severity'], message: string) => void;

/** Sorts records by owner; those that cannot be in the zone are noted and left out. */
export function indexZone(records: readonly ZoneRecord[], origin: Uint8Array, note: Note): ZoneIndex {
  const index: ZoneIndex = { apex: nameKey(origin), nodes: new Map(), cuts: new Set(), renamed: new Set() };
  let lastOwner: Uint8Array | undefined;
  let key = '';
  for (const record of records) {
    if (record.owner !== lastOwner) key = nameKey(record.owner);
    lastOwner = record.owner;
    if (record.ttl > TTL_MAX) note(record, 'error', `TTL ${record.ttl} is over ${TTL_MAX} (RFC 2181 §8)`);
    if (!isAtOrBelow(record.owner, origin)) {
      note(record, 'error', `${formatName(record.owner)} is outside the zone ${formatName(origin)}`);
      continue;
    }
    const node = index.nodes.get(key);
    if (node === undefined) index.nodes.set(key, { owner: record.owner, records: [record] });
    else node.records.push(record);
    if (record.type === TYPE.NS && key !== index.apex) index.cuts.add(key);
    if (record.type === TYPE.DNAME) index.renamed.add(key);
  }
  return index;
}

/** Key of a name in a `ZoneIndex`. */
export function nameKey(name: Uint8Array): string {
  let key = '';
  for (const octet of name) key += String.fromCharCode(lowerOctet(octet));
  return key;
}

/**
 * Keys of the name and of those above it down to the apex, the longest first; none for a name outside the
 * zone.
 */
export function* keysUpToApex(index: ZoneIndex, key: string): Generator<string> {
  for (let at = key; at.length >= index.apex.length; at = at.slice(at.charCodeAt(0) + 1)) {
    yield at;
    if (at.length <= 1) return;
  }
}
