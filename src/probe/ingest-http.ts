import { Agent as PlainAgent, request as plainRequest, type RequestOptions } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import type { Clock } from '../base/clock.ts';
import type { ClockSkew } from '../store/server.ts';
import { TIME_HEADER } from './ingest-routes.ts';

/** Where an agent posts, and as whom. */
export interface IngestAddress {
  /** `https://HOST:PORT`, or `http://…`; without a path. */
  readonly url: string;
  readonly token: string;
  /** PEM of the authority that signed the listener's certificate; absent: the system's. */
  readonly ca?: string | undefined;
}

/** Asks a listener. */
export interface IngestHttp {
  /** Rejects when there was no whole reply within 2 s. Without a body: GET. */
  readonly ask: (path: string, body?: string) => Promise<{ readonly status: number; readonly text: string }>;
  readonly skew: () => ClockSkew | undefined;
  readonly close: () => void;
}

const ASK_LIMIT_MS = 2_000;
const CONNECTIONS_MAX = 8;
/** Of a reply; a list of targets is the longest. */
const REPLY_OCTETS_MAX = 1 << 21;
/** A measured skew is replaced by a worse one after this, ms. */
const SKEW_KEPT_MS = 30_000;

/** Connections are kept open. */
export function createIngestHttp({ url, token, ca }: IngestAddress, clock: Clock): IngestHttp {
  const isSecure = new URL(url).protocol === 'https:';
  const pool = { keepAlive: true, maxSockets: CONNECTIONS_MAX };
  const agent = isSecure ? new SecureAgent({ ...pool, ca }) : new PlainAgent(pool);
  const send = isSecure ? secureRequest : plainRequest;
  const clockOfThem = createSkew(clock);
  return {
    ask: (path, body) =>
      new Promise((resolve, reject) => {
        const settings: RequestOptions = {
          agent,
          method: body === undefined ? 'GET' : 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          signal: AbortSignal.timeout(ASK_LIMIT_MS),
        };
        const beganMs = clock.nowMs();
        const request = send(new URL(path, url), settings);
        request.once('error', reject);
        request.once('response', (response) => {
          clockOfThem.observe(Number(response.headers[TIME_HEADER]), beganMs);
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
            if (text.length > REPLY_OCTETS_MAX) request.destroy(new Error('the reply is too long'));
          });
          response.once('error', reject);
          response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
        });
        request.end(body);
      }),
    skew: clockOfThem.skew,
    close: () => agent.destroy(),
  };
}

/** The listener's time is that of some moment between our request and its reply. */
function createSkew(clock: Clock) {
  let best: (ClockSkew & { readonly atMs: number }) | undefined;
  return {
    observe: (theirMs: number, beganMs: number): void => {
      const atMs = clock.nowMs();
      const errorMs = (atMs - beganMs) / 2;
      if (!Number.isFinite(theirMs) || errorMs < 0) return;
      const isOld = best === undefined || atMs - best.atMs > SKEW_KEPT_MS;
      if (isOld || errorMs <= (best?.errorMs ?? 0))
        best = { skewMs: theirMs - (beganMs + errorMs), errorMs, atMs };
    },
    skew: (): ClockSkew | undefined => best && { skewMs: best.skewMs, errorMs: best.errorMs },
  };
}
