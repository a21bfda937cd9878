import { parseAccessRule } from '../base/access-list.ts';
import { nearest } from '../base/nearest.ts';
import type { Path } from './document.ts';
import { entries, field, list } from './fields.ts';
import { quote } from './problems.ts';
import { keyName, parsePeer } from './schema-transfer.ts';

interface Check {
  readonly report: (path: Path, message: string, atKey?: boolean) => void;
  readonly unique: (kind: string, text: string, path: Path) => void;
}

/** Keys and ways of TLS that zones name, keys that stand twice, and catalogs that are none. */
export function checkKeys(raw: Readonly<Record<string, unknown>>, check: Check): void {
  const known = new Set(entries(raw['keys']).map(([name]) => keyName(name)));
  for (const [name] of entries(raw['keys'])) check.unique('key', keyName(name), ['keys', name]);
  const tls = new Set(entries(raw['transferTls']).map(([name]) => name));
  const catalogs = catalogNames(raw['zones']);
  const names = { known, tls, hasDot: list(field(raw['listen'], 'dot')).length > 0 };
  for (const [i, zone] of list(raw['zones'])) {
    checkWay(zone, ['zones', i], names, check);
    const consume = field(zone, 'consume');
    checkWay(consume, ['zones', i, 'consume'], names, check);
    for (const [name, group] of entries(field(consume, 'groups')))
      checkWay(group, ['zones', i, 'consume', 'groups', name], names, check);
    const catalog = field(zone, 'catalog');
    if (typeof catalog !== 'string' || catalogs.has(bare(catalog))) continue;
    check.report(
      ['zones', i, 'catalog'],
      `no zone ${quote(catalog)} has produce${hintOf(bare(catalog), catalogs)}`,
    );
  }
}

interface Names {
  readonly known: ReadonlySet<string>;
  readonly tls: ReadonlySet<string>;
  /** DNS over TLS is spoken. */
  readonly hasDot: boolean;
}

/** Names that one mapping with `primary`, `transfer` and the like says. */
function checkWay(way: unknown, path: Path, { known, tls, hasDot }: Names, check: Check): void {
  if (field(way, 'transferTlsOnly') === true && !hasDot)
    check.report([...path, 'transferTlsOnly'], 'nobody could have the zone: listen.dot is missing');
  for (const where of ['primary', 'transfer', 'notify', 'acceptNotify'])
    for (const [at, text] of list(field(way, where))) {
      if (typeof text !== 'string') continue;
      const said: { key?: string; tls?: string } | string = isPeerList(where)
        ? parsePeer(text)
        : parseAccessRule(text);
      if (typeof said === 'string') continue;
      const here = [...path, where, at];
      if (said.key !== undefined && !known.has(said.key))
        check.report(here, `keys has no ${quote(said.key)}${hintOf(said.key, known)}`);
      if (said.tls === undefined) continue;
      if (where === 'notify') check.report(here, 'NOTIFY goes over UDP, and never over TLS');
      else if (!tls.has(said.tls))
        check.report(here, `transferTls has no ${quote(said.tls)}${hintOf(said.tls, tls)}`);
    }
}

function catalogNames(zones: unknown): Set<string> {
  const names = list(zones).map(([, zone]) =>
    field(zone, 'produce') === undefined ? undefined : field(zone, 'origin'),
  );
  return new Set(names.filter((name) => typeof name === 'string').map(bare));
}

function bare(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

function hintOf(name: string, known: ReadonlySet<string>): string {
  const meant = nearest(name, known);
  return meant === undefined ? '' : `; did you mean ${meant}?`;
}

function isPeerList(name: string): boolean {
  return name === 'primary' || name === 'notify';
}
