import {
  createServer as createHttp1Server,
  type Server as Http1Server,
  type IncomingMessage,
} from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import { must } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import type { TlsFacts } from '../request-path.ts';
import { serverNameOf } from './client-hello.ts';
import type { ClientConnection } from './connections.ts';
import type { Exchange } from './exchange.ts';
import { serveHttp1 } from './http1-connection.ts';
import { serveHttp2 } from './http2-connection.ts';
import { nodeExchange } from './node-exchange.ts';
import { SECURITY_POLICIES, type SecurityPolicyName } from './security-policies.ts';
import { createTicketKeys, type TicketKeys } from './tickets.ts';

/** What is known of a connection once its handshake is done. */
export interface ConnectionFacts {
  readonly connection: ClientConnection;
  readonly tls: TlsFacts;
  readonly clientPort: number;
  /** `FRA1-C2`: POP and L1 server. */
  readonly edgeLocation: string;
}

/** The L1 servers of one POP. */
export interface Crew {
  /** Gives a connection to the next server in turn. */
  readonly take: (connection: ClientConnection) => void;
  /** Connections that each server got since the start. */
  readonly taken: () => readonly number[];
  readonly tickets: TicketKeys;
}

/** A connection, and the position of the L1 server that has it. */
interface Taken {
  readonly connection: ClientConnection;
  readonly server: number;
}

/** What `createCrew` needs. */
export interface CrewOptions {
  /** POP code: sessions are resumed inside one POP only. */
  readonly pop: string;
  readonly servers: number;
  readonly certificate: string;
  readonly key: string;
  /** OCSP response for that certificate, DER. */
  readonly staple: () => Buffer;
  /** The policy for a server name; all the same: nothing is read ahead. */
  readonly policyOf: (serverName: string | undefined) => SecurityPolicyName;
  readonly policies: readonly SecurityPolicyName[];
  readonly exchange: Exchange;
  readonly clock: Clock;
}

const HANDSHAKE_LIMIT_MS = 10_000;
const BAD_REQUEST = 'HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n';

/** Makes the servers of a POP: none listens itself, connections are handed to them. */
export function createCrew(options: CrewOptions): Crew {
  const tickets = createTicketKeys(options.clock);
  const servers = new Map<SecurityPolicyName, TlsServer>();
  const taken = new Array<number>(options.servers).fill(0);
  const connections = new WeakMap<Socket, Taken>();
  let turn = 0;
  // All of a POP work with one TLS context a policy: each has 50 kB, with certificate, ciphers and settings.
  const serverFor = (policy: SecurityPolicyName): TlsServer => {
    const known = servers.get(policy);
    if (known !== undefined) return known;
    const made = secureServer(options, policy, connections);
    tickets.attach(made);
    servers.set(policy, made);
    return made;
  };
  const give = (connection: ClientConnection, policy: SecurityPolicyName): void => {
    const index = turn;
    turn = (turn + 1) % options.servers;
    taken[index] = (taken[index] ?? 0) + 1;
    connections.set(connection.socket, { connection, server: index });
    serverFor(policy).emit('connection', connection.socket);
  };
  return {
    tickets,
    taken: () => taken,
    take: (connection) => {
      const [only, ...others] = options.policies;
      const isOne = only !== undefined && others.length === 0;
      whenHeard(
        connection.socket,
        isOne ? () => give(connection, only) : (name) => give(connection, options.policyOf(name)),
        isOne,
      );
    },
  };
}

/**
 * Waits for the first octets, and where policies differ for the server name, and puts back what was read. Who
 * only looks whether the port is open makes no server.
 */
function whenHeard(socket: Socket, then: (name: string | undefined) => void, isFirstEnough: boolean): void {
  let read: Buffer = Buffer.alloc(0);
  const onReadable = (): void => {
    for (let chunk = socket.read(); chunk !== null; chunk = socket.read())
      read = read.length === 0 ? chunk : Buffer.concat([read, chunk]);
    if (read.length === 0 || socket.destroyed) return;
    const found = isFirstEnough ? { isWhole: true, name: undefined } : serverNameOf(read);
    if (!found.isWhole) return;
    socket.off('readable', onReadable);
    socket.unshift(read);
    then(found.name);
  };
  socket.on('readable', onReadable);
}

