import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { OperatorError, type OperatorErrorCode } from '../base/errors.ts';
import { type Endpoint, formatEndpoint } from '../config/scalars.ts';

/** Certificate and key, PEM. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
}

/** A server that listens. */
export interface Listening {
  /** With the port that the system gave for port 0. */
  readonly endpoint: Endpoint;
  /** Stops listening and ends every connection. */
  readonly close: () => Promise<void>;
}

/** Bounds of the HTTP server. */
const LIMITS = {
  connections: 2_048,
  requestsPerConnection: 100_000,
  headerOctets: 8_192,
  headersMs: 5_000,
  requestMs: 10_000,
  keepAliveMs: 30_000,
} as const;
/**
 * Listens for HTTP, or HTTPS where there is a certificate. Throws `OperatorError`: `port-in-use`,
 * `not-permitted`, `bad-config` for a certificate that cannot be used.
 */
export async function listenHttp(options: {
  readonly listen: Endpoint;
  readonly tls: TlsFiles | undefined;
  /** Lets a process that replaces this one listen there as well, where the system can. */
  readonly isShared: boolean;
  readonly onRequest: RequestListener;
  readonly onError: (error: unknown) => void;
}): Promise<Listening> {
  const { listen, tls, isShared, onRequest, onError } = options;
  const server = makeServer(listen, tls, onRequest);
  const port = await listenOn(server, listen, isShared);
  server.on('error', onError);
  return { endpoint: { host: listen.host, port }, close: () => closeServer(server) };
}

function makeServer(listen: Endpoint, tls: TlsFiles | undefined, onRequest: RequestListener): Server {
  const settings = {
    maxHeaderSize: LIMITS.headerOctets,
    headersTimeout: LIMITS.headersMs,
    requestTimeout: LIMITS.requestMs,
    keepAliveTimeout: LIMITS.keepAliveMs,
    connectionsCheckingInterval: 1000,
  };
  let server: Server;
  try {
    server =
      tls === undefined
        ? createServer(settings)
        : createSecureServer({
            ...settings,
            cert: tls.certificate,
            key: tls.key,
            minVersion: 'TLSv1.2',
            handshakeTimeout: LIMITS.headersMs,
          });
  } catch (error) {
    throw fault(
      'bad-config',
      listen,
      `the certificate or its key cannot be used: ${(error as Error).message}`,
    );
  }
  server.maxConnections = LIMITS.connections;
  server.maxRequestsPerSocket = LIMITS.requestsPerConnection;
  server.on('request', onRequest);
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.on('clientError', (_error, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n');
    else socket.destroy();
  });
  return server;
}

function listenOn(server: Server, listen: Endpoint, isShared: boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE')
        reject(
          fault(
            'port-in-use',
            listen,
            'the port is in use: choose another with --ingest-listen or listen.ingest',
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
    const reusePort = isShared && process.platform === 'linux';
    server.listen({ host: listen.host, port: listen.port, reusePort }, () => {
      server.removeAllListeners('error');
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function fault(code: OperatorErrorCode, listen: Endpoint, message: string): OperatorError {
  return new OperatorError(code, [{ file: `ingest ${formatEndpoint(listen)}`, message }]);
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
