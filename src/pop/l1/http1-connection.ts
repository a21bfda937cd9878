import type { TLSSocket } from 'node:tls';
import { began, ended } from './connections.ts';
import type { ConnectionFacts } from './crew.ts';
import type { Exchange } from './exchange.ts';
import { HEAD_MAX, readHttp1 } from './http1-request.ts';
import { sendHttp1 } from './http1-response.ts';
import { writableAgain } from './send.ts';

/** What a connection of HTTP/1.1 needs. */
export interface Http1Options {
  readonly facts: ConnectionFacts;
  readonly exchange: Exchange;
  /** Gives the connection to a complete parser, which answers what comes from now on. */
  readonly handOver: () => void;
}

/** A head in more pieces than this is for the complete parser: no text is looked at again and again. */
const PIECES_MAX = 4;

/**
 * Serves a connection of HTTP/1.1 as long as nothing but plain GET and HEAD come on it, one after the other:
 * what is in a cache goes out in one write. The first request that is anything else goes to the complete
 * parser, and with it the connection.
 */
export function serveHttp1(socket: TLSSocket, options: Http1Options): void {
  new Http1Connection(socket, options).begin();
}

class Http1Connection {
  readonly #socket: TLSSocket;
  readonly #options: Http1Options;
  /** What came and is not read yet. */
  #rest: Buffer = Buffer.alloc(0);
  #pieces = 0;
  /** A request is under way, or the client does not take what it was sent. */
  #isBusy = false;

  constructor(socket: TLSSocket, options: Http1Options) {
    this.#socket = socket;
    this.#options = options;
  }

  begin(): void {
    const socket = this.#socket;
    socket.on('data', this.#onData);
    // A peer that resets its connection is no error of ours.
    socket.on('error', this.#onError);
  }

  readonly #onError = (): void => void this.#socket.destroy();

  readonly #onData = (chunk: Buffer): void => {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#pieces++;
    if (!this.#isBusy) this.#work();
    else if (this.#rest.length > HEAD_MAX) this.#socket.pause();
  };

  /** Answers what is there, as far as it goes without waiting. */
  #work(): void {
    const socket = this.#socket;
    const text = this.#rest.toString('latin1');
    let at = 0;
    let isCorked = false;
    while (at < text.length && !this.#isBusy && socket.writable) {
      const read = this.#pieces > PIECES_MAX ? 'other' : readHttp1(text, at);
      if (read === 'more') break;
      if (read === 'other') {
        this.#keepFrom(at);
        if (isCorked) socket.uncork();
        this.#handOver();
        return;
      }
      at = read.end;
      this.#pieces = 1;
      // Several answers go out together.
      if (at < text.length && !isCorked) {
        isCorked = true;
        socket.cork();
      }
      this.#answer(read);
    }
    this.#keepFrom(at);
    if (isCorked) socket.uncork();
    if (this.#rest.length === 0) this.#pieces = 0;
  }

  #answer({ method, target, authority, headers }: Exclude<ReturnType<typeof readHttp1>, string>): void {
    const socket = this.#socket;
    const { facts, exchange } = this.#options;
    const { connection } = facts;
    const beganMs = performance.now();
    began(connection, beganMs);
    const under = exchange(facts, {
      method,
      target,
      authority,
      headers,
      httpVersion: '1.1',
      body: undefined,
      beganMs,
      send: (response, nowMs) => sendHttp1(socket, response, { isHead: method === 'HEAD', nowMs }),
      end: () => void socket.end(),
    });
    if (under === undefined && !socket.writableNeedDrain) {
      ended(connection);
      return;
    }
    this.#isBusy = true;
    void (under ?? Promise.resolve()).then(() => writableAgain(socket)).then(this.#goOn);
  }

  readonly #goOn = (): void => {
    ended(this.#options.facts.connection);
    this.#isBusy = false;
    if (this.#socket.isPaused()) this.#socket.resume();
    if (this.#rest.length > 0) this.#work();
  };

  #keepFrom(at: number): void {
    if (at > 0) this.#rest = this.#rest.subarray(at);
  }

  #handOver(): void {
    const socket = this.#socket;
    socket.pause();
    socket.off('data', this.#onData);
    socket.off('error', this.#onError);
    socket.unshift(this.#rest);
    this.#options.handOver();
    socket.resume();
  }
}
