import type { Socket } from 'node:net';
import type { Client } from '../answer/context.ts';
import { type CloseReason, countOctets, type ServerCounters } from './counters.ts';
import {
  type Handler,
  TRANSFER,
  TRANSFER_TURN_OCTETS,
  type Transfer,
  type TransferHandler,
} from './handler.ts';
import type { ConnectionTimes } from './tcp-limits.ts';

/** A message's length field (RFC 1035 §4.2.2). */
const FRAME_OCTETS = 2;
const MESSAGE_MAX = 65_535;
/** Responses gathered for one write: the longest one fits, or those to a thousand pipelined questions. */
const BATCH_OCTETS = FRAME_OCTETS + MESSAGE_MAX;
const HELD_OCTETS_MIN = 512;
const NOTHING = Buffer.alloc(0);

/** One client's connection. Times are `performance.now()` milliseconds; 0 where the state does not hold. */
export interface Connection extends ConnectionTimes {
  /** What is read and written: the accepted socket; with TLS, once that is agreed upon, the stream on it. */
  socket: Socket;
  /** The peer, or for whom it asks if it is a proxy. */
  client: Client;
  /** What connections are counted by: the address, of IPv6 its /64. */
  readonly clientKey: string;
  /** Input not answered yet: a part of a message, or whole ones while the client does not read. */
  held: Buffer;
  heldLength: number;
  /** What is being sent, message by message; what the client asks meanwhile waits. */
  transfer: Transfer | undefined;
  /** The client sent FIN: it gets its answers, then ours. */
  ended: boolean;
  /** Why it is being closed; set once. */
  closing: CloseReason | undefined;
  /** Tells the client that its connection is about to be closed; absent: there is no way to. */
  goodbye: (() => void) | undefined;
  /** When it was told. */
  goodbyeMs: number;
}

/** What all connections of a listener share. The buffers serve one read at a time. */
export interface Shared {
  readonly handle: Handler;
  /** Absent where there is nothing to transfer. */
  readonly transferOf?: TransferHandler | undefined;
  readonly counters: ServerCounters;
  /** Queries on one connection at most; then it is closed. */
  readonly queriesMax: number;
  readonly query: Buffer;
  readonly response: Buffer;
  readonly batch: Buffer;
}

/** Buffers and bounds for the connections of one listener. */
export function sharedBuffers(
  options: Pick<Shared, 'handle' | 'transferOf' | 'counters' | 'queriesMax'>,
): Shared {
  const [query, response] = [Buffer.alloc(MESSAGE_MAX), Buffer.alloc(MESSAGE_MAX)];
  return { ...options, query, response, batch: Buffer.alloc(BATCH_OCTETS) };
}

/** A connection that was just accepted. */
export function newConnection(
  socket: Socket,
  options: Pick<Connection, 'client' | 'clientKey'>,
  nowMs: number,
): Connection {
  return {
    socket,
    client: options.client,
    clientKey: options.clientKey,
    acceptedMs: nowMs,
    held: NOTHING,
    heldLength: 0,
    queries: 0,
    lastQueryMs: nowMs,
    partialSinceMs: 0,
    stalledSinceMs: 0,
    transfer: undefined,
    ended: false,
    closing: undefined,
    goodbye: undefined,
    goodbyeMs: 0,
  };
}

/**
 * Takes octets from the client: answers every whole message in them, with one write where they fit, and keeps
 * the rest.
 */
export function receive(shared: Shared, connection: Connection, chunk: Buffer, nowMs: number): void {
  if (connection.closing !== undefined || connection.socket.destroyed) return;
  if (connection.heldLength === 0) {
    hold(connection, chunk, answerWhole(shared, connection, chunk, nowMs), nowMs);
  } else {
    append(connection, chunk);
    resume(shared, connection, nowMs);
  }
}

/** Goes on with what is being sent and what is held, after the client has read. */
export function resume(shared: Shared, connection: Connection, nowMs: number): void {
  if (connection.transfer !== undefined) send(shared, connection, nowMs);
  const input = connection.held.subarray(0, connection.heldLength);
  connection.heldLength = 0;
  hold(connection, input, answerWhole(shared, connection, input, nowMs), nowMs);
}

