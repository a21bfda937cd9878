import type { Clock } from '../base/clock.ts';
import type { Link, Pop } from '../base/fleet.ts';
import type { HeaderList } from './headers.ts';
import type { CachePolicy } from './l2/cache-key.ts';

/**
 * What all layers of a POP see of a request, and how they take part in it. A request goes
 * `viewerRequest` stages (L1) -> L2 -> regional edge cache -> origin shield -> `originRequest` stages ->
 * L3, and its response back through `originResponse` and `viewerResponse`.
 */
export interface PopRequest {
  readonly method: string;
  /** The request target as received, octet by octet: what signatures are verified over. */
  readonly receivedTarget: string;
  /** Path and query that go on from here; stages may change them. */
  target: string;
  /** Lower-case, without port. */
  readonly host: string;
  /** In order; stages may replace the list. */
  headers: HeaderList;
  /** Presentation form. */
  readonly clientAddress: string;
  readonly clientPort: number;
  readonly httpVersion: '1.1' | '2';
  readonly tls: TlsFacts | undefined;
  /** undefined: there is none. Stages may replace it. */
  body: AsyncIterable<Uint8Array> | undefined;
  /** In place of the behaviour's origins: a step on the way to the origin may choose. */
  origin?: OriginTarget | undefined;
  /** The same in `X-Amz-Cf-Id` and in the access log. */
  readonly requestId: string;
  /** Wall-clock time, ms since 1970 UTC. */
  readonly receivedAtMs: number;
}

/** What was negotiated. */
export interface TlsFacts {
  /** `TLSv1.3`. */
  readonly version: string;
  /** OpenSSL's name of the suite. */
  readonly cipher: string;
  readonly serverName: string;
  readonly resumed: boolean;
}

/** Layers, in the order of the way to the origin. */
export const LAYERS = ['l1', 'l2', 'rec', 'shield', 'l3'] as const;
export type Layer = (typeof LAYERS)[number];

/** CloudFront's `x-edge-result-type`, as far as it has meaning here. */
export type ResultType =
  | 'Hit'
  | 'RefreshHit'
  | 'Miss'
  | 'LimitExceeded'
  | 'Error'
  | 'Redirect'
  | 'FunctionGeneratedResponse'
  | 'LambdaGeneratedResponse';

export interface PopResponse {
  readonly status: number;
  readonly headers: HeaderList;
  /** A body that is iterated is consumed once; undefined: there is none. */
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | undefined;
  /** The layer that gave it. */
  readonly from: Layer;
  readonly result: ResultType;
  /** Why the tier itself made this response in place of the origin's: the access log's detailed result. */
  readonly fault?: string;
}

/** A step before an answer is known. */
export interface Stage {
  /** In timings and in the access log: `waf`, `signed`. */
  readonly name: string;
  /** A response ends the way to the origin; undefined: go on. May change the request. */
  readonly run: (
    request: PopRequest,
    context: RequestContext,
  ) => PopResponse | undefined | Promise<PopResponse | undefined>;
}

/** A step with an answer, on its way back. */
export interface ResponseStage {
  readonly name: string;
  readonly run: (
    response: PopResponse,
    request: PopRequest,
    context: RequestContext,
  ) => PopResponse | Promise<PopResponse>;
}

/** How requests whose path matches are served: one entry of `behaviours`. */
export interface Behaviour {
  /** As configured, `/static/*`; the default is `*`. */
  readonly pathPattern: string;
  /** Position of the behaviour in its distribution: part of nothing that a client sees. */
  readonly index: number;
  /** Origins by preference: the second is tried where the first fails. */
  readonly origins: readonly OriginTarget[];
  /** Statuses of the first origin for which the second is tried; besides failures to connect and timeouts. */
  readonly failoverStatuses: ReadonlySet<number>;
  /** Others are answered 405. */
  readonly allowedMethods: ReadonlySet<string>;
  /** `off`: nothing is cached, L2 and all caches behind it are skipped. */
  readonly caching: CachePolicy | 'off';
  /** Whether text is compressed for those who take it. */
  readonly compress: boolean;
  /** Request headers that go to the origin: all but `host`, or these only besides those of the key. */
  readonly originHeaders: 'all' | ReadonlySet<string>;
  readonly viewerRequest: readonly Stage[];
  readonly originRequest: readonly Stage[];
  readonly originResponse: readonly ResponseStage[];
  readonly viewerResponse: readonly ResponseStage[];
}

/** Where a request's answer comes from in the end. */
export interface OriginTarget {
  readonly name: string;
  /** `http://127.0.0.1:8080` */
  readonly url: URL;
  /** The operator's region where it is; '' where nobody said. */
  readonly region: string;
  readonly connectTimeoutMs: number;
  /** How long its first octet, and each after that, may take, ms. */
  readonly responseTimeoutMs: number;
  /** Tries to connect, at least 1. */
  readonly attempts: number;
  /** Connections at most, from each place of this tier. */
  readonly connectionsMax: number;
  /** Host header that it gets; undefined: the client's. */
  readonly hostHeader: string | undefined;
  /** Added to each request. */
  readonly headers: HeaderList;
}

/** A domain, or several, and how they are served. */
export interface Distribution {
  /** `X-Amz-Cf-…` and logs name it by this. */
  readonly id: string;
  /** Lower-case; `*.` in front stands for one or more labels; `*` is any host. */
  readonly domains: readonly string[];
  /** First match wins; the last is the default with the pattern `*`. */
  readonly behaviours: readonly Behaviour[];
  /** Code of the POP whose region has the cache in front of the origin for all; undefined: none. */
  readonly shieldRegion: string | undefined;
}

/** One part of the way, measured. */
export interface Timing {
  readonly layer: Layer;
  /** `rfc`, `waf`, `lookup`, `connect`, `origin`. */
  readonly name: string;
  readonly ms: number;
}

/** A layer that was left out, and why: the trace shows it. */
export interface Skip {
  readonly layer: Layer;
  readonly reason: string;
}

/** What goes along with one request: what steps leave for each other, and for logs and traces. */
export interface RequestContext {
  readonly pop: Pop;
  readonly link: Link;
  readonly distribution: Distribution;
  readonly behaviour: Behaviour;
  readonly timings: Timing[];
  readonly skips: Skip[];
  /** Fields of the access log that steps set: `fle-status`, `fle-encrypted-fields`. */
  readonly logFields: Map<string, string>;
  /** Labels that WAF rules added. */
  readonly labels: Set<string>;
  readonly clock: Clock;
  /** A cold request is traced: it opens a connection to the origin of its own. */
  readonly opensAnew: boolean;
  /** Monotonic, ms: for timings. */
  readonly monotonicMs: () => number;
}

/** Runs a step and notes how long it took. What a step gives at once comes at once. */
export function timed<T>(
  context: RequestContext,
  part: { readonly layer: Layer; readonly name: string },
  run: () => T | Promise<T>,
): T | Promise<T> {
  const { layer, name } = part;
  const beganMs = context.monotonicMs();
  const note = (): void => void context.timings.push({ layer, name, ms: context.monotonicMs() - beganMs });
  let given: T | Promise<T>;
  try {
    given = run();
  } catch (error) {
    note();
    throw error;
  }
  if (given instanceof Promise) return given.finally(note);
  note();
  return given;
}
