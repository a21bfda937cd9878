import { createServer, type Server, type Socket } from 'node:net';
import { type Address, emptyAddress } from '../base/address.ts';
import {
  type CloseReason,
  countAccepted,
  countClosed,
  countDrop,
  countRefused,
  type RefuseReason,
  type ServerCounters,
} from './counters.ts';
import { type Handler, type ListenAddress, readPeer, type TransferHandler } from './handler.ts';
import {
  type Connection,
  endTransfer,
  newConnection,
  receive,
  resume,
  type Shared,
  sharedBuffers,
} from './tcp-connection.ts';
import { overdue, type TcpLimits } from './tcp-limits.ts';

export interface TcpOptions {
  readonly listen: ListenAddress;
  readonly handle: Handler;
  readonly transferOf?: TransferHandler | undefined;
  readonly counters: ServerCounters;
  readonly limits: TcpLimits;
  /** Whether connections from this address are refused. */
  readonly refuses?: ((address: Address) => boolean) | undefined;
  /** Whether other sockets may share the port (SO_REUSEPORT): one socket a worker. */
  readonly reusePort: boolean;
}

/** An open TCP listener. */
export interface TcpListener {
  readonly address: ListenAddress;
  /** Stops listening and closes every connection. */
  close(): Promise<void>;
}

/**
 * Connections that the kernel may complete before they are accepted; Linux bounds it by net.core.somaxconn.
 */
const BACKLOG = 1024;
/** How often deadlines are looked at: one timer for all connections. */
const SWEEP_MS = 250;

interface State {
  readonly options: TcpOptions;
  readonly shared: Shared;
  /** In order of arrival. */
  readonly connections: Set<Connection>;
  readonly perClient: Map<string, number>;
}

/**
 * Listens on TCP and answers as RFC 7766 says: any number of questions a connection, pipelined or not,
 * answers in order. Rejects with the system's error (`code`) if it cannot bind. Nothing that a peer does ends
 * the listener.
 */
export async function listenTcp(options: TcpOptions): Promise<TcpListener> {
  const { handle, transferOf, counters, limits, listen } = options;
  const queriesMax = limits.queriesPerConnectionMax;
  const shared = sharedBuffers({ handle, transferOf, counters, queriesMax });
  const state: State = { options, shared, connections: new Set(), perClient: new Map() };
  const server = createServer({
    allowHalfOpen: true,
    noDelay: true,
    highWaterMark: limits.pendingOctetsMax,
  });
  await bind(server, options);
  server.on('error', () => countDrop(counters, 'tcp', 'receive-error'));
  server.on('connection', (socket) => accept(state, socket));
  const sweeper = setInterval(() => sweep(state, performance.now()), SWEEP_MS);
  const bound = server.address();
  return {
    address: {
      ...listen,
      port: typeof bound === 'object' && bound !== null ? bound.port : listen.port,
    },
    close: () =>
      new Promise((resolve) => {
        clearInterval(sweeper);
        server.close(() => resolve());
        for (const connection of state.connections) drop(state, connection, 'shutdown');
      }),
  };
}

function accept(state: State, socket: Socket): void {
  const { counters } = state.options;
  socket.on('error', () => socket.destroy());
  if (socket.remoteAddress === undefined) return void socket.destroy();
  const address = emptyAddress();
  readPeer(socket.remoteAddress, address);
  const clientKey = keyOf(address);
  const isListed = state.options.refuses?.(address) === true;
  const refused = isListed ? 'drop-list' : makeRoom(state, clientKey);
  if (refused !== undefined) {
    countRefused(counters, refused);
    return void socket.destroy();
  }
  const { access } = state.options.listen;
  const client = { address, port: socket.remotePort ?? 0, access, transport: 'tcp' as const };
  const connection = newConnection(socket, { client, clientKey }, performance.now());
  state.connections.add(connection);
  state.perClient.set(clientKey, (state.perClient.get(clientKey) ?? 0) + 1);
  countAccepted(counters);
  socket.on('data', (chunk) => {
    receive(state.shared, connection, chunk, performance.now());
    settle(connection);
  });
  socket.on('drain', () => {
    connection.stalledSinceMs = 0;
    if (connection.closing !== undefined || socket.destroyed) return;
    resume(state.shared, connection, performance.now());
    settle(connection);
  });
  socket.on('end', () => {
    connection.ended = true;
    settle(connection);
  });
  socket.on('error', () => {
    connection.closing ??= 'error';
  });
  socket.on('close', () => forget(state, connection));
}

/** After input: stop reading from a client that does not read; close when all is answered that will be. */
function settle(connection: Connection): void {
  const { socket } = connection;
  if (connection.closing !== undefined) return void socket.destroySoon();
  if (connection.stalledSinceMs > 0 || connection.transfer !== undefined) return void socket.pause();
  if (connection.ended) {
    connection.closing = 'client';
    socket.end();
  } else if (socket.isPaused()) socket.resume();
}

function forget(state: State, connection: Connection): void {
  if (!state.connections.delete(connection)) return;
  endTransfer(connection);
  const left = (state.perClient.get(connection.clientKey) ?? 1) - 1;
  if (left > 0) state.perClient.set(connection.clientKey, left);
  else state.perClient.delete(connection.clientKey);
  countClosed(state.options.counters, connection.closing ?? 'client');
}

/**
 * Closes the longest idle connection where a bound is reached; says which bound refuses the new one if none
 * is idle.
 */
function makeRoom(state: State, clientKey: string): RefuseReason | undefined {
  const { connections, perClient } = state;
  const { connectionsMax, connectionsPerClientMax } = state.options.limits;
  if ((perClient.get(clientKey) ?? 0) >= connectionsPerClientMax) {
    const own = [...connections].filter((connection) => connection.clientKey === clientKey);
    return evictIdle(state, own) ? undefined : 'client-connections-max';
  }
  if (connections.size < connectionsMax) return undefined;
  return evictIdle(state, connections) ? undefined : 'connections-max';
}

function evictIdle(state: State, candidates: Iterable<Connection>): boolean {
  let oldest: Connection | undefined;
  for (const connection of candidates) {
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

function sweep(state: State, nowMs: number): void {
  for (const connection of state.connections) {
    const reason = overdue(connection, state.options.limits, nowMs);
    if (reason !== undefined) drop(state, connection, reason);
  }
}

function drop(state: State, connection: Connection, reason: CloseReason): void {
  connection.closing ??= reason;
  connection.socket.destroy();
  forget(state, connection);
}

/** IPv6 clients own a /64 at least: counting single addresses would bound nothing. */
function keyOf({ family, octets }: Address): string {
  return octets.subarray(0, family === 4 ? 4 : 8).join('.');
}

function bind(server: Server, { listen, reusePort }: TcpOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(
      {
        host: listen.host,
        port: listen.port,
        ipv6Only: listen.host.includes(':'),
        backlog: BACKLOG,
        exclusive: true,
        reusePort,
      },
      () => {
        server.off('error', reject);
        resolve();
      },
    );
  });
}
