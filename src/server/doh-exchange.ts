import type { Readable } from 'node:stream';
import type { Outcome } from '../answer/context.ts';
import { freshness } from '../wire/freshness.ts';
import { countOctets } from './counters.ts';
import type { Connection, Shared } from './tcp-connection.ts';

/** DNS over HTTPS (RFC 8484), whatever version of HTTP carries it: a request in, a reply out. */

/** What answering over HTTPS needs; one a listener. */
export interface Doh {
  readonly shared: Shared;
  /** Path of the resource: `/dns-query`. */
  readonly path: string;
  /** What the handler decided last. */
  readonly outcome: Readonly<Outcome>;
}

/** The head of a request. */
export interface Request {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly contentType: string | undefined;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Not to be sent where the request was HEAD. */
  readonly body: Uint8Array;
}

/** Longest query that is taken, octets: as over UDP. */
const DOH_QUERY_MAX = 4096;
const MEDIA_TYPE = 'application/dns-message';
const PARAMETER = 'dns=';
/** Characters of base64url for so many octets. */
const TEXT_MAX = Math.ceil((DOH_QUERY_MAX * 4) / 3);
const BASE64URL = /^[A-Za-z0-9_-]*$/;

/** Refuses a body. */
const TOO_LONG: Reply = refusal(413, `a query has at most ${DOH_QUERY_MAX} octets`);

/** The query that the head holds; `body` if that holds it; or the reply that refuses it. */
export function readRequest({ path }: Doh, request: Request): Buffer | 'body' | Reply {
  const { method, target, contentType } = request;
  const question = target.indexOf('?');
  if ((question < 0 ? target : target.slice(0, question)) !== path) return refusal(404, 'nothing is here');
  if (method === 'POST') {
    const type = contentType?.split(';', 1)[0]?.trim().toLowerCase();
    return type === MEDIA_TYPE ? 'body' : refusal(415, `a query is sent as ${MEDIA_TYPE}`);
  }
  if (method !== 'GET' && method !== 'HEAD')
    return refusal(405, 'queries are sent with GET or POST', { allow: 'GET, HEAD, POST' });
  return readParameter(question < 0 ? '' : target.slice(question + 1));
}

/** Reads the body to its end; `ready` is called once, and never for one that breaks off. */
export function readBody(body: Readable, ready: (query: Buffer | Reply) => void): void {
  const chunks: Buffer[] = [];
  let length = 0;
  body.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= DOH_QUERY_MAX) chunks.push(chunk);
    else if (length - chunk.length <= DOH_QUERY_MAX) ready(TOO_LONG);
  });
  body.on('end', () => {
    if (length <= DOH_QUERY_MAX) ready(Buffer.concat(chunks));
  });
}

/** Answers a query; a reply that refuses it comes back as it is. */
export function replyTo(doh: Doh, connection: Connection, query: Buffer | Reply): Reply {
  if ('status' in query) return query;
  const { shared, outcome } = doh;
  const { client } = connection;
  if (query.length > DOH_QUERY_MAX) return TOO_LONG;
  shared.query.set(query);
  const length = shared.handle(shared.query, query.length, client, shared.response);
  countOctets(shared.counters, client.transport, query.length, Math.max(0, length));
  if (length === 0) return refusal(400, 'this is no DNS query');
  if (length < 0) return refusal(503, 'this query is not answered now');
  connection.queries++;
  connection.lastQueryMs = performance.now();
  const { buffer, byteOffset } = shared.response;
  return {
    status: 200,
    headers: {
      'content-type': MEDIA_TYPE,
      'content-length': String(length),
      'cache-control': cacheControl(freshness(new DataView(buffer, byteOffset, length)), outcome),
    },
    body: Buffer.from(shared.response.subarray(0, length)),
  };
}

/** A reply that gives no answer, with the reason for people. */
function refusal(status: number, why: string, headers: Record<string, string> = {}): Reply {
  const body = Buffer.from(`${why}\n`);
  const type = { 'content-type': 'text/plain; charset=utf-8', 'content-length': String(body.length) };
  return { status, headers: { ...type, 'cache-control': 'no-store', ...headers }, body };
}

/** The value of the only parameter `dns`: base64url without padding (RFC 8484 §4.1). */
function readParameter(query: string): Buffer | Reply {
  const values = query.split('&').filter((part) => part.startsWith(PARAMETER));
  const text = values[0]?.slice(PARAMETER.length);
  if (text === undefined || values.length > 1) return refusal(400, 'the parameter dns is needed, once');
  if (text.length > TEXT_MAX) return refusal(414, `a query has at most ${DOH_QUERY_MAX} octets`);
  if (!BASE64URL.test(text) || text.length % 4 === 1)
    return refusal(400, 'the parameter dns is not base64url without padding');
  return Buffer.from(text, 'base64url');
}

/**
 * What HTTP caches may do (RFC 8484 §5.1). An answer that was steered by the address that the query came from
 * is for no other client's.
 */
function cacheControl(seconds: number, outcome: Readonly<Outcome>): string {
  if (seconds < 0) return 'no-store';
  const isSteered = outcome.serviceIndex >= 0 || outcome.steeredBeside;
  const isPersonal = isSteered && !outcome.usedEcs;
  return isPersonal ? `private, max-age=${seconds}` : `max-age=${seconds}`;
}
