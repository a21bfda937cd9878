import { counterBlock } from '../base/counters.ts';
import { OperatorError } from '../base/errors.ts';
import { openCounters, type ServerCounters, serverLayout } from './counters.ts';
import { serverPort } from './free-port.ts';
import type { Handler, ListenAddress, TransferHandler } from './handler.ts';
import { failureCode, failureProblem, type ListenFailure } from './listen-failure.ts';
import { listenTcp, type TcpOptions } from './tcp.ts';
import { TCP_LIMITS, type TcpLimits } from './tcp-limits.ts';
import { listenUdp } from './udp.ts';

export interface ListenersOptions {
  readonly listen: readonly ListenAddress[];
  readonly handle: Handler;
  readonly transferOf?: TransferHandler | undefined;
  readonly counters: ServerCounters;
  readonly tcpLimits: TcpLimits;
  readonly recvBufferOctets: number;
  readonly udpResponseMax: number;
  readonly reusePort: boolean;
  readonly refuses?: TcpOptions['refuses'];
  readonly proxies?: TcpOptions['proxies'];
  readonly now?: Float64Array | undefined;
}

/** Open sockets of one worker. */
export interface Listeners {
  /** The addresses listened on, in the order asked for, with real ports. */
  readonly addresses: readonly ListenAddress[];
  close(): Promise<void>;
}

type Closable = { close(): Promise<void> };

/** Where any port will do, one may be taken, for UDP or for TCP: ports tried before giving up. */
const FREE_PORT_TRIES = 20;

/**
 * Opens UDP and TCP on every address. Throws `OperatorError` naming each address that cannot be had, and why;
 * nothing stays open then.
 */
export async function openListeners(options: ListenersOptions): Promise<Listeners> {
  const open: Closable[] = [];
  const addresses: ListenAddress[] = [];
  const failures: ListenFailure[] = [];
  for (const listen of options.listen) {
    const pair = await openPair(options, listen);
    if ('transport' in pair) failures.push(pair);
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
  throw new OperatorError(failureCode(first), failures.map(failureProblem));
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

async function openPair(
  options: ListenersOptions,
  listen: ListenAddress,
): Promise<{ open: Closable[]; address: ListenAddress } | ListenFailure> {
  const { handle, counters, reusePort, recvBufferOctets, udpResponseMax, tcpLimits } = options;
  const { refuses, proxies, now } = options;
  for (let left = FREE_PORT_TRIES; ; left--) {
    const shared = { handle, counters, reusePort };
    const asked = listen.port === 0 ? { ...listen, port: serverPort() } : listen;
    const udp = await attempt(() =>
      listenUdp({ ...shared, listen: asked, recvBufferOctets, responseMax: udpResponseMax, proxies, now }),
    );
    let failure: ListenFailure;
    if ('code' in udp) failure = { ...udp, listen, transport: 'udp' };
    else {
      const { address } = udp;
      const { transferOf } = options;
      const streams = { ...shared, listen: address, limits: tcpLimits, refuses, proxies, transferOf };
      const tcp = await attempt(() => listenTcp(streams));
      if (!('code' in tcp)) return { open: [udp, tcp], address };
      await udp.close();
      failure = { ...tcp, listen, transport: 'tcp' };
    }
    if (listen.port !== 0 || left <= 1 || failure.code !== 'EADDRINUSE') return failure;
  }
}

async function attempt<T extends object>(
  open: () => Promise<T>,
): Promise<T | Pick<ListenFailure, 'code' | 'message'>> {
  try {
    return await open();
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    return { code, message };
  }
}
