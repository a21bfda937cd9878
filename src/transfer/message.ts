import { createHmac, randomInt } from 'node:crypto';
import { CLASS, OPCODE } from '../wire/constants.ts';
import { createExchange, type Hmac, type TsigExchange, type TsigKey, tsigSize } from '../wire/tsig.ts';
import { nextPacked, type Packed, packedCursor } from '../zone/packed.ts';
import type { PeerTls } from './tls.ts';

/** A name server that is asked, and the key that both sides have. */
export interface PeerAddress {
  readonly host: string;
  readonly port: number;
  readonly key?: TsigKey | undefined;
  /** How TLS is spoken with it; throws where that cannot be read now. Absent: it is not. */
  readonly tls?: (() => PeerTls) | undefined;
}

/** A question that is on its way, signed where there is a key. */
export interface Question {
  readonly id: number;
  readonly octets: Uint8Array;
  readonly exchange: TsigExchange | undefined;
}

const HEADER = 12;
const hmac: Hmac = (hash, secret, octets) => createHmac(hash, secret).update(octets).digest();

/** Seconds since 1970 UTC. */
export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

/**
 * A question about a zone. `soa`, packed, stands in the authority section of an IXFR (RFC 1995 §3), in the
 * answer section of a NOTIFY (RFC 1996 §3.7).
 */
export function askZone(
  origin: Uint8Array,
  type: number,
  options: {
    readonly soa?: Packed | undefined;
    readonly notify?: boolean;
    readonly key?: TsigKey | undefined;
  },
): Question {
  const { soa, notify = false, key } = options;
  const id = randomInt(65_536);
  const room = key === undefined ? 0 : tsigSize(key);
  const octets = new Uint8Array(HEADER + origin.length + 4 + (soa?.length ?? 0) + room);
  const view = new DataView(octets.buffer);
  view.setUint16(0, id);
  if (notify) octets[2] = (OPCODE.NOTIFY << 3) | 0x04;
  view.setUint16(4, 1);
  octets.set(origin, HEADER);
  let at = HEADER + origin.length;
  view.setUint16(at, type);
  view.setUint16(at + 2, CLASS.IN);
  at += 4;
  if (soa !== undefined) {
    const cursor = packedCursor();
    nextPacked(soa, cursor);
    octets.set(soa.subarray(cursor.start, cursor.end), at);
    at += cursor.end - cursor.start;
    view.setUint16(notify ? 6 : 8, 1);
  }
  const exchange = key === undefined ? undefined : createExchange(key, hmac);
  const length = exchange === undefined ? at : exchange.sign(octets, at, nowSeconds());
  return { id, octets: octets.subarray(0, length), exchange };
}

/** What makes a message no answer to the question; undefined where it is one, whatever it says. */
export function replyFault(message: Uint8Array, question: Question): string | undefined {
  if (message.length < HEADER) return 'it is too short';
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  if (view.getUint16(0) !== question.id) return 'it has another ID';
  if (((message[2] as number) & 0x80) === 0) return 'it is no response';
  if (((message[2] as number) & 0x78) !== ((question.octets[2] as number) & 0x78))
    return 'it has another opcode';
  return question.exchange?.verify(message, nowSeconds());
}

/** Whether the question that a response repeats, if it does, is this one. */
export function hasQuestion(message: Uint8Array, origin: Uint8Array, type: number): boolean {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  if (view.getUint16(4) === 0) return true;
  if (view.getUint16(4) !== 1 || message.length < HEADER + origin.length + 4) return false;
  for (let i = 0; i < origin.length; i++)
    if (lower(message[HEADER + i] as number) !== lower(origin[i] as number)) return false;
  const asked = view.getUint16(HEADER + origin.length);
  return asked === type && view.getUint16(HEADER + origin.length + 2) === CLASS.IN;
}

function lower(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
}
