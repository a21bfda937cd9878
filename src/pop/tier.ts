import type { Clock } from '../base/clock.ts';
import type { Fleet, Pop } from '../base/fleet.ts';
import { SharedCache, type Upstream } from './l2/cache.ts';
import { cacheKey } from './l2/cache-key.ts';
import type { PathPattern } from './l2/object-store.ts';
import { serverOf } from './l2/rendezvous.ts';
import type { Origins } from './l3/origins.ts';
import { regionalPop } from './regions.ts';
import { type Layer, type PopRequest, type PopResponse, type RequestContext, timed } from './request-path.ts';
import { invalidatedTargets } from './unsafe.ts';

/** The layers behind L1: caches of all POPs of this process, regional ones, and the way to origins. */
export interface Tier {
  /**
   * Answers a request that L1 let through, at once where the POP's cache has it. Never rejects; what goes
   * wrong is a response with a `fault`.
   */
  readonly serve: (request: PopRequest, context: RequestContext) => PopResponse | Promise<PopResponse>;
  /** Drops what matches from all caches of all POPs and regions; gives the number of keys. */
  readonly invalidate: (wanted: PathPattern) => number;
  /** Takes one of the POP's L2 servers out, with all that it has, or brings it back empty. */
  readonly setServerUp: (popIndex: number, server: number, up: boolean) => void;
  readonly figures: () => TierFigures;
  readonly close: () => Promise<void>;
}

/** What the caches hold, and what the connections to origins did. */
export interface TierFigures {
  readonly caches: readonly {
    readonly layer: Layer;
    readonly objects: number;
    readonly octets: number;
    readonly evicted: number;
  }[];
  readonly origins: readonly {
    readonly place: string;
    readonly origin: string;
    readonly opened: number;
    readonly open: number;
    readonly requests: number;
  }[];
}

/** What `createTier` needs. */
export interface TierOptions {
  readonly fleet: Fleet;
  readonly clock: Clock;
  /** Servers of L2 in each POP, and octets that each may hold. */
  readonly l2Servers: number;
  readonly l2OctetsMax: number;
  /** Octets that each regional cache may hold; 0: there are none. */
  readonly regionalOctetsMax: number;
}

/** L2 of one POP. */
interface PopCaches {
  readonly works: boolean[];
  readonly servers: readonly SharedCache[];
}

const L2_TOTAL = { layer: 'l2', name: 'total' } as const;
const CACHED_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** Makes the tier; caches and connections come into being where they are first needed. */
export function createTier(options: TierOptions): Tier {
  return new TierLayers(options);
}

class TierLayers implements Tier {
  readonly #options: TierOptions;
  readonly #pops = new Map<number, PopCaches>();
  readonly #regional = new Map<string, SharedCache>();
  readonly #origins = new Map<string, Origins>();

  constructor(options: TierOptions) {
    this.#options = options;
  }

  serve(request: PopRequest, context: RequestContext): PopResponse | Promise<PopResponse> {
    const { behaviour } = context;
    const { caching } = behaviour;
    if (caching === 'off' || !CACHED_METHODS.has(request.method)) return this.#direct(request, context);
    const caches = this.#cachesOf(context.pop);
    const key = cacheKey(caching, context.distribution.id, request);
    const index = serverOf(key, caches.works);
    const server = index === undefined ? undefined : caches.servers[index];
    if (server === undefined) {
      context.skips.push({ layer: 'l2', reason: 'no L2 server of this POP works' });
      return this.#beyondL2(request, context);
    }
    context.logFields.set('l2-server', String(index));
    return timed(context, L2_TOTAL, () => server.handle(request, context, caching, key));
  }

  invalidate(wanted: PathPattern): number {
    let dropped = 0;
    for (const { servers } of this.#pops.values())
      for (const server of servers) dropped += server.invalidate(wanted);
    for (const cache of this.#regional.values()) dropped += cache.invalidate(wanted);
    return dropped;
  }

  setServerUp(popIndex: number, server: number, up: boolean): void {
    const pop = this.#options.fleet.pops[popIndex];
    if (pop === undefined) return;
    const caches = this.#cachesOf(pop);
    caches.works[server] = up;
    caches.servers[server]?.clear();
  }

  figures(): TierFigures {
    const l2 = Array.from(this.#pops.values(), ({ servers }) =>
      servers.map((server) => server.size()),
    ).flat();
    const sizes = Array.from(this.#regional, ([name, cache]) => ({
      layer: name.startsWith('shield') ? ('shield' as const) : ('rec' as const),
      ...cache.size(),
    }));
    return {
      caches: [...l2.map((size) => ({ layer: 'l2' as const, ...size })), ...sizes],
      origins: Array.from(this.#origins, ([place, origins]) =>
        Array.from(origins.counts(), ([origin, counts]) => ({ place, origin, ...counts })),
      ).flat(),
    };
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#origins.values(), (origins) => origins.close()));
  }

