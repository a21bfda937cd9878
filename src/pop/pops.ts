/**
 * Room `pop`: the points of presence themselves, on loopback addresses of this machine: HTTPS servers whose
 * page says which POP was reached and why. May import `base`, other pure rooms, and `store`.
 */

import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import { must } from '../base/assert.ts';
import type { Fleet, Link } from '../base/fleet.ts';
import { openDoors } from './doors.ts';
import { type ExplainChoice, type PopResponse, respond } from './request.ts';

/** What the POPs need. */
export interface PopOptions {
  readonly fleet: Fleet;
  /** TCP port of every POP. */
  readonly port: number;
  /** PEM certificate and key, for every POP. */
  readonly certificate: string;
  readonly key: string;
  readonly explain: ExplainChoice;
  /** Address of the beacon's script, for the example page; absent: there is none. */
  readonly beaconScript?: string | undefined;
  readonly log: (message: string) => void;
}

/** The POPs at work. */
export interface Pops {
  /** How many addresses are listened on when all POPs are up. */
  readonly addressCount: number;
  /**
   * Takes a POP down (its addresses refuse, its connections are cut) or up again. Asking twice changes
   * nothing.
   */
  readonly setUp: (popIndex: number, up: boolean) => Promise<void>;
  /** Requests answered since the start, by POP index. */
  readonly requests: () => readonly number[];
  /** Closes every address and cuts every connection. */
  readonly close: () => Promise<void>;
}

/** A connection that is silent so long is closed, in ms. */
const IDLE_LIMIT_MS = 30_000;
const HANDSHAKE_LIMIT_MS = 10_000;
const STREAMS_MAX = 100;

/**
 * Listens on every loopback address of the fleet, HTTP/1.1 and HTTP/2; links elsewhere are left out. Throws
 * `OperatorError` when an address cannot be had.
 */
export async function startPops(options: PopOptions): Promise<Pops> {
  const { fleet, log } = options;
  const links = fleet.links.filter(({ ipv4 }) => ipv4?.startsWith('127.') === true);
  const elsewhere = fleet.links.length - links.length;
  if (elsewhere > 0) log(`${elsewhere} links are not on loopback addresses: they are not served from here`);
  const byAddress = new Map(links.map((link) => [link.ipv4, link]));
  const requests = new Array<number>(fleet.pops.length).fill(0);
  const server = secureServer(options);
  server.on('request', (request, response) => {
    const link = byAddress.get(request.socket.localAddress ?? '');
    // The connection went between the request's last octet and now.
    if (link === undefined) return;
    requests[link.popIndex] = (requests[link.popIndex] ?? 0) + 1;
    serve(options, link, { request, response });
  });
  const doors = await openDoors({
    links,
    port: options.port,
    onConnection: (socket) => server.emit('connection', socket),
  });
  return {
    addressCount: links.length,
    setUp: doors.setOpen,
    requests: () => requests,
    close: doors.close,
  };
}

/** One server for all POPs: it never listens itself, connections are handed to it. */
function secureServer(options: PopOptions): Http2SecureServer {
  const server = createSecureServer({
    cert: options.certificate,
    key: options.key,
    allowHTTP1: true,
    minVersion: 'TLSv1.2',
    handshakeTimeout: HANDSHAKE_LIMIT_MS,
    settings: { maxConcurrentStreams: STREAMS_MAX, enablePush: false },
  });
  server.setTimeout(IDLE_LIMIT_MS);
  // What peers do wrong (no TLS, unknown protocol, broken frames) ends their connection and is nobody's news.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  server.on('clientError', (_error, socket) => socket.destroy());
  server.on('sessionError', () => undefined);
  return server;
}

function serve(
  options: PopOptions,
  link: Link,
  exchange: { readonly request: Http2ServerRequest; readonly response: Http2ServerResponse },
): void {
  const { request, response } = exchange;
  const pop = must(options.fleet.pops[link.popIndex], 'POP of a link');
  let answer: PopResponse;
  try {
    answer = respond(
      {
        method: request.method,
        target: request.url,
        headers: request.headers,
        protocol: request.httpVersionMajor === 2 ? 'HTTP/2' : 'HTTP/1.1',
        pop,
        link,
        peer: request.socket.remoteAddress ?? '',
        beaconScript: options.beaconScript,
      },
      options.explain,
      () => performance.now(),
    );
  } catch (error) {
    // The page is a window on the name server, and must not take it down.
    options.log(`${pop.code}: the page failed: ${(error as Error).stack}`);
    answer = {
      status: 500,
      headers: { 'content-type': 'text/plain' },
      body: 'the page failed, see the log\n',
    };
  }
  request.on('error', () => undefined);
  response.on('error', () => undefined);
  request.resume();
  response.writeHead(answer.status, answer.headers);
  if (request.method === 'HEAD') response.end();
  else response.end(answer.body);
}
