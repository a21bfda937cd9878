import type { Clock } from '../../base/clock.ts';
import { hasHeader, headerOf } from '../headers.ts';
import type { Layer, PopRequest, PopResponse, RequestContext } from '../request-path.ts';
import { createBodyFeed, discard } from './body-feed.ts';
import { type CachePolicy, cacheKey } from './cache-key.ts';
import { headersOf304, isNotModified } from './conditional.ts';
import { codingFor, encode, headersOfCoded, isCompressible } from './encode.ts';
import { freshnessOf, usability, usableOnError } from './freshness.ts';
import * as landing from './landing.ts';
import {
  createObjectStore,
  keyMatches,
  type ObjectStore,
  type PathPattern,
  type StoredObject,
} from './object-store.ts';
import { octetsInParts, PartCache } from './parts.ts';
import { Passes } from './passes.ts';
import { cut } from './ranges.ts';
import { comingRange, respondWith, withAge } from './respond.ts';

/** What lies behind a cache. Never rejects: what goes wrong is a response with a `fault`. */
export type Upstream = (request: PopRequest, context: RequestContext) => PopResponse | Promise<PopResponse>;

/** What a `SharedCache` needs. */
export interface CacheOptions {
  readonly layer: Layer;
  readonly octetsMax: number;
  readonly upstream: Upstream;
  readonly clock: Clock;
}

/** A fetch that others may wait for. */
interface Flight {
  /** Invalidated meanwhile: it is not kept, and nobody joins it. */
  isVoid: boolean;
  waiters: number;
  readonly landed: Promise<landing.Landed>;
}

/** What is asked for. */
interface Ask {
  readonly key: string;
  readonly request: PopRequest;
  readonly policy: CachePolicy;
  readonly context: RequestContext;
}

/** Share of a cache that one object may take. */
const OBJECT_SHARE = 0.5;
/** Requests that wait for one fetch; more go on their own. */
const WAITERS_MAX = 10_000;

/** A shared cache (RFC 9111): that of one server of a layer. */
export class SharedCache {
  readonly #options: CacheOptions;
  readonly #store: ObjectStore;
  readonly #keepMax: number;
  readonly #parts: PartCache;
  readonly #flights = new Map<string, Flight>();
  readonly #passes: Passes;

  constructor(options: CacheOptions) {
    this.#options = options;
    this.#store = createObjectStore(options.octetsMax);
    this.#passes = new Passes(options.clock);
    this.#parts = new PartCache(options, this.#store);
    this.#keepMax = Math.floor(options.octetsMax * OBJECT_SHARE);
  }

