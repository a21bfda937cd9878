import { hexDigest } from '../base/file-name.ts';
import { TYPE } from '../wire/constants.ts';
import { formatName, lowerName, namesEqual, ROOT_NAME } from '../wire/name.ts';
import type { ZoneRecord } from './record.ts';

/** A zone that a catalog names (RFC 9432 §4.1). */
export interface CatalogMember {
  /** In presentation form, lower case, with the final dot. */
  readonly zone: string;
  /** The label that is its own in the catalog: another one means a zone that begins anew (§5.3). */
  readonly label: string;
  /** What its `group` property says, sorted. */
  readonly groups: readonly string[];
  /** The catalog that may take it over (§4.3.1); undefined: none. */
  readonly movesTo?: string | undefined;
}

type CatalogRecord = Pick<ZoneRecord, 'owner' | 'type' | 'ttl' | 'rdata'>;

/** The only version of the schema that there is a meaning for. */
const VERSION = '2';
const ZONES = 'zones';

/**
 * What a catalog says; a text says why it is broken or of another version, and so must change nothing (RFC
 * 9432 §4.2.1, §5.1). What it holds besides is ignored. `origin` in any case.
 */
export function readCatalog(
  origin: Uint8Array,
  records: Iterable<CatalogRecord>,
  membersMax: number,
): readonly CatalogMember[] | string {
  const versions: string[] = [];
  const found = new Map<string, Draft>();
  const draftOf = (label: string): Draft => {
    const draft = found.get(label) ?? { zones: [], groups: [], movesTo: [] };
    found.set(label, draft);
    return draft;
  };
  for (const { owner, type, rdata } of records) {
    const labels = labelsBelow(owner, origin);
    if (labels === undefined) continue;
    const [first = '', second, third, ...rest] = labels;
    if (rest.length > 0) continue;
    if (second === undefined) {
      if (first === 'version' && type === TYPE.TXT) versions.push(textOf(rdata));
    } else if (third === undefined) {
      if (second === ZONES && type === TYPE.PTR) draftOf(first).zones.push(nameOf(rdata));
    } else if (third === ZONES) {
      if (first === 'coo' && type === TYPE.PTR) draftOf(second).movesTo.push(nameOf(rdata));
      if (first === 'group' && type === TYPE.TXT) draftOf(second).groups.push(textOf(rdata));
    }
    if (found.size > membersMax) return `it has more than ${membersMax} zones`;
  }
  if (versions.length !== 1) return `it has ${versions.length} version records in place of one`;
  if (versions[0] !== VERSION) return `its version is ${JSON.stringify(versions[0])}, not "${VERSION}"`;
  return membersOf(found);
}

interface Draft {
  readonly zones: string[];
  readonly groups: string[];
  readonly movesTo: string[];
}

function membersOf(found: ReadonlyMap<string, Draft>): readonly CatalogMember[] | string {
  const members: CatalogMember[] = [];
  const labels = new Map<string, string>();
  for (const [label, { zones, groups, movesTo }] of found) {
    const [zone] = zones;
    // Properties of a zone that is not there mean nothing.
    if (zone === undefined) continue;
    if (zones.length > 1) return `${label}.${ZONES} has ${zones.length} PTR records`;
    if (movesTo.length > 1) return `coo.${label}.${ZONES} has ${movesTo.length} PTR records`;
    const before = labels.get(zone);
    if (before !== undefined) return `${zone} is there twice: ${before}.${ZONES} and ${label}.${ZONES}`;
    labels.set(zone, label);
    members.push({ zone, label, groups: groups.sort(), movesTo: movesTo[0] });
  }
  return members;
}

/** Labels of a name below the origin, first to last, in lower case; undefined: it is not below it. */
function labelsBelow(owner: Uint8Array, origin: Uint8Array): string[] | undefined {
  const end = owner.length - origin.length;
  if (end <= 0 || !namesEqual(owner.subarray(end), origin)) return undefined;
  const labels: string[] = [];
  for (let at = 0; at < end; at += (owner[at] as number) + 1) {
    const label = owner.slice(at, at + (owner[at] as number) + 1);
    labels.push(formatName(lowerName(Uint8Array.of(...label, 0))).slice(0, -1));
  }
  return labels;
}

