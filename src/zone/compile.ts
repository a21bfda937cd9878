import type { Problem } from '../base/errors.ts';
import { TYPE, typeName } from '../wire/constants.ts';
import { formatName, isAtOrBelow, lowerName, parentName } from '../wire/name.ts';
import type { NameView } from '../wire/name-view.ts';
import { nameView } from '../wire/name-view.ts';
import { additionalName, layOut } from './layout.ts';
import { buildNameTable, findName } from './name-table.ts';
import type { ZoneRecord } from './record.ts';
import type { AdditionalData, Hit, RRset, Steer, Zone, ZoneNode } from './zone.ts';
import { findNode, HIT, isWithin, rrsetOf } from './zone.ts';

/** What compiling needs to know beside the records. */
interface CompileOptions {
  /** The apex, wire form. */
  readonly origin: Uint8Array;
  /** Names of the services that STEER records may name; a steered node holds the position in this list. */
  readonly services: readonly string[];
}

/** Compiles records to a zone, or says everything that keeps them from being one. */
export function compileZone(
  records: readonly ZoneRecord[],
  options: CompileOptions,
): Zone | readonly Problem[] {
  const draft: Draft = { origin: options.origin, nodes: new Map(), problems: [] };
  draftNode(draft, options.origin);
  for (const record of records) addRecord(draft, record);
  for (const node of draft.nodes.values()) checkNode(draft, node, options.services);
  const apex = draft.nodes.get(nodeKey(options.origin)) as DraftNode;
  const soa = firstOf(apex, TYPE.SOA);
  if (soa === undefined || draft.problems.length > 0) return draft.problems;
  return assemble(draft, soa, options);
}

interface DraftNode {
  readonly owner: Uint8Array;
  /** By type, then by RDATA: equal records are one (RFC 2181 §5). */
  readonly types: Map<number, Map<string, ZoneRecord>>;
}

interface Draft {
  readonly origin: Uint8Array;
  readonly nodes: Map<string, DraftNode>;
  readonly problems: Problem[];
}

/** A node while its neighbours are still being made. */
type OpenNode = { -readonly [Key in keyof ZoneNode]: ZoneNode[Key] };
/** An RRset while the nodes that its records name are still being made. */
type OpenRRset = Omit<RRset, 'additional'> & { additional: readonly AdditionalData[] };

function addRecord(draft: Draft, record: ZoneRecord): void {
  if (!isAtOrBelow(record.owner, draft.origin)) {
    draft.problems.push(
      problem(record, `${formatName(record.owner)} is outside the zone ${formatName(draft.origin)}`),
    );
    return;
  }
  const { types } = draftNode(draft, record.owner);
  const rrset = types.get(record.type) ?? new Map<string, ZoneRecord>();
  types.set(record.type, rrset);
  const key = latin1.decode(record.rdata);
  if (!rrset.has(key)) rrset.set(key, record);
}

/** The draft of the node of this owner, made with the empty non-terminals between it and the apex. */
function draftNode(draft: Draft, owner: Uint8Array): DraftNode {
  const key = nodeKey(owner);
  const known = draft.nodes.get(key);
  if (known !== undefined) return known;
  const node: DraftNode = { owner, types: new Map() };
  draft.nodes.set(key, node);
  if (owner.length > draft.origin.length) draftNode(draft, parentName(owner));
  return node;
}

function checkNode(draft: Draft, node: DraftNode, services: readonly string[]): void {
  const { types } = node;
  const atApex = node.owner.length === draft.origin.length;
  const name = formatName(node.owner);
  const complain = (type: number, message: string) => {
    const record = firstOf(node, type);
    const place = record ??
      firstOf(node, types.keys().next().value ?? 0) ?? { file: formatName(draft.origin), line: 1 };
    draft.problems.push(problem(place, message));
  };
  if (atApex && !types.has(TYPE.SOA)) complain(TYPE.SOA, `the zone ${name} has no SOA record at its apex`);
  if (atApex && !types.has(TYPE.NS)) complain(TYPE.NS, `the zone ${name} has no NS record at its apex`);
  if (!atApex && types.has(TYPE.SOA)) complain(TYPE.SOA, `SOA belongs at the apex, not at ${name}`);
  for (const type of [TYPE.SOA, TYPE.CNAME, TYPE.DNAME, TYPE.STEER])
    if ((types.get(type)?.size ?? 0) > 1)
      complain(type, `${name} has more than one ${typeName(type)} record`);
  if (types.has(TYPE.CNAME) && [...types.keys()].some((type) => !BESIDE_CNAME.has(type)))
    complain(TYPE.CNAME, `${name} has a CNAME and other records (RFC 1034 §3.6.2)`);
  if (node.owner[0] === 1 && node.owner[1] === 0x2a)
    for (const type of [TYPE.NS, TYPE.DNAME])
      if (types.has(type))
        complain(type, `${name}: ${typeName(type)} at a wildcard has no meaning (RFC 4592 §4)`);
  const steer = firstOf(node, TYPE.STEER);
  if (steer === undefined) return;
  for (const type of [TYPE.A, TYPE.AAAA, TYPE.HTTPS])
    if (types.has(type)) complain(type, `${name} has both STEER and ${typeName(type)}, which STEER makes`);
  if (!services.includes(serviceName(steer)))
    complain(TYPE.STEER, `${name}: there is no service ${JSON.stringify(serviceName(steer))}`);
}

const NO_ADDITIONAL: readonly AdditionalData[] = [];
const latin1 = new TextDecoder('latin1');
const BESIDE_CNAME: ReadonlySet<number> = new Set([TYPE.CNAME, TYPE.RRSIG, TYPE.NSEC]);

