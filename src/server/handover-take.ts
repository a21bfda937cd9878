import { connect, type Socket } from 'node:net';
import { OperatorError } from '../base/errors.ts';
import { type FdChannel, openFdChannel } from './handover-fds.ts';
import { OFFER_OCTETS_MAX, type OfferedSocket, PATH_OCTETS_MAX, readOffer } from './handover-words.ts';
import { type Libc, loadLibc } from './native-libc.ts';
import type { NativeSocket } from './native-sockets.ts';

/** Sockets taken from a running process, which goes on answering from them until `ready`. */
export interface TakenSockets {
  /** Version of the program that had them. */
  readonly version: string;
  readonly sockets: readonly NativeSocket[];
  /** The listening socket of its console, if it gave that. */
  readonly admin: OfferedSocket | undefined;
  /**
   * Says that this process answers: the other reads no more queries, finishes its own, and ends. Resolves
   * when the other's path is free.
   */
  readonly ready: () => Promise<void>;
  /** Ends the talk: the other goes on as if nothing had been asked. The sockets stay open here. */
  readonly abandon: () => void;
}

/** Time for the other process to answer, each time, ms. */
const ANSWER_MS = 5_000;
const POLL_MS = 5;

/**
 * Asks the process that listens at `path` for its sockets. Throws `OperatorError` (`not-found`,
 * `not-permitted`, `bad-usage`) if there is none, or it gives none.
 */
export async function takeOver({ path }: { readonly path: string }): Promise<TakenSockets> {
  const loaded = await loadLibc();
  if (!('libc' in loaded)) throw fault('bad-usage', path, `--replace is not possible here: ${loaded.reason}`);
  if (Buffer.byteLength(path) > PATH_OCTETS_MAX)
    throw fault('bad-usage', path, `longer than the ${PATH_OCTETS_MAX} octets of a socket's path`);
  const socket = await reach(path);
  const fds: number[] = [];
  try {
    const { version, sockets } = await receiveAll(openFdChannel(loaded.libc, socket), path, fds);
    const admin = sockets.find(({ kind }) => kind === 'admin');
    return {
      version,
      sockets: sockets.flatMap(({ kind, ...rest }) => (kind === 'admin' ? [] : [{ kind, ...rest }])),
      admin,
      ready: () => sayReady(socket),
      abandon: () => socket.destroy(),
    };
  } catch (error) {
    socket.destroy();
    closeAll(loaded.libc, fds);
    throw error;
  }
}

function reach(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    // Node must not read: it would take the octets and leave the descriptors.
    socket.pause();
    socket.once('connect', () => {
      socket.on('error', () => socket.destroy());
      resolve(socket);
    });
    socket.once('error', ({ code, message }: NodeJS.ErrnoException) => {
      if (code === 'ENOENT' || code === 'ECONNREFUSED')
        reject(fault('not-found', path, 'no process serves from this state folder: start without --replace'));
      else if (code === 'EACCES' || code === 'EPERM')
        reject(fault('not-permitted', path, 'the process to be replaced belongs to another user'));
      else reject(fault('not-found', path, message));
    });
  });
}

/** The description, and then every socket's descriptor; those received are noted in `fds` at once. */
async function receiveAll(channel: FdChannel, path: string, fds: number[]) {
  const head = await receiveOctets(channel, path, 4, fds);
  const length = new DataView(head.buffer, head.byteOffset).getUint32(0, true);
  if (length > OFFER_OCTETS_MAX) throw fault('not-found', path, `an offer of ${length} octets is too long`);
  const offer = readOffer(new TextDecoder().decode(await receiveOctets(channel, path, length, fds)));
  if (typeof offer === 'string') throw fault('not-found', path, offer);
  while (fds.length < offer.sockets.length) await receiveOctets(channel, path, 1, fds);
  return { ...offer, sockets: offer.sockets.map((socket, i) => ({ ...socket, fd: fds[i] ?? -1 })) };
}

async function receiveOctets(
  channel: FdChannel,
  path: string,
  wanted: number,
  fds: number[],
): Promise<Uint8Array> {
  const octets = new Uint8Array(wanted);
  const deadline = performance.now() + ANSWER_MS;
  for (let got = 0; got < wanted; ) {
    const part = channel.receive(wanted - got);
    if (part === undefined) {
      if (performance.now() > deadline) throw fault('not-found', path, 'the running process does not answer');
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      continue;
    }
    fds.push(...part.fds);
    if (part.octets.length === 0)
      throw fault(
        'not-permitted',
        path,
        'the running process refused: it belongs to another user, or is ending',
      );
    octets.set(part.octets, got);
    got += part.octets.length;
  }
  return octets;
}

/** Settles when the other has left, or after a while whatever it does: this process answers already. */
function sayReady(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(() => socket.destroy(), ANSWER_MS);
    socket.once('close', () => {
      clearTimeout(late);
      resolve();
    });
    socket.on('data', () => undefined);
    socket.resume();
    socket.write('ready\n');
  });
}

function closeAll(libc: Libc, fds: readonly number[]): void {
  for (const fd of fds) libc.close(fd);
}

function fault(
  code: 'not-found' | 'not-permitted' | 'bad-usage',
  file: string,
  message: string,
): OperatorError {
  return new OperatorError(code, [{ file, message }]);
}
