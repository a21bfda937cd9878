import type { AnswerContext, Client } from '../answer/context.ts';
import { permits } from '../base/access-list.ts';
import { OPCODE, RCODE, TYPE } from '../wire/constants.ts';
import { HEADER_SIZE } from '../wire/query.ts';
import { readSections } from '../wire/records.ts';
import {
  appendTsigError,
  createExchange,
  TSIG_RCODE,
  type TsigKey,
  tsigSize,
  verifyRequest,
} from '../wire/tsig.ts';
import { findTsig, type TsigRecord } from '../wire/tsig-record.ts';
import { serialOf } from '../zone/packed.ts';
import { isNewer } from '../zone/serial.ts';
import type { ServerCounters } from './counters.ts';
import { countNotify, countTransfer, countTransferOctets, type TransferKind } from './counters-transfer.ts';
import { type Handler, TRANSFER, type Transfer, type TransferHandler } from './handler.ts';
import {
  hmac,
  type TransferBook,
  type TransferStep,
  type TransferZone,
  transferKey,
} from './transfer-book.ts';
import { isInternet, sendRecords, sendRefusal, type TransferReply, writeReply } from './transfer-stream.ts';

/** What signed messages, NOTIFY, AXFR and IXFR are answered from. */
export interface TransferParts {
  readonly context: AnswerContext;
  readonly book: TransferBook;
  readonly counters: ServerCounters;
  /** A zone is said to have changed elsewhere, by one who may say so. */
  readonly onNotify: (key: string) => void;
}

/** Transfers at a time that one thread sends; more are refused. */
const TRANSFERS_MAX = 64;
/**
 * So many notifications of a zone are passed on in this time, ms. Several: one may tell of a version that
 * came just after that of the one before. Who is told looks once for all that come while it looks.
 */
const NOTIFY_WINDOW_MS = 1000;
const NOTIFIES_MAX = 10;
const { AXFR, IXFR } = TYPE;
const OPCODE_MASK = 0x78;
const OPCODE_NOTIFY = OPCODE.NOTIFY << 3;

/**
 * Answers with `handle`, and then sees to what few messages are: signed (RFC 8945), NOTIFY (RFC 1996), AXFR
 * and IXFR. For all others it costs three comparisons.
 */
export function withTransfers(
  handle: Handler,
  parts: TransferParts,
): { readonly handle: Handler; readonly transferOf: TransferHandler } {
  const { context } = parts;
  const state: State = { ...parts, open: 0, notified: new Map() };
  const { outcome, query: view } = context;
  return {
    handle: (query, length, client, out) => {
      const written = handle(query, length, client, out);
      const others = (query[11] as number) - (view.edns.present ? 1 : 0);
      const isPlain = others === 0 && ((query[2] as number) & OPCODE_MASK) === 0;
      if (written <= 0 || outcome.prohibited || (isPlain && outcome.qtype !== AXFR && outcome.qtype !== IXFR))
        return written;
      return answerOther(state, query.subarray(0, length), client, out, written);
    },
    transferOf: (query, length, client) => {
      const asked = readAsked(state, Uint8Array.from(query.subarray(0, length)), client);
      return typeof asked === 'object' ? beginTransfer(state, asked) : undefined;
    },
  };
}

interface State extends TransferParts {
  /** Transfers being sent. */
  open: number;
  /** By zone: how many notifications were passed on since when. */
  readonly notified: Map<string, { readonly sinceMs: number; count: number }>;
}

/** A message that may be signed, and by whom it is. */
interface Asked {
  readonly query: Uint8Array;
  readonly client: Client;
  readonly questionEnd: number;
  readonly qtype: number;
  readonly record: TsigRecord | undefined;
  /** Who signed it, verified. */
  readonly key: TsigKey | undefined;
  /** Why its signature is not taken; 0: it is, or there is none. */
  readonly tsigError: number;
  readonly zone: TransferZone | undefined;
}

