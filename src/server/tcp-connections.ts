import type { Address } from '../base/address.ts';
import type { CloseReason, RefuseReason, SecureTransport, ServerCounters } from './counters.ts';
import { countClosed } from './counters-streams.ts';
import { type Connection, endTransfer } from './tcp-connection.ts';
import { overdue, type TcpLimits } from './tcp-limits.ts';

/** The connections of one listener, and the bounds on them. */
export interface Connections {
  readonly counters: ServerCounters;
  readonly limits: TcpLimits;
  readonly transport: 'tcp' | SecureTransport;
  /** In order of arrival. */
  readonly connections: Set<Connection>;
  readonly perClient: Map<string, number>;
  /** Called when the last connection is closed. */
  onEmpty: (() => void) | undefined;
}

/** Time that a client has to leave once it was told to, ms. */
const GOODBYE_MS = 1_000;

export function forget(state: Connections, connection: Connection): void {
  if (!state.connections.delete(connection)) return;
  endTransfer(connection);
  if (state.connections.size === 0) state.onEmpty?.();
  const left = (state.perClient.get(connection.clientKey) ?? 1) - 1;
  if (left > 0) state.perClient.set(connection.clientKey, left);
  else state.perClient.delete(connection.clientKey);
  countClosed(state.counters, connection.closing ?? 'client', state.transport);
}

/**
 * Where a bound is reached, closes a connection that is slow, else the one that has been idle longest; says
 * which bound refuses the new one if there is neither.
 */
export function makeRoom(state: Connections, clientKey: string): RefuseReason | undefined {
  const { connections, perClient } = state;
  const { connectionsMax, connectionsPerClientMax } = state.limits;
  if ((perClient.get(clientKey) ?? 0) >= connectionsPerClientMax) {
    const own = [...connections].filter((connection) => connection.clientKey === clientKey);
    return evictOne(state, own) ? undefined : 'client-connections-max';
  }
  if (connections.size < connectionsMax) return undefined;
  return evictOne(state, connections) ? undefined : 'connections-max';
}

/** A client that takes longer for a message, or for reading answers, loses its place to others, ms. */
const SLOW_MS = 2_000;

function evictOne(state: Connections, candidates: Iterable<Connection>): boolean {
  const nowMs = performance.now();
  let oldest: Connection | undefined;
  for (const connection of candidates) {
    if (isSlow(connection, nowMs)) {
      drop(state, connection, 'evicted-busy');
      return true;
    }
    const busy =
      connection.partialSinceMs > 0 ||
      connection.socket.writableLength > 0 ||
      connection.heldLength > 0 ||
      connection.transfer !== undefined;
    if (!busy && (oldest === undefined || connection.lastQueryMs < oldest.lastQueryMs)) oldest = connection;
  }
  if (oldest === undefined) return false;
  drop(state, oldest, 'evicted');
  return true;
}

function isSlow({ partialSinceMs, stalledSinceMs }: Connection, nowMs: number): boolean {
  return (
    (partialSinceMs > 0 && nowMs - partialSinceMs > SLOW_MS) ||
    (stalledSinceMs > 0 && nowMs - stalledSinceMs > SLOW_MS)
  );
}

export function sweep(state: Connections, nowMs: number): void {
  for (const connection of state.connections) {
    const { goodbye, goodbyeMs } = connection;
    const reason = overdue(connection, state.limits, nowMs);
    if (reason === undefined || (goodbyeMs > 0 && nowMs - goodbyeMs < GOODBYE_MS)) continue;
    if (goodbye === undefined || goodbyeMs > 0 || (reason !== 'idle' && reason !== 'lifetime'))
      drop(state, connection, reason);
    else {
      connection.closing ??= reason;
      connection.goodbyeMs = nowMs;
      goodbye();
    }
  }
}

export function drop(state: Connections, connection: Connection, reason: CloseReason): void {
  connection.closing ??= reason;
  connection.socket.destroy();
  forget(state, connection);
}

/** IPv6 clients own a /64 at least: counting single addresses would bound nothing. */
export function keyOf({ family, octets }: Address): string {
  return octets.subarray(0, family === 4 ? 4 : 8).join('.');
}
