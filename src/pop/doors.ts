import { createServer, type Server, type Socket } from 'node:net';
import { OperatorError, type Problem } from '../base/errors.ts';
import type { Link } from '../base/fleet.ts';

/** The addresses that the POPs listen on, each of which can be shut and opened by its POP. */
export interface Doors {
  /**
   * Opens or shuts all addresses of a POP; shutting cuts the connections. Throws `OperatorError` as
   * `openDoors`.
   */
  readonly setOpen: (popIndex: number, open: boolean) => Promise<void>;
  /** Shuts everything for good. */
  readonly close: () => Promise<void>;
}

/** An address that a link has, in presentation form. */
export interface DoorAddress {
  readonly link: Link;
  readonly address: string;
}

/** What `openDoors` needs. */
export interface DoorOptions {
  readonly addresses: readonly DoorAddress[];
  readonly port: number;
  /** An address is listened on, by this descriptor. */
  readonly onListening?: ((fd: number) => void) | undefined;
  /** A connection came in at the link. */
  readonly onConnection: (socket: Socket, link: Link) => void;
}

interface Door extends DoorAddress {
  readonly sockets: Set<Socket>;
  server: Server | undefined;
}

/**
 * Listens on every address. Throws `OperatorError` with every address that cannot be had,
 * listening on none.
 */
export async function openDoors(options: DoorOptions): Promise<Doors> {
  const doors = options.addresses.map((one): Door => ({ ...one, sockets: new Set(), server: undefined }));
  const admit = (door: Door, socket: Socket) => {
    door.sockets.add(socket);
    socket.once('close', () => door.sockets.delete(socket));
    // A peer that resets its connection is no error of ours; the server above hears of it too.
    socket.on('error', () => socket.destroy());
    options.onConnection(socket, door.link);
  };
  // Changes follow each other: of opening and shutting one POP the last one asked for holds.
  let turn: Promise<void> = Promise.resolve();
  const afterOthers = (change: () => Promise<void>): Promise<void> => {
    const result = turn.then(change);
    turn = result.catch(() => undefined);
    return result;
  };
  let closed = false;
  const setOpen = (popIndex: number, open: boolean) =>
    afterOthers(async () => {
      const own = doors.filter(({ link }) => link.popIndex === popIndex);
      if (open && !closed) await openThese(own, options, admit);
      else await Promise.all(own.map(shut));
    });
  await openThese(doors, options, admit);
  return {
    setOpen,
    close: () => {
      closed = true;
      return afterOthers(async () => {
        await Promise.all(doors.map(shut));
      });
    },
  };
}

async function openThese(
  doors: readonly Door[],
  options: DoorOptions,
  admit: (door: Door, socket: Socket) => void,
): Promise<void> {
  const shutOnes = doors.filter(({ server }) => server === undefined);
  const failures = await Promise.all(shutOnes.map((door) => open(door, options, admit)));
  const failed = failures.filter((failure) => failure !== undefined);
  if (failed.length === 0) return;
  await Promise.all(shutOnes.map(shut));
  throw new OperatorError(
    failed.some(({ code }) => code === 'EADDRINUSE') ? 'port-in-use' : 'not-permitted',
    listenProblems(failed, options.port),
  );
}

function open(
  door: Door,
  { port, onListening }: DoorOptions,
  admit: (door: Door, socket: Socket) => void,
): Promise<ListenFailure | undefined> {
  return new Promise((resolve) => {
    const server = createServer({ noDelay: true }, (socket) => admit(door, socket));
    const { address: host } = door;
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve({ address: host, code: error.code ?? '', message: error.message });
    });
    server.listen({ host, port }, () => {
      door.server = server;
      // Node tells the descriptor nowhere else.
      const { _handle: handle } = server as unknown as { _handle?: { fd?: number } };
      if (handle?.fd !== undefined && handle.fd >= 0) onListening?.(handle.fd);
      // After this only accept() can fail (too many open files): the next connection may succeed.
      server.on('error', () => undefined);
      resolve(undefined);
    });
  });
}

function shut(door: Door): Promise<void> {
  const { server } = door;
  door.server = undefined;
  for (const socket of door.sockets) socket.destroy();
  return new Promise((resolve) => {
    if (server === undefined) resolve();
    else server.close(() => resolve());
  });
}

interface ListenFailure {
  readonly address: string;
  readonly code: string;
  readonly message: string;
}

/** One problem for each kind of failure: 300 addresses mostly fail for one reason. */
function listenProblems(failures: readonly ListenFailure[], port: number): Problem[] {
  const kinds = Map.groupBy(failures, ({ code }) => code);
  return Array.from(kinds, ([code, [first, ...others]]) => {
    const more = others.length === 0 ? '' : ` and ${others.length} other addresses`;
    const { address = '' } = first ?? {};
    const where = `${address.includes(':') ? `[${address}]` : address}:${port}${more}`;
    return { file: 'POPs', message: `cannot listen on ${where}: ${reason(code, first?.message ?? code)}` };
  });
}

function reason(code: string, message: string): string {
  if (code === 'EADDRINUSE')
    return 'the port is in use: is another `isochrone up` running? Choose another with --pop-port';
  if (code === 'EACCES') return 'ports below 1024 need rights that this process does not have';
  if (code === 'EADDRNOTAVAIL')
    return 'it is no address of this machine: Linux has all of 127.0.0.0/8, others need an alias';
  return message;
}
