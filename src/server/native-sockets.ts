import { parseAddress } from '../base/address.ts';
import { assert } from '../base/assert.ts';
import { OperatorError } from '../base/errors.ts';
import { serverPort } from './free-port.ts';
import type { ListenAddress } from './handler.ts';
import { failureCode, failureProblem, type ListenFailure } from './listen-failure.ts';
import { LINUX, type Libc } from './native-libc.ts';

/** An open socket of the process: it outlives the thread that works with it. */
export interface NativeSocket {
  /** File descriptor; non-blocking. */
  readonly fd: number;
  readonly kind: 'udp' | 'tcp';
  /** Where it listens, with its real port. */
  readonly address: ListenAddress;
}

export interface NativeSocketsOptions {
  readonly listen: readonly ListenAddress[];
  /** How many sets of sockets: one a thread. More than one share the ports (SO_REUSEPORT). */
  readonly sets: number;
  /** UDP receive buffer asked of the kernel, octets. */
  readonly recvBufferOctets: number;
}

/** Sockets that are open. */
export interface NativeSockets {
  /** Where they listen, in the order asked for, with real ports. */
  readonly addresses: readonly ListenAddress[];
  /** UDP and TCP of every address, one set a thread. */
  readonly sets: readonly (readonly NativeSocket[])[];
}

/** Where any port will do, one may be taken, for UDP or for TCP: ports tried before giving up. */
const FREE_PORT_TRIES = 20;
/** Connections that the kernel may complete before they are accepted; it takes at most net.core.somaxconn. */
const BACKLOG = 4096;
/** Connections that may be open on the word of a TCP Fast Open cookie alone (RFC 7413 §5.1). */
const FASTOPEN_QUEUE = 256;
/** Receive buffer of a socket on the loopback interface alone, octets: some full batches. */
const LOOPBACK_OCTETS = 1 << 18;
/** What the kernel keeps of answers that a TCP client has not taken, octets; it counts twice as much. */
const TCP_SEND_OCTETS = 1 << 17;
/** A client that sends nothing for this long after connecting is accepted all the same, s. */
const DEFER_ACCEPT_S = 1;
const { AF_INET, AF_INET6, SOL_SOCKET, SOL_IP, SOL_IPV6, SOL_TCP } = LINUX;

/** Octets of `struct sockaddr_in` and `struct sockaddr_in6`. */
export const SOCKADDR = { IPV4: 16, IPV6: 28 } as const;

/** Whether this is an IPv6 address; an IPv4-mapped one is not. */
export function isIpv6(host: string): boolean {
  return parseAddress(host)?.family === 6;
}

/** Whether this address stands for all of the machine's. */
export function isWildcard(host: string): boolean {
  return parseAddress(host)?.octets.every((octet) => octet === 0) ?? false;
}

/**
 * Opens UDP and TCP on every address, `sets` times. Throws `OperatorError` naming each address that cannot be
 * had, and why; nothing stays open then.
 */
export function openNativeSockets(libc: Libc, options: NativeSocketsOptions): NativeSockets {
  const scratch = createScratch(libc);
  const shared = options.sets > 1;
  const first = openSet(scratch, options, { listen: options.listen, reusePort: false });
  const addresses = first.filter(({ kind }) => kind === 'udp').map(({ address }) => address);
  if (!shared) return { addresses, sets: [first] };
  // Sockets that share their ports would share them with another program's as well: the first set, which
  // shares with nobody, found out that there is none, and has to make room.
  closeNativeSockets(libc, first);
  const sets: NativeSocket[][] = [];
  try {
    for (let i = 0; i < options.sets; i++)
      sets.push(openSet(scratch, options, { listen: addresses, reusePort: true }));
  } catch (error) {
    closeNativeSockets(libc, sets.flat());
    throw error;
  }
  return { addresses, sets };
}

/**
 * Opens one more set on addresses whose ports sockets of this user have already; those must have been told to
 * share them. Throws as `openNativeSockets` does.
 */
