import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { buildConnector, type Dispatcher, Pool } from 'undici';
import type { OriginTarget } from '../request-path.ts';

/** What is known of the connection that a request went over. */
export interface ConnectionFacts {
  /** How long it took to open, TLS included, ms. */
  readonly connectMs: number;
  /** Requests that went over it, this one among them. */
  requests: number;
}

/** Idle connections are kept so long, ms; origins that say so keep them shorter. */
const KEEP_ALIVE_MS = 60_000;
const HEADERS_OCTETS_MAX = 32_768;
/** Requests that wait for a connection of one pool; more are refused. */
const QUEUE_MAX = 10_000;

const factsOf = new WeakMap<object, ConnectionFacts>();
const socketOf = new WeakMap<object, object>();
let newest: object | undefined;
// undici tells which request went over which connection by these channels only.
subscribe('undici:request:create', (message) => {
  newest = (message as { request: object }).request;
});
subscribe('undici:client:sendHeaders', (message) => {
  const { request, socket } = message as { request: object; socket: object };
  socketOf.set(request, socket);
  const facts = factsOf.get(socket);
  if (facts !== undefined) facts.requests++;
});

/** The connections to one origin from one place. */
export interface OriginConnections {
  /** Sends a request; `facts` tells of its connection as soon as it went out. Rejects as undici does. */
  readonly send: (options: Dispatcher.RequestOptions) => {
    readonly response: ReturnType<Pool['request']>;
    readonly facts: () => ConnectionFacts | undefined;
  };
  readonly counts: () => { readonly opened: number; readonly open: number; readonly requests: number };
  /** Whether there is no room for another request to wait. */
  readonly isFull: () => boolean;
  /** Whether no request is under way. */
  readonly isIdle: () => boolean;
  /** Sends nothing more; ends once what is under way came. */
  readonly finish: () => Promise<void>;
  /** Ends what is under way. */
  readonly close: () => Promise<void>;
}

/** Opens connections as they are needed, and reuses them. */
export function originConnections(target: OriginTarget): OriginConnections {
  const connect = buildConnector({ timeout: target.connectTimeoutMs, allowH2: false });
  let opened = 0;
  let requests = 0;
  const pool = new Pool(target.url.origin, {
    connections: target.connectionsMax,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    headersTimeout: target.responseTimeoutMs,
    bodyTimeout: target.responseTimeoutMs,
    maxHeaderSize: HEADERS_OCTETS_MAX,
    connect: (options, callback) => {
      const beganMs = performance.now();
      connect(options, (...result) => {
        const [error, socket] = result;
        if (error === null) {
          opened++;
          factsOf.set(socket as Socket, { connectMs: performance.now() - beganMs, requests: 0 });
        }
        callback(...result);
      });
    },
  });
  return {
    send: (options) => {
      requests++;
      newest = undefined;
      const response = pool.request(options);
      const sent = newest;
      return {
        response,
        facts: () => {
          const socket = sent === undefined ? undefined : socketOf.get(sent);
          return socket === undefined ? undefined : factsOf.get(socket);
        },
      };
    },
    counts: () => ({ opened, open: pool.stats.connected, requests }),
    isFull: () => pool.stats.queued >= QUEUE_MAX,
    isIdle: () => pool.stats.size === 0,
    finish: () => pool.close(),
    close: () => pool.destroy(),
  };
}
