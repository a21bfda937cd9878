import { CLASS, RCODE, TYPE } from '../wire/constants.ts';
import { type TsigExchange, type TsigKey, tsigSize } from '../wire/tsig.ts';
import { nextPacked, type Packed, packedCursor } from '../zone/packed.ts';
import type { Transfer } from './handler.ts';

/** What a message of a transfer is made from. */
export interface TransferReply {
  /** The query, as it came. */
  readonly query: Uint8Array;
  /** Offset after its question. */
  readonly questionEnd: number;
  /** The apex as the zone spells it. */
  readonly origin: Uint8Array;
  /** Size to name in an OPT record; undefined: the query had none. */
  readonly udpSize: number | undefined;
  readonly signed?: { readonly key: TsigKey; readonly exchange: TsigExchange } | undefined;
  readonly nowS: () => number;
}

/**
 * Octets of a message from which on the next begins: clients take the first at once, and compression helps.
 */
const MESSAGE_OCTETS = 16_384;
const MESSAGE_MAX = 65_535;
const HEADER = 12;
const OPT_OCTETS = 11;
const TYPE_OPT = TYPE.OPT;

/**
 * Sends packed records, one list after the other, in as many messages as it takes. `close` is called once,
 * when all is sent or nobody takes the rest.
 */
export function sendRecords(reply: TransferReply, lists: readonly Packed[], close: () => void): Transfer {
  const cursor = packedCursor();
  let index = 0;
  let isFirst = true;
  let isOpen = true;
  /** Goes to the next record; false after the last. */
  const advance = (): boolean => {
    for (; index < lists.length; index++, cursor.end = 0)
      if (nextPacked(lists[index] as Packed, cursor)) return true;
    return false;
  };
  let more = advance();
  return {
    next: (out) => {
      if (!more) return 0;
      let at = beginMessage(reply, out, RCODE.NOERROR);
      const room = Math.min(MESSAGE_MAX, out.length) - reserved(reply);
      let count = 0;
      while (more && (at < MESSAGE_OCTETS || count === 0)) {
        const end = putRecord(reply, out, { at, room }, lists[index] as Packed, cursor);
        if (end < 0) break;
        at = end;
        count++;
        more = advance();
      }
      // A record that no message can hold: what is sent has no end, and so is not taken.
      if (count === 0) more = false;
      if (count === 0) return 0;
      const view = new DataView(out.buffer, out.byteOffset, out.length);
      view.setUint16(6, count);
      at = endMessage(reply, out, at, isFirst);
      isFirst = false;
      return at;
    },
    close: () => {
      if (isOpen) close();
      isOpen = false;
    },
  };
}

/** One message that says why there is no transfer. */
export function sendRefusal(reply: TransferReply, rcode: number): Transfer {
  let isSent = false;
  return {
    next: (out) => {
      if (isSent) return 0;
      isSent = true;
      return writeReply(reply, out, rcode);
    },
    close: () => undefined,
  };
}

/** A response without records. Returns its length. */
export function writeReply(reply: TransferReply, out: Uint8Array, rcode: number, soa?: Packed): number {
  let at = beginMessage(reply, out, rcode);
  if (soa !== undefined) {
    const cursor = packedCursor();
    nextPacked(soa, cursor);
    const end = putRecord(reply, out, { at, room: out.length - reserved(reply) }, soa, cursor);
    if (end > 0) {
      at = end;
      out[7] = 1;
    }
  }
  return endMessage(reply, out, at, true);
}

function reserved({ signed, udpSize }: TransferReply): number {
  return (signed === undefined ? 0 : tsigSize(signed.key)) + (udpSize === undefined ? 0 : OPT_OCTETS);
}

/** Header and question. AA only where there is no error. */
function beginMessage({ query, questionEnd }: TransferReply, out: Uint8Array, rcode: number): number {
  for (let i = 0; i < questionEnd; i++) out[i] = query[i] as number;
  // QR, the opcode and RD of the query.
  out[2] = 0x80 | ((query[2] as number) & 0x79) | (rcode === RCODE.NOERROR ? 0x04 : 0);
  out[3] = rcode & 15;
  for (let i = 4; i < HEADER; i++) out[i] = 0;
  if (questionEnd > HEADER) out[5] = 1;
  return questionEnd;
}

/** OPT in the first message (RFC 6891 §6.1.1), and the signature of each. */
function endMessage(reply: TransferReply, out: Uint8Array, at: number, isFirst: boolean): number {
  const { udpSize, signed, nowS } = reply;
  if (udpSize !== undefined && isFirst) {
    const opt = [0, 0, TYPE_OPT, udpSize >> 8, udpSize & 0xff, 0, 0, 0, 0, 0, 0];
    out.set(opt, at);
    at += OPT_OCTETS;
    out[11] = (out[11] as number) + 1;
  }
  return signed === undefined ? at : signed.exchange.sign(out, at, nowS());
}

/**
 * Appends the record at the cursor; -1 if it does not fit. Its owner points to the question's name where that
 * is spelt as the zone's own; else it is written out, for names keep their case (RFC 5936 §3.4).
 */
function putRecord(
  { query, questionEnd, origin }: TransferReply,
  out: Uint8Array,
  { at, room }: { at: number; readonly room: number },
  packed: Packed,
  { start, fixed, end }: { readonly start: number; readonly fixed: number; readonly end: number },
): number {
  if (at + end - start + origin.length > room) return -1;
  if (isSpelt(query, questionEnd, origin)) {
    out.set(packed.subarray(start, end), at);
    return at + end - start;
  }
  out.set(packed.subarray(start, fixed - 2), at);
  at += fixed - 2 - start;
  out.set(origin, at);
  at += origin.length;
  out.set(packed.subarray(fixed, end), at);
  return at + end - fixed;
}

function isSpelt(query: Uint8Array, questionEnd: number, origin: Uint8Array): boolean {
  if (questionEnd - 4 - HEADER !== origin.length) return false;
  for (let i = 0; i < origin.length; i++) if (query[HEADER + i] !== origin[i]) return false;
  return true;
}

/** The question's class is the Internet's. */
export function isInternet(query: Uint8Array, questionEnd: number): boolean {
  return (((query[questionEnd - 2] as number) << 8) | (query[questionEnd - 1] as number)) === CLASS.IN;
}
