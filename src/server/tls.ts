import type { Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import type { SecureTransport, ServerCounters } from './counters.ts';
import { countHandshake } from './counters-streams.ts';

/** What a server proves its name with, and what lets its clients come back at less cost. */
export interface Credentials {
  /** PEM: the certificate, then those between it and the authority. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
  /**
   * `TICKET_KEYS_OCTETS` random octets, the same in all threads: a session that one thread began can be
   * resumed (RFC 8446 §2.2) at another.
   */
  readonly ticketKeys: Uint8Array;
}

export const TICKET_KEYS_OCTETS = 48;

/** The way into TLS for accepted connections. */
export interface TlsDoor {
  readonly transport: SecureTransport;
  /** Agrees upon TLS; `ready` gets the stream on the socket. If it comes to nothing, the socket is closed. */
  readonly take: (socket: Socket, ready: (stream: TLSSocket) => void) => void;
  /** Connections that begin from now on are given these. */
  readonly setCredentials: (credentials: Credentials) => void;
}

export interface TlsDoorOptions {
  readonly transport: SecureTransport;
  /** Protocols, best first (RFC 7301). A client may name none; one that names others only is turned away. */
  readonly alpn: readonly string[];
  readonly credentials: Credentials;
  readonly counters: ServerCounters;
}

/** RFC 8996: what came before is not to be used. */
const VERSION_MIN = 'TLSv1.2';
/** Time for which a session can be resumed, s. */
const SESSION_S = 7_200;

/** Opens the way into TLS. Throws the library's error for credentials that are no use. */
export function createTlsDoor({ transport, alpn, credentials, counters }: TlsDoorOptions): TlsDoor {
  const waiting = new Map<string, (stream: TLSSocket) => void>();
  const server = createServer({
    ...contextOf(credentials),
    ALPNProtocols: [...alpn],
    // Of sessions that another server began nothing is known here.
    sessionIdContext: 'isochrone',
  });
  server.on('secureConnection', (stream) => {
    const id = idOf(stream);
    const ready = waiting.get(id);
    waiting.delete(id);
    if (ready === undefined) return void stream.destroy();
    countHandshake(counters, transport, stream.isSessionReused() ? 'resumed' : 'full');
    ready(stream);
  });
  server.on('tlsClientError', (_, stream) => {
    countHandshake(counters, transport, 'failed');
    stream.destroy();
  });
  return {
    transport,
    take: (socket, ready) => {
      const id = idOf(socket);
      waiting.set(id, ready);
      socket.once('close', () => {
        if (waiting.get(id) === ready) waiting.delete(id);
      });
      server.emit('connection', socket);
    },
    setCredentials: (next) => server.setSecureContext(contextOf(next)),
  };
}

function contextOf({ certificate, key, ticketKeys }: Credentials) {
  return {
    cert: certificate,
    key,
    ticketKeys: Buffer.from(ticketKeys),
    minVersion: VERSION_MIN,
    honorCipherOrder: true,
    sessionTimeout: SESSION_S,
  } as const;
}

/** What a connection and the stream on it have in common, and no two that are open. */
function idOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
