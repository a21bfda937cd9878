import { type Address, emptyAddress, formatAddress, parseAddress, unmap } from '../base/address.ts';
import { createPending, type Exchange, type KeyOf, type Question } from './exchange.ts';
import { LINUX, type Native } from './native.ts';

/** A socket for questions by datagram. */
export interface SocketKind {
  readonly family: 4 | 6;
  readonly type: number;
  readonly protocol: number;
  /** What stands before the message in a datagram that came: an IPv4 header, on raw sockets. */
  readonly hasIpHeader?: boolean;
  /** Bars what need not come; gives false where the kernel refuses. */
  readonly filter?: readonly [level: number, option: number, value: Uint8Array];
}

/** How often is looked for answers while some are awaited, ms: the kernel noted when they came. */
const LOOK_MS = 4;
/** Datagrams taken in one look at most. */
const TAKEN_MAX = 512;
const RECEIVE_BUFFER_OCTETS = 1 << 20;
const MESSAGE_OCTETS = 2048;
/** Where what lies in the scratch memory: `struct msghdr`, its parts, and a `timespec`. */
const AT = { HEADER: 0, IOVEC: 64, NAME: 96, CONTROL: 128, VALUE: 256, TIME: 320, DATA: 384 } as const;
const CONTROL_OCTETS = 128;
/** Octets of `struct sockaddr_in6`, the larger one. */
const NAME_OCTETS = 28;

/**
 * Opens a socket whose answers are timed by the kernel: from `clock_gettime` just before a datagram is sent
 * to the receive time that the kernel stamps (SO_TIMESTAMPNS), both of the real-time clock; so that this
 * process may look late. A text says why there is none.
 */
export function openNativeExchange(native: Native, kind: SocketKind, keyOf: KeyOf): Exchange | string {
  const { AF_INET, AF_INET6, SOCK_NONBLOCK, SOCK_CLOEXEC, SOL_SOCKET } = LINUX;
  const domain = kind.family === 4 ? AF_INET : AF_INET6;
  const fd = native.socket(domain, kind.type | SOCK_NONBLOCK | SOCK_CLOEXEC, kind.protocol);
  if (fd < 0) return native.lastError();
  const scratch = createScratch(native);
  const set = (level: number, option: number, value: Uint8Array): boolean => {
    scratch.octets.set(value, AT.VALUE);
    return native.setsockopt(fd, level, option, scratch.address + AT.VALUE, value.length) === 0;
  };
  set(SOL_SOCKET, LINUX.SO_RCVBUF, int32(RECEIVE_BUFFER_OCTETS));
  const isTimed = set(SOL_SOCKET, LINUX.SO_TIMESTAMPNS, int32(1));
  const isFiltered = kind.filter === undefined || set(...kind.filter);
  if (!isTimed || !isFiltered) {
    const reason = native.lastError();
    native.close(fd);
    return reason;
  }
  return createExchange({ native, fd, kind, scratch, keyOf });
}

function createExchange(parts: {
  readonly native: Native;
  readonly fd: number;
  readonly kind: SocketKind;
  readonly scratch: Scratch;
  readonly keyOf: KeyOf;
}): Exchange {
  const { native, fd, kind, scratch, keyOf } = parts;
  const pending = createPending();
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const look = (): void => {
    timer = undefined;
    for (let taken = 0; taken < TAKEN_MAX && pending.size() > 0; taken++) {
      const octets = receive(native, fd, scratch);
      if (octets < 0) break;
      const message = scratch.octets.slice(AT.DATA, AT.DATA + octets);
      const headerOctets = kind.hasIpHeader === true ? ((message[0] ?? 0) & 0x0f) * 4 : 0;
      const key = keyOf(message.subarray(headerOctets), senderOf(scratch));
      if (key !== undefined) pending.answered(key, receivedAtMs(scratch) ?? now(native, scratch));
    }
    lookLater();
  };
  const lookLater = (): void => {
    if (!isClosed && pending.size() > 0) timer ??= setTimeout(look, LOOK_MS);
  };
  return {
    ask: (question) => {
      const sentAtMs = isClosed ? undefined : send(native, { fd, scratch, question });
      if (sentAtMs === undefined) return Promise.resolve(undefined);
      const answered = pending.sent(question, sentAtMs);
      lookLater();
      return answered;
    },
    close: () => {
      if (isClosed) return;
      isClosed = true;
      clearTimeout(timer);
      pending.close();
      native.close(fd);
    },
  };
}

