import type { AccessList } from '../base/access-list.ts';
import { type Address, emptyAddress } from '../base/address.ts';
import type { CloseReason } from './counters.ts';
import type { Transfer } from './handler.ts';
import type { ConnectionTimes } from './tcp-limits.ts';

/** A place for one TCP connection, used again and again. */
export interface TcpSlot extends ConnectionTimes {
  readonly index: number;
  /** -1: free. */
  fd: number;
  readonly client: {
    readonly address: Address;
    port: number;
    access: AccessList | undefined;
    readonly transport: 'tcp';
  };
  /** Which of `TcpTable.buckets` it is in. */
  bucket: number;
  /** The PROXY header of a proxy is still to come. */
  awaitsProxy: boolean;
  /** Input not answered yet: a part of a message, or whole ones while the client does not read. */
  held: Uint8Array;
  heldLength: number;
  /** Output that the kernel has not taken yet. */
  pending: Uint8Array;
  pendingLength: number;
  /** What is being sent, message by message; what the client asks meanwhile waits. */
  transfer: Transfer | undefined;
  /** The client sent FIN: it gets its answers, then ours. */
  ended: boolean;
  /** Why it is being closed; set once. */
  closing: CloseReason | undefined;
  /** Since when all is said, and the client is only waited for. */
  lingerSinceMs: number;
  /** Events that epoll reports of it; 0: epoll does not know the connection. */
  interest: number;
  /** Neighbours in the order of last queries. */
  older: TcpSlot | undefined;
  newer: TcpSlot | undefined;
  /** Neighbours among the connections of the same bucket of clients. */
  bucketNext: TcpSlot | undefined;
  bucketPrevious: TcpSlot | undefined;
}

/** All connections of a thread. */
export interface TcpTable {
  readonly max: number;
  open: number;
  readonly free: TcpSlot[];
  readonly slots: TcpSlot[];
  oldest: TcpSlot | undefined;
  newest: TcpSlot | undefined;
  readonly buckets: (TcpSlot | undefined)[];
}

const NOTHING = new Uint8Array(0);
/** Buffers up to this size stay with the slot, octets: most clients' messages are no longer. */
const KEPT_OCTETS = 1024;

/** A table without connections. Slots are made when they are needed first. */
export function createTcpTable(max: number): TcpTable {
  const buckets = new Array<TcpSlot | undefined>(2 ** Math.ceil(Math.log2(max + 1))).fill(undefined);
  return { max, open: 0, free: [], slots: [], oldest: undefined, newest: undefined, buckets };
}

/** Takes a slot, which must be there, for a client of this address. */
export function takeSlot(table: TcpTable, address: Address, fd: number, nowMs: number): TcpSlot {
  const slot = table.free.pop() ?? newSlot(table);
  slot.fd = fd;
  slot.client.address.family = address.family;
  for (let i = 0; i < 16; i++) slot.client.address.octets[i] = address.octets[i] as number;
  slot.acceptedMs = nowMs;
  slot.lastQueryMs = nowMs;
  slot.queries = 0;
  slot.partialSinceMs = 0;
  slot.stalledSinceMs = 0;
  slot.lingerSinceMs = 0;
  slot.interest = 0;
  slot.awaitsProxy = false;
  slot.ended = false;
  slot.closing = undefined;
  table.open++;
  append(table, slot);
  const bucket = bucketOf(table, address);
  slot.bucket = bucket;
  slot.bucketPrevious = undefined;
  slot.bucketNext = table.buckets[bucket];
  if (slot.bucketNext !== undefined) slot.bucketNext.bucketPrevious = slot;
  table.buckets[bucket] = slot;
  return slot;
}

/** Gives the slot back. */
export function freeSlot(table: TcpTable, slot: TcpSlot): void {
  slot.fd = -1;
  table.open--;
  unlink(table, slot);
  const { bucketNext, bucketPrevious } = slot;
  if (bucketNext !== undefined) bucketNext.bucketPrevious = bucketPrevious;
  if (bucketPrevious === undefined) table.buckets[slot.bucket] = bucketNext;
  else bucketPrevious.bucketNext = bucketNext;
  slot.transfer?.close();
  slot.transfer = undefined;
  slot.heldLength = 0;
  slot.pendingLength = 0;
  if (slot.held.length > KEPT_OCTETS) slot.held = NOTHING;
  if (slot.pending.length > KEPT_OCTETS) slot.pending = NOTHING;
  table.free.push(slot);
}

/** The connection asked just now (`Arena.now`). */
export function touchSlot(table: TcpTable, slot: TcpSlot, now: Float64Array): void {
  slot.lastQueryMs = now[0] as number;
  if (table.newest === slot) return;
  unlink(table, slot);
  append(table, slot);
}

/** How many connections this client has: one address, or of IPv6 a /64, the least that a client owns. */
export function connectionsOf(table: TcpTable, address: Address): number {
  let count = 0;
  for (let slot = table.buckets[bucketOf(table, address)]; slot !== undefined; slot = slot.bucketNext)
    if (sameClient(slot.client.address, address)) count++;
  return count;
}

/** Room for `octets`, with the first `kept` octets of `buffer`. It grows by doubling. */
export function grown(buffer: Uint8Array, kept: number, octets: number): Uint8Array {
  if (octets <= buffer.length) return buffer;
  const larger = new Uint8Array(Math.max(KEPT_OCTETS, buffer.length * 2, octets));
  larger.set(buffer.subarray(0, kept));
  return larger;
}

function newSlot(table: TcpTable): TcpSlot {
  const slot: TcpSlot = {
    index: table.slots.length,
    fd: -1,
    client: { address: emptyAddress(), port: 0, access: undefined, transport: 'tcp' },
    // Halves, so that the fields are kept as doubles from the start.
    acceptedMs: 0.5,
    queries: 0,
    lastQueryMs: 0.5,
    partialSinceMs: 0.5,
    stalledSinceMs: 0.5,
    lingerSinceMs: 0.5,
    bucket: 0,
    awaitsProxy: false,
    held: NOTHING,
    heldLength: 0,
    pending: NOTHING,
    pendingLength: 0,
    transfer: undefined,
    ended: false,
    closing: undefined,
    interest: 0,
    older: undefined,
    newer: undefined,
    bucketNext: undefined,
    bucketPrevious: undefined,
  };
  table.slots.push(slot);
  return slot;
}

function append(table: TcpTable, slot: TcpSlot): void {
  slot.newer = undefined;
  slot.older = table.newest;
  if (table.newest === undefined) table.oldest = slot;
  else table.newest.newer = slot;
  table.newest = slot;
}

function unlink(table: TcpTable, slot: TcpSlot): void {
  const { older, newer } = slot;
  if (older === undefined) table.oldest = newer;
  else older.newer = newer;
  if (newer === undefined) table.newest = older;
  else newer.older = older;
}

export function bucketOf({ buckets }: TcpTable, { family, octets }: Address): number {
  let hash: number = family;
  const count = family === 4 ? 4 : 8;
  for (let i = 0; i < count; i++) hash = Math.imul(hash ^ (octets[i] as number), 0x01000193);
  return (hash ^ (hash >>> 15)) & (buckets.length - 1);
}

export function sameClient(a: Address, b: Address): boolean {
  if (a.family !== b.family) return false;
  const count = a.family === 4 ? 4 : 8;
  for (let i = 0; i < count; i++) if (a.octets[i] !== b.octets[i]) return false;
  return true;
}