function assemble(draft: Draft, soa: ZoneRecord, options: CompileOptions): Zone {
  const open = new Map<string, OpenNode>();
  for (const [key, node] of draft.nodes) open.set(key, openNode(node, options));
  for (const [key, node] of open)
    linkNode(node, (draft.nodes.get(key) as DraftNode).owner, open, draft.origin);
  const nodes: ZoneNode[] = [...open.values()];
  const apexNode = open.get(nodeKey(draft.origin)) as ZoneNode;
  const soaRRset = rrsetOf(apexNode, TYPE.SOA) as RRset;
  const numbers = new DataView(soa.rdata.buffer, soa.rdata.byteOffset + soa.rdata.length - 20, 20);
  const negativeTtl = Math.min(soa.ttl, numbers.getUint32(16));
  const zone: Zone = {
    apex: apexNode.name,
    names: buildNameTable(nodes.map((node) => node.name)),
    nodes,
    negativeSoa: { ...soaRRset, ttl: negativeTtl, records: [layOut(soa, negativeTtl)] },
    serial: numbers.getUint32(0),
    recordCount: nodes.reduce((sum, node) => sum + recordsOf(node), 0),
  };
  for (const [key, node] of open) addAdditional(zone, node, draft.nodes.get(key) as DraftNode);
  return zone;
}

function openNode(draft: DraftNode, options: CompileOptions): OpenNode {
  const { owner, types } = draft;
  const rrsets: RRset[] = [];
  for (const [type, byRdata] of [...types].sort(([left], [right]) => left - right)) {
    if (type === TYPE.STEER) continue;
    const records = [...byRdata.values()];
    // Differing TTLs in one RRset are an error to be mended by taking the least (RFC 2181 §5.2).
    const ttl = records.reduce((least, record) => Math.min(least, record.ttl), records[0]!.ttl);
    const target = type === TYPE.CNAME || type === TYPE.DNAME ? nameView(records[0]!.rdata) : undefined;
    // Signatures over different RRsets share owner and type, but each has the TTL of what it signs (RFC 4034
    // §3).
    const layouts = records.map((record) => layOut(record, type === TYPE.RRSIG ? record.ttl : ttl));
    rrsets.push({ type, ttl, records: layouts, target, additional: NO_ADDITIONAL });
  }
  const find = (type: number) => rrsets.find((rrset) => rrset.type === type);
  return {
    name: nameView(owner),
    rrsets,
    cname: find(TYPE.CNAME),
    dname: find(TYPE.DNAME),
    delegation: owner.length > options.origin.length ? find(TYPE.NS) : undefined,
    steer: steerOf(firstOf(draft, TYPE.STEER), options.services),
    wildcard: undefined,
    above: undefined,
  };
}

function linkNode(
  node: OpenNode,
  owner: Uint8Array,
  nodes: ReadonlyMap<string, OpenNode>,
  origin: Uint8Array,
): void {
  node.wildcard = nodes.get(`\x01*${nodeKey(owner)}`);
  for (let rest = owner; rest.length > origin.length; ) {
    rest = parentName(rest);
    const ancestor = nodes.get(nodeKey(rest)) as OpenNode;
    if (ancestor.delegation !== undefined || ancestor.dname !== undefined) node.above = ancestor;
  }
}

/** Finds, once for all, the addresses that go with each NS, MX and SRV RRset. */
function addAdditional(zone: Zone, node: ZoneNode, draft: DraftNode): void {
  for (const rrset of node.rrsets as OpenRRset[]) {
    const found: AdditionalData[] = [];
    for (const record of draft.types.get(rrset.type)?.values() ?? []) {
      const target = additionalName(record);
      if (target === undefined) break;
      const data = additionalData(zone, target, rrset === node.delegation ? node : undefined);
      if (data !== undefined) found.push(data);
    }
    if (found.length > 0) rrset.additional = found;
  }
}

/** Addresses of `target`; with a `cut`, occluded ones too, since that is what glue is. */
function additionalData(zone: Zone, target: NameView, cut: ZoneNode | undefined): AdditionalData | undefined {
  if (!isWithin(target, zone.apex)) return undefined;
  const hit: Hit = { kind: HIT.NXDOMAIN, node: undefined };
  findNode(zone, target, false, hit);
  let source = hit.kind === HIT.NODE || hit.kind === HIT.WILDCARD ? hit.node : undefined;
  if (hit.kind === HIT.DELEGATION && cut !== undefined) source = zone.nodes[findName(zone.names, target, 0)];
  if (source === undefined) return undefined;
  let rrsets = source.rrsets.filter((rrset) => rrset.type === TYPE.A || rrset.type === TYPE.AAAA);
  // Two targets of one wildcard are two RRsets on the wire.
  if (hit.kind === HIT.WILDCARD) rrsets = rrsets.map((rrset) => ({ ...rrset }));
  if (rrsets.length === 0) return undefined;
  return { owner: target, rrsets, required: cut !== undefined && isWithin(target, cut.name) };
}

function steerOf(record: ZoneRecord | undefined, services: readonly string[]): Steer | undefined {
  if (record === undefined) return undefined;
  return { serviceIndex: services.indexOf(serviceName(record)), ttl: record.ttl };
}

function serviceName(record: ZoneRecord): string {
  return latin1.decode(record.rdata.subarray(1));
}

function recordsOf(node: ZoneNode): number {
  const count = node.rrsets.reduce((sum, rrset) => sum + rrset.records.length, 0);
  return node.steer === undefined ? count : count + 1;
}

function firstOf(node: DraftNode, type: number): ZoneRecord | undefined {
  return node.types.get(type)?.values().next().value;
}

function nodeKey(owner: Uint8Array): string {
  return String.fromCharCode(...lowerName(owner));
}

function problem(place: { readonly file: string; readonly line: number }, message: string): Problem {
  return { file: place.file, line: place.line, message };
}
