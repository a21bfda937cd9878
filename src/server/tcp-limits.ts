/** Bounds on what TCP clients may hold; each has a counter for hitting it. */
export interface TcpLimits {
  /**
   * Connections in all. One more closes the one that has been idle longest; if none is idle, it is refused.
   */
  readonly connectionsMax: number;
  /** The same for one client address (IPv6: one /64). */
  readonly connectionsPerClientMax: number;
  /** Time without a query after which a connection is closed (RFC 7766 §6.2.3), ms. */
  readonly idleMs: number;
  /** Time that a new connection has for its first query, ms. */
  readonly firstQueryMs: number;
  /** Time after which a connection is closed whatever it does, ms. */
  readonly lifetimeMs: number;
  /** Time from the first octet of a message to its last, ms. */
  readonly messageMs: number;
  /** Time that a client may take to read what fills its buffers, ms. */
  readonly writeStallMs: number;
  /** Octets waiting to be sent above which no more questions of that client are read. */
  readonly pendingOctetsMax: number;
  /** Queries on one connection; then it is closed. */
  readonly queriesPerConnectionMax: number;
}

export const TCP_LIMITS: TcpLimits = {
  connectionsMax: 1024,
  connectionsPerClientMax: 64,
  idleMs: 10_000,
  lifetimeMs: 600_000,
  firstQueryMs: 3_000,
  messageMs: 5_000,
  writeStallMs: 5_000,
  pendingOctetsMax: 65_536,
  queriesPerConnectionMax: Number.POSITIVE_INFINITY,
};

/** What the bounds on time are applied to. Milliseconds of one clock; 0 where the state does not hold. */
export interface ConnectionTimes {
  acceptedMs: number;
  queries: number;
  lastQueryMs: number;
  /** When the first octet of an incomplete message came. */
  partialSinceMs: number;
  /** Since when the client has not read what it was sent. */
  stalledSinceMs: number;
}

/** Why the connection's time is up, if it is. */
export function overdue(
  times: ConnectionTimes,
  limits: TcpLimits,
  nowMs: number,
): 'write-stalled' | 'slow-message' | 'no-query' | 'lifetime' | 'idle' | undefined {
  const { stalledSinceMs, partialSinceMs, acceptedMs } = times;
  if (stalledSinceMs > 0) return nowMs - stalledSinceMs > limits.writeStallMs ? 'write-stalled' : undefined;
  if (partialSinceMs > 0 && nowMs - partialSinceMs > limits.messageMs) return 'slow-message';
  if (times.queries === 0 && nowMs - acceptedMs > limits.firstQueryMs) return 'no-query';
  if (nowMs - acceptedMs > limits.lifetimeMs) return 'lifetime';
  return nowMs - times.lastQueryMs > limits.idleMs ? 'idle' : undefined;
}
