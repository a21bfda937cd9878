import { getSystemErrorName } from 'node:util';
import { loadNative, type Native } from './native.ts';
import {
  align,
  encodeMessages,
  NETLINK,
  type NetfilterMessage,
  readAcknowledgements,
  u16,
  u32,
} from './netlink.ts';
import { type RulesetOptions, rulesetMessages } from './ruleset.ts';

/** A packet that the kernel holds until a verdict on it comes. Valid until the next is read. */
export interface QueuedPacket {
  /** Rises by one with each packet. */
  id: number;
  /** Its first octets, from the IPv4 head on. */
  octets: Uint8Array;
}

/** The kernel's queue of packets. Its socket ends with the process, and the rules with it. */
export interface PacketQueue {
  /** Reads the next packet; false: there is none now. */
  readonly next: (into: QueuedPacket) => boolean;
  /** Notes a verdict; it goes out with `send`, or when there are many. */
  readonly decide: (id: number, accept: boolean) => void;
  readonly send: () => void;
  /** Waits for a packet, so many ms at most. */
  readonly wait: (ms: number) => void;
  readonly close: () => void;
}

/** What `openQueue` needs. */
export interface QueueOptions extends Pick<RulesetOptions, 'clients' | 'also'> {
  /** Packets that the kernel holds at most; what comes beyond is lost. */
  readonly lengthMax: number;
}

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0x8_0000;
const NETLINK_NETFILTER = 12;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_NO_ENOBUFS = 5;
const MSG_DONTWAIT = 0x40;
const POLLIN = 1;

const SUBSYSTEM = 3;
const PACKET = (SUBSYSTEM << 8) | 0;
const VERDICT = (SUBSYSTEM << 8) | 1;
const CONFIG = (SUBSYSTEM << 8) | 2;
const PACKET_HEAD = 1;
const PACKET_OCTETS = 10;
const COPY_PACKET = 2;
/** What is looked at: the longest IPv4 head and the ports after it. */
const COPY_OCTETS = 64;
const NF_ACCEPT = 1;
/** Numbers of queues that are tried: several programs may have one each. */
const QUEUE_FIRST = 5_300;
const QUEUES_TRIED = 64;
/** Answers of the kernel to what it was told come within ms. */
const ANSWER_MS = 2_000;
const RECEIVE_OCTETS = 1 << 16;
const SOCKET_OCTETS = 4 << 20;
const VERDICT_OCTETS = 32;
const VERDICTS_MAX = 256;

/** Opens a queue and has packets handed to it; or says, for people, why that cannot be done here. */
export async function openQueue(options: QueueOptions): Promise<PacketQueue | string> {
  const native = await loadNative();
  if (typeof native === 'string') return native;
  const opened: number[] = [];
  const close = (): void => {
    // The rules first: what they then still hand over goes on, as nobody reads the queue.
    for (const fd of opened.splice(0).reverse()) native.close(fd);
  };
  const made = makeQueue(native, options, opened);
  if (typeof made !== 'string') return { ...made, close };
  close();
  return made;
}

function makeQueue(
  native: Native,
  options: QueueOptions,
  opened: number[],
): Omit<PacketQueue, 'close'> | string {
  const memory = new Uint8Array(new SharedArrayBuffer(RECEIVE_OCTETS));
  const packets = openSocket(native);
  if (packets < 0) return `this kernel has no netfilter (${nameOf(native.errno())})`;
  opened.push(packets);
  const line: Line = { fd: packets, memory, sequence: 1 };
  let queue = -1;
  let error = 0;
  for (let number = QUEUE_FIRST; queue < 0 && number < QUEUE_FIRST + QUEUES_TRIED; number++) {
    error = told(native, line, queueMessages(number, options.lengthMax));
    if (error === 0) queue = number;
  }
  if (queue < 0) return explained(error, 'this kernel has no packet queue (nfnetlink_queue)');
  setOption(native, packets, { level: SOL_SOCKET, option: SO_RCVBUFFORCE, value: SOCKET_OCTETS });
  setOption(native, packets, { level: SOL_NETLINK, option: NETLINK_NO_ENOBUFS, value: 1 });
  const rules = openSocket(native);
  if (rules < 0) return `no second netlink socket (${nameOf(native.errno())})`;
  opened.push(rules);
  const { clients, also } = options;
  const ruleLine: Line = { fd: rules, memory, sequence: 1 };
  for (const way of ['queue', 'NFQUEUE'] as const) {
    const table = `isochrone-${process.pid}-${queue}`;
    const messages = rulesetMessages({ table, queue, clients, also, way });
    error = told(native, ruleLine, messages);
    if (error === 0) return queueOf(native, { fd: packets, queue, memory });
  }
  return explained(error, 'this kernel has no nf_tables that hand packets over (Linux 5.12 or later)');
}

function queueMessages(queue: number, lengthMax: number): NetfilterMessage[] {
  const config = { type: CONFIG, flags: NETLINK.REQUEST | NETLINK.ACK, resource: queue };
  const copy = Buffer.concat([u32(COPY_OCTETS), Uint8Array.of(COPY_PACKET)]);
  return [
    { ...config, attributes: [[1, Buffer.concat([Uint8Array.of(1, 0), u16(0)])]] },
    {
      ...config,
      attributes: [
        [2, copy],
        [3, u32(lengthMax)],
      ],
    },
  ];
}

