import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { OperatorError } from '../base/errors.ts';
import { type Endpoint, formatEndpoint } from '../config/scalars.ts';
import { type Reply, send } from './reply.ts';

/** A running HTTP server. */
export interface HttpServer {
  /** Where it listens, with the port that the system gave for port 0. */
  readonly endpoint: Endpoint;
  /** `http://127.0.0.1:5380`. */
  readonly url: string;
  /** Descriptor of the listening socket, for the process that replaces this one; -1: there is none. */
  readonly fd: number;
  /** Stops listening and ends every connection. */
  readonly close: () => Promise<void>;
}

/** Bounds of the HTTP server. */
const LIMITS = {
  connections: 256,
  requestsPerConnection: 10_000,
  headerOctets: 16_384,
  headersMs: 5_000,
  /** For a body; some are allowed more. */
  requestMs: 10_000,
  requestMsMax: 15 * 60_000,
  keepAliveMs: 15_000,
} as const;

/** Ends a request whose body has not come in time. */
const lateness = new WeakMap<IncomingMessage, NodeJS.Timeout>();

/** The body of this request may take so long from now on, ms, as far as the server's own bound goes. */
export function allowTime(request: IncomingMessage, ms: number): void {
  clearTimeout(lateness.get(request));
  const late = (): void => {
    if (!request.complete) request.socket.destroy();
  };
  lateness.set(request, setTimeout(late, ms).unref());
  request.once('close', () => clearTimeout(lateness.get(request)));
}

/**
 * Serves what `answer` replies; it must not reject. Throws `OperatorError`: `port-in-use`, `not-permitted`,
 * `bad-config` for an address that this machine does not have.
 */
export async function serveReplies(
  answer: (request: IncomingMessage) => Promise<Reply>,
  options: {
    readonly listen: Endpoint;
    /** Descriptor of a socket that listens there already. */
    readonly inherit?: number | undefined;
    readonly onError: (error: unknown) => void;
  },
): Promise<HttpServer> {
  const server = createServer({
    maxHeaderSize: LIMITS.headerOctets,
    headersTimeout: LIMITS.headersMs,
    requestTimeout: LIMITS.requestMsMax,
    keepAliveTimeout: LIMITS.keepAliveMs,
    connectionsCheckingInterval: 1000,
  });
  server.maxConnections = LIMITS.connections;
  server.maxRequestsPerSocket = LIMITS.requestsPerConnection;
  server.on('request', (request, response) => {
    const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
    if (length !== undefined || coding !== undefined) allowTime(request, LIMITS.requestMs);
    // A client that goes away while it is answered is no error of ours.
    response.on('error', () => undefined);
    void answer(request).then((reply) => send(response, reply, request));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable) return void socket.destroy();
    const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Header Too Large' : '400 Bad Request';
    socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\n\r\n`);
  });
  const endpoint = await listenOn(server, options.listen, options.inherit);
  server.on('error', options.onError);
  // Node has no public way to the descriptor of a server. The property is as old as Node.
  const { _handle: handle } = server as unknown as { _handle?: { fd?: number } };
  const url = `http://${formatEndpoint(endpoint)}`;
  return { endpoint, url, fd: handle?.fd ?? -1, close: () => closeServer(server) };
}

function listenOn(server: Server, listen: Endpoint, inherit: number | undefined): Promise<Endpoint> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE')
        reject(
          listenFault(
            'port-in-use',
            listen,
            'the port is in use: choose another with --admin-port or listen.admin',
          ),
        );
      else if (error.code === 'EACCES')
        reject(
          listenFault(
            'not-permitted',
            listen,
            'listening there is not permitted: ports under 1024 need privilege',
          ),
        );
      else if (error.code === 'EADDRNOTAVAIL')
        reject(listenFault('bad-config', listen, 'this machine has no such address'));
      else reject(error);
    });
    const where = inherit === undefined ? { host: listen.host, port: listen.port } : { fd: inherit };
    server.listen(where, () => {
      server.removeAllListeners('error');
      resolve({ host: listen.host, port: (server.address() as AddressInfo).port });
    });
  });
}

/** An error about an address to listen on. */
function listenFault(
  code: 'bad-config' | 'port-in-use' | 'not-permitted',
  listen: Endpoint,
  message: string,
): OperatorError {
  return new OperatorError(code, [{ file: `admin ${formatEndpoint(listen)}`, message }]);
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
