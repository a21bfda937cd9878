import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { contentRange, parseRanges } from './l2/ranges.ts';

/** An origin to try the POPs with: paths that may be cached, that change, that are slow, large, or fail. */
export interface DemoOrigin {
  readonly url: URL;
  /** Requests by path, since the start. */
  readonly requests: () => ReadonlyMap<string, number>;
  readonly close: () => Promise<void>;
}

const SLOW_MAX_MS = 10_000;
const LARGE_MAX_KIB = 65_536;
/** Paths told apart in the counts. */
const PATHS_MAX = 10_000;
/** Idle connections are kept longer than those who ask keep them: none ends under a request. */
const KEEP_ALIVE_MS = 75_000;

type Page = (request: IncomingMessage, response: ServerResponse, argument: string) => void;

/** First part of a path, what it does, and what gives it. */
const PAGES: readonly (readonly [name: string, about: string, page: Page])[] = [
  ['static', '/static/NAME: text that may be kept for an hour, with an ETag', staticText],
  ['fresh', '/fresh/SECONDS: fresh for so long, then used for a minute more while it is fetched anew', fresh],
  ['dynamic', '/dynamic: JSON that may not be kept', dynamic],
  ['language', '/language: varies by Accept-Language', language],
  ['slow', '/slow/MS: answers after so many milliseconds, at most 10,000', slow],
  ['large', '/large/KIB: so many KiB, at most 65,536, whole or in part', large],
  ['fail', '/fail/STATUS: that status; /fail/close: the connection ends', fail],
  ['echo', '/echo: what came in, with any method', echo],
];

/** Starts it on a free port of the loopback address. */
export async function startDemoOrigin(clock: Clock): Promise<DemoOrigin> {
  const counts = new Map<string, number>();
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://origin');
    if (counts.size < PATHS_MAX || counts.has(pathname))
      counts.set(pathname, (counts.get(pathname) ?? 0) + 1);
    const [, name = '', argument = ''] = pathname.split('/');
    response.setHeader('date', new Date(clock.nowMs()).toUTCString());
    const [, , page] = PAGES.find(([own]) => own === name) ?? [];
    if (page === undefined) notFound(response, pathname);
    else page(request, response, argument);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    requests: () => counts,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function give(response: ServerResponse, body: string, headers: Readonly<Record<string, string>>): void {
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', ...headers });
  response.end(body);
}

function notFound(response: ServerResponse, path: string): void {
  const list = PAGES.map(([, about]) => `  ${about}\n`).join('');
  response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'max-age=10' });
  response.end(`The demo origin has no ${path.replace(/[^!-~]/g, '?')}. It has:\n${list}`);
}

function staticText(request: IncomingMessage, response: ServerResponse, name: string): void {
  const body = `This is ${name || 'nothing in particular'}, from the demo origin.\n`.repeat(40);
  const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`;
  const headers = { etag, 'cache-control': 'public, max-age=3600', 'last-modified': SINCE };
  if (request.headers['if-none-match'] === etag) response.writeHead(304, headers).end();
  else give(response, body, headers);
}

const SINCE = 'Thu, 01 Jan 2026 00:00:00 GMT';

function fresh(_request: IncomingMessage, response: ServerResponse, argument: string): void {
  const seconds = numberOf(argument, 60, 86_400);
  give(response, `made at ${response.getHeader('date')}\n`, {
    'cache-control': `max-age=${seconds}, stale-while-revalidate=60, stale-if-error=600`,
  });
}

function dynamic(request: IncomingMessage, response: ServerResponse): void {
  const body = { at: response.getHeader('date'), for: request.headers['x-forwarded-for'] ?? '' };
  give(response, `${JSON.stringify(body)}\n`, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
  });
}

function language(request: IncomingMessage, response: ServerResponse): void {
  const german = /^\s*de\b/i.test(request.headers['accept-language'] ?? '');
  give(response, german ? 'Guten Tag\n' : 'Good day\n', {
    vary: 'accept-language',
    'content-language': german ? 'de' : 'en',
    'cache-control': 'max-age=300',
  });
}

function slow(_request: IncomingMessage, response: ServerResponse, argument: string): void {
  const waitMs = numberOf(argument, 500, SLOW_MAX_MS);
  setTimeout(() => give(response, `after ${waitMs} ms\n`, { 'cache-control': 'max-age=60' }), waitMs);
}

function large(request: IncomingMessage, response: ServerResponse, argument: string): void {
  const octets = numberOf(argument, 1024, LARGE_MAX_KIB) * 1024;
  const etag = `"large-${octets}"`;
  const { range, 'if-range': condition = etag } = request.headers;
  const [one, ...others] =
    range === undefined || condition !== etag ? [] : (parseRanges(range, octets) ?? []);
  const part = others.length === 0 ? one : undefined;
  const { first, last } = part ?? { first: 0, last: octets - 1 };
  response.writeHead(part === undefined ? 200 : 206, {
    'content-type': 'application/octet-stream',
    'content-length': String(last - first + 1),
    ...(part && { 'content-range': contentRange(part, octets) }),
    'accept-ranges': 'bytes',
    'cache-control': 'max-age=3600',
    etag,
  });
  let at = first;
  const more = (): void => {
    while (at <= last) {
      const from = at % LARGE_BLOCK.length;
      const block = LARGE_BLOCK.subarray(from, from + last + 1 - at);
      at += block.length;
      if (!response.write(block)) return void response.once('drain', more);
    }
    response.end();
  };
  more();
}

const LARGE_BLOCK = Buffer.alloc(1024, 'isochrone ');

function fail(_request: IncomingMessage, response: ServerResponse, argument: string): void {
  if (argument === 'close') return void response.socket?.destroy();
  response.writeHead(numberOf(argument, 503, 599), { 'content-type': 'text/plain' });
  response.end(`as asked: ${argument}\n`);
}

function echo(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  let octets = 0;
  request.on('data', (chunk: Buffer) => {
    octets += chunk.length;
    if (octets <= ECHO_OCTETS_MAX) chunks.push(chunk);
  });
  request.on('end', () => {
    const { method, url, headers } = request;
    const body = { method, url, headers, octets, body: Buffer.concat(chunks).toString('latin1') };
    give(response, `${JSON.stringify(body, undefined, 2)}\n`, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
    });
  });
}

const ECHO_OCTETS_MAX = 65_536;

function numberOf(text: string, otherwise: number, max: number): number {
  return /^\d{1,9}$/.test(text) ? Math.min(max, Number(text)) : otherwise;
}
