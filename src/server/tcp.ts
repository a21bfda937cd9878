import { createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type AccessList, permits } from '../base/access-list.ts';
import { type Address, emptyAddress } from '../base/address.ts';
import { countDrop, type ServerCounters } from './counters.ts';
import { countAccepted, countRefused } from './counters-streams.ts';
import { type Handler, type ListenAddress, readPeer, type TransferHandler } from './handler.ts';
import {
  type Connection,
  newConnection,
  receive,
  resume,
  type Shared,
  sharedBuffers,
} from './tcp-connection.ts';
import { type Connections, drop, forget, keyOf, makeRoom, sweep } from './tcp-connections.ts';
import type { TcpLimits } from './tcp-limits.ts';
import { readProxied } from './tcp-proxied.ts';
import type { TlsDoor } from './tls.ts';

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
  /** Peers that say for whom they ask. */
  readonly proxies?: AccessList | undefined;
  /** TLS, and what is spoken over it; absent: DNS without TLS. */
  readonly secure?: Secure | undefined;
}

/** What is spoken over TLS. */
export interface Secure {
  readonly door: TlsDoor;
  /** Absent: DNS, as over TCP. */
  readonly speak?: ((connection: Connection, stream: TLSSocket, shared: Shared) => void) | undefined;
}

/** An open TCP listener. */
export interface TcpListener {
  readonly address: ListenAddress;
  /** Stops listening and closes every connection. */
  close(): Promise<void>;
  /** Stops listening, tells clients so, and resolves once they have closed their connections. */
  drain(): Promise<void>;
}

/**
 * Connections that the kernel may complete before they are accepted; Linux bounds it by net.core.somaxconn.
 */
const BACKLOG = 1024;
/** How often deadlines are looked at: one timer for all connections. */
const SWEEP_MS = 250;

interface Open extends Connections {
  readonly options: TcpOptions;
  readonly shared: Shared;
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
  const transport = options.secure?.door.transport ?? 'tcp';
  const collections = { connections: new Set<Connection>(), perClient: new Map<string, number>() };
  const state: Open = { options, shared, ...collections, counters, limits, transport, onEmpty: undefined };
  const server = createServer({
    // A client of DNS may end its side and wait for answers; one of HTTP has left.
    allowHalfOpen: options.secure?.speak === undefined,
    noDelay: true,
    highWaterMark: limits.pendingOctetsMax,
  });
  await bind(server, options);
  server.on('error', () => countDrop(counters, transport, 'receive-error'));
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
    drain: () =>
      new Promise((resolve) => {
        server.close();
        state.onEmpty = resolve;
        for (const { goodbye } of state.connections) goodbye?.();
        if (state.connections.size === 0) resolve();
      }),
  };
}

function accept(state: Open, socket: Socket): void {
  const { transport, options } = state;
  const { counters, proxies } = options;
  socket.on('error', () => socket.destroy());
  if (socket.remoteAddress === undefined) return void socket.destroy();
  const address = emptyAddress();
  readPeer(socket.remoteAddress, address);
  const isProxy = proxies !== undefined && permits(proxies, address);
  // Behind a proxy are many clients.
  const clientKey = isProxy ? '' : keyOf(address);
  const isListed = options.refuses?.(address) === true;
  const refused = isListed ? 'drop-list' : makeRoom(state, clientKey);
  if (refused !== undefined) {
    countRefused(counters, refused, transport);
    return void socket.destroy();
  }
  const client = { address, port: socket.remotePort ?? 0, access: options.listen.access, transport };
  const connection = newConnection(socket, { client, clientKey }, performance.now());
  state.connections.add(connection);
  if (!isProxy) state.perClient.set(clientKey, (state.perClient.get(clientKey) ?? 0) + 1);
  countAccepted(counters, transport);
  socket.on('close', () => forget(state, connection));
  if (!isProxy) begin(state, connection);
  else
    readProxied(socket, client, (proxied) => {
      if (proxied === undefined) {
        countDrop(counters, transport, 'proxy-header');
        drop(state, connection, 'malformed');
      } else {
        connection.client = proxied;
        begin(state, connection);
      }
    });
}

function begin(state: Open, connection: Connection): void {
  const { secure } = state.options;
  if (secure === undefined) speakDns(state, connection);
  else
    secure.door.take(connection.socket, (stream) => {
      stream.on('error', () => {
        connection.closing ??= 'error';
        stream.destroy();
      });
      connection.socket = stream;
      connection.goodbye = () => stream.end();
      if (secure.speak === undefined) speakDns(state, connection);
      else secure.speak(connection, stream, state.shared);
    });
}

function speakDns(state: Open, connection: Connection): void {
  const { socket } = connection;
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
