import { countDrop, type ServerCounters } from './counters.ts';
import { type Addresses, type Arena, BATCH_MAX, DROPS_MAX } from './native-arena.ts';
import { LINUX, type Libc } from './native-libc.ts';

/** What is known of the queue of one UDP socket. Times are `performance.now()` milliseconds. */
export interface Queue {
  readonly fd: number;
  /** Position among the thread's UDP sockets. */
  readonly index: number;
  /** Addresses of the `mmsghdr`s to receive with. */
  readonly receiveFrom: Addresses;
  /** Since when every batch was full; 0: the last one was not. */
  fullSinceMs: number;
  /** Datagrams answered since then. */
  answered: number;
  /** Looks in a row at which more waited than can be answered in time. */
  lateLooks: number;
  /** While true, error responses are not sent: good questions get the time. */
  overloaded: boolean;
}

/** What looking at a queue needs. */
interface Looking {
  readonly libc: Libc;
  readonly arena: Arena;
  readonly counters: ServerCounters;
}

/** How often a queue is looked at while batches are full, ms. */
const LOOK_MS = 20;
/** A resolver has asked somebody else by then: what would be answered later is not worth answering. */
const LATE_MS = 200;
/** Looks in a row that make an overload: the first may only show that the thread had to wait for its core. */
const LATE_LOOKS_MIN = 2;
/**
 * Memory that the kernel counts for a datagram of the size of a query, octets: 832 where it was copied to fit
 * (loopback, virtio), more where it lies in the driver's page. It gives memory back in lots, so that up to
 * half of what it counts may be of datagrams that were read: hence twice as much. What is estimated to be
 * late is late then, and what is not may be up to twice as late.
 */
const DATAGRAM_OCTETS = 2 * 832;
/** Response codes of errors that a client gets for what it sent: FORMERR, NOTIMP, REFUSED. */
const ERROR_RCODES = (1 << 1) | (1 << 4) | (1 << 5);
/** `struct sk_meminfo`: nine words, of which these. */
const MEMINFO_OCTETS = 36;
const RMEM_ALLOC = 0;
const DROPS = 8;

/** A queue that nothing is known of. */
export function newQueue(parts: Pick<Queue, 'fd' | 'index' | 'receiveFrom'>): Queue {
  return { ...parts, fullSinceMs: 0, answered: 0, lateLooks: 0, overloaded: false };
}

/**
 * After each batch: notices when more waits than can be answered in time, and drops the oldest of it. See
 * docs/decisions/0010.
 */
export function watchQueue(looking: Looking, queue: Queue, count: number): void {
  if (count < BATCH_MAX) {
    queue.fullSinceMs = 0;
    queue.lateLooks = 0;
    queue.overloaded = false;
    return;
  }
  const nowMs = looking.arena.now[0] as number;
  if (queue.fullSinceMs === 0) {
    queue.fullSinceMs = nowMs;
    queue.answered = 0;
    return;
  }
  queue.answered += count;
  const spentMs = nowMs - queue.fullSinceMs;
  if (spentMs < LOOK_MS) return;
  const perMs = queue.answered / spentMs;
  const dropped = readDrops(looking, queue);
  const waiting = (looking.arena.i32[(looking.arena.scratch >> 2) + RMEM_ALLOC] as number) / DATAGRAM_OCTETS;
  const inTime = perMs * LATE_MS;
  queue.lateLooks = dropped > 0 || waiting > inTime / 2 ? queue.lateLooks + 1 : 0;
  queue.overloaded = queue.lateLooks >= LATE_LOOKS_MIN;
  if (queue.overloaded && waiting > inTime) discard(looking, queue, waiting - inTime / 2);
  queue.fullSinceMs = performance.now();
  queue.answered = 0;
}

/** Counts what the kernel has dropped since the last look because the queue was full; returns how many. */
export function readDrops({ libc, arena, counters }: Looking, queue: Queue): number {
  const { i32, base, scratch } = arena;
  const size = scratch + MEMINFO_OCTETS;
  i32[size >> 2] = MEMINFO_OCTETS;
  i32[(scratch >> 2) + RMEM_ALLOC] = 0;
  const { SOL_SOCKET, SO_MEMINFO } = LINUX;
  const got = libc.getsockopt(queue.fd, SOL_SOCKET, SO_MEMINFO, base + scratch, base + size);
  if (got !== 0 || queue.index >= DROPS_MAX) return 0;
  // One more than what was read: a fresh arena knows nothing, and what was dropped before is not ours.
  const word = (arena.drops >> 2) + queue.index;
  const known = i32[word] as number;
  const now = ((i32[(scratch >> 2) + DROPS] as number) + 1) | 0;
  i32[word] = now;
  const dropped = known === 0 ? 0 : (now - known) >>> 0;
  if (dropped > 0) countDrop(counters, 'udp', 'kernel-buffer', dropped);
  return dropped;
}

/**
 * Whether this response is FORMERR, NOTIMP or REFUSED; or BADVERS, whose upper bits are in OPT: an empty
 * NOERROR that is whole.
 */
export function isError(out: Uint8Array): boolean {
  const rcode = (out[3] as number) & 15;
  if (rcode !== 0) return ((ERROR_RCODES >> rcode) & 1) !== 0;
  const records = (out[6] as number) | (out[7] as number) | (out[8] as number) | (out[9] as number);
  return records === 0 && ((out[2] as number) & 0x02) === 0;
}

/** Receives and forgets this many datagrams, or fewer if fewer wait. */
function discard({ libc, counters }: Looking, queue: Queue, datagrams: number): void {
  let left = Math.ceil(datagrams);
  while (left > 0) {
    const wanted = Math.min(left, BATCH_MAX);
    const count = libc.recvmmsg(queue.fd, queue.receiveFrom[0] as number, wanted, LINUX.MSG_DONTWAIT, 0);
    if (count <= 0) return;
    countDrop(counters, 'udp', 'late', count);
    left -= count;
  }
}