/** Memory at a fixed address, for arguments of calls. */
interface Scratch {
  readonly octets: Uint8Array<SharedArrayBuffer>;
  readonly view: DataView;
  readonly address: number;
}

function createScratch(native: Native): Scratch {
  const octets = new Uint8Array(new SharedArrayBuffer(AT.DATA + MESSAGE_OCTETS));
  const view = new DataView(octets.buffer);
  const address = native.addressOf(octets);
  const pointer = (at: number, to: number): void => view.setBigUint64(at, BigInt(address + to), true);
  pointer(AT.HEADER, AT.NAME);
  pointer(AT.HEADER + 16, AT.IOVEC);
  view.setBigUint64(AT.HEADER + 24, 1n, true);
  pointer(AT.HEADER + 32, AT.CONTROL);
  pointer(AT.IOVEC, AT.DATA);
  view.setBigUint64(AT.IOVEC + 8, BigInt(MESSAGE_OCTETS), true);
  return { octets, view, address };
}

/** Time of sending, ms; undefined where it cannot be sent. */
function send(
  native: Native,
  { fd, scratch, question }: { fd: number; scratch: Scratch; question: Question },
): number | undefined {
  const address = parseAddress(question.address);
  if (address === undefined || question.octets.length > MESSAGE_OCTETS) return undefined;
  const size = writeSockaddr(scratch, address, question.port);
  scratch.octets.set(question.octets, AT.DATA);
  const sentAtMs = now(native, scratch);
  const { length } = question.octets;
  const from = scratch.address + AT.DATA;
  const sent = native.sendto(fd, from, length, LINUX.MSG_DONTWAIT, scratch.address + AT.NAME, size);
  return sent === length ? sentAtMs : undefined;
}

function writeSockaddr({ octets, view }: Scratch, address: Address, port: number): number {
  const isV6 = address.family === 6;
  octets.fill(0, AT.NAME, AT.NAME + NAME_OCTETS);
  view.setUint16(AT.NAME, isV6 ? LINUX.AF_INET6 : LINUX.AF_INET, true);
  view.setUint16(AT.NAME + 2, port);
  if (isV6) octets.set(address.octets, AT.NAME + 8);
  else octets.set(address.octets.subarray(0, 4), AT.NAME + 4);
  return isV6 ? NAME_OCTETS : 16;
}

/** Octets of the datagram that came; -1: none did. */
function receive(native: Native, fd: number, { view, address }: Scratch): number {
  view.setUint32(AT.HEADER + 8, NAME_OCTETS, true);
  view.setBigUint64(AT.HEADER + 40, BigInt(CONTROL_OCTETS), true);
  return native.recvmsg(fd, address + AT.HEADER, LINUX.MSG_DONTWAIT);
}

function senderOf({ octets, view }: Scratch): { address: string; port: number } {
  const address = emptyAddress();
  if (view.getUint16(AT.NAME, true) === LINUX.AF_INET6) {
    address.family = 6;
    address.octets.set(octets.subarray(AT.NAME + 8, AT.NAME + 24));
    unmap(address);
  } else address.octets.set(octets.subarray(AT.NAME + 4, AT.NAME + 8));
  return { address: formatAddress(address), port: view.getUint16(AT.NAME + 2) };
}

/** When the kernel received the datagram, ms; undefined where it does not say. */
function receivedAtMs({ view }: Scratch): number | undefined {
  const octets = Number(view.getBigUint64(AT.HEADER + 40, true));
  const isStamp =
    octets >= 32 &&
    view.getInt32(AT.CONTROL + 8, true) === LINUX.SOL_SOCKET &&
    view.getInt32(AT.CONTROL + 12, true) === LINUX.SO_TIMESTAMPNS;
  return isStamp ? timespecMs(view, AT.CONTROL + 16) : undefined;
}

function now(native: Native, { view, address }: Scratch): number {
  native.clockGettime(LINUX.CLOCK_REALTIME, address + AT.TIME);
  return timespecMs(view, AT.TIME);
}

function timespecMs(view: DataView, at: number): number {
  return Number(view.getBigInt64(at, true)) * 1e3 + Number(view.getBigInt64(at + 8, true)) / 1e6;
}

function int32(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}
