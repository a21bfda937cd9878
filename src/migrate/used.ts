import type { Draft, PolicyDraft, ServiceDraft } from './draft.ts';

/**
 * The services that zones name, and those that these come to, the former first; without numbers at their ends
 * where these tell them apart from none that is left.
 */
export function usedServices({ services, zones }: Pick<Draft, 'services' | 'zones'>): {
  readonly services: ReadonlyMap<string, ServiceDraft>;
  /** By name before: the name after. */
  readonly renamed: ReadonlyMap<string, string>;
} {
  const used = new Map<string, ServiceDraft>();
  const use = (name: string): void => {
    const service = services.get(name);
    if (service === undefined || used.has(name)) return;
    used.set(name, service);
    namesIn(service).forEach(use);
  };
  for (const text of zones.values()) for (const [, name = ''] of text.matchAll(STEER)) use(name);
  const renamed = new Map<string, string>();
  const taken = new Set(used.keys());
  for (const name of used.keys()) {
    const short = name.replace(/-\d+$/, '');
    const isFree = services.has(short) && !taken.has(short);
    if (isFree) taken.add(short);
    renamed.set(name, isFree ? short : name);
  }
  return {
    services: new Map(
      [...used].map(([name, service]) => [renamed.get(name) ?? name, withNewNames(service, renamed)]),
    ),
    renamed,
  };
}

const STEER = / IN STEER (\S+)$/gm;

/** A zone whose STEER records have the new names. */
export function withNames(zone: string, renamed: ReadonlyMap<string, string>): string {
  return zone.replace(STEER, (_, name: string) => ` IN STEER ${renamed.get(name) ?? name}`);
}

function namesIn({ policy, ipv6 }: ServiceDraft): string[] {
  const names = ipv6 === undefined ? [] : [ipv6];
  if (policy === undefined) return names;
  if ('failover' in policy) names.push(...policy.failover);
  else if ('all' in policy) names.push(...policy.all);
  else if ('weighted' in policy) names.push(...Object.keys(policy.weighted));
  else if ('nearest' in policy) names.push(...Object.keys(policy.nearest));
  else {
    const { default: fallback, continents = {}, countries = {}, networks = {} } = policy.geo;
    names.push(fallback, ...[continents, countries, networks].flatMap((by) => Object.values(by)));
  }
  return names;
}

function withNewNames(service: ServiceDraft, renamed: ReadonlyMap<string, string>): ServiceDraft {
  const now = (name: string): string => renamed.get(name) ?? name;
  const { policy, ipv6, ...rest } = service;
  return {
    ...rest,
    ...(policy === undefined ? {} : { policy: policyWith(policy, now) }),
    ...(ipv6 === undefined ? {} : { ipv6: now(ipv6) }),
  };
}

function policyWith(policy: PolicyDraft, now: (name: string) => string): PolicyDraft {
  const keys = <T>(by: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(by).map(([name, value]) => [now(name), value]));
  const values = (by: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(by).map(([key, name]) => [key, now(name)]));
  if ('failover' in policy) return { failover: policy.failover.map(now) };
  if ('all' in policy) return { all: policy.all.map(now) };
  if ('weighted' in policy) return { weighted: keys(policy.weighted) };
  if ('nearest' in policy) return { nearest: keys(policy.nearest) };
  const { default: fallback, ...by } = policy.geo;
  const places = Object.entries(by).map(([kind, choices]) => [kind, values(choices)] as const);
  const told = places.filter(([, choices]) => Object.keys(choices).length > 0);
  return { geo: { default: now(fallback), ...Object.fromEntries(told) } };
}
