import type { Address } from '../base/address.ts';

/**
 * dnstap (dnstap.info) and the frame streams that carry it: octets of control frames, and of one data frame
 * for each message. Protocol Buffers by hand: two kinds of fields are all it takes.
 */

/** Content type of dnstap's frame streams. */
const CONTENT_TYPE = new TextEncoder().encode('protobuf:dnstap.Dnstap');

/** Control frames (Frame Streams, "Control frames"). */
export const CONTROL = { ACCEPT: 1, START: 2, STOP: 3, READY: 4, FINISH: 5 } as const;
const FIELD_CONTENT_TYPE = 1;

/** A query that an authoritative server got, or its response. */
export interface DnstapMessage {
  readonly kind: 'query' | 'response';
  readonly client: Address;
  readonly port: number;
  readonly transport: 'udp' | 'tcp' | 'tls' | 'https';
  /** ms since 1970 UTC. */
  readonly atMs: number;
  readonly message: Uint8Array;
  /** Who writes it: the server's name and version. */
  readonly identity: string;
  readonly version: string;
}

const MESSAGE_TYPE = { query: 1, response: 2 } as const;
const SOCKET_PROTOCOL = { udp: 1, tcp: 2, tls: 3, https: 4 } as const;
const SOCKET_FAMILY = { 4: 1, 6: 2 } as const;
/** Field numbers of `Dnstap` and of its `Message`. */
const DNSTAP = { IDENTITY: 1, VERSION: 2, MESSAGE: 14, TYPE: 15 } as const;
const MESSAGE = {
  TYPE: 1,
  FAMILY: 2,
  PROTOCOL: 3,
  QUERY_ADDRESS: 4,
  QUERY_PORT: 6,
  QUERY_SEC: 8,
  QUERY_NSEC: 9,
  QUERY_MESSAGE: 10,
  RESPONSE_SEC: 12,
  RESPONSE_NSEC: 13,
  RESPONSE_MESSAGE: 14,
} as const;
const TYPE_MESSAGE = 1;

/** A control frame: four octets of nought, its length, and what it says. */
export function controlFrame(type: (typeof CONTROL)[keyof typeof CONTROL]): Uint8Array {
  const hasType = type !== CONTROL.STOP && type !== CONTROL.FINISH;
  const length = hasType ? 12 + CONTENT_TYPE.length : 4;
  const frame = new Uint8Array(8 + length);
  const view = new DataView(frame.buffer);
  view.setUint32(4, length);
  view.setUint32(8, type);
  if (!hasType) return frame;
  view.setUint32(12, FIELD_CONTENT_TYPE);
  view.setUint32(16, CONTENT_TYPE.length);
  frame.set(CONTENT_TYPE, 20);
  return frame;
}

/** The type of the control frame that begins in `octets`; undefined while it is not whole, or is none. */
export function readControl(octets: Uint8Array): number | undefined {
  if (octets.length < 12) return undefined;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  if (view.getUint32(0) !== 0 || octets.length < 8 + view.getUint32(4)) return undefined;
  return view.getUint32(8);
}

/** A data frame with one message. */
export function dataFrame(message: DnstapMessage): Uint8Array {
  const body: number[] = [];
  const text = new TextEncoder();
  putOctets(body, DNSTAP.IDENTITY, text.encode(message.identity));
  putOctets(body, DNSTAP.VERSION, text.encode(message.version));
  putOctets(body, DNSTAP.MESSAGE, messageOctets(message));
  putNumber(body, DNSTAP.TYPE, TYPE_MESSAGE);
  const frame = new Uint8Array(4 + body.length);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, 4);
  return frame;
}

function messageOctets({ kind, client, port, transport, atMs, message }: DnstapMessage): number[] {
  const into: number[] = [];
  const isQuery = kind === 'query';
  putNumber(into, MESSAGE.TYPE, MESSAGE_TYPE[kind]);
  putNumber(into, MESSAGE.FAMILY, SOCKET_FAMILY[client.family]);
  putNumber(into, MESSAGE.PROTOCOL, SOCKET_PROTOCOL[transport]);
  putOctets(into, MESSAGE.QUERY_ADDRESS, client.octets.subarray(0, client.family === 4 ? 4 : 16));
  putNumber(into, MESSAGE.QUERY_PORT, port);
  putNumber(into, isQuery ? MESSAGE.QUERY_SEC : MESSAGE.RESPONSE_SEC, Math.floor(atMs / 1000));
  putFixed(into, isQuery ? MESSAGE.QUERY_NSEC : MESSAGE.RESPONSE_NSEC, Math.floor(atMs % 1000) * 1_000_000);
  putOctets(into, isQuery ? MESSAGE.QUERY_MESSAGE : MESSAGE.RESPONSE_MESSAGE, message);
  return into;
}

function putVarint(into: number[], value: number): void {
  let left = value;
  for (; left >= 128; left = Math.floor(left / 128)) into.push((left % 128) | 128);
  into.push(left);
}

function putNumber(into: number[], field: number, value: number): void {
  putVarint(into, field << 3);
  putVarint(into, value);
}

/** Four octets, little-endian. */
function putFixed(into: number[], field: number, value: number): void {
  putVarint(into, (field << 3) | 5);
  for (let shift = 0; shift < 32; shift += 8) into.push((value >>> shift) & 255);
}

function putOctets(into: number[], field: number, value: ArrayLike<number>): void {
  putVarint(into, (field << 3) | 2);
  putVarint(into, value.length);
  for (let i = 0; i < value.length; i++) into.push(value[i] as number);
}