  /** L1 -> L3: what no cache can help. */
  async #direct(request: PopRequest, context: RequestContext): Promise<PopResponse> {
    const { behaviour, pop } = context;
    const isDynamic = behaviour.caching === 'off' && CACHED_METHODS.has(request.method);
    const why = isDynamic ? `caching is off for ${behaviour.pathPattern}` : `${request.method} is not cached`;
    for (const layer of ['l2', 'rec', 'shield'] as const) context.skips.push({ layer, reason: why });
    const response = await this.#toOrigin(pop.code, request, context);
    // RFC 9111 §4.4: what an unsafe method changed is not what was stored.
    for (const pattern of invalidatedTargets(request, response))
      this.#invalidateFor(context, { scope: context.distribution.id, pattern });
    return response;
  }

  /** Along this request's way only: others learn of it as their objects end. */
  #invalidateFor({ pop }: RequestContext, wanted: PathPattern): void {
    for (const server of this.#pops.get(pop.index)?.servers ?? []) server.invalidate(wanted);
    for (const cache of this.#regional.values()) cache.invalidate(wanted);
  }

  #beyondL2(request: PopRequest, context: RequestContext): PopResponse | Promise<PopResponse> {
    const { pop, behaviour, distribution } = context;
    const { caching } = behaviour;
    const why = this.#whyNoRegional(context);
    if (why !== undefined || caching === 'off') {
      context.skips.push({ layer: 'rec', reason: why ?? 'caching is off' });
      return this.#beyondRegional(request, context, pop);
    }
    const at = regionalPop(this.#options.fleet, pop.region) ?? pop;
    const cache = this.#regionalCache('rec', pop.region, (asked, its) =>
      this.#beyondRegional(asked, its, at),
    );
    context.logFields.set('rec', distribution.id === '' ? '' : at.code);
    const part = { layer: 'rec', name: 'total' } as const;
    return timed(context, part, () => cache.handle(request, context, caching));
  }

  #whyNoRegional({ pop, behaviour, distribution }: RequestContext): string | undefined {
    if (this.#options.regionalOctetsMax === 0) return 'there are no regional caches';
    if (behaviour.origins[0]?.region === pop.region) return `the origin is in the same region, ${pop.region}`;
    if (distribution.shieldRegion === pop.region) return `the shield is in the same region, ${pop.region}`;
    return undefined;
  }

  #beyondRegional(request: PopRequest, context: RequestContext, at: Pop): PopResponse | Promise<PopResponse> {
    const { distribution, behaviour } = context;
    const { shieldRegion } = distribution;
    const { caching } = behaviour;
    if (shieldRegion === undefined || caching === 'off') {
      context.skips.push({ layer: 'shield', reason: 'the distribution has none' });
      return this.#toOrigin(at.code, request, context);
    }
    const place = regionalPop(this.#options.fleet, shieldRegion)?.code ?? shieldRegion;
    const cache = this.#regionalCache('shield', shieldRegion, (asked, its) =>
      this.#toOrigin(place, asked, its),
    );
    context.logFields.set('shield', place);
    const part = { layer: 'shield', name: 'total' } as const;
    return timed(context, part, () => cache.handle(request, context, caching));
  }

  async #toOrigin(place: string, request: PopRequest, context: RequestContext): Promise<PopResponse> {
    const { behaviour } = context;
    context.logFields.set('l3', place);
    const origins = this.#origins.get(place) ?? (await this.#openOrigins(place));
    const own = forOrigin(request, context);
    let early: PopResponse | undefined;
    for (const stage of behaviour.originRequest) {
      early = await timed(context, { layer: 'l3', name: stage.name }, () => stage.run(own, context));
      if (early !== undefined) break;
    }
    let response = early ?? (await origins.fetch(own, context));
    for (const stage of behaviour.originResponse) {
      const before: PopResponse = response;
      const part = { layer: 'l3', name: stage.name } as const;
      response = await timed<PopResponse>(context, part, () => stage.run(before, own, context));
    }
    return response;
  }

  /** What asks origins is large, and no POP waits for it to open. */
  async #openOrigins(place: string): Promise<Origins> {
    const { createOrigins } = await import('./l3/origins.ts');
    // Another request may have waited for the same.
    const made = this.#origins.get(place) ?? createOrigins({ name: place.toLowerCase() });
    this.#origins.set(place, made);
    return made;
  }

  #cachesOf(pop: Pop): PopCaches {
    const known = this.#pops.get(pop.index);
    if (known !== undefined) return known;
    const { l2Servers, l2OctetsMax, clock } = this.#options;
    const upstream = (request: PopRequest, context: RequestContext) => this.#beyondL2(request, context);
    const servers = Array.from(
      { length: l2Servers },
      () => new SharedCache({ layer: 'l2', octetsMax: l2OctetsMax, upstream, clock }),
    );
    const made = { works: servers.map(() => true), servers };
    this.#pops.set(pop.index, made);
    return made;
  }

  #regionalCache(layer: 'rec' | 'shield', region: string, upstream: Upstream): SharedCache {
    const name = `${layer} ${region}`;
    const known = this.#regional.get(name);
    if (known !== undefined) return known;
    const { regionalOctetsMax: octetsMax, clock } = this.#options;
    const made = new SharedCache({ layer, octetsMax, upstream, clock });
    this.#regional.set(name, made);
    return made;
  }
}

/** What the behaviour lets through to the origin. */
function forOrigin(request: PopRequest, { behaviour }: RequestContext): PopRequest {
  const { originHeaders, compress, caching } = behaviour;
  // What is compressed here comes plain from the origin: one form is kept for all.
  const isPlain = compress && caching !== 'off';
  const headers = request.headers.filter(([name]) => {
    if (isPlain && name === 'accept-encoding') return false;
    if (originHeaders === 'all' || ALWAYS_FORWARDED.has(name)) return true;
    const inKey = caching !== 'off' && caching.headers.kind === 'only' && caching.headers.names.has(name);
    return originHeaders.has(name) || inKey;
  });
  return { ...request, headers };
}

/** Fields that say what the message is, not who asks. */
const ALWAYS_FORWARDED: ReadonlySet<string> = new Set([
  'content-type',
  'content-length',
  'content-encoding',
  'range',
  'if-none-match',
  'if-modified-since',
  'if-match',
  'if-unmodified-since',
  'if-range',
  'via',
  'x-forwarded-for',
]);