function nameOf(rdata: Uint8Array): string {
  return formatName(lowerName(rdata));
}

/** The strings of a TXT record, one after the other. */
function textOf(rdata: Uint8Array): string {
  const octets: number[] = [];
  for (let at = 0; at < rdata.length; at += (rdata[at] as number) + 1)
    octets.push(...rdata.subarray(at + 1, at + 1 + (rdata[at] as number)));
  return new TextDecoder().decode(Uint8Array.from(octets));
}

/** A zone to be named, in wire form; the catalog that takes it over, too. */
export interface MemberToName {
  readonly zone: Uint8Array;
  readonly group?: string | undefined;
  readonly movesTo?: Uint8Array | undefined;
}

/** Times of a catalog's SOA, seconds. */
interface CatalogTimes {
  readonly serial: number;
  readonly refreshS: number;
  readonly retryS: number;
  readonly expireS: number;
}

/** Records stand nowhere. */
const MADE_FILE = 'made as a catalog';
/** Nobody keeps them but those who transfer them (§4.1). */
const TTL_S = 0;
const INVALID = Uint8Array.of(7, ...new TextEncoder().encode('invalid'), 0);

/**
 * Records of a catalog of these zones (RFC 9432 §4). A zone's label comes of its name, so that every name
 * server with this configuration makes the same catalog.
 */
export function catalogRecords(
  origin: Uint8Array,
  members: readonly MemberToName[],
  times: CatalogTimes,
): ZoneRecord[] {
  const made: ZoneRecord[] = [];
  const add = (labels: readonly string[], type: number, rdata: Uint8Array): void => {
    const octets = labels.flatMap((label) => [label.length, ...new TextEncoder().encode(label)]);
    const owner = Uint8Array.of(...octets, ...origin);
    made.push({ owner, type, ttl: TTL_S, rdata, file: MADE_FILE, line: made.length + 1 });
  };
  add([], TYPE.SOA, soaRdata(times));
  add([], TYPE.NS, INVALID);
  add(['version'], TYPE.TXT, txtRdata(VERSION));
  for (const { zone, group, movesTo } of members) {
    const label = hexDigest(formatName(lowerName(zone))).slice(0, LABEL_DIGITS);
    add([label, ZONES], TYPE.PTR, lowerName(zone));
    if (group !== undefined) add(['group', label, ZONES], TYPE.TXT, txtRdata(group));
    if (movesTo !== undefined) add(['coo', label, ZONES], TYPE.PTR, lowerName(movesTo));
  }
  return made;
}

const LABEL_DIGITS = 32;

function soaRdata({ serial, refreshS, retryS, expireS }: CatalogTimes): Uint8Array {
  const times = new DataView(new ArrayBuffer(20));
  for (const [i, value] of [serial, refreshS, retryS, expireS, TTL_S].entries())
    times.setUint32(4 * i, value);
  return Uint8Array.of(...INVALID, ...INVALID, ...new Uint8Array(times.buffer));
}

function txtRdata(text: string): Uint8Array {
  const octets = new TextEncoder().encode(text);
  return Uint8Array.of(octets.length, ...octets);
}

/** Of a catalog, what everybody may see: its apex. Which zones there are is for who transfers it (§7). */
export function catalogFace(origin: Uint8Array, records: readonly ZoneRecord[]): readonly ZoneRecord[] {
  return records.filter(
    ({ owner, type }) => (type === TYPE.SOA || type === TYPE.NS) && namesEqual(owner, origin),
  );
}

/** Name of a catalog or zone as it is compared: presentation form, lower case, with the final dot. */
export function catalogName(origin: Uint8Array): string {
  return origin.length === ROOT_NAME.length ? '.' : formatName(lowerName(origin));
}
