import type { Socket } from 'node:net';
import type { Link } from '../../base/fleet.ts';

/** A connection of a client, and what it is doing. */
export interface ClientConnection {
  readonly socket: Socket;
  /** The same without TLS, once the handshake is done: its octets are those that count. */
  plain: Socket | undefined;
  readonly link: Link;
  /** Of IPv4 in its own form, not as a part of IPv6. */
  readonly clientAddress: string;
  readonly openedAtMs: number;
  /** Requests under way: those of which the answer is not sent yet. */
  active: number;
  /** Of these, those whose body is still coming in. */
  receiving: number;
  /** When the last request began or the last answer ended; the opening at first. */
  changedAtMs: number;
  /** Octets read when the receiving was looked at last, and when. */
  mark: { octets: number; atMs: number };
}

/** Bounds on what one client, and all together, may hold. */
export interface ConnectionLimits {
  readonly connectionsMax: number;
  readonly connectionsPerClientMax: number;
  /**
   * The first request must be complete so long after the connection, ms, and each other after its
   * beginning.
   */
  readonly headersMs: number;
  /** A silent connection is closed after so long, ms. */
  readonly idleMs: number;
  /** A body must come in at this rate at least. */
  readonly bodyOctetsPerSecondMin: number;
}

export const DEFAULT_LIMITS: ConnectionLimits = {
  connectionsMax: 8_192,
  connectionsPerClientMax: 1_024,
  headersMs: 10_000,
  idleMs: 30_000,
  bodyOctetsPerSecondMin: 128,
};

/** How often connections are looked at, and over what time a body's rate is taken, ms. */
const SWEEP_MS = 1_000;
const RATE_OVER_MS = 5_000;

/** Why connections were ended by the guard, since the start. */
export type EndReason = 'too-many' | 'per-client' | 'slow-headers' | 'slow-body' | 'idle';

/** The connections of all clients of this process. */
export interface ConnectionGuard {
  /** Takes a new one in, perhaps in place of one that does nothing; undefined: there is no room for it. */
  readonly admit: (socket: Socket, link: Link) => ClientConnection | undefined;
  readonly open: () => number;
  readonly openOf: (popIndex: number) => number;
  /** Requests under way. */
  readonly activeOf: (popIndex: number) => number;
  readonly ended: () => ReadonlyMap<EndReason, number>;
  readonly close: () => void;
}

/** Watches over connections: slow ones and too many of one client do not take the place of others. */
export function createConnectionGuard(limits: ConnectionLimits, monotonicMs: () => number): ConnectionGuard {
  const all = new Set<ClientConnection>();
  const byClient = new Map<string, number>();
  const byPop = new Map<number, number>();
  const ended = new Map<EndReason, number>();
  const end = (connection: ClientConnection, reason: EndReason): void => {
    ended.set(reason, (ended.get(reason) ?? 0) + 1);
    connection.socket.destroy();
  };
  const refuse = (socket: Socket, reason: EndReason): undefined => {
    ended.set(reason, (ended.get(reason) ?? 0) + 1);
    socket.destroy();
  };
  const sweep = (): void => {
    const nowMs = monotonicMs();
    for (const connection of all) {
      const reason = faultOf(connection, limits, nowMs);
      if (reason !== undefined) end(connection, reason);
    }
  };
  const timer = setInterval(sweep, SWEEP_MS).unref();
  return {
    admit: (socket, link) => {
      const client = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
      if ((byClient.get(client) ?? 0) >= limits.connectionsPerClientMax) return refuse(socket, 'per-client');
      if (all.size >= limits.connectionsMax) {
        const idle = longestWithoutWork(all);
        if (idle === undefined) return refuse(socket, 'too-many');
        end(idle, 'too-many');
      }
      const nowMs = monotonicMs();
      const mark = { octets: 0, atMs: nowMs };
      const fresh = { active: 0, receiving: 0, openedAtMs: nowMs, changedAtMs: nowMs, mark };
      const connection: ClientConnection = {
        socket,
        plain: undefined,
        link,
        clientAddress: client,
        ...fresh,
      };
      all.add(connection);
      count(byClient, client, 1);
      count(byPop, link.popIndex, 1);
      socket.once('close', () => {
        all.delete(connection);
        count(byClient, client, -1);
        count(byPop, link.popIndex, -1);
      });
      return connection;
    },
    open: () => all.size,
    openOf: (popIndex) => byPop.get(popIndex) ?? 0,
    activeOf: (popIndex) => {
      let sum = 0;
      // An answer that its client has yet to take is under way too.
      for (const { link, active, plain } of all)
        if (link.popIndex === popIndex) sum += active === 0 && (plain?.writableLength ?? 0) > 0 ? 1 : active;
      return sum;
    },
    ended: () => ended,
    close: () => clearInterval(timer),
  };
}

function faultOf(
  connection: ClientConnection,
  limits: ConnectionLimits,
  nowMs: number,
): EndReason | undefined {
  const { active, receiving, changedAtMs, mark } = connection;
  const octets = octetsRead(connection);
  if (receiving > 0) {
    if (nowMs - mark.atMs < RATE_OVER_MS) return undefined;
    const rate = ((octets - mark.octets) * 1000) / (nowMs - mark.atMs);
    connection.mark = { octets, atMs: nowMs };
    return rate < limits.bodyOctetsPerSecondMin ? 'slow-body' : undefined;
  }
  if (active > 0) return undefined;
  const quietMs = nowMs - changedAtMs;
  const isFirst = changedAtMs === connection.openedAtMs;
  // Something came after the last answer, but no whole request.
  const isComing = isFirst || octets > mark.octets;
  if (isComing && quietMs > limits.headersMs) return 'slow-headers';
  return quietMs > limits.idleMs ? 'idle' : undefined;
}

/** A request of the connection begins; `nowMs` monotonic. */
export function began(connection: ClientConnection, nowMs: number): void {
  connection.active++;
  connection.changedAtMs = nowMs;
}

/** A request of the connection is answered. */
export function ended(connection: ClientConnection): void {
  const nowMs = performance.now();
  connection.active--;
  connection.changedAtMs = nowMs;
  connection.mark.octets = octetsRead(connection);
  connection.mark.atMs = nowMs;
}

/** Octets that came from the client, without those of TLS. */
export function octetsRead({ socket, plain }: ClientConnection): number {
  return (plain ?? socket).bytesRead;
}

/** The one that has waited longest for its client, the first in order of age among equals. */
function longestWithoutWork(all: Iterable<ClientConnection>): ClientConnection | undefined {
  let longest: ClientConnection | undefined;
  for (const one of all)
    if (one.active === 0 && (longest === undefined || one.changedAtMs < longest.changedAtMs)) longest = one;
  return longest;
}

function count<K>(counts: Map<K, number>, key: K, by: number): void {
  const now = (counts.get(key) ?? 0) + by;
  if (now === 0) counts.delete(key);
  else counts.set(key, now);
}