/** Reads a message that `answer` has read before; undefined where its records are malformed. */
function readAsked(state: State, query: Uint8Array, client: Client): Asked | undefined {
  const { context, book } = state;
  const record = findTsig(query);
  if (typeof record === 'string') return undefined;
  const nowS = nowSeconds();
  const verified =
    record === undefined
      ? { error: 0, key: undefined }
      : verifyRequest(query, record, { keys: book.keys, hmac, nowS });
  const { questionEnd } = context.query;
  const hasQuestion = questionEnd > HEADER_SIZE && isInternet(query, questionEnd);
  const qname = query.subarray(HEADER_SIZE, questionEnd - 4);
  return {
    query,
    client,
    questionEnd,
    qtype: hasQuestion ? context.query.qtype : 0,
    record,
    key: verified.key,
    tsigError: verified.error,
    zone: hasQuestion ? book.zones.get(transferKey(qname)) : undefined,
  };
}

function answerOther(
  state: State,
  query: Uint8Array,
  client: Client,
  out: Uint8Array,
  written: number,
): number {
  const asked = readAsked(state, query, client);
  // What is malformed was told so, or, where a TSIG record has a wrong place, is told so here.
  if (asked === undefined) return writeReply(replyTo(state, undefined, query), out, RCODE.FORMERR);
  const { key, record, tsigError, qtype, zone } = asked;
  if (tsigError !== 0 && record !== undefined) {
    const length = writeReply(replyTo(state, undefined, query), out, TSIG_RCODE);
    const verified = { error: tsigError, key };
    return appendTsigError(out, length, { record, verified, hmac, nowS: nowSeconds() });
  }
  const opcode = (query[2] as number) & OPCODE_MASK;
  if (opcode === OPCODE_NOTIFY && zone?.notifiers !== undefined && qtype === TYPE.SOA)
    return writeReply(replyTo(state, asked, query), out, noted(state, asked, zone));
  const isTransfer = opcode === 0 && (qtype === AXFR || qtype === IXFR) && zone !== undefined;
  if (isTransfer && client.transport !== 'udp') return client.transport === 'https' ? written : TRANSFER;
  if (isTransfer && qtype === IXFR) return answerIxfrOverUdp(state, asked, zone, out);
  return record === undefined ? written : signAnswer(state, asked, out, written);
}

/** What to answer to a NOTIFY of a zone that comes from elsewhere. */
function noted(state: State, { client, key }: Asked, zone: TransferZone): number {
  const isTaken = zone.notifiers !== undefined && permits(zone.notifiers, client.address, key?.name);
  countNotify(state.counters, isTaken);
  if (!isTaken) return RCODE.REFUSED;
  const name = transferKey(zone.origin);
  const nowMs = performance.now();
  const known = state.notified.get(name);
  const isNew = known === undefined || nowMs - known.sinceMs > NOTIFY_WINDOW_MS;
  const window = isNew ? { sinceMs: nowMs, count: 0 } : known;
  if (isNew) state.notified.set(name, window);
  if (window.count++ < NOTIFIES_MAX) state.onNotify(name);
  return RCODE.NOERROR;
}

/** Over UDP only the version is told: with more to tell the client comes over TCP (RFC 1995 §2). */
function answerIxfrOverUdp(state: State, asked: Asked, zone: TransferZone, out: Uint8Array): number {
  const reply = replyTo(state, asked, asked.query);
  if (!mayHave(zone, asked)) return writeReply(reply, out, RCODE.REFUSED);
  if (zone.version === undefined) return writeReply(reply, out, RCODE.SERVFAIL);
  return writeReply(reply, out, RCODE.NOERROR, zone.version.soa);
}

/** Signs an ordinary answer. One that would be too long for it says TC instead (RFC 8945 §5.3). */
function signAnswer(state: State, asked: Asked, out: Uint8Array, written: number): number {
  const { key, record, query, client } = asked;
  if (key === undefined || record === undefined) return written;
  const { edns } = state.context.query;
  const udpMax = Math.min(edns.present ? Math.max(512, edns.udpSize) : 512, state.context.udpSizeMax);
  const room = Math.min(client.transport === 'udp' ? udpMax : 65_535, out.length);
  if (written + tsigSize(key) > room) {
    const flags = (out[2] as number) | 0x02;
    const rcode = out[3] as number;
    const reply = replyTo(state, asked, query);
    written = writeReply({ ...reply, signed: undefined }, out, rcode & 15);
    out[2] = flags;
  }
  return createExchange(key, hmac, record.mac).sign(out, written, nowSeconds());
}

