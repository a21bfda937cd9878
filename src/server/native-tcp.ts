import type { Client } from '../answer/context.ts';
import { type AccessList, permits } from '../base/access-list.ts';
import { type Address, emptyAddress } from '../base/address.ts';
import { type CloseReason, countDrop, type RefuseReason } from './counters.ts';
import { countAccepted, countRefused } from './counters-streams.ts';
import { ADDRESS, TCP_MESSAGE_MAX } from './native-arena.ts';
import { control, DATA } from './native-epoll.ts';
import { LINUX } from './native-libc.ts';
import { type NativeSocket, SOCKADDR } from './native-sockets.ts';
import { findIdle, findOldest } from './native-tcp-room.ts';
import { closeSlot, flushSlot, readSlot, type TcpWork } from './native-tcp-stream.ts';
import { connectionsOf, createTcpTable, type TcpSlot, takeSlot } from './native-tcp-table.ts';
import { overdue } from './tcp-limits.ts';

/** All of a thread's TCP. */
export interface Tcp extends TcpWork {
  readonly listeners: readonly NativeSocket[];
  readonly refuses?: ((address: Address) => boolean) | undefined;
  readonly proxies?: AccessList | undefined;
  readonly peer: Address;
  /** Whether listeners are watched: later, at the next sweep, where no descriptor was free. */
  accepting: 'yes' | 'later' | 'never';
  sweptMs: number;
}

interface TcpParts extends Omit<TcpWork, 'table' | 'query' | 'response'> {
  readonly listeners: readonly NativeSocket[];
  readonly refuses?: ((address: Address) => boolean) | undefined;
  readonly proxies?: AccessList | undefined;
}

/** Connections accepted at one look, so that others get their turn. */
const ACCEPTS_MAX = 64;
/** How often deadlines are looked at, ms. */
const SWEEP_MS = 250;
/** A longer question is no question of an honest client, octets. */
const PEEK_OCTETS = 4096;
/** Time that a client has to close its side after the last answer, ms. */
const LINGER_MS = 1_000;
const { EMFILE, ENFILE, ENOBUFS, ENOMEM } = LINUX;
const EXHAUSTED: readonly number[] = [EMFILE, ENFILE, ENOBUFS, ENOMEM];

/** Work without connections. Those of a thread that died are closed: what it knew of them is lost. */
export function createTcp(parts: TcpParts): Tcp {
  const { libc, arena, limits } = parts;
  for (let slot = 0; slot < limits.connectionsMax; slot++) {
    const word = (arena.tcpFds >> 2) + slot;
    const fd = (arena.i32[word] as number) - 1;
    if (fd >= 0) libc.close(fd);
    arena.i32[word] = 0;
  }
  const tcp: Tcp = {
    ...parts,
    table: createTcpTable(limits.connectionsMax),
    query: new Uint8Array(arena.u8.buffer, arena.tcpQuery, TCP_MESSAGE_MAX),
    response: new Uint8Array(arena.u8.buffer, arena.tcpResponse, TCP_MESSAGE_MAX),
    peer: emptyAddress(),
    accepting: 'yes',
    sweptMs: 0,
  };
  watchListeners(tcp, LINUX.EPOLL_CTL_ADD);
  return tcp;
}

/** Accepts what waits on the listener, and answers what came along. */
export function acceptAll(tcp: Tcp, index: number): void {
  const { libc, arena } = tcp;
  const { fd: listener, address } = tcp.listeners[index] as NativeSocket;
  const name = arena.scratch;
  const size = arena.scratch + 32;
  for (let i = 0; i < ACCEPTS_MAX; i++) {
    arena.i32[size >> 2] = SOCKADDR.IPV6;
    const fd = libc.accept4(
      listener,
      arena.base + name,
      arena.base + size,
      LINUX.SOCK_NONBLOCK | LINUX.SOCK_CLOEXEC,
    );
    if (fd >= 0) admit(tcp, fd, { port: readPeerName(tcp, name), access: address.access });
    else if (!EXHAUSTED.includes(libc.errno()) || !makeRoomForDescriptor(tcp)) return;
  }
}

/** The connection of this slot has news. */
export function serveSlot(tcp: Tcp, index: number): void {
  const slot = tcp.table.slots[index];
  if (slot === undefined || slot.fd < 0) return;
  if (slot.pendingLength > 0 || slot.transfer !== undefined) flushSlot(tcp, slot);
  else readSlot(tcp, slot);
}

/** Accepts nothing from now on. */
export function stopAccepting(tcp: Tcp): void {
  if (tcp.accepting === 'yes') watchListeners(tcp, LINUX.EPOLL_CTL_DEL);
  tcp.accepting = 'never';
}

