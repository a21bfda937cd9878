import { type Address, emptyAddress, unmap } from '../base/address.ts';
import { LINUX, type Native, TCP_INFO } from './native.ts';

/** An established TCP connection of this machine, as the kernel sees it now. */
export interface Connection {
  /** The kernel's own name of it, which no later one has. */
  readonly cookie: bigint;
  readonly localPort: number;
  readonly peer: Address;
  /** Smoothed round-trip time, ms. */
  readonly rttMs: number;
  /** Since an acknowledgment last came, ms. */
  readonly ackAgeMs: number;
  /** Segments with data that were sent, and those that were sent again, since it began. */
  readonly segments: number;
  readonly retransmits: number;
}

/** Reads the kernel's connections. */
export interface SockDiag {
  /**
   * Calls back with the established connections of a local port, IPv4 and IPv6, at most `max`. Gives how many
   * there were, or what went wrong.
   */
  readonly read: (
    port: number,
    max: number,
    visit: (connection: Connection) => void,
  ) => Promise<number | string>;
  readonly close: () => void;
}

const BUFFER_OCTETS = 1 << 16;
const REQUEST_OCTETS = 72;
const NLMSG_HEADER_OCTETS = 16;
/** `struct inet_diag_msg`. */
const DIAG_MSG_OCTETS = 72;
const SOCK_DIAG_BY_FAMILY = 20;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST_DUMP = 0x301;
const INET_DIAG_INFO = 2;
const TCP_ESTABLISHED = 1;
/** Buffers read before others have their turn. */
const BUFFERS_IN_A_ROW = 8;
/** Buffers of one answer at most: a kernel that never ends is left. */
const BUFFERS_MAX = 10_000;

/**
 * Opens NETLINK_SOCK_DIAG, the interface that `ss` uses: from outside the server whose connections they are,
 * and with no privilege. A text says why there is none.
 */
export function openSockDiag(native: Native): SockDiag | string {
  const { AF_NETLINK, SOCK_RAW, SOCK_NONBLOCK, SOCK_CLOEXEC, NETLINK_SOCK_DIAG } = LINUX;
  const fd = native.socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) return native.lastError();
  const octets = new Uint8Array(new SharedArrayBuffer(BUFFER_OCTETS));
  const view = new DataView(octets.buffer);
  const address = native.addressOf(octets);
  let sequence = 0;
  let isClosed = false;
  const receive = (): number => native.recv(fd, address, BUFFER_OCTETS, LINUX.MSG_DONTWAIT);
  const readFamily = async (
    family: number,
    port: number,
    visit: (connection: Connection) => boolean,
  ): Promise<string | undefined> => {
    writeRequest(view, { family, port, sequence: ++sequence });
    if (native.sendto(fd, address, REQUEST_OCTETS, 0, 0, 0) !== REQUEST_OCTETS) return native.lastError();
    for (let buffers = 0; buffers < BUFFERS_MAX; buffers++) {
      if (buffers % BUFFERS_IN_A_ROW === BUFFERS_IN_A_ROW - 1) await new Promise(setImmediate);
      if (isClosed) return undefined;
      const length = receive();
      if (length < 0) return native.lastError();
      const end = readMessages(view, { length, sequence }, visit);
      if (end !== 'more') return end === 'done' ? undefined : end;
    }
    return 'it does not end';
  };
  return {
    read: async (port, max, visit) => {
      // What is left of an answer that was not read to its end.
      while (receive() > 0);
      let count = 0;
      for (const family of [LINUX.AF_INET, LINUX.AF_INET6]) {
        const wrong = await readFamily(family, port, (connection) => {
          // Of IPv4 and IPv6 sockets alike: a wildcard one of IPv6 serves both.
          if (count >= max) return false;
          count++;
          visit(connection);
          return true;
        });
        if (wrong !== undefined) return wrong;
      }
      return count;
    },
    close: () => {
      isClosed = true;
      native.close(fd);
    },
  };
}

