import type { Libc } from './native-libc.ts';
import { SOCKADDR } from './native-sockets.ts';
import type { TcpLimits } from './tcp-limits.ts';

/**
 * The memory that one thread shares with the kernel: structures of batched UDP calls, laid out by hand (LP64,
 * little-endian), and the buffers that they point to. It outlives the thread, so that its successor can go on
 * with the batch that it left.
 */

/** Datagrams that one call receives or sends at most. */
export const BATCH_MAX = 64;
/** Longest UDP query that is looked at, octets. No honest one comes near. */
export const UDP_QUERY_MAX = 4096;
/** Longest TCP message, and the same with its length field, octets (RFC 1035 §4.2.2). */
export const TCP_MESSAGE_MAX = 65_535;
export const TCP_FRAME_MAX = 2 + TCP_MESSAGE_MAX;

/** Places of the fields of `struct mmsghdr`, in octets. */
export const MMSGHDR = {
  NAME: 0,
  NAME_LENGTH: 8,
  IOV: 16,
  IOV_COUNT: 24,
  CONTROL: 32,
  CONTROL_LENGTH: 40,
  FLAGS: 48,
  LENGTH: 56,
  OCTETS: 64,
} as const;
const IOV_OCTETS = 16;
/** Octets from one socket address to the next. */
export const NAME_OCTETS = 32;
/** CMSG_SPACE of `in_pktinfo` and `in6_pktinfo`: what the kernel writes for a wildcard socket. */
const CONTROL_OCTETS = { IPV4: 32, IPV6: 40 } as const;
/** Octets for the client that a proxy names. */
const PROXIED_OCTETS = 32;
/** UDP sockets of a thread of which the kernel's drops are counted. */
export const DROPS_MAX = 256;
/**
 * Buffers begin so that no two of a batch have the same `offset >> 9` modulo 256: the parser remembers its
 * views of them by that (wire/packet.ts). Of each, few octets are touched.
 */
const APART_OCTETS = 1024;
/** Octets for arguments of other calls. */
const SCRATCH_OCTETS = 256;
const EVENTS_OCTETS = 64 * 16;

/** How datagrams of one kind of socket lie in the arena. Places are in octets; one struct a slot. */
export interface Shape {
  readonly v6: boolean;
  /** Whether the address asked comes with each datagram, and goes back with its answer. */
  readonly wildcard: boolean;
  /** `mmsghdr`s for receiving: they point at the in-buffers. */
  readonly receive: number;
  /** `mmsghdr`s for sending: they point at the out-buffers, and at the same names and controls. */
  readonly send: number;
  readonly names: number;
  readonly nameOctets: number;
  readonly controls: number;
  readonly controlOctets: number;
}

/**
 * Addresses of memory that calls are made with again and again. A number too large for a small integer is
 * boxed whenever it is passed on, unless it lies boxed already: so it does in an array that holds something
 * else than numbers too.
 */
export type Addresses = readonly (number | undefined)[];

/** Positions in `Arena.addresses`. */
export const ADDRESS = { SCRATCH: 0, EVENTS: 1, TCP_IN: 2, TCP_OUT: 3 } as const;

/** Views of an arena, and where things are in it. */
export interface Arena {
  readonly u8: Uint8Array<SharedArrayBuffer>;
  readonly i32: Int32Array<SharedArrayBuffer>;
  /** Address of its first octet. */
  readonly base: number;
  readonly shapes: readonly Shape[];
  /** Of `ADDRESS`. */
  readonly addresses: Addresses;
  /** `performance.now()` of this turn of the loop, ms, its only element: read from memory it is not boxed. */
  readonly now: Float64Array;
  /** Place of the first in-buffer, and octets from one to the next. */
  readonly queries: number;
  readonly queryStride: number;
  /** `iovec`s of the out-buffers: their lengths are set for each response. */
  readonly responseIovs: number;
  readonly queryViews: readonly Uint8Array[];
  readonly responseViews: readonly Uint8Array[];
  readonly scratch: number;
  readonly events: number;
  /** What TCP reads, the message that is answered, its answer, and answers gathered for a write. */
  readonly tcpIn: number;
  readonly tcpQuery: number;
  readonly tcpResponse: number;
  readonly tcpOut: number;
  /** Descriptors + 1 of the TCP connections, a word each: a successor closes them. 0: none. */
  readonly tcpFds: number;
  /** For whom datagrams of proxies ask: see native-proxied.ts. */
  readonly proxied: number;
  /** What the kernel had dropped of each UDP socket at the last look, a word each. */
  readonly drops: number;
}

/** Sizes that an arena depends on. */
export interface ArenaOptions {
  /** Longest UDP response, octets. */
  readonly udpResponseMax: number;
  readonly limits: Pick<TcpLimits, 'connectionsMax'>;
  /** Shared with the thread's handler: see `Arena.now`. */
  readonly now?: Float64Array | undefined;
}

/** Octets that TCP reads at once: many pipelined questions, or one of any length. */
export const TCP_READ_MAX = TCP_FRAME_MAX;
/** Octets of answers gathered for one write: the longest fits behind any that leave off below that. */
const TCP_WRITE_MAX = 2 * TCP_FRAME_MAX;

/** Memory for one worker, all zero. */
export function workerArena(options: ArenaOptions): SharedArrayBuffer {
  return new SharedArrayBuffer(places(options).size);
}

/**
 * Opens an arena: writes the structures, which are the same for every thread that opens it, and leaves alone
 * what an unfinished batch needs.
 */
