import { parsePrefix } from '../base/address.ts';
import type { Draft, TransferDraft } from './draft.ts';
import type { Statement } from './named-conf.ts';

/** What named.conf says once for many zones. */
export interface Named {
  readonly acls: ReadonlyMap<string, Statement>;
  /** Lists of servers: `primaries`, `masters`. */
  readonly servers: ReadonlyMap<string, Statement>;
  readonly options: readonly Statement[];
}

/** Lists within each other. */
const DEPTH_MAX = 10;
const ALGORITHMS: readonly string[] = ['hmac-sha1', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512'];

/** Takes lists, options and keys. */
export function readNamed(statements: readonly Statement[], draft: Draft): Named {
  const byName = (kinds: readonly string[]): Map<string, Statement> =>
    new Map(
      statements
        .filter(({ words: [word = ''] }) => kinds.includes(word))
        .map((statement) => [statement.words[1] ?? '', statement]),
    );
  for (const [name, { body = [], place }] of byName(['key'])) {
    const value = (word: string): string => body.find(({ words }) => words[0] === word)?.words[1] ?? '';
    const algorithm = value('algorithm').toLowerCase().replace(/\.$/, '');
    if (ALGORITHMS.includes(algorithm)) draft.keys.set(name, { algorithm, secret: value('secret') });
    else
      draft.lost(place, `key ${name}`, `${algorithm === '' ? 'no algorithm' : algorithm} is not signed with`);
  }
  return {
    acls: byName(['acl']),
    servers: byName(['primaries', 'masters', 'parental-agents']),
    options: statements.find(({ words }) => words[0] === 'options')?.body ?? [],
  };
}

/** What a zone says of transfers, itself or by `options`. */
export function transfersOf(
  draft: Draft,
  named: Named,
  body: readonly Statement[],
  isSecondary: boolean,
): TransferDraft {
  const find = (...words: string[]): Statement | undefined =>
    body.find(({ words: [word = ''] }) => words.includes(word)) ??
    named.options.find(({ words: [word = ''] }) => words.includes(word));
  const primary = isSecondary ? peersOf(draft, named, find('primaries', 'masters')) : [];
  const notify = peersOf(draft, named, find('also-notify'));
  const transfer = rulesOf(draft, named, find('allow-transfer'), 0);
  return {
    ...(primary.length === 0 ? {} : { primary }),
    ...(transfer.length === 0 ? {} : { transfer }),
    ...(notify.length === 0 ? {} : { notify }),
  };
}

/** `ADDRESS:PORT key NAME` of `{ ADDRESS [port N] [key NAME]; LIST; }`. */
function peersOf(draft: Draft, named: Named, list: Statement | undefined, depth = 0): string[] {
  const common = portOf(list?.words ?? []);
  return (list?.body ?? []).flatMap(({ words, place }): string[] => {
    const [address = ''] = words;
    const inner = named.servers.get(address);
    if (inner !== undefined && depth < DEPTH_MAX) return peersOf(draft, named, inner, depth + 1);
    if (typeof parsePrefix(address) === 'string') {
      draft.lost(place, words.join(' '), 'it is neither an address nor a list of servers');
      return [];
    }
    if (words.includes('tls')) draft.lost(place, words.join(' '), 'transfers go over TCP');
    const port = portOf(words) ?? common;
    const key = words[words.indexOf('key') + 1];
    const where =
      port === undefined ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
    return [words.includes('key') && key !== undefined ? `${where} key ${key}` : where];
  });
}

function portOf(words: readonly string[]): string | undefined {
  const at = words.indexOf('port');
  return at < 0 ? undefined : words[at + 1];
}

/** Rules of an address match list. */
function rulesOf(draft: Draft, named: Named, list: Statement | undefined, depth: number): string[] {
  return (list?.body ?? []).flatMap(({ words, place }): string[] => {
    const [first = '', second = ''] = words;
    const denies = first.startsWith('!');
    const who = first === '!' ? second : first.replace(/^!/, '');
    const sign = denies ? '!' : '';
    if (who === 'none') return depth === 0 && !denies ? [] : ['!any'];
    if (who === 'any') return [`${sign}any`];
    if (who === 'key') return [`${sign}key ${words.at(-1) ?? ''}`];
    const acl = named.acls.get(who);
    if (acl !== undefined && depth < DEPTH_MAX && !denies) return rulesOf(draft, named, acl, depth + 1);
    const prefix = wholePrefix(who);
    if (typeof parsePrefix(prefix) !== 'string') return [`${sign}${prefix}`];
    draft.lost(place, words.join(' '), 'it is neither an address, a prefix, a key nor a list');
    return [];
  });
}

/** BIND takes `10/8` for `10.0.0.0/8`. */
function wholePrefix(text: string): string {
  const [address = '', length] = text.split('/');
  if (address.includes(':') || length === undefined) return text;
  const octets = address.split('.');
  while (octets.length < 4) octets.push('0');
  return `${octets.join('.')}/${length}`;
}
