import { chmodSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { FDS_MAX, type FdChannel, openFdChannel } from './handover-fds.ts';
import { LINE_MAX, type OfferedSocket, PATH_OCTETS_MAX, writeOffer } from './handover-words.ts';
import { type Libc, loadLibc } from './native-libc.ts';
import type { NameServer } from './supervisor.ts';

/**
 * How a name server hands its sockets to the process that replaces it. The sockets live on in the new
 * process with all that waits in them, so no query is lost; both answer until the new one says that it does.
 * This is the side of the process that goes; handover-take.ts is the other.
 */

export interface OfferOptions {
  /** Path of the Unix socket to listen on, in the state folder. */
  readonly path: string;
  /** Version of this program, for the other's log. */
  readonly version: string;
  /** The listening socket of the console, if that is to go too. */
  readonly admin?: OfferedSocket | undefined;
  readonly log: (message: string) => void;
  /** The other process answers, and this one begins to finish its work. */
  readonly onYield: () => void;
  /** The other process answers: this one has read its last query, answered it, and is to end. */
  readonly onReplaced: () => void;
}

/** A standing offer. */
export interface Offer {
  readonly close: () => Promise<void>;
}

/** Time that the other process has from its question to its word that it answers, ms. */
const READY_MS = 60_000;

/**
 * Offers the sockets to a process of the same user that asks for them. Never throws: where it cannot be
 * offered, `log` is told why, and the name server goes on without.
 */
export async function offerHandover(
  server: Pick<NameServer, 'io' | 'sockets' | 'drain'>,
  options: OfferOptions,
): Promise<Offer> {
  const { path, log } = options;
  const loaded = await loadLibc();
  const why =
    server.io.kind === 'portable' || !('libc' in loaded)
      ? 'it needs the batched sockets of Linux'
      : Buffer.byteLength(path) > PATH_OCTETS_MAX
        ? `the path ${path} is longer than the ${PATH_OCTETS_MAX} octets of a socket's`
        : undefined;
  const nothing: Offer = { close: () => Promise.resolve() };
  if (why !== undefined || !('libc' in loaded)) {
    log(`no process can replace this one with --replace: ${why}`);
    return nothing;
  }
  const { libc } = loaded;
  const clients = new Set<Socket>();
  const unix = createServer({ pauseOnConnect: true }, (socket) => {
    clients.add(socket);
    socket.on('close', () => clients.delete(socket));
    socket.on('error', () => socket.destroy());
    serveClient({ server, options, libc, unix }, socket);
  });
  unix.maxConnections = 4;
  try {
    await listenAt(unix, path);
  } catch (error) {
    log(`no process can replace this one with --replace: ${(error as Error).message}`);
    return nothing;
  }
  return {
    close: () =>
      new Promise((resolve) => {
        for (const socket of clients) socket.destroy();
        if (unix.listening) unix.close(() => resolve());
        else resolve();
      }),
  };
}

interface Serving {
  readonly server: Pick<NameServer, 'sockets' | 'drain'>;
  readonly options: OfferOptions;
  readonly libc: Libc;
  readonly unix: Server;
}

/** One process that asks: it gets the sockets, and has the last word. */
function serveClient(serving: Serving, socket: Socket): void {
  const { libc, options } = serving;
  const channel = openFdChannel(libc, socket);
  if (channel.peerUid() !== process.getuid?.()) {
    options.log('a process of another user asked for the sockets, and got none');
    socket.destroy();
    return;
  }
  socket.setTimeout(READY_MS, () => socket.destroy());
  if (!sendSockets(serving, channel)) {
    socket.destroy();
    return;
  }
  options.log('another process has asked for the sockets');
  let said = '';
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    said += text;
    if (said.length > LINE_MAX) socket.destroy();
    else if (said === 'ready\n') yieldTo(serving, socket);
  });
  socket.resume();
}

/** Description first, then the descriptors, some with each single octet. */
function sendSockets({ server, options }: Serving, channel: FdChannel): boolean {
  const sockets = [...server.sockets(), ...(options.admin === undefined ? [] : [options.admin])];
  if (!channel.send(writeOffer({ version: options.version, sockets }))) return false;
  for (let at = 0; at < sockets.length; at += FDS_MAX) {
    const fds = sockets.slice(at, at + FDS_MAX).map(({ fd }) => fd);
    if (!channel.send(Uint8Array.of(0), fds)) return false;
  }
  return true;
}

/** The other answers: leave the path and the sockets to it. */
function yieldTo({ server, options, unix }: Serving, socket: Socket): void {
  socket.setTimeout(0);
  // Closing removes the file: the other may make its own once it is told.
  unix.close(() => undefined);
  socket.end('released\n');
  options.log('another process answers now: finishing what is left here');
  options.onYield();
  void server.drain().then(options.onReplaced);
}

/** Listens, on the leftover of a process that ended without removing it too. */
async function listenAt(unix: Server, path: string): Promise<void> {
  try {
    await listenOnce(unix, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    if (await isAlive(path))
      throw new Error(`another running process has ${path}: give each its own --state`);
    unlinkSync(path);
    await listenOnce(unix, path);
  }
}

function listenOnce(unix: Server, path: string): Promise<void> {
  // The file is made within the call: nobody else can connect between its making and its mode.
  const before = process.umask(0o177);
  return new Promise<void>((resolve, reject) => {
    unix.once('error', reject);
    unix.listen(path, () => {
      unix.off('error', reject);
      chmodSync(path, 0o600);
      resolve();
    });
    process.umask(before);
  });
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
