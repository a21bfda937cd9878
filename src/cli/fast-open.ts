import { readFileSync } from 'node:fs';
import { loadLibc } from '../server/native-libc.ts';

/** Linux: net.ipv4.tcp_fastopen lets servers take data in the first packet. */
const SERVERS_MAY = 2;
const IPPROTO_TCP = 6;
const TCP_FASTOPEN = 23;
/** Connections that may wait with data and without a finished handshake. */
const QUEUE = 256;

/**
 * Turns on TCP Fast Open (RFC 7413) for a listening socket; undefined where the kernel does not let servers
 * have it. For TLS alone: a first packet that comes twice then begins two handshakes, and asks nothing.
 */
export async function fastOpen(): Promise<((fd: number) => void) | undefined> {
  if ((kernelWord() & SERVERS_MAY) === 0) return undefined;
  const loaded = await loadLibc();
  if (!('libc' in loaded)) return undefined;
  const { libc } = loaded;
  const queue = new Uint8Array(new SharedArrayBuffer(4));
  new DataView(queue.buffer).setInt32(0, QUEUE, true);
  return (fd) => {
    // Refused: connections are opened as ever.
    libc.setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, libc.addressOf(queue), queue.length);
  };
}

function kernelWord(): number {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/tcp_fastopen', 'utf8'));
  } catch {
    return 0;
  }
}
