import { constants, performServerHandshake, type ServerHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { type Doh, type Reply, readBody, readRequest, replyTo } from './doh-exchange.ts';
import type { Connection } from './tcp-connection.ts';

/** Requests of one connection that may be under way (RFC 9113 §6.5.2 would have no fewer than 100). */
const STREAMS_MAX = 100;
/** Longest list of headers of a request, octets: a long query in its path, and what browsers add. */
const HEADERS_MAX = 16_384;
/** Memory that one connection may take in the library, MB. */
const SESSION_MB_MAX = 1;
const NO_ERROR = constants.NGHTTP2_NO_ERROR;

interface Session {
  readonly doh: Doh;
  readonly connection: Connection;
  /** Streams that are open. */
  open: number;
  /** Replies that wait for their turn. */
  readonly waiting: (() => void)[];
  /** A reply was given in this turn. */
  hasReplied: boolean;
}

/** Speaks HTTP/2 on a stream whose client asked for that. */
export function speakH2(doh: Doh, connection: Connection, socket: TLSSocket): void {
  const h2 = performServerHandshake(socket, {
    settings: { enablePush: false, maxConcurrentStreams: STREAMS_MAX, maxHeaderListSize: HEADERS_MAX },
    maxSessionMemory: SESSION_MB_MAX,
  });
  const session: Session = { doh, connection, open: 0, waiting: [], hasReplied: false };
  connection.goodbye = () => h2.close();
  h2.on('error', () => {
    connection.closing ??= 'error';
    h2.destroy();
  });
  h2.on('stream', (stream, headers) => {
    if (session.open++ === 0) connection.partialSinceMs = performance.now();
    // One that goes on makes progress: only if none of them ends, the client is too slow.
    stream.on('close', () => {
      connection.partialSinceMs = --session.open === 0 ? 0 : performance.now();
    });
    stream.on('error', () => stream.destroy());
    const method = String(headers[':method']);
    const request = {
      method,
      target: String(headers[':path'] ?? ''),
      contentType: headers['content-type'],
    };
    const query = readRequest(doh, request);
    if (query === 'body')
      readBody(stream, (body) => inTurn(session, () => answer(session, stream, { method, query: body })));
    else inTurn(session, () => answer(session, stream, { method, query }));
  });
}

function answer(
  { doh, connection }: Session,
  stream: ServerHttp2Stream,
  { method, query }: { readonly method: string; readonly query: Buffer | Reply },
): void {
  if (stream.destroyed || stream.closed) return;
  const { status, headers, body } = replyTo(doh, connection, query);
  stream.respond({ ...headers, ':status': status });
  stream.end(method === 'HEAD' ? undefined : body);
  // What is still to come of its body is not wanted (RFC 9113 §8.1).
  if (!stream.endAfterHeaders && !stream.readableEnded) stream.close(NO_ERROR);
}

/**
 * One reply of a connection a turn, so that each goes out in a record of its own: a slow reader holds few,
 * others are served in between, and clients that take a record for a reply, as dnsperf 2.10 does, get what
 * they expect.
 */
function inTurn(session: Session, reply: () => void): void {
  if (session.hasReplied) return void session.waiting.push(reply);
  session.hasReplied = true;
  setImmediate(() => nextTurn(session));
  reply();
}

function nextTurn(session: Session): void {
  session.hasReplied = false;
  const reply = session.waiting.shift();
  if (reply !== undefined) inTurn(session, reply);
}
