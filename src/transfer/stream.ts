import { connect, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { connectTls, type PeerTls, tlsFault } from './tls.ts';

/** A connection to a name server, over TCP or TLS, message by message. */
export interface MessageStream {
  /** Sends one message. */
  readonly send: (message: Uint8Array) => void;
  /** The next message that comes. Rejects when the other side ends, is silent too long, or is cut off. */
  readonly next: () => Promise<Uint8Array>;
  readonly close: () => void;
}

export interface StreamOptions {
  readonly host: string;
  readonly port: number;
  /** Absent: TCP alone. */
  readonly tls?: PeerTls | undefined;
  /** Time for the connection, and then for each message, ms. */
  readonly silenceMs: number;
  /** Aborted when the whole takes too long, or is no longer wanted. */
  readonly signal: AbortSignal;
}

/** Messages that wait for their reader; then the other side waits. */
const WAITING_MAX = 16;
const LENGTH_OCTETS = 2;

/** Connects. What goes wrong is told by `next`. */
export function openStream({ host, port, tls, silenceMs, signal }: StreamOptions): MessageStream {
  const socket = tls === undefined ? connect({ host, port }) : connectTls({ host, port }, tls);
  /** What waits until it is known who has answered. */
  let unsent: Uint8Array[] | undefined = tls === undefined ? undefined : [];
  const waiting: Uint8Array[] = [];
  let held = Buffer.alloc(0);
  let ended: Error | undefined;
  let wanted: PromiseWithResolvers<Uint8Array> | undefined;
  const end = (error: Error): void => {
    ended ??= error;
    wanted?.reject(ended);
    wanted = undefined;
    socket.destroy();
  };
  const abort = (): void => end(new Error('it took too long'));
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  socket.setTimeout(silenceMs, () => end(new Error(`no message within ${silenceMs / 1000} s`)));
  socket.on('error', end);
  if (tls !== undefined && socket instanceof TLSSocket)
    socket.on('secureConnect', () => {
      const fault = tlsFault(socket, tls);
      if (fault !== undefined) return end(new Error(fault));
      for (const message of unsent ?? []) write(socket, message);
      unsent = undefined;
    });
  socket.on('close', () => {
    signal.removeEventListener('abort', abort);
    end(new Error('the other side ended the connection'));
  });
  socket.on('data', (chunk) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    let at = 0;
    while (held.length - at >= LENGTH_OCTETS) {
      const stop = at + LENGTH_OCTETS + held.readUInt16BE(at);
      if (stop > held.length) break;
      waiting.push(Uint8Array.from(held.subarray(at + LENGTH_OCTETS, stop)));
      at = stop;
    }
    held = held.subarray(at);
    give();
    if (waiting.length > WAITING_MAX) socket.pause();
  });
  const give = (): void => {
    if (wanted === undefined || waiting.length === 0) return;
    wanted.resolve(waiting.shift() as Uint8Array);
    wanted = undefined;
  };
  return {
    send: (message) => {
      if (unsent === undefined) write(socket, message);
      else unsent.push(message);
    },
    next: () => {
      if (ended !== undefined && waiting.length === 0) return Promise.reject(ended);
      wanted = Promise.withResolvers<Uint8Array>();
      const { promise } = wanted;
      give();
      if (waiting.length === 0) socket.resume();
      return promise;
    },
    close: () => end(new Error('closed')),
  };
}

function write(socket: Socket, message: Uint8Array): void {
  const framed = Buffer.alloc(LENGTH_OCTETS + message.length);
  framed.writeUInt16BE(message.length);
  framed.set(message, LENGTH_OCTETS);
  socket.write(framed);
}
