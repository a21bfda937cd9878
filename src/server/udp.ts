import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { type AccessList, permits } from '../base/access-list.ts';
import { type Address, emptyAddress } from '../base/address.ts';
import { emptyProxiedClient, readProxyHeader } from '../wire/proxy.ts';
import { countDrop, countHandling, countOctets, type ServerCounters } from './counters.ts';
import { DROPPED, type Handler, type ListenAddress, readPeer } from './handler.ts';

export interface UdpOptions {
  readonly listen: ListenAddress;
  readonly handle: Handler;
  readonly counters: ServerCounters;
  /** Receive buffer asked of the kernel, in octets; it may give less (Linux: net.core.rmem_max). */
  readonly recvBufferOctets: number;
  /** Longest response in octets. */
  readonly responseMax: number;
  /** Whether other sockets may share the port (SO_REUSEPORT): one socket a worker. */
  readonly reusePort: boolean;
  /** Where it says the time of each query, ms, for the handler to read. */
  readonly now?: Float64Array | undefined;
  /** Peers that say for whom they ask. */
  readonly proxies?: AccessList | undefined;
}

/** An open UDP socket. */
export interface UdpListener {
  readonly address: ListenAddress;
  close(): Promise<void>;
}

/**
 * Responses that the kernel has not taken yet, at most; further ones are dropped, as a full send buffer
 * would.
 */
const SENDS_PENDING_MAX = 64;
/** One query in this many is timed: two looks at the clock cost a tenth of a steered answer. */
const TIMED_EVERY = 64;

/**
 * Opens a UDP socket and answers what arrives. Rejects with the system's error (`code`) if it cannot bind.
 * Nothing that a peer sends, and no error of sending, ends it.
 */
export async function listenUdp(options: UdpOptions): Promise<UdpListener> {
  const { listen, counters, reusePort } = options;
  const family = listen.host.includes(':') ? 6 : 4;
  const socket = createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    ipv6Only: family === 6,
    reuseAddr: false,
    reusePort,
    // Node would look every peer's address up as a host name, through a later turn of the event loop.
    lookup: (address, _options, callback) => callback(null, address, family),
  });
  await bind(socket, listen);
  askReceiveBuffer(socket, options.recvBufferOctets);
  let open = true;
  socket.on('error', () => countDrop(counters, 'udp', 'receive-error'));
  socket.on('message', answerer(socket, options));
  return {
    address: { ...listen, port: socket.address().port },
    close: () =>
      new Promise((resolve) => {
        if (!open) return resolve();
        open = false;
        socket.close(() => resolve());
      }),
  };
}

/** The listener of `message`: everything that happens to one datagram. */
function answerer(socket: Socket, options: UdpOptions): (message: Buffer, peer: RemoteInfo) => void {
  const { handle, counters, proxies } = options;
  const { access } = options.listen;
  const client = { address: emptyAddress(), port: 0, access, transport: 'udp' as const };
  const buffers = Array.from({ length: SENDS_PENDING_MAX }, () => Buffer.alloc(options.responseMax));
  let buffer = 0;
  let untilTimed = TIMED_EVERY;
  const sent = (error: Error | null): void => {
    if (error !== null) countDrop(counters, 'udp', 'send-error');
  };
  return (datagram, peer) => {
    // Nobody can answer from port 0, and dgram throws on sending to it.
    if (peer.port === 0) return countDrop(counters, 'udp', 'source-port-0');
    if (buffer > 0 && socket.getSendQueueCount() === 0) buffer = 0;
    const out = buffers[buffer];
    if (out === undefined) return countDrop(counters, 'udp', 'send-queue-full');
    const timed = --untilTimed === 0;
    if (timed) untilTimed = TIMED_EVERY;
    const startMs = performance.now();
    if (options.now !== undefined) options.now[0] = startMs;
    readPeer(peer.address, client.address);
    client.port = peer.port;
    const message = proxies === undefined ? datagram : unwrap(proxies, datagram, client);
    if (message === undefined) return countDrop(counters, 'udp', 'proxy-header');
    const length = handle(message, message.length, client, out);
    countOctets(counters, 'udp', message.length, Math.max(0, length));
    if (length === 0) return countDrop(counters, 'udp', 'unanswerable');
    if (length === DROPPED) return;
    socket.send(out, 0, length, peer.port, peer.address, sent);
    // Nearly always the kernel took it at once, and the buffer is free again; else it stays with the pending
    // send.
    if (socket.getSendQueueCount() > 0) buffer++;
    if (timed) countHandling(counters, (performance.now() - startMs) / 1000);
  };
}

/**
 * What a proxy's datagram holds, with the client that it asks for; undefined without a sound PROXY header.
 */
function unwrap(
  proxies: AccessList,
  datagram: Buffer,
  client: { readonly address: Address; port: number },
): Buffer | undefined {
  const { address } = client;
  if (!permits(proxies, address)) return datagram;
  const proxied = emptyProxiedClient();
  const size = readProxyHeader(proxied, datagram, datagram.length);
  if (size <= 0) return undefined;
  if (proxied.known) {
    address.family = proxied.address.family;
    address.octets.set(proxied.address.octets);
    if (proxied.port !== 0) client.port = proxied.port;
  }
  return datagram.subarray(size);
}

function bind(socket: Socket, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => {
      socket.close();
      reject(error);
    };
    socket.once('error', failed);
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.off('error', failed);
      resolve();
    });
  });
}

/** Some systems refuse what they cannot give in full: ask for less until it is taken. */
function askReceiveBuffer(socket: Socket, octets: number): void {
  for (let asked = octets; asked >= 65_536; asked /= 2) {
    try {
      socket.setRecvBufferSize(asked);
      return;
    } catch {}
  }
}
