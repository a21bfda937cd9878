import type { CachePolicy } from './l2/cache-key.ts';
import type { Behaviour, OriginTarget } from './request-path.ts';

const YEAR_MS = 365 * 86_400_000;
const DAY_MS = 86_400_000;

/** As RFC 9111 has it: the query is part of what is asked for, and the origin says how long. */
export const ORIGIN_SAYS: CachePolicy = {
  name: 'origin-says',
  query: { kind: 'all' },
  headers: { kind: 'none' },
  cookies: { kind: 'none' },
  minTtlMs: 0,
  defaultTtlMs: undefined,
  maxTtlMs: YEAR_MS,
};

/** Policies that need no configuration, by name; those of CloudFront's names are as there. */
export const MANAGED_POLICIES: ReadonlyMap<string, CachePolicy | 'off'> = new Map<
  string,
  CachePolicy | 'off'
>([
  [ORIGIN_SAYS.name, ORIGIN_SAYS],
  ['Managed-CachingDisabled', 'off'],
  [
    'Managed-CachingOptimized',
    {
      ...ORIGIN_SAYS,
      name: 'Managed-CachingOptimized',
      query: { kind: 'none' },
      minTtlMs: 1_000,
      defaultTtlMs: DAY_MS,
    },
  ],
  [
    'UseOriginCacheControlHeaders-QueryStrings',
    {
      ...ORIGIN_SAYS,
      name: 'UseOriginCacheControlHeaders-QueryStrings',
      headers: { kind: 'only', names: new Set(['host', 'origin', 'x-http-method-override']) },
      cookies: { kind: 'all' },
      defaultTtlMs: 0,
    },
  ],
]);

export const ALL_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'PUT',
  'POST',
  'PATCH',
  'DELETE',
]);

/** A behaviour for all paths that caches as the origin says, in front of one origin. */
export function plainBehaviour(origin: OriginTarget): Behaviour {
  return {
    pathPattern: '*',
    index: 0,
    origins: [origin],
    failoverStatuses: new Set(),
    allowedMethods: ALL_METHODS,
    caching: ORIGIN_SAYS,
    compress: true,
    originHeaders: 'all',
    viewerRequest: [],
    originRequest: [],
    originResponse: [],
    viewerResponse: [],
  };
}

/** An origin with what holds where nothing else is said. */
export function plainOrigin(name: string, url: URL, region = ''): OriginTarget {
  return {
    name,
    url,
    region,
    connectTimeoutMs: 10_000,
    responseTimeoutMs: 30_000,
    attempts: 3,
    connectionsMax: 10,
    hostHeader: undefined,
    headers: [],
  };
}
