import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Prefix } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { OperatorErrorCode } from '../base/errors.ts';
import { type Endpoint, formatEndpoint } from '../config/scalars.ts';
import { StoreError } from '../store/store.ts';
import type { Beacon, BeaconCounts } from './beacon.ts';
import { listenHttp, type TlsFiles } from './ingest-listen.ts';
import {
  INGEST_PATH,
  INGEST_ROUTES,
  type IngestReply,
  type IngestRoute,
  type IngestStore,
  storeTimeMs,
  TIME_HEADER,
} from './ingest-routes.ts';
import { senderOf } from './ingest-sender.ts';
import type { Tokens } from './ingest-tokens.ts';
import { createRateBound, type RateBound } from './rate-bound.ts';

/** What the listener needs. */
export interface IngestOptions {
  readonly listen: Endpoint;
  /** PEM; absent: plain HTTP. */
  readonly tls?: TlsFiles | undefined;
  /** Lets a process that replaces this one listen there as well. */
  readonly isShared?: boolean;
  readonly tokens: Tokens;
  /** Whose X-Forwarded-For is believed. */
  readonly proxies: readonly Prefix[];
  readonly store: IngestStore;
  /** Absent: browsers are not served. */
  readonly beacon?: Beacon | undefined;
  readonly clock: Clock;
  /** Told of errors that nobody foresaw; the client gets a 500. */
  readonly onError: (error: unknown) => void;
}

/** A running listener. */
export interface Ingest {
  readonly endpoint: Endpoint;
  /** `https://127.0.0.1:5381`. */
  readonly url: string;
  /** Requests since the start, by status. */
  readonly replies: () => Readonly<Record<number, number>>;
  /** What browsers posted; undefined where they are not served. */
  readonly beacons: () => BeaconCounts | undefined;
  /** Stops listening and ends every connection. */
  readonly close: () => Promise<void>;
}

/** Bodies of agents, and posts of browsers, that are being read or written at a time. */
const UNDER_WAY = { agents: 64, browsers: 64 };
/** The same of one agent: whoever is slow, or means ill, leaves room for the others. */
const UNDER_WAY_OF_ONE = 8;
/** Requests of one agent in a minute: more than 100 a second. */
const AGENT_REQUESTS_PER_MINUTE = 6_000;
const POPS_MAX = 2_000;
const BEACON_OCTETS_MAX = 4_096;
const BEACON_FLUSH_MS = 500;

/**
 * Takes what agents send who have no way to the store, and what browsers measured. Throws `OperatorError`:
 * `port-in-use`, `not-permitted`, `bad-config` for a certificate that cannot be used.
 */
export async function startIngest(options: IngestOptions): Promise<Ingest> {
  const { listen, tls, isShared = false, beacon, onError } = options;
  const replies: Record<number, number> = {};
  const answering: Answering = {
    ...options,
    rates: createRateBound({ perMinute: AGENT_REQUESTS_PER_MINUTE, keysMax: POPS_MAX }),
    underWay: { agents: 0, browsers: 0 },
    underWayOf: new Map(),
  };
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    // A client that goes away while it is answered is no error of ours.
    response.on('error', () => undefined);
    void answer(request, answering).then((reply) => {
      replies[reply.status] = (replies[reply.status] ?? 0) + 1;
      send(response, reply, answering);
    });
  };
  const { endpoint, close } = await listenHttp({ listen, tls, isShared, onRequest, onError });
  const timer = beacon && setInterval(() => void beacon.flush(), BEACON_FLUSH_MS);
  return {
    endpoint,
    url: `${tls === undefined ? 'http' : 'https'}://${formatEndpoint(endpoint)}`,
    replies: () => replies,
    beacons: () => beacon?.counts(),
    close: async () => {
      clearInterval(timer);
      await close();
      await beacon?.flush();
    },
  };
}

interface Answering extends IngestOptions {
  readonly rates: RateBound;
  readonly underWay: { agents: number; browsers: number };
  /** By POP, only those that have any. */
  readonly underWayOf: Map<string, number>;
}

