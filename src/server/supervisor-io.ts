import type { ListenAddress } from './handler.ts';
import { adoptSockets } from './handover-sockets.ts';
import { freePorts } from './listeners.ts';
import type { WorkerIo } from './messages.ts';
import { workerArena } from './native-arena.ts';
import { type Libc, loadLibc } from './native-libc.ts';
import { closeNativeSockets, type NativeSocket, openNativeSockets } from './native-sockets.ts';
import type { TcpLimits } from './tcp-limits.ts';

/** How a name server reads and writes, and why not natively if it does not. */
export type IoMode = { readonly kind: 'native' } | { readonly kind: 'portable'; readonly reason: string };

export interface IoOptions {
  readonly listen: readonly ListenAddress[];
  readonly workers: number;
  readonly recvBufferOctets: number;
  readonly udpResponseMax: number;
  readonly limits: TcpLimits;
  /** `auto`: native where it can be had. `native` where it cannot be had is an error. */
  readonly io: 'auto' | 'native' | 'portable';
  /** Sockets of the process before this one; native only. */
  readonly inherit?: readonly NativeSocket[] | undefined;
}

/** What the places of a name server's threads are made of. */
export interface ServerIo {
  readonly mode: IoMode;
  /** One a worker. */
  readonly places: readonly WorkerIo[];
  /** Undefined where only the threads know, once they listen. */
  readonly addresses: readonly ListenAddress[] | undefined;
  /** Open sockets that belong to the process. */
  readonly sockets: readonly NativeSocket[];
  readonly newArena: () => SharedArrayBuffer;
  /** Closes what belongs to the process. */
  readonly close: () => void;
}

/** Longest message that a portable thread has in hand, octets. */
const MESSAGE_MAX = 65_535;

/**
 * Opens the sockets, where they belong to the process. Throws `OperatorError` naming each address that cannot
 * be had.
 */
export async function openServerIo(options: IoOptions): Promise<ServerIo> {
  const { io } = options;
  const loaded = io === 'portable' ? { reason: 'asked for' } : await loadLibc();
  if ('libc' in loaded) return nativeIo(loaded.libc, options);
  if (io === 'native') throw new Error(`no native sockets: ${loaded.reason}`);
  return portableIo(options, loaded.reason);
}

function nativeIo(libc: Libc, options: IoOptions): ServerIo {
  const { listen, workers, recvBufferOctets, udpResponseMax, limits } = options;
  const { inherit } = options;
  const wanted = { listen, sets: workers, recvBufferOctets };
  const { sets, addresses } =
    inherit === undefined ? openNativeSockets(libc, wanted) : adoptSockets(libc, inherit, wanted);
  const newArena = (): SharedArrayBuffer => workerArena({ udpResponseMax, limits });
  const open = sets.flat();
  return {
    mode: { kind: 'native' },
    places: sets.map((sockets) => ({ kind: 'native', sockets, arena: newArena(), skipInHand: false })),
    addresses,
    sockets: sets.flat(),
    newArena,
    // Once: by a second time the numbers may be those of other files.
    close: () => closeNativeSockets(libc, open.splice(0)),
  };
}

async function portableIo(options: IoOptions, reason: string): Promise<ServerIo> {
  const { workers, recvBufferOctets } = options;
  const reusePort = workers > 1;
  // Sockets that share a port would share it with another program's as well: find out first.
  const listen = reusePort ? await freePorts(options.listen) : options.listen;
  const newArena = (): SharedArrayBuffer => new SharedArrayBuffer(MESSAGE_MAX);
  const place = { kind: 'portable', listen, reusePort, recvBufferOctets, skipInHand: false } as const;
  return {
    mode: { kind: 'portable', reason },
    places: Array.from({ length: workers }, () => ({ ...place, arena: newArena() })),
    addresses: undefined,
    sockets: [],
    newArena,
    close: () => undefined,
  };
}
