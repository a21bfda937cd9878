import { connect, type Socket } from 'node:net';
import { CONTROL, controlFrame, readControl } from '../wire/dnstap.ts';

/** A collector that takes frame streams over a Unix socket. */
export interface DnstapSocket {
  /** A data frame; false while there is no collector, or it is too slow. */
  readonly put: (frame: Uint8Array) => boolean;
  readonly close: () => Promise<void>;
}

/** Octets that a slow collector may leave unread. */
const WAITING_MAX = 4 << 20;
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
  const open = (): void => {
    const opened = connect(path);
    socket = opened;
    isAccepted = false;
    let heard: Uint8Array = new Uint8Array();
    opened.on('connect', () => opened.write(controlFrame(CONTROL.READY)));
    opened.on('data', (octets) => {
      // The collector says one frame before the data, and one after.
      if (isAccepted) return;
      heard = Buffer.concat([heard, octets]);
      if (readControl(heard) !== CONTROL.ACCEPT) return;
      opened.write(controlFrame(CONTROL.START));
      isAccepted = true;
      retryMs = RETRY_MS;
      if (isTold) log(`dnstap: ${path} takes frames again`);
      isTold = false;
    });
    opened.on('error', (error) => {
      if (!isTold) log(`dnstap: ${path}: ${error.message}; frames are lost until it is back`);
      isTold = true;
    });
    opened.on('close', () => {
      isAccepted = false;
      if (isClosed) return;
      timer = setTimeout(open, retryMs);
      retryMs = Math.min(RETRY_MAX_MS, 2 * retryMs);
    });
  };
  open();
  return {
    put: (frame) => {
      if (!isAccepted || socket === undefined || socket.writableLength > WAITING_MAX) return false;
      socket.write(frame);
      return true;
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
