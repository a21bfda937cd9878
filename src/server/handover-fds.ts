import type { Socket } from 'node:net';
import { LINUX, type Libc } from './native-libc.ts';

/**
 * Passing file descriptors over a Unix socket (unix(7), SCM_RIGHTS): the receiver gets descriptors of its own
 * for the very same sockets, with all that waits in them.
 */

/** Descriptors that go with one message. The kernel's bound is 253. */
export const FDS_MAX = 64;
const SCM_RIGHTS = 1;
const SO_PEERCRED = 17;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
/** Octets of `struct msghdr`, and of `struct cmsghdr` without its data (LP64). */
const MSGHDR_OCTETS = 56;
const CMSGHDR_OCTETS = 16;
const IOV_AT = 64;
const CONTROL_AT = 80;
const CONTROL_OCTETS = CMSGHDR_OCTETS + FDS_MAX * 4;
const DATA_AT = CONTROL_AT + CONTROL_OCTETS;
/** Octets that one message carries at most. */
export const DATA_MAX = 65_536;

/** A connected Unix socket, by the descriptor beneath Node's. */
export interface FdChannel {
  /** User id of the process at the other end. */
  readonly peerUid: () => number;
  /** Sends octets, with descriptors if there are any. False if the kernel did not take all. */
  readonly send: (octets: Uint8Array, fds?: readonly number[]) => boolean;
  /** What has come, `octets` at most; undefined if nothing has yet. No octets: the other end is gone. */
  readonly receive: (octets: number) => { readonly octets: Uint8Array; readonly fds: number[] } | undefined;
}

/** Opens the channel beneath a connected socket, from which Node must not be reading meanwhile. */
export function openFdChannel(libc: Libc, socket: Socket): FdChannel {
  // Node has no public way to the descriptor of a socket, and koffi needs it. The property is as old as Node.
  const { _handle: handle } = socket as unknown as { _handle?: { fd?: number } };
  const fd = handle?.fd ?? -1;
  const memory = new Uint8Array(new SharedArrayBuffer(DATA_AT + DATA_MAX));
  const view = new DataView(memory.buffer);
  const base = libc.addressOf(memory);
  const header = (octets: number, control: number): void => {
    memory.fill(0, 0, DATA_AT);
    view.setBigUint64(16, BigInt(base + IOV_AT), true);
    view.setBigUint64(24, 1n, true);
    view.setBigUint64(IOV_AT, BigInt(base + DATA_AT), true);
    view.setBigUint64(IOV_AT + 8, BigInt(octets), true);
    if (control === 0) return;
    view.setBigUint64(32, BigInt(base + CONTROL_AT), true);
    view.setBigUint64(40, BigInt(control), true);
  };
  return {
    peerUid: () => {
      view.setUint32(MSGHDR_OCTETS, 12, true);
      const failed = libc.getsockopt(fd, LINUX.SOL_SOCKET, SO_PEERCRED, base, base + MSGHDR_OCTETS) !== 0;
      return failed ? -1 : view.getUint32(4, true);
    },
    send: (octets, fds = []) => {
      header(octets.length, fds.length === 0 ? 0 : align8(CMSGHDR_OCTETS + fds.length * 4));
      if (fds.length > 0) {
        view.setBigUint64(CONTROL_AT, BigInt(CMSGHDR_OCTETS + fds.length * 4), true);
        view.setUint32(CONTROL_AT + 8, LINUX.SOL_SOCKET, true);
        view.setUint32(CONTROL_AT + 12, SCM_RIGHTS, true);
        for (const [i, one] of fds.entries()) view.setInt32(CONTROL_AT + CMSGHDR_OCTETS + i * 4, one, true);
      }
      memory.set(octets, DATA_AT);
      return libc.sendmsg(fd, base, LINUX.MSG_NOSIGNAL | LINUX.MSG_DONTWAIT) === octets.length;
    },
    receive: (octets) => {
      header(Math.min(octets, DATA_MAX), CONTROL_OCTETS);
      const count = libc.recvmsg(fd, base, LINUX.MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
      if (count < 0) {
        const errno = libc.errno();
        const wait = errno === LINUX.EAGAIN || errno === LINUX.EINTR;
        return wait ? undefined : { octets: new Uint8Array(0), fds: [] };
      }
      return { octets: memory.slice(DATA_AT, DATA_AT + count), fds: descriptorsIn(view) };
    },
  };
}

function descriptorsIn(view: DataView): number[] {
  const length = Number(view.getBigUint64(CONTROL_AT, true));
  const given = Number(view.getBigUint64(40, true));
  if (given < CMSGHDR_OCTETS || view.getUint32(CONTROL_AT + 12, true) !== SCM_RIGHTS) return [];
  const count = (length - CMSGHDR_OCTETS) >> 2;
  return Array.from({ length: count }, (_, i) => view.getInt32(CONTROL_AT + CMSGHDR_OCTETS + i * 4, true));
}

function align8(octets: number): number {
  return (octets + 7) & ~7;
}
