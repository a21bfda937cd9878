import { nearest } from '../base/nearest.ts';
import type { Path } from './document.ts';
import { entries, field, list } from './fields.ts';
import { quote } from './problems.ts';
import { MANAGED_POLICY_NAMES } from './schema-pop.ts';

/** How faults are told of. */
interface Check {
  /** Regions of the POPs; empty where they are faulty themselves. */
  readonly regions: ReadonlySet<string>;
  readonly report: (path: Path, message: string, atKey?: boolean) => void;
  readonly unique: (kind: string, text: string, path: Path) => void;
}

/**
 * Faults between distributions, origins and cache policies: names that stand for nothing, domains that stand
 * twice, behaviours that no request reaches.
 */
export function checkEdge(raw: Readonly<Record<string, unknown>>, check: Check): void {
  const origins = new Set(entries(raw['origins']).map(([name]) => name));
  const policies = new Set([...MANAGED_POLICY_NAMES, ...entries(raw['cachePolicies']).map(([name]) => name)]);
  for (const [name] of entries(raw['cachePolicies']))
    if ((MANAGED_POLICY_NAMES as readonly string[]).includes(name))
      check.report(['cachePolicies', name], 'a policy of that name is there already', true);
  for (const [name, origin] of entries(raw['origins']))
    checkRegion(field(origin, 'region'), ['origins', name, 'region'], check);
  for (const [name, distribution] of entries(raw['distributions'])) {
    const path = ['distributions', name];
    checkRegion(field(distribution, 'shield'), [...path, 'shield'], check);
    for (const [i, domain] of list(field(distribution, 'domains')))
      if (typeof domain === 'string') check.unique('domain', domain, [...path, 'domains', i]);
    let isAllSeen = false;
    for (const [i, behaviour] of list(field(distribution, 'behaviours'))) {
      const place = [...path, 'behaviours', i];
      if (isAllSeen) check.report(place, 'no request reaches it: a behaviour before it takes every path');
      const pattern = field(behaviour, 'path') ?? '*';
      if (pattern === '*' || pattern === '/*') isAllSeen = true;
      checkOrigins(field(behaviour, 'origin'), [...place, 'origin'], { check, origins });
      const policy = field(behaviour, 'cachePolicy');
      if (typeof policy === 'string')
        checkName('cache policy', policy, [...place, 'cachePolicy'], { check, names: policies });
    }
  }
}

function checkOrigins(
  value: unknown,
  path: Path,
  { check, origins }: { readonly check: Check; readonly origins: ReadonlySet<string> },
): void {
  const named =
    typeof value === 'string'
      ? [[path, value] as const]
      : list(value).map(([i, name]) => [[...path, i], name] as const);
  for (const [at, name] of named)
    if (typeof name === 'string') checkName('origin', name, at, { check, names: origins });
}

function checkName(
  kind: string,
  name: string,
  path: Path,
  { check, names }: { readonly check: Check; readonly names: ReadonlySet<string> },
): void {
  if (names.has(name)) return;
  const meant = nearest(name, names);
  check.report(
    path,
    `no ${kind} has the name ${quote(name)}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
  );
}

/** An origin may stand in a region where no POP is; a shield is a POP's. */
function checkRegion(region: unknown, path: Path, { regions, report }: Check): void {
  if (typeof region !== 'string' || region === '' || regions.size === 0 || regions.has(region)) return;
  const meant = nearest(region, regions);
  report(
    path,
    `no POP is in the region ${quote(region)}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
  );
}