function secureServer(
  options: CrewOptions,
  policy: SecurityPolicyName,
  connections: WeakMap<Socket, Taken>,
): TlsServer {
  const { minVersion, ciphers } = SECURITY_POLICIES[policy];
  const { exchange } = options;
  const facts = new WeakMap<object, ConnectionFacts>();
  const http1 = http1Server(exchange, facts);
  const settings = {
    cert: options.certificate,
    key: options.key,
    ALPNProtocols: ['h2', 'http/1.1'],
    minVersion,
    ciphers,
    honorCipherOrder: true,
    sessionIdContext: `isochrone-${options.pop}`,
    handshakeTimeout: HANDSHAKE_LIMIT_MS,
  };
  const server = createTlsServer(settings, (socket) => {
    const known = factsOf(socket, options.pop, connections);
    if (known === undefined) return void socket.destroy();
    if (socket.alpnProtocol === 'h2') return serveHttp2(socket, known, exchange);
    facts.set(socket, known);
    serveHttp1(socket, { facts: known, exchange, handOver: () => void http1.emit('connection', socket) });
  });
  server.on(
    'OCSPRequest',
    (_certificate: Buffer, _issuer: Buffer, done: (error: null, staple: Buffer) => void) =>
      done(null, options.staple()),
  );
  // What peers do wrong (no TLS, unknown protocol) ends their connection and is nobody's news.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
}

/** Node's own server, for what of HTTP/1.1 is not plain enough to be read here. */
function http1Server(exchange: Exchange, facts: WeakMap<object, ConnectionFacts>): Http1Server {
  // Of those nothing more can be read.
  const broken = new WeakSet<object>();
  const newest = new WeakMap<object, IncomingMessage>();
  // Idle connections are for the guard: it ends them, and no timer is set for each request.
  // A request without a host is for the RFC filter, which gives it a number and a line in the log.
  const server = createHttp1Server({ keepAliveTimeout: 0, requireHostHeader: false }, (request, response) => {
    const { socket } = request;
    const known = facts.get(socket);
    // The connection went between the request's last octet and now.
    if (known === undefined) return void response.end();
    newest.set(socket, request);
    nodeExchange(exchange, known, { request, response });
    response.once('close', () => {
      if (broken.has(socket)) refuseRest(socket, known, newest.get(socket));
    });
  });
  server.on('clientError', (_error, socket) => {
    // What comes after is no news, and must not take the answer's way.
    if (broken.has(socket)) return;
    broken.add(socket);
    const known = facts.get(socket);
    if (known === undefined) socket.destroy();
    else refuseRest(socket, known, newest.get(socket));
  });
  return server;
}

/**
 * Says of what cannot be read that it cannot, once all before it is answered: said sooner, a client would
 * take it for the answer to another request. A body that breaks is part of what cannot be read.
 */
function refuseRest(
  socket: Duplex,
  { connection }: ConnectionFacts,
  newest: IncomingMessage | undefined,
): void {
  const isHalf = newest !== undefined && !newest.complete;
  const waiting = connection.active - (isHalf ? 1 : 0);
  if (waiting > 0) return;
  if (waiting < 0) socket.destroy();
  else if (socket.writable) socket.end(BAD_REQUEST);
}

function factsOf(
  socket: TLSSocket,
  pop: string,
  connections: WeakMap<Socket, Taken>,
): ConnectionFacts | undefined {
  // A TLSSocket keeps the socket that it was made from as `_parent`, which its types do not say.
  const { _parent: parent } = socket as unknown as { _parent?: Socket };
  const taken = parent === undefined ? undefined : connections.get(parent);
  if (taken === undefined) return undefined;
  const { connection, server } = taken;
  connection.plain = socket;
  const serverName = (socket as unknown as { servername?: string | false }).servername;
  return {
    connection,
    clientPort: must(parent, 'socket').remotePort ?? 0,
    edgeLocation: `${pop}1-C${server + 1}`,
    tls: {
      version: socket.getProtocol() ?? '',
      cipher: socket.getCipher()?.name ?? '',
      serverName: typeof serverName === 'string' ? serverName : '',
      resumed: socket.isSessionReused(),
    },
  };
}
