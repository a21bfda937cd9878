import { TYPE } from '../wire/constants.ts';
import { emptyNameView, readWireName } from '../wire/name-view.ts';
import { createDraft, fillDraft, findInDraft, isWildcardNode, ownerOf, type ZoneDraft } from './draft.ts';
import type { ZoneProblem } from './problem.ts';
import type { ZoneRecord } from './record.ts';

/** What stands at a node, as bits. */
export const STANDS = {
  /** NS below the apex. */
  CUT: 1,
  DNAME: 2,
  CNAME: 4,
  /** A, AAAA or STEER. */
  ADDRESS: 8,
  /** Any record: other nodes are empty non-terminals. */
  RECORD: 16,
  /** The node below it named `*` has records. */
  WILDCARD: 32,
} as const;

/** The zone by owner, for looking up from one record to another. */
export interface ZoneIndex {
  readonly draft: ZoneDraft;
  /** By node: `STANDS` bits. */
  readonly stands: Uint8Array;
  /** Whether any node is a cut or has a DNAME. */
  readonly hides: boolean;
}

/** Notes a problem at a record. */
export type Note = (record: ZoneRecord, severity: ZoneProblem['severity'], message: string) => void;

const view = emptyNameView();
/** For one zone at a time. */
const draft = createDraft();

/** Sorts records by owner. Holds until the next call. */
export function indexZone(records: readonly ZoneRecord[], origin: Uint8Array): ZoneIndex {
  fillDraft(draft, origin, records);
  const stands = new Uint8Array(draft.nodeCount);
  let hides = false;
  // Parents come before their children.
  for (let node = 0; node < draft.nodeCount; node++) {
    let bits = 0;
    for (let i = draft.firsts[node] as number; i >= 0; i = draft.nexts[i] as number)
      bits |= STANDS.RECORD | bitOf((records[i] as ZoneRecord).type);
    if (node === 0) bits &= ~STANDS.CUT;
    stands[node] = bits;
    if ((bits & (STANDS.CUT | STANDS.DNAME)) !== 0) hides = true;
    const parent = draft.parents[node] as number;
    if (bits !== 0 && parent >= 0 && isWildcardNode(draft, node))
      stands[parent] = (stands[parent] as number) | STANDS.WILDCARD;
  }
  return { draft, stands, hides };
}

/** Where a name of the zone stands in it. */
export interface Place {
  /** Its node; -1 if it has none. */
  readonly node: number;
  /** The longest of its node and those above that exists. */
  readonly encloser: number;
}

/** Looks up a name; undefined outside the zone. */
export function placeOf(index: ZoneIndex, name: Uint8Array): Place | undefined {
  readWireName(view, name, 0);
  const deepest = view.labels - ((index.draft.sizes[0] as number) >>> 8);
  for (let label = 0; label <= deepest; label++) {
    const encloser = findInDraft(index.draft, view, label);
    if (encloser >= 0) return { node: label === 0 ? encloser : -1, encloser };
  }
  return undefined;
}

/** The nodes from this one up to the apex. */
export function* upwards(index: ZoneIndex, node: number): Generator<number> {
  for (let at = node; at >= 0; at = index.draft.parents[at] as number) yield at;
}

/** The records of a node, in their order. */
export function recordsAt(index: ZoneIndex, node: number): ZoneRecord[] {
  const { firsts, nexts, records } = index.draft;
  const found: ZoneRecord[] = [];
  for (let i = firsts[node] as number; i >= 0; i = nexts[i] as number) found.push(records[i] as ZoneRecord);
  return found;
}

/** The name of a node, as it was spelt first. */
export function nameOf(index: ZoneIndex, node: number): Uint8Array {
  return ownerOf(index.draft, node);
}

function bitOf(type: number): number {
  switch (type) {
    case TYPE.A:
    case TYPE.AAAA:
    case TYPE.STEER:
      return STANDS.ADDRESS;
    case TYPE.NS:
      return STANDS.CUT;
    case TYPE.DNAME:
      return STANDS.DNAME;
    case TYPE.CNAME:
      return STANDS.CNAME;
    default:
      return 0;
  }
}
