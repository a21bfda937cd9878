import { CLASS, RCODE, TYPE, typeName } from '../wire/constants.ts';
import { formatName, lowerName, namesEqual } from '../wire/name.ts';
import { type MessageRecord, readSections } from '../wire/records.ts';
import { checkZone } from '../zone/check.ts';
import { emptyHints } from '../zone/hints.ts';
import { applyDifference, type PackedZone, packRecords, packZone, serialOf, unpack } from '../zone/packed.ts';
import type { ZoneRecord } from '../zone/record.ts';
import { isNewer } from '../zone/serial.ts';
import { askZone, hasQuestion, type PeerAddress, type Question, replyFault } from './message.ts';
import { type MessageStream, openStream } from './stream.ts';
import type { PeerTls } from './tls.ts';

/** What a fetch of a zone brought. */
export type Fetched =
  /** The copy is as new as what the primary has. */
  | { readonly kind: 'current'; readonly serial: number }
  | { readonly kind: 'zone'; readonly zone: PackedZone; readonly how: 'AXFR' | 'IXFR' };

/** What may come at most, and how long it may take. */
export interface FetchLimits {
  readonly records: number;
  readonly octets: number;
  /** Time without a message, and for the whole, ms. */
  readonly silenceMs: number;
  readonly totalMs: number;
}

export const FETCH_LIMITS: FetchLimits = {
  records: 5_000_000,
  octets: 1 << 30,
  silenceMs: 10_000,
  totalMs: 600_000,
};

/** Why a transfer is not taken, for people. */
export class TransferError extends Error {}

interface Fetching {
  readonly origin: Uint8Array;
  readonly peer: PeerAddress;
  readonly limits: FetchLimits;
  readonly signal: AbortSignal;
  /** Told of the octets of each message that comes. */
  readonly onOctets?: (octets: number) => void;
}

/**
 * Asks a primary for a zone: its SOA first, then what is new by IXFR where there is a copy, else all of it
 * by AXFR (RFC 1034 §4.3.5, RFC 1995, RFC 5936). Rejects with `TransferError` where it fails, or brings
 * what cannot be the zone.
 */
export async function fetchZone(options: Fetching, known: PackedZone | undefined): Promise<Fetched> {
  const { peer, limits } = options;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(limits.totalMs)]);
  const tls = tlsOf(peer);
  const stream = openStream({ ...peer, tls, silenceMs: limits.silenceMs, signal });
  try {
    const serial = await askSerial(options, stream);
    if (known !== undefined && !isNewer(serial, known.serial)) return { kind: 'current', serial };
    if (known !== undefined) {
      const changes = await tryIncremental(options, stream, known);
      if (changes !== undefined) return changes;
    }
  } catch (error) {
    throw asTransferError(error);
  } finally {
    stream.close();
  }
  // On a connection of its own: what a failed IXFR left on the other is nobody's.
  const whole = openStream({ ...peer, tls, silenceMs: limits.silenceMs, signal });
  try {
    return await fetchWhole(options, whole);
  } catch (error) {
    throw asTransferError(error);
  } finally {
    whole.close();
  }
}

function tlsOf({ tls }: PeerAddress): PeerTls | undefined {
  try {
    return tls?.();
  } catch (error) {
    throw asTransferError(error);
  }
}

function asTransferError(error: unknown): TransferError {
  return error instanceof TransferError ? error : new TransferError((error as Error).message);
}

async function askSerial(options: Fetching, stream: MessageStream): Promise<number> {
  const { origin, peer } = options;
  const question = askZone(origin, TYPE.SOA, { key: peer.key });
  stream.send(question.octets);
  const { answer } = await readReply(options, stream, question, TYPE.SOA);
  const soa = answer.find(({ type, owner }) => type === TYPE.SOA && namesEqual(owner, origin));
  if (soa === undefined || soa.rdata.length < 22) throw new TransferError('it has no SOA of the zone');
  return serialOf(soa.rdata);
}