/** Whether who asks may have the zone, and the way it comes. */
function mayHave({ allow, tlsOnly = false }: TransferZone, { client, key }: Asked): boolean {
  return (!tlsOnly || client.transport === 'tls') && permits(allow, client.address, key?.name);
}

function beginTransfer(state: State, asked: Asked): Transfer {
  const { zone, qtype, query } = asked;
  const reply = replyTo(state, asked, query);
  const refuse = (rcode: number): Transfer => {
    countTransfer(state.counters, qtype === IXFR ? 'ixfr' : 'axfr', 'refused');
    return sendRefusal(reply, rcode);
  };
  if (zone === undefined || !mayHave(zone, asked) || state.open >= TRANSFERS_MAX)
    return refuse(RCODE.REFUSED);
  const { version } = zone;
  if (version === undefined) return refuse(RCODE.SERVFAIL);
  const { soa, records, serial } = version;
  let lists = [soa, records, soa];
  let kind: TransferKind = 'axfr';
  if (qtype === IXFR) {
    const known = serialAsked(query);
    if (known === undefined) return refuse(RCODE.FORMERR);
    const steps = known === serial || isNewer(known, serial) ? [] : stepsFrom(zone.steps, known);
    if (steps !== undefined) kind = steps.length === 0 ? 'current' : 'ixfr';
    if (kind === 'current') lists = [soa];
    else if (steps !== undefined)
      lists = [soa, ...steps.flatMap((step) => [step.fromSoa, step.removed, step.toSoa, step.added]), soa];
  }
  state.open++;
  return counted(
    state.counters,
    kind,
    sendRecords(reply, lists, () => state.open--),
  );
}

/** The same, counted: its octets as they go, and how it ended. */
function counted(counters: ServerCounters, kind: TransferKind, { next, close }: Transfer): Transfer {
  let result: 'sent' | 'cut' | 'counted' = 'cut';
  return {
    next: (out) => {
      const length = next(out);
      countTransferOctets(counters, length);
      if (length === 0 && result === 'cut') result = 'sent';
      return length;
    },
    close: () => {
      close();
      if (result !== 'counted') countTransfer(counters, kind, result);
      result = 'counted';
    },
  };
}

/** Steps that lead from this serial to the version; undefined if they do not reach back so far. */
function stepsFrom(steps: readonly TransferStep[], serial: number): readonly TransferStep[] | undefined {
  const first = steps.findIndex(({ fromSoa }) => serialOf(fromSoa) === serial);
  return first < 0 ? undefined : steps.slice(first);
}

/** The serial in the authority section of an IXFR query (RFC 1995 §3). */
function serialAsked(query: Uint8Array): number | undefined {
  const sections = readSections(query);
  if (typeof sections === 'string') return undefined;
  const soa = sections.authority.find(({ type }) => type === TYPE.SOA);
  return soa === undefined || soa.rdata.length < 22 ? undefined : serialOf(soa.rdata);
}

function replyTo(state: State, asked: Asked | undefined, query: Uint8Array): TransferReply {
  const { context } = state;
  const { edns, questionEnd } = context.query;
  const { key, record } = asked ?? {};
  return {
    query,
    questionEnd,
    origin: asked?.zone?.origin ?? query.subarray(HEADER_SIZE, Math.max(HEADER_SIZE, questionEnd - 4)),
    udpSize: edns.present ? context.udpSizeMax : undefined,
    signed:
      key === undefined || record === undefined
        ? undefined
        : { key, exchange: createExchange(key, hmac, record.mac) },
    nowS: nowSeconds,
  };
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
