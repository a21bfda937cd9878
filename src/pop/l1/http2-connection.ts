import { performServerHandshake, type ServerHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { HeaderField } from '../headers.ts';
import { receives } from './body-watch.ts';
import { began, ended } from './connections.ts';
import type { ConnectionFacts } from './crew.ts';
import type { Exchange } from './exchange.ts';
import { sendHttp2 } from './http2-response.ts';

/** Requests of one connection that may be under way (RFC 9113 §6.5.2 would have no fewer than 100). */
const STREAMS_MAX = 100;

/**
 * Requests that a client may take back at once, and a second after that, before its connection ends
 * (CVE-2023-44487): a browser that leaves a page takes back all that are under way.
 */
const RESETS = { streamResetBurst: 2 * STREAMS_MAX, streamResetRate: 33 };

/** A head as HTTP/2 has it (RFC 9113 §8.3.1): its pseudo-header fields, and the others. */
export interface Http2Head {
  readonly method: string;
  readonly target: string;
  readonly authority: string;
  /** `Host` among them, whichever way it was said. */
  readonly headers: HeaderField[];
}

/**
 * Serves a connection whose client chose HTTP/2. Frames and HPACK are the library's, with its bounds against
 * floods; requests are taken from its streams, without the objects that it would make to look like HTTP/1.1.
 */
export function serveHttp2(socket: TLSSocket, facts: ConnectionFacts, exchange: Exchange): void {
  const session = performServerHandshake(socket, {
    settings: { maxConcurrentStreams: STREAMS_MAX, enablePush: false },
    ...RESETS,
    // What an origin says twice goes out twice, as over HTTP/1.1.
    strictSingleValueFields: false,
  });
  // Broken frames end the connection, and are nobody's news.
  session.on('error', () => undefined);
  session.on('stream', (stream, _headers, _flags, rawHeaders) => {
    stream.on('error', nothing);
    // Its client took it back already.
    if (stream.destroyed) return;
    const { connection } = facts;
    const beganMs = performance.now();
    began(connection, beganMs);
    stream.on('close', () => ended(connection));
    const head = readHttp2(rawHeaders);
    const hasBody = !stream.endAfterHeaders;
    if (hasBody) expectBody(stream, facts, head.headers);
    void exchange(facts, {
      ...head,
      httpVersion: '2',
      body: hasBody ? bodyOf(stream) : undefined,
      beganMs,
      send: (response) => sendHttp2(stream, response),
      end: () => session.close(),
    });
  });
}

/**
 * Reads a head out of names and values in turn. What the library lets pass is sound but for one thing: a
 * `Host` beside another `:authority`, of which two readers could make two sites. Both stand as `host` then,
 * which the RFC filter refuses. Cookies that came in several fields are one again (RFC 9113 §8.2.3).
 */
export function readHttp2(raw: readonly string[]): Http2Head {
  const headers: HeaderField[] = [];
  let [method, target, authority, host, cookie] = ['', '', '', '', ''];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const [name, value] = [raw[i] ?? '', raw[i + 1] ?? ''];
    if (name.charCodeAt(0) === COLON) {
      if (name === ':method') method = value;
      else if (name === ':path') target = value;
      else if (name === ':authority') authority = value;
    } else if (name === 'cookie') cookie += cookie === '' ? value : `; ${value}`;
    else {
      if (name === 'host') host = value;
      headers.push([name, value]);
    }
  }
  if (authority === '') authority = host;
  else if (host === '' || host.toLowerCase() !== authority.toLowerCase()) headers.push(['host', authority]);
  if (cookie !== '') headers.push(['cookie', cookie]);
  return { method, target, authority, headers };
}

const COLON = 0x3a;

const nothing = (): void => undefined;

/** Says that the body may come where the client waits for that, and counts it as coming in. */
function expectBody(
  stream: ServerHttp2Stream,
  facts: ConnectionFacts,
  headers: readonly HeaderField[],
): void {
  receives(facts.connection, stream);
  for (const [name, value] of headers)
    if (name === 'expect' && value.toLowerCase() === '100-continue')
      stream.additionalHeaders({ ':status': 100 });
}

/** Whoever leaves it early must not take the answer's way with it: both have the same stream. */
function bodyOf(stream: ServerHttp2Stream): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => stream.iterator({ destroyOnReturn: false }) };
}