/** Changes by IXFR; undefined where the primary has none to give, or none that fit the copy. */
async function tryIncremental(
  options: Fetching,
  stream: MessageStream,
  known: PackedZone,
): Promise<Fetched | undefined> {
  const { origin, peer } = options;
  const question = askZone(origin, TYPE.IXFR, { soa: known.soa, key: peer.key });
  stream.send(question.octets);
  try {
    const records = await readTransfer(options, stream, question, { type: TYPE.IXFR, known: known.serial });
    const [first, second] = records as [ZoneRecord, ...ZoneRecord[]];
    if (records.length === 1) return { kind: 'current', serial: serialOf(first.rdata) };
    const isWhole = second?.type !== TYPE.SOA || serialOf(second.rdata) !== known.serial;
    const zone = isWhole ? wholeZone(origin, records) : patched(origin, records, known);
    return { kind: 'zone', zone: checked(options, zone), how: isWhole ? 'AXFR' : 'IXFR' };
  } catch (error) {
    // What differences cannot give, the whole zone may.
    if (options.signal.aborted) throw error;
    return undefined;
  }
}

async function fetchWhole(options: Fetching, stream: MessageStream): Promise<Fetched> {
  const { origin, peer } = options;
  const question = askZone(origin, TYPE.AXFR, { key: peer.key });
  stream.send(question.octets);
  const records = await readTransfer(options, stream, question, { type: TYPE.AXFR });
  return { kind: 'zone', zone: checked(options, wholeZone(origin, records)), how: 'AXFR' };
}

async function readReply(
  { origin, onOctets }: Fetching,
  stream: MessageStream,
  question: Question,
  type: number,
) {
  const message = await stream.next();
  onOctets?.(message.length);
  const fault = replyFault(message, question);
  if (fault !== undefined) throw new TransferError(`a message is not taken: ${fault}`);
  const rcode = (message[3] as number) & 15;
  if (rcode !== RCODE.NOERROR) throw new TransferError(`it answers ${rcodeName(rcode)} to ${typeName(type)}`);
  if (!hasQuestion(message, origin, type)) throw new TransferError('a message has another question');
  const sections = readSections(message);
  if (typeof sections === 'string') throw new TransferError(`a message is malformed: ${sections}`);
  return { ...sections, octets: message.length };
}

/** All records of a transfer, its last SOA left out. */
async function readTransfer(
  options: Fetching,
  stream: MessageStream,
  question: Question,
  wanted: { readonly type: number; readonly known?: number },
): Promise<ZoneRecord[]> {
  const { origin, limits, peer } = options;
  const records: ZoneRecord[] = [];
  const end = createEnd(wanted);
  const file = `${peer.host}:${peer.port}`;
  const apex = lowerName(origin);
  let octets = 0;
  for (let isOver = false; !isOver; ) {
    const reply = await readReply(options, stream, question, wanted.type);
    octets += reply.octets;
    if (octets > limits.octets) throw new TransferError(`it sends more than ${limits.octets} octets`);
    if (reply.answer.length === 0) throw new TransferError('a message has no records');
    for (const record of reply.answer) {
      if (isOver) throw new TransferError('records come after the last SOA');
      checkRecord(record, apex, records.length === 0);
      isOver = end.after(record, records.length);
      if (isOver) continue;
      records.push({ ...record, owner: lowerName(record.owner), file, line: records.length + 1 });
      if (records.length > limits.records)
        throw new TransferError(`it has more than ${limits.records} records`);
    }
    // An IXFR of one SOA says that there is nothing new.
    if (!isOver && end.isCurrent(records)) isOver = true;
  }
  if (question.exchange?.isClosed() === false) throw new TransferError('the last message is not signed');
  return records;
}

/** Where a transfer ends: at the second SOA with the serial of the first, which in an IXFR is the third. */
function createEnd({ type, known }: { readonly type: number; readonly known?: number }) {
  let serial = 0;
  let isIncremental = false;
  let seen = 0;
  return {
    after: (record: MessageRecord, index: number): boolean => {
      if (record.type !== TYPE.SOA) return false;
      const here = serialOf(record.rdata);
      if (index === 0) serial = here;
      else {
        if (index === 1 && type === TYPE.IXFR && here === known) isIncremental = true;
        else if (!isIncremental && here !== serial)
          throw new TransferError('its two SOAs have different serials');
        if (here === serial) seen++;
      }
      return index > 0 && here === serial && (!isIncremental || seen === 2);
    },
    isCurrent: (records: readonly ZoneRecord[]): boolean =>
      type === TYPE.IXFR && records.length === 1 && known !== undefined && !isNewer(serial, known),
  };
}