export function openArena(libc: Libc, buffer: SharedArrayBuffer, options: ArenaOptions): Arena {
  const u8 = new Uint8Array(buffer);
  const at = places(options);
  const base = libc.addressOf(u8);
  const view = new DataView(buffer);
  for (let i = 0; i < BATCH_MAX; i++) {
    const into = at.queryIovs + i * IOV_OCTETS;
    putAddress(view, into, base + at.queries + i * at.queryStride);
    // One octet more tells a query that is too long from one that just fits.
    view.setUint32(into + 8, UDP_QUERY_MAX + 1, true);
    putAddress(view, at.responseIovs + i * IOV_OCTETS, base + at.responses + i * at.responseStride);
  }
  for (const shape of at.shapes) writeHeaders({ view, base, at }, shape);
  const slots = Array.from({ length: BATCH_MAX }, (_, i) => i);
  return {
    ...at,
    u8,
    i32: new Int32Array(buffer),
    base,
    addresses: addressesOf([at.scratch, at.events, at.tcpIn, at.tcpOut].map((place) => base + place)),
    now: options.now ?? new Float64Array(1),
    queryViews: slots.map((i) => new Uint8Array(buffer, at.queries + i * at.queryStride, UDP_QUERY_MAX)),
    responseViews: slots.map(
      (i) => new Uint8Array(buffer, at.responses + i * at.responseStride, options.udpResponseMax),
    ),
  };
}

/** Addresses of the `mmsghdr`s to receive with, or to send with, from each slot of the batch on. */
export function headerAddresses({ base }: Arena, headers: number): Addresses {
  return addressesOf(Array.from({ length: BATCH_MAX }, (_, i) => base + headers + i * MMSGHDR.OCTETS));
}

function addressesOf(list: readonly number[]): Addresses {
  return [undefined, ...list].slice(1).concat([undefined]);
}

function places({ udpResponseMax, limits }: ArenaOptions) {
  let size = 0;
  const take = (octets: number): number => {
    size += (octets + 63) & ~63;
    return size - ((octets + 63) & ~63);
  };
  const queryStride = stride(UDP_QUERY_MAX + 1);
  const responseStride = Math.max(stride(udpResponseMax), queryStride);
  const names = { v4: take(BATCH_MAX * NAME_OCTETS), v6: take(BATCH_MAX * NAME_OCTETS) };
  const shapes = [false, true].flatMap((v6) =>
    [false, true].map((wildcard): Shape => {
      const controlOctets = wildcard ? CONTROL_OCTETS[v6 ? 'IPV6' : 'IPV4'] : 0;
      return {
        v6,
        wildcard,
        receive: take(BATCH_MAX * MMSGHDR.OCTETS),
        send: take(BATCH_MAX * MMSGHDR.OCTETS),
        names: v6 ? names.v6 : names.v4,
        nameOctets: SOCKADDR[v6 ? 'IPV6' : 'IPV4'],
        controls: take(BATCH_MAX * controlOctets),
        controlOctets,
      };
    }),
  );
  const placed = {
    shapes,
    queryIovs: take(BATCH_MAX * IOV_OCTETS),
    responseIovs: take(BATCH_MAX * IOV_OCTETS),
    queries: take(BATCH_MAX * queryStride + APART_OCTETS),
    responses: take(BATCH_MAX * responseStride),
    scratch: take(SCRATCH_OCTETS),
    events: take(EVENTS_OCTETS),
    tcpIn: take(TCP_READ_MAX),
    tcpQuery: take(TCP_FRAME_MAX),
    tcpResponse: take(TCP_FRAME_MAX),
    tcpFds: take(4 * limits.connectionsMax),
    drops: take(4 * DROPS_MAX),
    proxied: take(BATCH_MAX * PROXIED_OCTETS),
    tcpOut: take(TCP_WRITE_MAX),
  };
  return { ...placed, queryStride, responseStride, size };
}

/**
 * An odd number of cache lines: with a power of two, all buffers of a batch would compete for the same few
 * places of the processor's first-level cache.
 */
function stride(octets: number): number {
  const lines = Math.ceil(octets / 64);
  return (lines | 1) * 64;
}

interface Writing {
  readonly view: DataView;
  readonly base: number;
  readonly at: ReturnType<typeof places>;
}

function writeHeaders({ view, base, at }: Writing, shape: Shape): void {
  for (let i = 0; i < BATCH_MAX; i++)
    for (const [headers, iovs] of [
      [shape.receive, at.queryIovs],
      [shape.send, at.responseIovs],
    ] as const) {
      const header = headers + i * MMSGHDR.OCTETS;
      putAddress(view, header + MMSGHDR.NAME, base + shape.names + i * NAME_OCTETS);
      view.setUint32(header + MMSGHDR.NAME_LENGTH, shape.nameOctets, true);
      putAddress(view, header + MMSGHDR.IOV, base + iovs + i * IOV_OCTETS);
      view.setUint32(header + MMSGHDR.IOV_COUNT, 1, true);
      if (!shape.wildcard) continue;
      putAddress(view, header + MMSGHDR.CONTROL, base + shape.controls + i * shape.controlOctets);
      view.setUint32(header + MMSGHDR.CONTROL_LENGTH, shape.controlOctets, true);
    }
}

function putAddress(view: DataView, at: number, address: number): void {
  view.setBigUint64(at, BigInt(address), true);
}