/** Answers the whole messages at the start of `input`; returns how many octets are done with. */
function answerWhole(shared: Shared, connection: Connection, input: Buffer, nowMs: number): number {
  const { handle, query, response, batch } = shared;
  const { client, socket } = connection;
  let at = 0;
  let written = 0;
  while (
    input.length - at >= FRAME_OCTETS &&
    !socket.writableNeedDrain &&
    connection.transfer === undefined
  ) {
    const length = ((input[at] as number) << 8) | (input[at + 1] as number);
    const end = at + FRAME_OCTETS + length;
    if (end > input.length) break;
    input.copy(query, 0, at + FRAME_OCTETS, end);
    at = end;
    // An empty message, or one that deserves no answer: what follows from such a client is not worth reading.
    const answered = length === 0 ? 0 : handle(query, length, client, response);
    countOctets(shared.counters, client.transport, length, Math.max(0, answered));
    if (answered === TRANSFER && begin(shared, connection, length, nowMs)) {
      written = flush(connection, batch, written);
      send(shared, connection, nowMs);
      continue;
    }
    if (answered <= 0) {
      connection.closing = 'malformed';
      break;
    }
    if (written + FRAME_OCTETS + answered > batch.length) written = flush(connection, batch, written);
    batch[written] = answered >> 8;
    batch[written + 1] = answered & 0xff;
    response.copy(batch, written + FRAME_OCTETS, 0, answered);
    written += FRAME_OCTETS + answered;
    connection.lastQueryMs = nowMs;
    connection.partialSinceMs = 0;
    if (++connection.queries < shared.queriesMax) continue;
    connection.closing = 'queries-max';
    break;
  }
  flush(connection, batch, written);
  if (socket.writableNeedDrain) connection.stalledSinceMs = nowMs;
  return at;
}

/** Begins the transfer that the query in hand asks for; false if there is none. */
function begin(
  { transferOf, query }: Shared,
  connection: Connection,
  length: number,
  nowMs: number,
): boolean {
  connection.transfer = transferOf?.(query, length, connection.client);
  connection.queries++;
  connection.lastQueryMs = nowMs;
  connection.partialSinceMs = 0;
  return connection.transfer !== undefined;
}

/**
 * Sends what the client takes of the transfer, up to a bound: then others are served first. The socket's
 * `drain`, or the next turn, goes on.
 */
function send(shared: Shared, connection: Connection, nowMs: number): void {
  const { socket, transfer } = connection;
  const { response, counters } = shared;
  if (transfer === undefined) return;
  connection.lastQueryMs = nowMs;
  for (let octets = 0; octets < TRANSFER_TURN_OCTETS && !socket.writableNeedDrain; ) {
    const length = transfer.next(response);
    if (length === 0) {
      endTransfer(connection);
      return;
    }
    const framed = Buffer.allocUnsafe(FRAME_OCTETS + length);
    framed.writeUInt16BE(length);
    response.copy(framed, FRAME_OCTETS, 0, length);
    socket.write(framed);
    countOctets(counters, connection.client.transport, 0, length);
    octets += framed.length;
  }
  // Not by a promise or a microtask: sockets are looked at before.
  if (!socket.writableNeedDrain) setImmediate(() => socket.emit('drain'));
}

/** Nothing of the transfer is to be sent any more. */
export function endTransfer(connection: Connection): void {
  connection.transfer?.close();
  connection.transfer = undefined;
}

/**
 * The socket may keep what it is given, so it gets a copy: of a few octets for one answer, of many for many.
 */
function flush(connection: Connection, batch: Buffer, length: number): number {
  if (length > 0) connection.socket.write(Buffer.from(batch.subarray(0, length)));
  return 0;
}

/** Keeps what is left of `input` after `done` octets. */
function hold(connection: Connection, input: Buffer, done: number, nowMs: number): void {
  if (connection.closing !== undefined || done === input.length) {
    connection.held = NOTHING;
    connection.partialSinceMs = 0;
    return;
  }
  append(connection, input.subarray(done));
  if (connection.transfer === undefined && connection.partialSinceMs === 0) connection.partialSinceMs = nowMs;
}

/**
 * The room grows by doubling, so that a client that names a long message does not get that much memory for
 * two octets.
 */
function append(connection: Connection, chunk: Buffer): void {
  const needed = connection.heldLength + chunk.length;
  if (needed > connection.held.length) {
    const larger = Buffer.allocUnsafeSlow(Math.max(HELD_OCTETS_MIN, connection.held.length * 2, needed));
    connection.held.copy(larger, 0, 0, connection.heldLength);
    connection.held = larger;
  }
  chunk.copy(connection.held, connection.heldLength);
  connection.heldLength = needed;
}
