import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { OperatorError } from '../base/errors.ts';
import { type Endpoint, formatEndpoint, isLoopback } from '../config/scalars.ts';
import type { AdminApi } from './api.ts';
import { type Guard, refusalOf } from './guard.ts';
import { createMetricsPage } from './metrics.ts';
import { errorReply, problemReply, type Reply, send } from './reply.ts';
import { answerRoute } from './routes.ts';

/** What the console needs to run. */
export interface AdminOptions {
  readonly listen: Endpoint;
  /** Secret that changes must carry; mandatory where others than this machine can reach the address. */
  readonly token: string | undefined;
  readonly api: AdminApi;
  /** Descriptor of a socket that listens there already, of the process that this one replaces. */
  readonly inherit?: number | undefined;
  /** Told of errors that nobody foresaw; the client gets a 500. */
  readonly onError: (error: unknown) => void;
}

/** A running console. */
export interface Admin {
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
  requestMs: 10_000,
  keepAliveMs: 15_000,
} as const;

/**
 * Starts the console, `/metrics` and the admin API. Throws `OperatorError`: `bad-config` for an open
 * address without a token, `port-in-use`, `not-permitted`.
 */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const { listen, token } = options;
  const loopback = isLoopback(listen.host);
  if (!loopback && (token === undefined || token === ''))
    throw fault('bad-config', listen, 'others can reach this address: set admin.token or ISOCHRONE_TOKEN');
  const guard: Guard = { token: token === '' ? undefined : token, loopback };
  const metrics = createMetricsPage();
  const server = createServer({
    maxHeaderSize: LIMITS.headerOctets,
    headersTimeout: LIMITS.headersMs,
    requestTimeout: LIMITS.requestMs,
    keepAliveTimeout: LIMITS.keepAliveMs,
    connectionsCheckingInterval: 1000,
  });
  server.maxConnections = LIMITS.connections;
  server.maxRequestsPerSocket = LIMITS.requestsPerConnection;
  server.on('request', (request, response) => {
    // A client that goes away while it is answered is no error of ours.
    response.on('error', () => undefined);
    void answer(request, guard, { ...options, metrics }).then((reply) =>
      send(response, reply, request.method),
    );
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable) return void socket.destroy();
    const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Header Too Large' : '400 Bad Request';
    socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\n\r\n`);
  });
  const endpoint = await listenOn(server, listen, options.inherit);
  server.on('error', options.onError);
  // Node has no public way to the descriptor of a server. The property is as old as Node.
  const { _handle: handle } = server as unknown as { _handle?: { fd?: number } };
  const url = `http://${formatEndpoint(endpoint)}`;
  return { endpoint, url, fd: handle?.fd ?? -1, close: () => closeServer(server) };
}

type Answering = AdminOptions & { readonly metrics: ReturnType<typeof createMetricsPage> };

/** Never rejects: what goes wrong is a reply. */
async function answer(request: IncomingMessage, guard: Guard, options: Answering): Promise<Reply> {
  try {
    const base = 'http://localhost';
    const url = URL.canParse(request.url ?? '', base) ? new URL(request.url ?? '', base) : undefined;
    if (url === undefined) return problemReply(400, ['the request target is not a path']);
    const refusal = refusalOf(request, url.pathname, guard);
    if (refusal !== undefined) {
      const reply = problemReply(refusal.status, [refusal.message], 'not-permitted');
      return refusal.status === 401 ? { ...reply, headers: { 'www-authenticate': 'Bearer' } } : reply;
    }
    const { api, metrics } = options;
    return await answerRoute(url.pathname, { api, metrics, request, query: url.searchParams });
  } catch (error) {
    const reply = errorReply(error);
    if (reply !== undefined) return reply;
    options.onError(error);
    return problemReply(500, ['an internal error, which is in the log']);
  }
}

function listenOn(server: Server, listen: Endpoint, inherit: number | undefined): Promise<Endpoint> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE')
        reject(
          fault(
            'port-in-use',
            listen,
            'the port is in use: choose another with --admin-port or listen.admin',
          ),
        );
      else if (error.code === 'EACCES')
        reject(
          fault('not-permitted', listen, 'listening there is not permitted: ports under 1024 need privilege'),
        );
      else if (error.code === 'EADDRNOTAVAIL')
        reject(fault('bad-config', listen, 'this machine has no such address'));
      else reject(error);
    });
    const where = inherit === undefined ? { host: listen.host, port: listen.port } : { fd: inherit };
    server.listen(where, () => {
      server.removeAllListeners('error');
      resolve({ host: listen.host, port: (server.address() as AddressInfo).port });
    });
  });
}

function fault(
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