interface FullReply extends IngestReply {
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Anybody's page may load the script and post times: they hold nothing that is secret. */
const OPEN = { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' };
/** For a request whose body was not read: what follows on the connection is not a request. */
const CLOSE = { connection: 'close' };
const AGAIN = { 'retry-after': '1' };

/** Never rejects: what goes wrong is a reply. */
async function answer(request: IncomingMessage, answering: Answering): Promise<FullReply> {
  try {
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    if (path === '/healthz') return { status: 204 };
    if (path.startsWith(INGEST_PATH)) {
      const route = INGEST_ROUTES.get(path.slice(INGEST_PATH.length));
      if (route !== undefined) return await answerAgent(request, { route, query }, answering);
    }
    if (answering.beacon !== undefined && (path === '/beacon.js' || path === '/beacon'))
      return await answerBrowser(request, path, { ...answering, beacon: answering.beacon });
    return { status: 404, faults: [`there is no ${JSON.stringify(path.slice(0, 80))}`], headers: CLOSE };
  } catch (error) {
    if (error instanceof StoreError) return { status: 503, faults: [error.message], headers: AGAIN };
    answering.onError(error);
    return { status: 500, faults: ['an internal error, which is in the log'], headers: CLOSE };
  }
}

async function answerAgent(
  request: IncomingMessage,
  { route, query }: { readonly route: IngestRoute; readonly query: string },
  answering: Answering,
): Promise<FullReply> {
  const { tokens, rates, underWay, underWayOf, store, clock } = answering;
  if (request.method !== 'POST') return notAllowed('POST');
  const token = /^Bearer +(\S{1,256})$/i.exec(request.headers.authorization ?? '')?.[1];
  const pop = token === undefined ? undefined : tokens.popOf(token);
  if (pop === undefined) {
    const why = token === undefined ? 'a token is needed: Authorization: Bearer TOKEN' : 'the token is wrong';
    return { status: 401, faults: [why], headers: { ...CLOSE, 'www-authenticate': 'Bearer' } };
  }
  if (!rates.take(pop, 1, clock.nowMs()))
    return { status: 429, faults: [`${pop}: too many requests`], headers: { ...CLOSE, ...AGAIN } };
  const own = underWayOf.get(pop) ?? 0;
  if (underWay.agents >= UNDER_WAY.agents || own >= UNDER_WAY_OF_ONE)
    return { status: 503, faults: ['too many requests at a time'], headers: { ...CLOSE, ...AGAIN } };
  underWay.agents++;
  underWayOf.set(pop, own + 1);
  try {
    const text = await readBody(request, route.octetsMax);
    if (typeof text !== 'string') return text;
    return await route.answer({ pop, text, isNews: query === 'news' }, store);
  } finally {
    underWay.agents--;
    const left = (underWayOf.get(pop) ?? 0) - 1;
    if (left > 0) underWayOf.set(pop, left);
    else underWayOf.delete(pop);
  }
}

async function answerBrowser(
  request: IncomingMessage,
  path: string,
  { beacon, proxies, underWay }: Answering & { readonly beacon: Beacon },
): Promise<FullReply> {
  const { method, headers, socket } = request;
  const client = senderOf(socket.remoteAddress, headers, proxies);
  if (client === undefined)
    return { status: 400, faults: ['the proxy does not say for whom it asks'], headers: CLOSE };
  if (path === '/beacon.js') {
    if (method !== 'GET' && method !== 'HEAD') return notAllowed('GET, HEAD');
    return {
      status: 200,
      body: beacon.script(client),
      type: 'text/javascript; charset=utf-8',
      headers: OPEN,
    };
  }
  if (method === 'OPTIONS')
    return {
      status: 204,
      headers: {
        ...OPEN,
        'access-control-allow-methods': 'POST',
        'access-control-allow-headers': 'content-type',
      },
    };
  if (method !== 'POST') return notAllowed('POST, OPTIONS');
  if (underWay.browsers >= UNDER_WAY.browsers)
    return { status: 503, faults: ['too many requests at a time'], headers: { ...CLOSE, ...AGAIN } };
  underWay.browsers++;
  try {
    const text = await readBody(request, BEACON_OCTETS_MAX);
    if (typeof text !== 'string') return { ...text, headers: { ...text.headers, ...OPEN } };
    const taken = beacon.take(client, parsed(text));
    if (taken === 'taken') return { status: 204, headers: OPEN };
    if (taken === 'too-much') return { status: 429, faults: ['enough for this minute'], headers: OPEN };
    return { status: 400, faults: taken, headers: OPEN };
  } finally {
    underWay.browsers--;
  }
}

/** What is no JSON is undefined, and so is refused with a reason. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function notAllowed(allow: string): FullReply {
  return { status: 405, faults: [`only ${allow}`], headers: { ...CLOSE, allow } };
}

/** The body as text, or the reply that says why it is not taken. */
async function readBody(request: IncomingMessage, octetsMax: number): Promise<string | FullReply> {
  const tooLong = { status: 413, faults: [`the body is longer than ${octetsMax} octets`], headers: CLOSE };
  if (Number(request.headers['content-length'] ?? 0) > octetsMax) return tooLong;
  const chunks: Buffer[] = [];
  let octets = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      octets += chunk.length;
      if (octets > octetsMax) return tooLong;
      chunks.push(chunk);
    }
  } catch {
    // The client went away in the middle of its request: nobody is left to read this.
    return { status: 400, faults: ['the body was cut off'], headers: CLOSE };
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, reply: FullReply, { store, clock }: Answering): void {
  const { status, faults, type = 'application/json', headers = {} } = reply;
  const body = faults === undefined ? reply.body : problemsOf(status, faults);
  response.writeHead(status, {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    [TIME_HEADER]: String(storeTimeMs(store, clock)),
    ...(body === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body) }),
    ...headers,
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

const CODES: Readonly<Record<number, OperatorErrorCode>> = {
  401: 'not-permitted',
  403: 'not-permitted',
  404: 'not-found',
  503: 'store-unreachable',
};

function problemsOf(status: number, faults: readonly string[]): string {
  const problems = faults.map((message) => ({ file: 'HTTP body', message }));
  return `${JSON.stringify({ code: CODES[status] ?? 'bad-data', problems })}\n`;
}