export function joinNativeSockets(
  libc: Libc,
  { listen, recvBufferOctets }: Pick<NativeSocketsOptions, 'listen' | 'recvBufferOctets'>,
): readonly NativeSocket[] {
  return openSet(createScratch(libc), { listen, sets: 1, recvBufferOctets }, { listen, reusePort: true });
}

/** A UDP socket on a free port of 127.0.0.1; undefined if it cannot be had. */
export function openLoopback(libc: Libc): NativeSocket | undefined {
  const listen = { host: '127.0.0.1', port: 0 };
  const options = { recvBufferOctets: LOOPBACK_OCTETS, reusePort: false };
  const socket = openSocket(createScratch(libc), { kind: 'udp', listen }, options);
  return 'code' in socket ? undefined : socket;
}

/** Lets further sockets of this user share the socket's port. */
export function shareNativeSocket(libc: Libc, { fd }: NativeSocket): void {
  const { view, address } = createScratch(libc);
  view.setInt32(0, 1, true);
  libc.setsockopt(fd, SOL_SOCKET, LINUX.SO_REUSEPORT, address, 4);
}

/** Closes the sockets. */
export function closeNativeSockets(libc: Libc, sockets: readonly NativeSocket[]): void {
  for (const { fd } of sockets) libc.close(fd);
}

/** A few octets at a fixed address, for arguments of calls. */
interface Scratch {
  readonly libc: Libc;
  readonly view: DataView;
  readonly address: number;
}

function createScratch(libc: Libc): Scratch {
  const octets = new Uint8Array(new SharedArrayBuffer(64));
  return { libc, view: new DataView(octets.buffer), address: libc.addressOf(octets) };
}

function openSet(
  scratch: Scratch,
  { recvBufferOctets }: NativeSocketsOptions,
  { listen, reusePort }: { readonly listen: readonly ListenAddress[]; readonly reusePort: boolean },
): NativeSocket[] {
  const open: NativeSocket[] = [];
  const failures: ListenFailure[] = [];
  for (const address of listen) {
    const pair = openPair(scratch, address, { recvBufferOctets, reusePort });
    if (Array.isArray(pair)) open.push(...pair);
    else failures.push(pair);
  }
  const [first] = failures;
  if (first === undefined) return open;
  closeNativeSockets(scratch.libc, open);
  throw new OperatorError(failureCode(first), failures.map(failureProblem));
}

interface SocketOptions {
  readonly recvBufferOctets: number;
  readonly reusePort: boolean;
}

function openPair(
  scratch: Scratch,
  listen: ListenAddress,
  options: SocketOptions,
): NativeSocket[] | ListenFailure {
  for (let left = FREE_PORT_TRIES; ; left--) {
    const port = listen.port === 0 ? serverPort() : listen.port;
    const udp = openSocket(scratch, { kind: 'udp', listen: { ...listen, port } }, options);
    let failed: ListenFailure;
    if ('code' in udp) failed = udp;
    else {
      const tcp = openSocket(scratch, { kind: 'tcp', listen: udp.address }, options);
      if (!('code' in tcp)) return [udp, tcp];
      scratch.libc.close(udp.fd);
      failed = tcp;
    }
    if (listen.port !== 0 || left <= 1 || failed.code !== 'EADDRINUSE') return { ...failed, listen };
  }
}