/** `struct nlmsghdr` and `struct inet_diag_req_v2`: TCP, established, of this local port, with TCP_INFO. */
function writeRequest(
  view: DataView,
  { family, port, sequence }: { family: number; port: number; sequence: number },
): void {
  new Uint8Array(view.buffer, 0, REQUEST_OCTETS).fill(0);
  view.setUint32(0, REQUEST_OCTETS, true);
  view.setUint16(4, SOCK_DIAG_BY_FAMILY, true);
  view.setUint16(6, NLM_F_REQUEST_DUMP, true);
  view.setUint32(8, sequence, true);
  view.setUint8(NLMSG_HEADER_OCTETS, family);
  view.setUint8(NLMSG_HEADER_OCTETS + 1, LINUX.IPPROTO_TCP);
  view.setUint8(NLMSG_HEADER_OCTETS + 2, 1 << (INET_DIAG_INFO - 1));
  view.setUint32(NLMSG_HEADER_OCTETS + 4, 1 << TCP_ESTABLISHED, true);
  view.setUint16(NLMSG_HEADER_OCTETS + 8, port);
}

/** Reads the messages of one buffer; says whether the answer ended, or why it failed. */
function readMessages(
  view: DataView,
  { length, sequence }: { length: number; sequence: number },
  visit: (connection: Connection) => boolean,
): 'more' | 'done' | string {
  let at = 0;
  while (at + NLMSG_HEADER_OCTETS <= length) {
    const octets = view.getUint32(at, true);
    if (octets < NLMSG_HEADER_OCTETS || at + octets > length) return 'a damaged answer';
    const type = view.getUint16(at + 4, true);
    if (view.getUint32(at + 8, true) === sequence) {
      if (type === NLMSG_DONE) return 'done';
      if (type === NLMSG_ERROR) return `error ${-view.getInt32(at + NLMSG_HEADER_OCTETS, true)}`;
      const connection = readConnection(view, at + NLMSG_HEADER_OCTETS, at + octets);
      if (connection !== undefined && !visit(connection)) return 'done';
    }
    at += (octets + 3) & ~3;
  }
  return 'more';
}

/** `struct inet_diag_msg`, then attributes. undefined: TCP_INFO is missing, or no round trip was seen. */
function readConnection(view: DataView, at: number, end: number): Connection | undefined {
  if (at + DIAG_MSG_OCTETS > end) return undefined;
  const info = findAttribute(view, at + DIAG_MSG_OCTETS, end);
  const rttUs = info === undefined ? 0 : view.getUint32(info + TCP_INFO.RTT, true);
  if (info === undefined || rttUs === 0) return undefined;
  const peer = emptyAddress();
  const isV6 = view.getUint8(at) === LINUX.AF_INET6;
  if (isV6) peer.family = 6;
  // `struct inet_diag_sockid`: ports, then 16 octets each of our address and of theirs.
  const octets = isV6 ? 16 : 4;
  peer.octets.set(new Uint8Array(view.buffer, at + 24, octets));
  unmap(peer);
  return {
    cookie: view.getBigUint64(at + 44, true),
    localPort: view.getUint16(at + 4),
    peer,
    rttMs: rttUs / 1000,
    ackAgeMs: view.getUint32(info + TCP_INFO.LAST_ACK_RECV, true),
    segments: view.getUint32(info + TCP_INFO.DATA_SEGS_OUT, true),
    retransmits: view.getUint32(info + TCP_INFO.TOTAL_RETRANS, true),
  };
}

/** Where TCP_INFO begins. */
function findAttribute(view: DataView, start: number, end: number): number | undefined {
  let at = start;
  while (at + 4 <= end) {
    const octets = view.getUint16(at, true);
    if (octets < 4 || at + octets > end) return undefined;
    const isInfo = view.getUint16(at + 2, true) === INET_DIAG_INFO;
    if (isInfo) return octets - 4 >= TCP_INFO.OCTETS ? at + 4 : undefined;
    at += (octets + 3) & ~3;
  }
  return undefined;
}
