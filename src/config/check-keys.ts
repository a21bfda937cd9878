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

/** Keys that zones name, and keys that stand twice. */
export function checkKeys(raw: Readonly<Record<string, unknown>>, check: Check): void {
  const known = new Set(entries(raw['keys']).map(([name]) => keyName(name)));
  for (const [name] of entries(raw['keys'])) check.unique('key', keyName(name), ['keys', name]);
  for (const [i, zone] of list(raw['zones']))
    for (const where of ['primary', 'transfer', 'notify', 'acceptNotify'])
      for (const [at, text] of list(field(zone, where))) {
        const said =
          typeof text !== 'string' ? '' : isPeerList(where) ? parsePeer(text) : parseAccessRule(text);
        const key = typeof said === 'string' ? undefined : said.key;
        if (key === undefined || known.has(key)) continue;
        const meant = nearest(key, known);
        const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
        check.report(['zones', i, where, at], `keys has no ${quote(key)}${hint}`);
      }
}

function isPeerList(name: string): boolean {
  return name === 'primary' || name === 'notify';
}
