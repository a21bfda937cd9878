import { answer } from '../answer/answer.ts';
import { accessList } from '../base/access-list.ts';
import { parseAddress } from '../base/address.ts';
import { must } from '../base/assert.ts';
import type { Config } from '../config/config.ts';
import type { Peer, ZoneTransfer } from '../config/schema-transfer.ts';
import type { ZoneSource } from '../config/zone-sources.ts';
import type { TransferData, TransferZone } from '../server/transfer-book.ts';
import type { PeerAddress } from '../transfer/message.ts';
import { CLASS, TYPE } from '../wire/constants.ts';
import { lowerName, namesEqual, parseName } from '../wire/name.ts';
import { type MessageRecord, readSections } from '../wire/records.ts';
import { diffPacked, type Packed, type PackedZone, packRecords, unpack } from '../zone/packed.ts';
import { type PackedBlock, packBlock } from '../zone/packed-block.ts';
import type { Ground } from './ground.ts';
import { readPeerTls } from './transfer-tls.ts';
import type { World } from './world.ts';

/** A zone that goes elsewhere or comes from there. */
export interface TransferSettings {
  readonly zone: ZoneSource;
  readonly transfer: ZoneTransfer;
  /** Its apex in wire form, in lower case. */
  readonly origin: Uint8Array;
}

/** Types that steering makes. */
const STEERED: readonly number[] = [TYPE.A, TYPE.AAAA, TYPE.HTTPS];
const OPT_OCTETS = 11;
const MESSAGE_MAX = 65_535;

/** All zones that go elsewhere or come from there. */
export function transferSettings({
  config,
  members,
}: Pick<Ground, 'config' | 'members'>): TransferSettings[] {
  return [...config.transfers, ...members.list].map(settingsOf);
}

/** The same of one zone. */
export function settingsOf({ zone, transfer }: Omit<TransferSettings, 'origin'>): TransferSettings {
  return { zone, transfer, origin: apexOf(zone) };
}

/** What threads know before any zone is to be given. */
export function transferData(ground: Pick<Ground, 'config' | 'members'>): TransferData {
  return {
    keys: ground.config.keys,
    zones: transferSettings(ground).map((settings) => transferZone(settings, undefined)),
  };
}

/** What threads are told of a zone. */
export function transferZone(
  { transfer, zone, origin }: TransferSettings,
  given: Pick<TransferZone, 'version' | 'steps'> | undefined,
): TransferZone {
  const notifiers = zone.isSecondary ? transfer.notifiers : undefined;
  return {
    origin,
    allow: transfer.allow ?? accessList([]),
    tlsOnly: transfer.tlsOnly,
    notifiers,
    version: given?.version,
    steps: given?.steps ?? [],
  };
}

/** Peers with their keys. */
export function peersOf(peers: readonly Peer[], { keys, transferTls }: Config): PeerAddress[] {
  return peers.map(({ host, port, key, tls }) => ({
    host,
    port,
    tls: tls === undefined ? undefined : () => readPeerTls(must(transferTls[tls], `transferTls.${tls}`)),
    key:
      key === undefined
        ? undefined
        : must(
            keys.find(({ name }) => name === key),
            `the key ${key}`,
          ),
  }));
}

/** A zone's apex in wire form, in lower case. */
export function apexOf({ origin }: Pick<ZoneSource, 'origin'>): Uint8Array {
  const name = parseName(origin);
  if (typeof name === 'string') throw new Error(name);
  return lowerName(name);
}

/**
 * The zone as it is given to others: steered names as the client of `view` sees them now, or as they were
 * given before under the same serial, for a serial means one content. Undefined while steered names have no
 * answers, or where the zone has nothing to serve.
 */