  /** Answers a GET or HEAD out of the cache, at once, or from upstream. */
  handle(
    request: PopRequest,
    context: RequestContext,
    policy: CachePolicy,
    key = cacheKey(policy, context.distribution.id, request),
  ): PopResponse | Promise<PopResponse> {
    const nowMs = this.#options.clock.nowMs();
    const stored = this.#store.find(key, request.headers);
    const state = stored === undefined ? 'stale' : usability(stored.freshness, nowMs);
    const ask: Ask = { key, request, policy, context };
    if (stored === undefined || state === 'stale') return this.#miss(ask, stored);
    if (state === 'stale-while-revalidate' && !this.#flights.has(key)) this.#renewAhead(ask, stored);
    if (stored.wholeOctets !== undefined) return this.#parts.give(stored, ask);
    const given = { nowMs, from: this.#options.layer, result: 'Hit' } as const;
    if (!context.behaviour.compress || this.#options.layer !== 'l2' || !isCompressible(stored))
      return respondWith(stored, request, given);
    return this.#coded(key, stored, request, given);
  }

  /** Drops what matches, also what is still coming in. Gives the number of keys that were kept. */
  invalidate(wanted: PathPattern): number {
    for (const [key, flight] of this.#flights)
      if (keyMatches(key, wanted)) {
        flight.isVoid = true;
        this.#flights.delete(key);
      }
    this.#parts.forget((key) => keyMatches(key, wanted));
    return this.#store.invalidate(wanted);
  }

  clear(): void {
    this.#store.clear();
  }

  size(): ReturnType<ObjectStore['size']> {
    return this.#store.size();
  }

  async #miss(ask: Ask, stored: StoredObject | undefined): Promise<PopResponse> {
    const { key, request } = ask;
    if (request.method === 'HEAD') return this.#passOn(ask);
    const isPassed = stored === undefined && this.#passes.has(key);
    // What may not be kept need not be asked for whole.
    if (isPassed && hasHeader(request.headers, 'range')) return this.#options.upstream(request, ask.context);
    const joined = this.#flights.get(key);
    if (joined !== undefined && joined.waiters < WAITERS_MAX && !isPassed) {
      joined.waiters++;
      const landed = await joined.landed;
      if (landed.kind === 'shared' && !joined.isVoid && landing.fits(landed.object, request))
        return this.#give(landed.object, { result: 'Hit', from: this.#options.layer }, ask);
    }
    const alone = { isVoid: false };
    const flying = joined === undefined ? this.#takeOff(ask, stored).landed : this.#fetch(ask, stored, alone);
    const landed = await flying;
    if (landed.kind === 'own') return this.#giveOwn(landed.response, ask);
    const { object, own } = landed;
    return this.#give({ ...object, headers: [...object.headers, ...own] }, landed, ask);
  }

  /** The stored object in the coding that the client takes; made once and kept with it. */
  #coded(
    key: string,
    stored: StoredObject,
    request: PopRequest,
    given: Parameters<typeof respondWith>[2],
  ): PopResponse | Promise<PopResponse> {
    const coding = hasHeader(request.headers, 'range') ? undefined : codingFor(request.headers);
    const told = (body: Uint8Array | undefined): PopResponse => {
      const headers = headersOfCoded(stored.headers, body === undefined ? undefined : coding);
      return respondWith({ ...stored, headers, body: body ?? stored.body }, request, given);
    };
    if (coding === undefined || stored.encoded.has(coding)) return told(stored.encoded.get(coding ?? ''));
    return encode(stored.body, coding).then((body) => {
      if (!stored.encoded.has(coding)) {
        stored.encoded.set(coding, body);
        this.#store.grew(key, stored, body?.length ?? 0);
      }
      return told(body);
    });
  }

  /** Nobody waits for it, and nobody reads what may not be kept. */
  #renewAhead(ask: Ask, stored: StoredObject): void {
    const letGo = (result: landing.Landed): Promise<void> =>
      discard(result.kind === 'own' ? result.response.body : undefined);
    this.#takeOff(ask, stored)
      .landed.then(letGo)
      .catch(() => undefined);
  }

  /** Begins a fetch that others may join until its body is there. */
  #takeOff(ask: Ask, stale: StoredObject | undefined): Flight {
    const state = { isVoid: false, waiters: 0 };
    const landed = this.#fetch(ask, stale, state);
    const flight: Flight = Object.assign(state, { landed });
    this.#flights.set(ask.key, flight);
    const end = (): void => {
      if (this.#flights.get(ask.key) === flight) this.#flights.delete(ask.key);
    };
    // Whoever waits hears of a failure; nobody may wait for what is fetched ahead.
    landed.then((result) => {
      const body = result.kind === 'shared' ? result.object.body : new Uint8Array();
      if (body instanceof Uint8Array) end();
      else void body.whole.then(end);
    }, end);
    return flight;
  }

  /** Fetches, and keeps what may be kept. `stale` is validated where it has a validator. */
  async #fetch(
    ask: Ask,
    stale: StoredObject | undefined,
    flight: { isVoid: boolean },
  ): Promise<landing.Landed> {
    const { key, request, policy, context } = ask;
    const { upstream, clock } = this.#options;
    const requestedAtMs = clock.nowMs();
    const response = await upstream(landing.forUpstream(request, stale), context);
    const receivedAtMs = clock.nowMs();
    const answered = { ...response, requestHeaders: request.headers, requestedAtMs, receivedAtMs };
    if (stale !== undefined) {
      const failure = landing.failureOf(response);
      const isSaved = failure !== undefined && usableOnError(stale.freshness, failure, receivedAtMs);
      if (response.status === 304) landing.renew(stale, answered, policy);
      if (isSaved) await discard(response.body);
      if (isSaved || response.status === 304)
        return { kind: 'shared', object: stale, result: 'RefreshHit', from: this.#options.layer, own: [] };
    }
    const freshness = response.fault ?? freshnessOf(answered, policy);
    const length = Number(headerOf(response.headers, 'content-length') ?? 0);
    if (typeof freshness !== 'string' && length <= this.#keepMax)
      return this.#keep(
        key,
        response,
        landing.keptOf(answered, freshness, context.behaviour.compress),
        flight,
      );
    const wholeOctets = typeof freshness === 'string' ? undefined : octetsInParts(response);
    if (typeof freshness !== 'string' && wholeOctets !== undefined && !flight.isVoid) {
      const { object } = landing.keptOf(answered, freshness, context.behaviour.compress);
      this.#store.put(key, { ...object, body: new Uint8Array(), encoded: new Map(), wholeOctets });
      return { kind: 'own', response };
    }
    // What took its place may not be kept; an origin in trouble takes no place.
    if (stale !== undefined && landing.failureOf(response) === undefined) this.#store.delete(key);
    if (response.fault === undefined) this.#passes.note(key);
    return { kind: 'own', response };
  }

  #keep(
    key: string,
    response: PopResponse,
    kept: ReturnType<typeof landing.keptOf>,
    flight: { isVoid: boolean },
  ): landing.Landed {
    const { object, own } = kept;
    const { result, from } = response;
    const put = (body: Uint8Array): void => {
      if (!flight.isVoid) this.#store.put(key, { ...object, body, encoded: new Map() });
    };
    const body = response.body ?? new Uint8Array();
    if (body instanceof Uint8Array) {
      put(body);
      return { kind: 'shared', object: { ...object, body }, result, from, own };
    }
    const feed = createBodyFeed(body, this.#keepMax);
    void feed.whole.then((whole) => {
      if (whole === undefined) this.#passes.note(key);
      else put(whole);
    });
    return { kind: 'shared', object: { ...object, body: feed }, result, from, own };
  }

  /** A response of which the body may still be coming in, as this request wants it. */
  async #give(
    object: landing.Shared,
    source: Pick<PopResponse, 'result' | 'from'>,
    ask: Ask,
  ): Promise<PopResponse> {
    const { request, context } = ask;
    const { clock, upstream } = this.#options;
    const { body, status } = object;
    const { result, from } = source;
    const given = { nowMs: clock.nowMs(), from, result };
    if (body instanceof Uint8Array && object.wholeOctets !== undefined)
      return this.#parts.give({ ...object, body, encoded: new Map() }, ask);
    if (body instanceof Uint8Array) return respondWith({ ...object, body }, request, given);
    const coming = comingRange(object, request, given);
    if (coming !== undefined && !body.isPast()) {
      const { head, range } = coming;
      return range === undefined ? head : { ...head, body: cut(() => body.read(), range) };
    }
    const headers = withAge(object, given.nowMs);
    if (status === 200 && isNotModified(request.headers, headers, given.nowMs))
      return { status: 304, headers: headersOf304(headers), body: undefined, from, result };
    const whole = status === 200 && hasHeader(request.headers, 'range') ? await body.whole : undefined;
    if (whole !== undefined) return respondWith({ ...object, body: whole }, request, given);
    if (body.isPast()) return upstream(request, context);
    return { status, headers, body: body.read(), from, result };
  }

