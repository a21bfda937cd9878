import type { IncomingMessage, ServerResponse } from 'node:http';
import { OperatorError, type OperatorErrorCode, type Problem } from '../base/errors.ts';
import { StoreError } from '../store/store.ts';
import { packed } from './codings.ts';

/** What a route gives back. */
export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** In place of the body: who takes the response over, writes to it and ends it. */
  readonly stream?: (response: ServerResponse) => void;
}

/** Nothing but what comes from here may load; nothing may frame the page or be sent from it. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
const BODY_OCTETS_MAX = 16_384;

/** A JSON reply. */
export function jsonReply(value: unknown, status = 200): Reply {
  return { status, type: 'application/json; charset=utf-8', body: `${JSON.stringify(value)}\n` };
}

/** A reply in plain text. */
export function textReply(text: string, status = 200): Reply {
  return { status, type: 'text/plain; charset=utf-8', body: `${text}\n` };
}

/** Faults of a request, all at once. */
export function problemReply(
  status: number,
  messages: readonly string[],
  code: OperatorErrorCode = 'bad-usage',
): Reply {
  const problems: Problem[] = messages.map((message) => ({ file: 'request', message }));
  return jsonReply({ code, problems }, status);
}

const STATUS_BY_CODE: Readonly<Partial<Record<OperatorErrorCode, number>>> = {
  'bad-usage': 400,
  'not-found': 404,
  'not-permitted': 403,
  'store-unreachable': 503,
};

/** The reply to an operator's error; undefined for an error that nobody foresaw. */
export function errorReply(error: unknown): Reply | undefined {
  if (error instanceof StoreError) return problemReply(503, [error.message], 'store-unreachable');
  if (!(error instanceof OperatorError)) return undefined;
  const { code, problems } = error;
  return jsonReply({ code, problems }, STATUS_BY_CODE[code] ?? 500);
}

/** Writes a reply, packed where it is long and the client takes that; without the body for HEAD. */
export async function send(response: ServerResponse, reply: Reply, request: IncomingMessage): Promise<void> {
  // What has a tag has variants of its own.
  const isPlain = reply.stream === undefined && reply.headers?.['etag'] === undefined;
  const short = isPlain ? await packed(reply.body, request.headers['accept-encoding']) : undefined;
  const coded = { 'content-encoding': 'gzip', vary: 'accept-encoding' };
  if (short === undefined) write(response, reply, request.method);
  else write(response, { ...reply, body: short, headers: { ...reply.headers, ...coded } }, request.method);
}

function write(response: ServerResponse, reply: Reply, method: string | undefined): void {
  response.writeHead(reply.status, {
    'content-type': reply.type,
    ...(reply.stream === undefined && reply.status !== 304
      ? { 'content-length': Buffer.byteLength(reply.body) }
      : {}),
    'cache-control': 'no-store',
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    ...reply.headers,
  });
  if (method === 'HEAD') response.end();
  else if (reply.stream === undefined) response.end(reply.body);
  else reply.stream(response);
}

/** The JSON body of a request (an empty one is `{}`), or the reply that says what is wrong with it. */
export async function readJson(request: IncomingMessage): Promise<{ value: unknown } | Reply> {
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') return problemReply(415, ['the Content-Type must be application/json']);
  const chunks: Buffer[] = [];
  let octets = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      octets += chunk.length;
      if (octets > BODY_OCTETS_MAX)
        return {
          ...problemReply(413, [`the body is longer than ${BODY_OCTETS_MAX} octets`]),
          headers: CLOSE,
        };
      chunks.push(chunk);
    }
  } catch {
    // The client went away in the middle of its request: no error of ours, and nobody is left to read this.
    return { ...problemReply(400, ['the body was cut off']), headers: CLOSE };
  }
  const text = Buffer.concat(chunks).toString('utf8');
  try {
    return { value: text.trim() === '' ? {} : (JSON.parse(text) as unknown) };
  } catch (error) {
    return problemReply(400, [`the body is not JSON: ${(error as Error).message}`]);
  }
}

/** For a request that was not read to its end: what follows on the connection is not a request. */
const CLOSE = { connection: 'close' };
