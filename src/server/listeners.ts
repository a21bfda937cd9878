import { counterBlock } from '../base/counters.ts';
import { OperatorError, type Problem } from '../base/errors.ts';
import { openCounters, type ServerCounters, serverLayout } from './counters.ts';
import type { Handler, ListenAddress } from './handler.ts';
import { listenTcp, TCP_LIMITS, type TcpLimits } from './tcp.ts';
import { listenUdp } from './udp.ts';

export interface ListenersOptions {
  readonly listen: readonly ListenAddress[];
  readonly handle: Handler;
  readonly counters: ServerCounters;
  readonly tcpLimits: TcpLimits;
  readonly recvBufferOctets: number;
  readonly udpResponseMax: number;
  readonly reusePort: boolean;
}

/** Open sockets of one worker. */
export interface Listeners {
  /** The addresses listened on, in the order asked for, with real ports. */
  readonly addresses: readonly ListenAddress[];
  close(): Promise<void>;
}

type Closable = { close(): Promise<void> };
type Transport = 'udp' | 'tcp';

/** Where any port will do, the one that UDP got may be taken for TCP: ports tried before giving up. */
const FREE_PORT_TRIES = 20;

/**
 * Opens UDP and TCP on every address. Throws `OperatorError` naming each address that cannot be had, and why;
 * nothing stays open then.
 */
export async function openListeners(options: ListenersOptions): Promise<Listeners> {
  const open: Closable[] = [];
  const addresses: ListenAddress[] = [];
  const failures: Failure[] = [];
  for (const listen of options.listen) {
    const pair = await openPair(options, listen);
    if ('error' in pair) failures.push(pair);
    else {
      open.push(...pair.open);
      addresses.push(pair.address);
    }
  }
  const close = async (): Promise<void> => {
    await Promise.all(open.map((listener) => listener.close()));
  };
  const [first] = failures;
  if (first === undefined) return { addresses, close };
  await close();
  throw new OperatorError(codeOf(first), failures.map(problemOf));
}

/**
 * The same addresses with real ports, none of which another program has. For sockets that will share their
 * ports: those would silently share them with strangers too.
 */
export async function freePorts(listen: readonly ListenAddress[]): Promise<readonly ListenAddress[]> {
  const layout = serverLayout([]);
  const listeners = await openListeners({
    listen,
    handle: () => 0,
    counters: openCounters(layout, counterBlock(layout)),
    tcpLimits: TCP_LIMITS,
    recvBufferOctets: 0,
    udpResponseMax: 0,
    reusePort: false,
  });
  await listeners.close();
  return listeners.addresses;
}

interface Failure {
  readonly error: NodeJS.ErrnoException;
  readonly listen: ListenAddress;
  readonly transport: Transport;
}

async function openPair(
  options: ListenersOptions,
  listen: ListenAddress,
): Promise<{ open: Closable[]; address: ListenAddress } | Failure> {
  const { handle, counters, reusePort, recvBufferOctets, udpResponseMax, tcpLimits } = options;
  for (let left = FREE_PORT_TRIES; ; left--) {
    const shared = { handle, counters, reusePort };
    const udp = await attempt(() =>
      listenUdp({ ...shared, listen, recvBufferOctets, responseMax: udpResponseMax }),
    );
    if ('error' in udp) return { ...udp, listen, transport: 'udp' };
    const { address } = udp;
    const tcp = await attempt(() => listenTcp({ ...shared, listen: address, limits: tcpLimits }));
    if (!('error' in tcp)) return { open: [udp, tcp], address };
    await udp.close();
    if (listen.port !== 0 || left <= 1 || tcp.error.code !== 'EADDRINUSE')
      return { ...tcp, listen, transport: 'tcp' };
  }
}

async function attempt<T extends object>(
  open: () => Promise<T>,
): Promise<T | { error: NodeJS.ErrnoException }> {
  try {
    return await open();
  } catch (error) {
    return { error: error as NodeJS.ErrnoException };
  }
}

function codeOf({ error }: Failure): 'port-in-use' | 'not-permitted' | 'bad-config' {
  if (error.code === 'EADDRINUSE') return 'port-in-use';
  return error.code === 'EACCES' || error.code === 'EPERM' ? 'not-permitted' : 'bad-config';
}

function problemOf({ error, listen, transport }: Failure): Problem {
  const { host, port } = listen;
  const text = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return { file: `${text}/${transport}`, message: explanation(error, port) };
}

function explanation(error: NodeJS.ErrnoException, port: number): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return (
        `another program has this port: stop it (ss -lnp 'sport = :${port}' names it) ` +
        'or choose another with --port'
      );
    case 'EACCES':
    case 'EPERM':
      return 'the system does not allow this port: take one above 1023, or grant CAP_NET_BIND_SERVICE';
    case 'EADDRNOTAVAIL':
      return 'no interface of this machine has this address';
    case 'EAFNOSUPPORT':
      return 'this machine has no IPv6: remove the address from the list';
    default:
      return `cannot listen here: ${error.message}`;
  }
}
