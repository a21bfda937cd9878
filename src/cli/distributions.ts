import { must } from '../base/assert.ts';
import type { EdgeConfig } from '../config/edge.ts';
import type { SecurityPolicyName } from '../pop/l1/security-policies.ts';
import type { CachePolicy, Selection } from '../pop/l2/cache-key.ts';
import { MANAGED_POLICIES } from '../pop/policies.ts';
import type { TierSettings } from '../pop/pops.ts';
import type { Behaviour, Distribution, OriginTarget } from '../pop/request-path.ts';
import { type SecurityParts, type SecuritySteps, securitySteps } from '../pop/security.ts';
import { VIEWER_COUNTRY } from '../pop/viewer-country.ts';

/** What the POPs need of the configuration. */
export interface EdgeParts {
  readonly distributions: readonly Distribution[];
  /** By distribution. */
  readonly policies: ReadonlyMap<string, SecurityPolicyName>;
  readonly settings: TierSettings;
}

type Configured = EdgeConfig['distributions'][string];

/** Distributions, origins and policies as the request path has them; names were checked with the file. */
export function edgeParts(edge: EdgeConfig, security: SecurityParts): EdgeParts {
  const origins = new Map(
    Object.entries(edge.origins).map(([name, origin]): [string, OriginTarget] => [
      name,
      {
        ...origin,
        name,
        url: new URL(origin.url),
        hostHeader: origin.hostHeader,
        headers: Object.entries(origin.headers),
      },
    ]),
  );
  const policies = new Map<string, CachePolicy | 'off'>(MANAGED_POLICIES);
  for (const [name, policy] of Object.entries(edge.cachePolicies)) policies.set(name, policyOf(name, policy));
  const distributions = Object.entries(edge.distributions).map(
    ([id, distribution]): Distribution => ({
      id,
      domains: distribution.domains,
      shieldRegion: distribution.shield,
      behaviours: distribution.behaviours.map((behaviour, index) =>
        behaviourOf(behaviour, {
          index,
          origins,
          policies,
          steps: securitySteps(security, distribution, behaviour, asksCountry(behaviour, policies)),
        }),
      ),
    }),
  );
  const { accessLog: _, threads: __, ...settings } = edge.tier;
  return {
    distributions,
    policies: new Map(
      Object.entries(edge.distributions).map(([id, { securityPolicy }]) => [id, securityPolicy]),
    ),
    settings,
  };
}

function behaviourOf(
  configured: Configured['behaviours'][number],
  known: {
    readonly index: number;
    readonly origins: ReadonlyMap<string, OriginTarget>;
    readonly policies: ReadonlyMap<string, CachePolicy | 'off'>;
    readonly steps: SecuritySteps;
  },
): Behaviour {
  const { path, origin, failoverStatuses, methods, cachePolicy, compress, originHeaders } = configured;
  return {
    pathPattern: path,
    index: known.index,
    origins: [origin].flat().map((name) => must(known.origins.get(name), 'origin')),
    failoverStatuses: new Set(failoverStatuses),
    allowedMethods: new Set(methods),
    caching: must(known.policies.get(cachePolicy), 'cache policy'),
    compress,
    originHeaders: originHeaders === 'all' ? 'all' : new Set(originHeaders),
    ...known.steps,
  };
}

/** Whether the cache's key or what goes to the origin names the client's country. */
function asksCountry(
  { cachePolicy, originHeaders }: Configured['behaviours'][number],
  policies: ReadonlyMap<string, CachePolicy | 'off'>,
): boolean {
  const caching = must(policies.get(cachePolicy), 'cache policy');
  const inKey =
    caching !== 'off' && caching.headers.kind === 'only' && caching.headers.names.has(VIEWER_COUNTRY);
  return inKey || (originHeaders !== 'all' && originHeaders.includes(VIEWER_COUNTRY));
}

function policyOf(name: string, policy: EdgeConfig['cachePolicies'][string]): CachePolicy {
  const { query, headers, cookies, minTtl, defaultTtl, maxTtl } = policy;
  return {
    name,
    query: selectionOf(query),
    headers: selectionOf(headers),
    cookies: selectionOf(cookies),
    minTtlMs: minTtl * 1000,
    defaultTtlMs: defaultTtl === undefined ? undefined : defaultTtl * 1000,
    maxTtlMs: maxTtl * 1000,
  };
}

function selectionOf(value: EdgeConfig['cachePolicies'][string]['query']): Selection {
  if (value === 'none' || value === 'all') return { kind: value };
  if ('allBut' in value) return { kind: 'all-but', names: new Set(value.allBut) };
  return { kind: 'only', names: new Set(value) };
}
