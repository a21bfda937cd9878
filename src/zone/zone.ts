import type { NameView } from '../wire/name-view.ts';
import { suffixEquals } from '../wire/name-view.ts';
import type { RecordLayout } from '../wire/writer.ts';
import type { NameTable } from './name-table.ts';
import { buildNameTable, findName } from './name-table.ts';

/** Records of one owner and type (RFC 2181 §5), ready to copy. */
export interface RRset {
  readonly type: number;
  /** Seconds. */
  readonly ttl: number;
  readonly records: readonly RecordLayout[];
  /** The target of a CNAME or DNAME. */
  readonly target: NameView | undefined;
  /** What its records name and the additional section may therefore carry (RFC 1034 §4.3.2 step 6). */
  readonly additional: readonly AdditionalData[];
}

/** Addresses of one name that an RRset points at. */
export interface AdditionalData {
  readonly owner: NameView;
  readonly rrsets: readonly RRset[];
  /** Glue below the cut itself: a referral without it is useless, so it must be sent or TC set (RFC 9471). */
  readonly required: boolean;
}

/** Marks an owner whose A, AAAA and HTTPS are chosen for each client. */
export interface Steer {
  /** Position in the list of services that the zone was compiled for. */
  readonly serviceIndex: number;
  /** Seconds, from the zone's record: an upper bound. */
  readonly ttl: number;
}

/** One name of a zone; empty non-terminals have one too (RFC 4592 §2.2.2). */
export interface ZoneNode {
  readonly name: NameView;
  /** By ascending type. */
  readonly rrsets: readonly RRset[];
  readonly cname: RRset | undefined;
  readonly dname: RRset | undefined;
  /** The NS RRset, if this is a zone cut. */
  readonly delegation: RRset | undefined;
  readonly steer: Steer | undefined;
  /** The child `*`, the source of synthesis when this is the closest encloser (RFC 4592 §3.3.1). */
  readonly wildcard: ZoneNode | undefined;
  /** The highest cut or DNAME strictly above: if there is one, this node is not served but occluded. */
  readonly above: ZoneNode | undefined;
}

/** A zone compiled for answering. Immutable. */
export interface Zone {
  readonly apex: NameView;
  readonly names: NameTable;
  /** In the order of `names`. */
  readonly nodes: readonly ZoneNode[];
  /** The SOA for negative answers: TTL = min(its TTL, MINIMUM) (RFC 2308 §3). */
  readonly negativeSoa: RRset;
  readonly serial: number;
  readonly recordCount: number;
}

/** All zones that are served. */
export interface Zones {
  readonly apexes: NameTable;
  /** In the order of `apexes`. */
  readonly zones: readonly Zone[];
}

/** How a name stands in a zone. */
export const HIT = {
  /** The name exists, perhaps as an empty non-terminal. */
  NODE: 0,
  /** The name does not exist; `node` is the wildcard that stands for it. */
  WILDCARD: 1,
  /** The name is at or below the cut `node`. */
  DELEGATION: 2,
  /** The name is below `node`, which has a DNAME. */
  DNAME: 3,
  /** The name does not exist. */
  NXDOMAIN: 4,
} as const;

/** Where `findNode` leaves what it found. Mutable, reused. */
export interface Hit {
  kind: number;
  node: ZoneNode | undefined;
}

/** The set of these zones, whose apexes must differ. */
export function createZones(zones: readonly Zone[]): Zones {
  return { apexes: buildNameTable(zones.map((zone) => zone.apex)), zones };
}

/**
 * The zone with the longest apex that `name` is at or below; undefined if none is.
 * A DS is the parent's (RFC 4035 §3.1.4.1), so with `parentSide` the zone above an apex is preferred.
 */
export function findZone(zones: Zones, name: NameView, parentSide: boolean): Zone | undefined {
  for (let label = parentSide ? 1 : 0; label <= name.labels; label++) {
    const index = findName(zones.apexes, name, label);
    if (index >= 0) return zones.zones[index];
  }
  return parentSide ? findZone(zones, name, false) : undefined;
}

/**
 * Finds `name`, which is at or below the zone's apex, as RFC 1034 §4.3.2 step 3. With `parentSide` a cut
 * itself is not a referral.
 */
export function findNode(zone: Zone, name: NameView, parentSide: boolean, hit: Hit): void {
  let label = 0;
  let index = findName(zone.names, name, 0);
  const deepest = name.labels - zone.apex.labels;
  while (index < 0 && label < deepest) index = findName(zone.names, name, ++label);
  const node = zone.nodes[index] as ZoneNode;
  const { above } = node;
  if (above !== undefined) place(hit, above.delegation === undefined ? HIT.DNAME : HIT.DELEGATION, above);
  else if (node.delegation !== undefined && !(label === 0 && parentSide)) place(hit, HIT.DELEGATION, node);
  else if (label === 0) place(hit, HIT.NODE, node);
  else if (node.dname !== undefined) place(hit, HIT.DNAME, node);
  else if (node.wildcard !== undefined) place(hit, HIT.WILDCARD, node.wildcard);
  else place(hit, HIT.NXDOMAIN, undefined);
}

/** The node's RRset of a type, if it has one. */
export function rrsetOf(node: ZoneNode, type: number): RRset | undefined {
  const { rrsets } = node;
  for (let i = 0; i < rrsets.length; i++) if ((rrsets[i] as RRset).type === type) return rrsets[i];
  return undefined;
}

/** Whether `name` is `ancestor` or lies below it. */
export function isWithin(name: NameView, ancestor: NameView): boolean {
  return name.labels >= ancestor.labels && suffixEquals(name, name.labels - ancestor.labels, ancestor);
}

function place(hit: Hit, kind: number, node: ZoneNode | undefined): void {
  hit.kind = kind;
  hit.node = node;
}
