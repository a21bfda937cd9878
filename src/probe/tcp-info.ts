import type { Socket } from 'node:net';
import { LINUX, type Native, type NativeResult, TCP_INFO } from './native.ts';

/** What the kernel knows of an open connection. */
export interface TcpTimes {
  /** Smoothed round-trip time, ms; directly after connecting: that of the handshake. */
  readonly rttMs: number;
  /** Least round-trip time so far, ms. */
  readonly minMs: number;
}

/** Asks the kernel of a connection; undefined where it cannot be asked, or does not know yet. */
export type ReadTcpTimes = (socket: Socket) => TcpTimes | undefined;

/** The kernel's largest: no round trip was seen. */
const NOTHING = 0xffff_ffff;
/** Where in the memory the size lies. */
const SIZE_AT = 256;

/** How to ask: TCP_INFO through koffi; where that is missing, nothing is ever known. */
export function tcpTimesReader(loaded: NativeResult): ReadTcpTimes {
  if ('reason' in loaded) return () => undefined;
  const { native } = loaded;
  const octets = new Uint8Array(new SharedArrayBuffer(SIZE_AT + 4));
  const view = new DataView(octets.buffer);
  const address = native.addressOf(octets);
  return (socket) => {
    const fd = descriptorOf(socket);
    if (fd === undefined || !readInfo(native, { fd, view, address })) return undefined;
    const rttUs = view.getUint32(TCP_INFO.RTT, true);
    const minUs = view.getUint32(TCP_INFO.MIN_RTT, true);
    if (rttUs === 0) return undefined;
    return { rttMs: rttUs / 1000, minMs: (minUs === 0 || minUs === NOTHING ? rttUs : minUs) / 1000 };
  };
}

function readInfo(native: Native, into: { fd: number; view: DataView; address: number }): boolean {
  const { fd, view, address } = into;
  view.setUint32(SIZE_AT, TCP_INFO.OCTETS, true);
  const { IPPROTO_TCP, TCP_INFO: option } = LINUX;
  if (native.getsockopt(fd, IPPROTO_TCP, option, address, address + SIZE_AT) !== 0) return false;
  return view.getUint32(SIZE_AT, true) >= TCP_INFO.OCTETS;
}

function descriptorOf(socket: Socket): number | undefined {
  // Node has no public way to the descriptor of a socket. The property is as old as Node.
  const { _handle: handle } = socket as unknown as { _handle?: { fd?: number } | null };
  return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined;
}