export function versionToGive(
  world: World,
  { origin, transfer }: TransferSettings,
  before: PackedZone | undefined,
): PackedZone | undefined {
  const block = packBlock(world.answering.context.zones, origin);
  if (block === undefined) return undefined;
  if (before !== undefined && isThatBlock(before, block, origin)) return before;
  const seen: MessageRecord[] = [];
  for (const set of chosenSets(block)) {
    const records = askAs(world, transfer.view, set.owner, set.type);
    if (records === undefined) return undefined;
    // An alias answers all types, and stands there once.
    const isAlias = records.some((record) => record.type === TYPE.CNAME);
    if (!isAlias || set.type === TYPE.A) seen.push(...records);
  }
  return { serial: block.serial, soa: block.soa, records: joined(block.records, packRecords(origin, seen)) };
}

/** An RRset that is chosen for each client. */
type ChosenSet = Pick<MessageRecord, 'owner' | 'type'>;

/** What is chosen for each client: what steering makes, and RRsets whose hints are filled. Each once. */
function chosenSets({ steered, hinted }: PackedBlock): readonly ChosenSet[] {
  const made = steered.flatMap(({ owner, makesHttps }) =>
    STEERED.filter((type) => type !== TYPE.HTTPS || makesHttps).map((type) => ({ owner, type })),
  );
  return [...new Map([...made, ...hinted].map((set) => [keyOf(set), set])).values()];
}

function keyOf({ owner, type }: ChosenSet): string {
  return `${owner.join('.')} ${type}`;
}

/** Whether what was given before is this block, whatever its steered names were answered with. */
function isThatBlock(before: PackedZone, block: PackedBlock, origin: Uint8Array): boolean {
  if (before.serial !== block.serial || diffPacked(before.soa, block.soa).added.length > 0) return false;
  const { removed, added } = diffPacked(before.records, block.records);
  if (added.length > 0) return false;
  const chosen = chosenSets(block);
  const sets = new Set(chosen.map(keyOf));
  const missing = new Set(chosen.map(({ owner }) => owner.join('.')));
  const owners = new Set(missing);
  for (const { owner, type } of unpack(origin, removed)) {
    const isGiven = sets.has(keyOf({ owner, type })) || type === TYPE.CNAME || type === TYPE.RRSIG;
    if (!isGiven || !owners.has(owner.join('.'))) return false;
    missing.delete(owner.join('.'));
  }
  return missing.size === 0;
}

/** What a client at this address is answered for a steered name; undefined while there is no table. */
function askAs(
  world: World,
  view: string,
  owner: Uint8Array,
  type: number,
): readonly MessageRecord[] | undefined {
  const query = new Uint8Array(12 + owner.length + 4 + OPT_OCTETS);
  const octets = new DataView(query.buffer);
  octets.setUint16(4, 1);
  octets.setUint16(10, 1);
  query.set(owner, 12);
  octets.setUint16(12 + owner.length, type);
  octets.setUint16(14 + owner.length, CLASS.IN);
  // DO: signatures, where there are any, go out too.
  query.set([0, 0, TYPE.OPT, 0x10, 0, 0, 0, 0x80, 0, 0, 0], 16 + owner.length);
  const address = must(parseAddress(view), 'a checked address');
  const out = new Uint8Array(MESSAGE_MAX);
  const client = { address, port: 53, transport: 'tcp' as const };
  const length = answer(world.answering.context, query, query.length, client, out);
  if (length === 0 || ((out[3] as number) & 15) !== 0) return undefined;
  const sections = readSections(out.subarray(0, length));
  if (typeof sections === 'string') throw new Error(sections);
  const records = sections.answer.filter((record) => namesEqual(record.owner, owner));
  // Answers may have a lower TTL than was signed; in a zone both are the same (RFC 4034 §3.1.4).
  const signature = records.find((record) => record.type === TYPE.RRSIG);
  const signedTtl =
    signature && new DataView(signature.rdata.buffer, signature.rdata.byteOffset).getUint32(4);
  return records.map((record) => ({ ...record, owner, ttl: signedTtl ?? record.ttl }));
}

function joined(left: Packed, right: Packed): Packed {
  const whole = new Uint8Array(left.length + right.length);
  whole.set(left);
  whole.set(right, left.length);
  return whole;
}