function openSocket(native: Native): number {
  const fd = native.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  if (fd < 0) return fd;
  const value = new Uint8Array(new SharedArrayBuffer(16));
  const view = new DataView(value.buffer);
  view.setUint16(0, AF_NETLINK, true);
  native.bind(fd, native.addressOf(value), 12);
  view.setBigInt64(0, BigInt(ANSWER_MS / 1000), true);
  view.setBigInt64(8, 0n, true);
  native.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, native.addressOf(value), 16);
  return fd;
}

function setOption(
  native: Native,
  fd: number,
  { level, option, value }: { readonly level: number; readonly option: number; readonly value: number },
): void {
  const word = new Uint8Array(new SharedArrayBuffer(4));
  new DataView(word.buffer).setInt32(0, value, true);
  native.setsockopt(fd, level, option, native.addressOf(word), 4);
}

/** A socket to the kernel, and what is between us. */
interface Line {
  readonly fd: number;
  readonly memory: Uint8Array<SharedArrayBuffer>;
  /** Number of the next message. */
  sequence: number;
}

/** Tells the kernel, and waits for its answers; gives the first error, 0: none. */
function told(native: Native, at: Line, messages: readonly NetfilterMessage[]): number {
  const { fd, memory } = at;
  const first = at.sequence;
  at.sequence += messages.length;
  const octets = encodeMessages(messages, first);
  memory.set(octets);
  if (native.send(fd, native.addressOf(memory), octets.length, 0) < 0) return native.errno();
  const open = new Set(messages.flatMap(({ flags }, i) => ((flags & NETLINK.ACK) === 0 ? [] : [first + i])));
  let found = 0;
  while (open.size > 0) {
    const length = native.recv(fd, native.addressOf(memory), memory.length, 0);
    if (length < 0) return found === 0 ? native.errno() : found;
    for (const { sequence, error } of readAcknowledgements(Buffer.from(memory.slice(0, length)))) {
      // Of what was told before, answers may still come.
      if (sequence < first) continue;
      open.delete(sequence);
      if (error === 0) continue;
      if (found === 0) found = error;
      // A batch that is refused answers only for what it found wrong.
      open.clear();
    }
  }
  return found;
}

function explained(error: number, otherwise: string): string {
  const name = nameOf(error);
  return name === 'EPERM' ? 'it needs root (CAP_NET_ADMIN)' : `${otherwise}: ${name}`;
}

function nameOf(error: number): string {
  return getSystemErrorName(-error);
}

function queueOf(
  native: Native,
  at: { readonly fd: number; readonly queue: number; readonly memory: Uint8Array<SharedArrayBuffer> },
): Omit<PacketQueue, 'close'> {
  const { fd, queue, memory } = at;
  const address = native.addressOf(memory);
  const verdicts = new Uint8Array(new SharedArrayBuffer(VERDICT_OCTETS * VERDICTS_MAX));
  const verdictsAddress = native.addressOf(verdicts);
  const view = new DataView(verdicts.buffer);
  let noted = 0;
  const send = (): void => {
    if (noted > 0) native.send(fd, verdictsAddress, noted * VERDICT_OCTETS, 0);
    noted = 0;
  };
  // `struct pollfd`, and after it `struct timespec`.
  const polled = new Uint8Array(new SharedArrayBuffer(24));
  const poll = new DataView(polled.buffer);
  const pollAddress = native.addressOf(polled);
  poll.setInt32(0, fd, true);
  poll.setInt16(4, POLLIN, true);
  return {
    next: (into) => {
      // What is no packet (an error to a verdict on one that is gone) is passed over.
      for (;;) {
        const length = native.recv(fd, address, memory.length, MSG_DONTWAIT);
        if (length < 0) return false;
        if (readPacket(memory.subarray(0, length), into)) return true;
      }
    },
    decide: (id, accept) => {
      const start = noted * VERDICT_OCTETS;
      view.setUint32(start, VERDICT_OCTETS, true);
      view.setUint16(start + 4, VERDICT, true);
      view.setUint16(start + 6, NETLINK.REQUEST, true);
      view.setUint16(start + 18, queue);
      view.setUint16(start + 20, 12, true);
      view.setUint16(start + 22, 2, true);
      view.setUint32(start + 24, accept ? NF_ACCEPT : 0);
      view.setUint32(start + 28, id);
      if (++noted === VERDICTS_MAX) send();
    },
    send,
    wait: (ms) => {
      poll.setBigInt64(8, BigInt(Math.floor(ms / 1000)), true);
      poll.setBigInt64(16, BigInt(Math.floor((ms % 1000) * 1e6)), true);
      native.ppoll(pollAddress, 1, pollAddress + 8, 0);
    },
  };
}

/** Reads a message of the kernel's; false: it is no packet. */
function readPacket(octets: Uint8Array, into: QueuedPacket): boolean {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  if (octets.length < NETLINK.WHOLE_HEAD || view.getUint16(4, true) !== PACKET) return false;
  let hasId = false;
  into.octets = octets.subarray(0, 0);
  for (let at = NETLINK.WHOLE_HEAD; at + 4 <= octets.length; ) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > octets.length) break;
    const type = view.getUint16(at + 2, true) & 0x3fff;
    if (type === PACKET_HEAD && length >= 8) {
      into.id = view.getUint32(at + 4);
      hasId = true;
    } else if (type === PACKET_OCTETS) into.octets = octets.subarray(at + 4, at + length);
    at += align(length);
  }
  return hasId;
}
