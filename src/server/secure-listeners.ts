import { createServer } from 'node:net';
import type { Outcome } from '../answer/context.ts';
import { OperatorError } from '../base/errors.ts';
import { createH1 } from './doh-h1.ts';
import { speakH2 } from './doh-h2.ts';
import { serverPort } from './free-port.ts';
import type { ListenAddress } from './handler.ts';
import { failureCode, failureProblem, type ListenFailure } from './listen-failure.ts';
import type { SecureListen } from './messages.ts';
import { listenTcp, type Secure, type TcpListener, type TcpOptions } from './tcp.ts';
import { type Credentials, createTlsDoor } from './tls.ts';

export interface SecureOptions
  extends Pick<TcpOptions, 'handle' | 'transferOf' | 'counters' | 'limits' | 'refuses' | 'proxies'>,
    SecureListen {
  readonly credentials: Credentials;
  /** What the handler decided last. */
  readonly outcome: Readonly<Outcome>;
}

/** Open listeners that speak TLS. */
export interface SecureListeners {
  readonly setCredentials: (credentials: Credentials) => void;
  close(): Promise<void>;
  /** Accepts no more; resolves when the last connection is closed. */
  drain(): Promise<void>;
}

/** RFC 7858 has no name of its own; it was registered for it later (IANA, ALPN protocol IDs). */
const ALPN_DOT = ['dot'];
const ALPN_DOH = ['h2', 'http/1.1'];
/** Where any port will do: ports tried before giving up. */
const FREE_PORT_TRIES = 20;

/**
 * Listens for DNS over TLS and over HTTPS, on ports that other threads share. Throws `OperatorError` naming
 * each address that cannot be had, and why; nothing stays open then.
 */
export async function openSecureListeners(options: SecureOptions): Promise<SecureListeners> {
  const { dot, doh, credentials, counters } = options;
  const doors = {
    dot: createTlsDoor({ transport: 'tls', alpn: ALPN_DOT, credentials, counters }),
    doh: createTlsDoor({ transport: 'https', alpn: ALPN_DOH, credentials, counters }),
  };
  const open: TcpListener[] = [];
  const failures: ListenFailure[] = [];
  const tries = [
    ...dot.map((listen) => ({ listen, secure: { door: doors.dot } })),
    ...doh.map((listen) => ({ listen, secure: { door: doors.doh, speak: speakHttp(options) } })),
  ];
  for (const { listen, secure } of tries)
    try {
      open.push(await listenTcp({ ...options, listen, secure, reusePort: true }));
    } catch (error) {
      failures.push(failureOf(listen, error));
    }
  const close = async (): Promise<void> => {
    await Promise.all(open.map((listener) => listener.close()));
  };
  if (failures.length > 0) await close();
  refuse(failures);
  return {
    setCredentials: (next) => {
      for (const door of [doors.dot, doors.doh]) door.setCredentials(next);
    },
    close,
    drain: async () => {
      await Promise.all(open.map((listener) => listener.drain()));
    },
  };
}

/**
 * The same addresses with real ports, none of which another program has: sockets that share their ports would
 * silently share them with strangers too. Throws as `openSecureListeners` does.
 */
export async function freeTcpPorts(listen: readonly ListenAddress[]): Promise<readonly ListenAddress[]> {
  const failures: ListenFailure[] = [];
  const free: ListenAddress[] = [];
  for (const address of listen) {
    const found = await freeTcpPort(address);
    if ('code' in found) failures.push(found);
    else free.push(found);
  }
  refuse(failures);
  return free;
}

async function freeTcpPort(listen: ListenAddress): Promise<ListenAddress | ListenFailure> {
  for (let left = FREE_PORT_TRIES; ; left--) {
    const port = listen.port === 0 ? serverPort() : listen.port;
    try {
      return { ...listen, port: await bindOnce({ ...listen, port }) };
    } catch (error) {
      const failure = failureOf(listen, error);
      if (listen.port !== 0 || left <= 1 || failure.code !== 'EADDRINUSE') return failure;
    }
  }
}

/** Listens for a moment; resolves with the port. */
function bindOnce({ host, port }: ListenAddress): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host, port, ipv6Only: host.includes(':'), exclusive: true }, () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === 'object' && bound !== null ? bound.port : port));
    });
  });
}

function speakHttp(options: SecureOptions): NonNullable<Secure['speak']> {
  const { path, outcome, limits } = options;
  let h1: ReturnType<typeof createH1> | undefined;
  return (connection, stream, shared) => {
    const doh = { shared, path, outcome };
    if (stream.alpnProtocol === 'h2') speakH2(doh, connection, stream);
    else {
      h1 ??= createH1(doh, limits.idleMs);
      h1(connection, stream);
    }
  };
}

function failureOf(listen: ListenAddress, error: unknown): ListenFailure {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return { code, message, listen, transport: 'tcp' };
}

function refuse(failures: readonly ListenFailure[]): void {
  const [first] = failures;
  if (first !== undefined) throw new OperatorError(failureCode(first), failures.map(failureProblem));
}