  /** What may not be kept, for the one that asked; a part of what is too large is asked for anew. */
  async #giveOwn(response: PopResponse, ask: Ask): Promise<PopResponse> {
    const { key, request, context } = ask;
    const length = Number(headerOf(response.headers, 'content-length') ?? 0);
    const isTooMuch =
      response.status === 200 && length > this.#keepMax && hasHeader(request.headers, 'range');
    if (!isTooMuch) return landing.conditional(response, request, this.#options.clock.nowMs());
    await discard(response.body);
    const stored = this.#store.find(key, request.headers);
    if (stored?.wholeOctets !== undefined) return this.#parts.give(stored, ask);
    return this.#options.upstream(request, context);
  }

  /** HEAD that nothing stored answers: it goes on, and tells of the stored response (RFC 9111 §4.3.5). */
  async #passOn({ key, request, policy, context }: Ask): Promise<PopResponse> {
    const { upstream, clock } = this.#options;
    const requestedAtMs = clock.nowMs();
    const response = await upstream(request, context);
    const stored = this.#store.find(key, request.headers);
    if (stored === undefined || response.status !== 200 || response.fault !== undefined) return response;
    const receivedAtMs = clock.nowMs();
    const answered = { ...response, requestHeaders: request.headers, requestedAtMs, receivedAtMs };
    if (landing.isSame(response, stored)) landing.renew(stored, answered, policy);
    else this.#store.delete(key);
    return response;
  }
}