function openSocket(
  scratch: Scratch,
  { kind, listen }: { readonly kind: 'udp' | 'tcp'; readonly listen: ListenAddress },
  options: SocketOptions,
): NativeSocket | ListenFailure {
  const { libc } = scratch;
  const failure = (): ListenFailure => {
    const code = libc.errorName(libc.errno());
    return { code, message: code, listen, transport: kind };
  };
  const type = kind === 'udp' ? LINUX.SOCK_DGRAM : LINUX.SOCK_STREAM;
  const domain = isIpv6(listen.host) ? AF_INET6 : AF_INET;
  const fd = libc.socket(domain, type | LINUX.SOCK_NONBLOCK | LINUX.SOCK_CLOEXEC, 0);
  if (fd < 0) return failure();
  const set: SetOption = (level, option, value) => {
    scratch.view.setInt32(0, value, true);
    return libc.setsockopt(fd, level, option, scratch.address, 4) === 0;
  };
  if (domain === AF_INET6) set(SOL_IPV6, LINUX.IPV6_V6ONLY, 1);
  if (options.reusePort) set(SOL_SOCKET, LINUX.SO_REUSEPORT, 1);
  if (kind === 'udp') setUdpOptions(set, listen, options.recvBufferOctets);
  else setTcpOptions(set);
  const size = writeSockaddr(scratch.view, listen);
  const done =
    libc.bind(fd, scratch.address, size) === 0 && (kind === 'udp' || libc.listen(fd, BACKLOG) === 0);
  if (done) return { fd, kind, address: { ...listen, port: boundPort(scratch, fd) } };
  const failed = failure();
  libc.close(fd);
  return failed;
}

type SetOption = (level: number, option: number, value: number) => boolean;

/** What the kernel refuses here is done without. */
function setUdpOptions(set: SetOption, { host }: ListenAddress, recvBufferOctets: number): void {
  const { SO_RCVBUFFORCE, SO_RCVBUF } = LINUX;
  // The first needs CAP_NET_ADMIN; the second gives at most net.core.rmem_max.
  if (!set(SOL_SOCKET, SO_RCVBUFFORCE, recvBufferOctets)) set(SOL_SOCKET, SO_RCVBUF, recvBufferOctets);
  const v6 = isIpv6(host);
  // Whoever forges "fragmentation needed" could make the kernel believe in a small path MTU and cut our
  // answers into fragments, which can be replaced. OMIT takes no such advice: our answers go out whole.
  set(v6 ? SOL_IPV6 : SOL_IP, v6 ? LINUX.IPV6_MTU_DISCOVER : LINUX.IP_MTU_DISCOVER, LINUX.IP_PMTUDISC_OMIT);
  if (isWildcard(host)) set(v6 ? SOL_IPV6 : SOL_IP, v6 ? LINUX.IPV6_RECVPKTINFO : LINUX.IP_PKTINFO, 1);
}

/** Set on the listener, these hold for what it accepts. What the kernel refuses here is done without. */
function setTcpOptions(set: SetOption): void {
  // Connections of the run before may still be in TIME_WAIT.
  set(SOL_SOCKET, LINUX.SO_REUSEADDR, 1);
  // Else each client that does not read could hold megabytes of the kernel's.
  set(SOL_SOCKET, LINUX.SO_SNDBUF, TCP_SEND_OCTETS);
  set(SOL_TCP, LINUX.TCP_NODELAY, 1);
  set(SOL_TCP, LINUX.TCP_DEFER_ACCEPT, DEFER_ACCEPT_S);
  set(SOL_TCP, LINUX.TCP_FASTOPEN, FASTOPEN_QUEUE);
}

function writeSockaddr(view: DataView, { host, port }: ListenAddress): number {
  const address = parseAddress(host);
  assert(address !== undefined, `${host} is an address`);
  const octets = new Uint8Array(view.buffer, view.byteOffset, SOCKADDR.IPV6).fill(0);
  const v6 = isIpv6(host);
  view.setUint16(0, v6 ? AF_INET6 : AF_INET, true);
  view.setUint16(2, port);
  if (v6) octets.set(address.octets, 8);
  else octets.set(address.octets.subarray(0, 4), 4);
  return v6 ? SOCKADDR.IPV6 : SOCKADDR.IPV4;
}

function boundPort({ libc, view, address }: Scratch, fd: number): number {
  view.setUint32(32, SOCKADDR.IPV6, true);
  libc.getsockname(fd, address, address + 32);
  return view.getUint16(2);
}