/** What no record of a transfer may be. */
function checkRecord(record: MessageRecord, apex: Uint8Array, isFirst: boolean): void {
  const { owner, type } = record;
  const what = `${formatName(owner)} ${typeName(type)}`;
  if (isFirst && (type !== TYPE.SOA || !namesEqual(owner, apex)))
    throw new TransferError(`it begins with ${what}, not with the SOA of the zone`);
  if (record.class !== CLASS.IN) throw new TransferError(`${what} has class ${record.class}`);
  if (type === TYPE.SOA && record.rdata.length < 22) throw new TransferError(`${what} is malformed`);
  // Ours alone: what it means is in our configuration, so that nobody else can say it.
  if (type === TYPE.STEER || type === TYPE.OPT || type === 0 || (type >= 128 && type <= 255))
    throw new TransferError(`${what} cannot be in a zone`);
  // Where it comes from a zone file it is no record of the wire (RFC 9460 §7.3).
  if (emptyHints(record) !== 0) throw new TransferError(`${what} has a hint without addresses`);
  const below = owner.length - apex.length;
  if (below < 0 || !namesEqual(owner.subarray(below), apex) || !isLabelStart(owner, below))
    throw new TransferError(`${what} is outside the zone`);
}

function isLabelStart(name: Uint8Array, at: number): boolean {
  let start = 0;
  while (start < at) start += (name[start] as number) + 1;
  return start === at;
}

function wholeZone(origin: Uint8Array, records: readonly ZoneRecord[]): PackedZone {
  return packZone(lowerName(origin), records);
}

/** The copy with the differences of an IXFR applied, one after the other (RFC 1995 §4). */
function patched(origin: Uint8Array, records: readonly ZoneRecord[], known: PackedZone): PackedZone {
  const apex = lowerName(origin);
  const soas = records.flatMap(({ type }, i) => (type === TYPE.SOA ? [i] : [])).slice(1);
  let current = known;
  for (let i = 0; i < soas.length; i += 2) {
    const [from, to, next = records.length] = soas.slice(i, i + 3);
    if (from === undefined || to === undefined) throw new TransferError('a difference has no second SOA');
    if (serialOf((records[from] as ZoneRecord).rdata) !== current.serial)
      throw new TransferError('a difference does not begin where the one before ended');
    const removed = packRecords(apex, records.slice(from + 1, to));
    const added = packRecords(apex, records.slice(to + 1, next));
    const applied = applyDifference(current.records, { removed, added });
    if (applied.wrong !== undefined) throw new TransferError(`a difference does not fit: ${applied.wrong}`);
    const soa = packRecords(apex, [records[to] as ZoneRecord]);
    current = { serial: serialOf(soa), soa, records: applied.records };
  }
  if (current.serial !== serialOf((records[0] as ZoneRecord).rdata))
    throw new TransferError('the differences do not lead to the serial that was said');
  return current;
}

/** Refuses what could not be served. */
function checked({ origin, peer }: Fetching, zone: PackedZone): PackedZone {
  const file = `${peer.host}:${peer.port}`;
  const apex = lowerName(origin);
  const records: ZoneRecord[] = [];
  for (const packed of [zone.soa, zone.records])
    for (const record of unpack(apex, packed)) records.push({ ...record, file, line: records.length + 1 });
  const [wrong] = checkZone(records, apex).filter(({ severity }) => severity === 'error');
  if (wrong !== undefined) throw new TransferError(`what it sends cannot be served: ${wrong.message}`);
  return zone;
}

function rcodeName(rcode: number): string {
  return Object.entries(RCODE).find(([, code]) => code === rcode)?.[0] ?? `RCODE ${rcode}`;
}
