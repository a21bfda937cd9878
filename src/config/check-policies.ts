import { nearest } from '../base/nearest.ts';
import type { Path } from './document.ts';
import { entries, field, list } from './fields.ts';
import { quote } from './problems.ts';

/** What is told of a fault. */
type Report = (path: Path, message: string, atKey?: boolean) => void;

/** A choice of a policy, and where it stands. */
interface Choice {
  readonly to: string;
  readonly path: Path;
  /** It is a key, and stands there. */
  readonly atKey: boolean;
}

/**
 * Faults of policies: choices that name nothing, policies that choose themselves, labels of networks that do
 * not say where these are.
 */
export function checkPolicies(
  raw: Readonly<Record<string, unknown>>,
  check: { readonly popCodes: ReadonlySet<string>; readonly report: Report },
): void {
  const { report, popCodes } = check;
  const services = raw['services'];
  const names = new Set(entries(services).map(([name]) => name));
  const choices = new Map(entries(services).map(([name, service]) => [name, choicesOf(name, service)]));
  for (const [name, service] of entries(services)) {
    for (const { to, path, atKey } of choices.get(name) ?? []) {
      const isPop = /^[A-Z]/.test(to);
      if ((isPop ? popCodes : names).has(to)) continue;
      const meant = nearest(to, isPop ? popCodes : names);
      const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
      report(path, `no ${isPop ? 'POP has the code' : 'service has the name'} ${quote(to)}${hint}`, atKey);
    }
    checkNetworks(
      raw,
      ['services', name, 'policy', 'geo', 'networks'],
      field(field(service, 'policy'), 'geo'),
      report,
    );
    const ipv6 = field(service, 'ipv6');
    if (typeof ipv6 !== 'string') continue;
    if (!names.has(ipv6)) report(['services', name, 'ipv6'], `no service has the name ${quote(ipv6)}`);
  }
  checkCircles(choices, report);
}

function choicesOf(name: string, service: unknown): Choice[] {
  const policy = field(service, 'policy');
  const at = (...steps: Path): Path => ['services', name, 'policy', ...steps];
  const value = (to: unknown, path: Path): Choice[] =>
    typeof to === 'string' ? [{ to, path, atKey: false }] : [];
  const keys = (kind: string): Choice[] =>
    entries(field(policy, kind)).map(([to]) => ({ to, path: at(kind, to), atKey: true }));
  const geo = field(policy, 'geo');
  return [
    ...['failover', 'all'].flatMap((kind) =>
      list(field(policy, kind)).flatMap(([i, to]) => value(to, at(kind, i))),
    ),
    ...keys('weighted'),
    ...keys('nearest'),
    ...value(field(geo, 'default'), at('geo', 'default')),
    ...['continents', 'countries', 'networks'].flatMap((by) =>
      entries(field(geo, by)).flatMap(([key, to]) => value(to, at('geo', by, key))),
    ),
  ];
}

/** A label must stand at entries that say where they are: clients are told apart by place first. */
function checkNetworks(
  raw: Readonly<Record<string, unknown>>,
  path: Path,
  geo: unknown,
  report: Report,
): void {
  const networks = list(raw['networks']);
  for (const [label] of entries(field(geo, 'networks'))) {
    const own = networks.filter(([, network]) => field(network, 'label') === label);
    if (own.length === 0) {
      const where = typeof raw['networks'] === 'string' ? ' in this file itself' : '';
      report([...path, label], `no entry under networks${where} has the label ${quote(label)}`, true);
    }
    for (const [i, network] of own) {
      const missing = ['country', 'latitude', 'longitude'].filter((key) => field(network, key) === undefined);
      if (missing.length > 0)
        report(['networks', i], `${missing.join(', ')}: missing, and a policy names ${quote(label)}`);
    }
  }
}

/** Tells of the first choice that leads back, of each policy that is in a circle. */
function checkCircles(choices: ReadonlyMap<string, readonly Choice[]>, report: Report): void {
  for (const [name, own] of choices)
    for (const { to, path, atKey } of own) {
      const seen = new Set<string>();
      const leadsBack = (one: string): boolean => {
        if (one === name) return true;
        if (seen.has(one)) return false;
        seen.add(one);
        return (choices.get(one) ?? []).some((choice) => leadsBack(choice.to));
      };
      if (!leadsBack(to)) continue;
      report(path, `the service ${quote(name)} would choose itself`, atKey);
      break;
    }
}