/** Closes what is overdue. To be called at every turn; it does something every `SWEEP_MS`. */
export function sweep(tcp: Tcp): void {
  const nowMs = tcp.arena.now[0] as number;
  if (nowMs - tcp.sweptMs < SWEEP_MS) return;
  tcp.sweptMs = nowMs;
  if (tcp.accepting === 'later') {
    tcp.accepting = 'yes';
    watchListeners(tcp, LINUX.EPOLL_CTL_ADD);
  }
  if (tcp.table.open === 0) return;
  for (const slot of tcp.table.slots) {
    if (slot.fd < 0) continue;
    const reason =
      slot.lingerSinceMs > 0
        ? nowMs - slot.lingerSinceMs > LINGER_MS && 'client'
        : overdue(slot, tcp.limits, nowMs);
    if (reason) closeSlot(tcp, slot, reason);
  }
}

/** Ends all connections. */
export function closeAll(tcp: Tcp): void {
  for (const slot of tcp.table.slots) if (slot.fd >= 0) closeSlot(tcp, slot, 'shutdown');
}

function admit(tcp: Tcp, fd: number, { port, access }: Pick<Client, 'port' | 'access'>): void {
  const { libc, arena, table, peer, counters } = tcp;
  const isProxy = tcp.proxies !== undefined && permits(tcp.proxies, peer);
  const refused = tcp.refuses?.(peer) === true ? 'drop-list' : makeRoom(tcp, fd, isProxy);
  if (refused !== undefined) {
    countRefused(counters, refused);
    libc.close(fd);
    return;
  }
  const slot = takeSlot(table, peer, fd, arena.now[0] as number);
  slot.client.port = port;
  slot.client.access = access;
  slot.awaitsProxy = isProxy;
  arena.i32[(arena.tcpFds >> 2) + slot.index] = fd + 1;
  countAccepted(counters);
  readSlot(tcp, slot);
}

/**
 * Where a bound is reached, closes a connection that can be closed; if none can, the one that asked longest
 * ago, for a client that has sent a whole question already, so that those who hold their places without
 * asking keep nobody out. Says which bound refuses any other.
 */
function makeRoom(tcp: Tcp, fd: number, isProxy: boolean): RefuseReason | undefined {
  const { table, limits, peer } = tcp;
  const { connectionsMax, connectionsPerClientMax } = limits;
  // Counting is only worth while where the bound could be reached. Behind a proxy are many clients.
  const ofClient =
    !isProxy &&
    table.open >= connectionsPerClientMax &&
    connectionsOf(table, peer) >= connectionsPerClientMax;
  if (!ofClient && table.open < connectionsMax) return undefined;
  const whose = ofClient ? peer : undefined;
  if (closeOne(tcp, findIdle(table, whose, tcp.arena.now[0] as number), 'evicted')) return undefined;
  if (hasQuestion(tcp, fd) && closeOne(tcp, findOldest(table, whose), 'evicted-busy')) return undefined;
  return ofClient ? 'client-connections-max' : 'connections-max';
}

function closeOne(tcp: Tcp, slot: TcpSlot | undefined, why: CloseReason): boolean {
  if (slot !== undefined) closeSlot(tcp, slot, why);
  return slot !== undefined;
}

/** Whether a whole message waits to be read. */
function hasQuestion({ libc, arena }: Tcp, fd: number): boolean {
  const { u8, tcpIn, addresses } = arena;
  const flags = LINUX.MSG_PEEK | LINUX.MSG_DONTWAIT;
  const count = libc.recv(fd, addresses[ADDRESS.TCP_IN] as number, PEEK_OCTETS, flags);
  return count > 2 && count >= 2 + (((u8[tcpIn] as number) << 8) | (u8[tcpIn + 1] as number));
}

/**
 * The process has no descriptor left: closes a connection. If there is none to close, listeners are not
 * watched for a while: they would be reported again and again.
 */
function makeRoomForDescriptor(tcp: Tcp): boolean {
  const { table, arena, counters } = tcp;
  countDrop(counters, 'tcp', 'receive-error');
  if (closeOne(tcp, findIdle(table, undefined, arena.now[0] as number), 'evicted')) return true;
  if (closeOne(tcp, findOldest(table, undefined), 'evicted-busy')) return true;
  watchListeners(tcp, LINUX.EPOLL_CTL_DEL);
  tcp.accepting = 'later';
  return false;
}

function watchListeners({ epoll, listeners }: Tcp, operation: number): void {
  for (const [index, { fd }] of listeners.entries())
    control(epoll, fd, { operation, events: LINUX.EPOLLIN, data: DATA.LISTENERS + index });
}

/** Reads a `sockaddr` into `peer`; returns the port. */
function readPeerName({ arena, peer }: Tcp, at: number): number {
  const { u8 } = arena;
  const v6 = u8[at] === LINUX.AF_INET6;
  peer.family = v6 ? 6 : 4;
  peer.octets.fill(0);
  const [from, count] = v6 ? [8, 16] : [4, 4];
  for (let i = 0; i < count; i++) peer.octets[i] = u8[at + from + i] as number;
  return ((u8[at + 2] as number) << 8) | (u8[at + 3] as number);
}
