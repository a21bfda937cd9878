import { connect, type Socket } from 'node:net';
import { CONTROL, controlFrame, readControl } from '../wire/dnstap.ts';

/** A collector that takes frame streams over a Unix socket. */
export interface DnstapSocket {
  /**
   * Whole data frames. `done` is told once whether the collector's socket took them: not while there is none,
   * or it is too slow.
   */
  readonly put: (frames: Uint8Array, done: (isTaken: boolean) => void) => void;
  readonly close: () => Promise<void>;
}

/** Octets that a slow collector may leave unread. */
const WAITING_MAX = 4 << 20;
/** Octets of the collector's first word at most (Frame Streams, `FSTRM_CONTROL_FRAME_LENGTH_MAX`: 512). */
const ACCEPT_MAX = 1024;
/** Time for that word, ms. */
const ACCEPT_MS = 5_000;
/** Time until the next try to connect; twice as long each time, to the second. */
const RETRY_MS = 250;
const RETRY_MAX_MS = 10_000;
/** Time for the collector's last word, ms. */
const FINISH_MS = 500;

/** Connects, and again whenever it is gone: READY, ACCEPT, START, data, STOP (Frame Streams, both ways). */
export function openDnstapSocket(path: string, log: (message: string) => void): DnstapSocket {
  let socket: Socket | undefined;
  let isAccepted = false;
  let isClosed = false;
  let retryMs = RETRY_MS;
  let isTold = false;
  let timer: NodeJS.Timeout | undefined;
  const tell = (why: string): void => {
    if (!isTold && !isClosed) log(`dnstap: ${path}: ${why}; frames are lost until it is back`);
    isTold = true;
  };
  const open = (): void => {
    const opened = connect(path);
    socket = opened;
    isAccepted = false;
    let heard: Uint8Array = new Uint8Array();
    const late = setTimeout(
      () => opened.destroy(new Error('the collector does not accept dnstap')),
      ACCEPT_MS,
    );
    opened.on('connect', () => opened.write(controlFrame(CONTROL.READY)));
    opened.on('data', (octets) => {
      // The collector says one frame before the data, and one after.
      if (isAccepted) return;
      heard = Buffer.concat([heard, octets]);
      const word = readControl(heard);
      // A control frame begins with four octets of nought.
      const isNone = heard.length >= ACCEPT_MAX || heard.subarray(0, 4).some((octet) => octet !== 0);
      if (word === undefined && !isNone) return;
      if (word !== CONTROL.ACCEPT) {
        opened.destroy(new Error('the collector speaks no frame streams'));
        return;
      }
      clearTimeout(late);
      opened.write(controlFrame(CONTROL.START));
      isAccepted = true;
      retryMs = RETRY_MS;
      if (isTold) log(`dnstap: ${path} takes frames again`);
      isTold = false;
    });
    opened.on('error', (error) => tell(error.message));
    opened.on('close', () => {
      clearTimeout(late);
      isAccepted = false;
      if (isClosed) return;
      tell('the collector went away');
      timer = setTimeout(open, retryMs);
      retryMs = Math.min(RETRY_MAX_MS, 2 * retryMs);
    });
  };
  open();
  return {
    put: (frames, done) => {
      if (!isAccepted || socket === undefined || socket.writableLength > WAITING_MAX) done(false);
      else socket.write(frames, (error) => done(error === null || error === undefined));
    },
    close: async () => {
      isClosed = true;
      clearTimeout(timer);
      const last = socket;
      if (last === undefined || last.destroyed) return;
      const gone = new Promise<void>((resolve) => last.once('close', () => resolve()));
      if (isAccepted) last.end(controlFrame(CONTROL.STOP));
      const late = setTimeout(() => last.destroy(), isAccepted ? FINISH_MS : 0);
      await gone;
      clearTimeout(late);
    },
  };
}
