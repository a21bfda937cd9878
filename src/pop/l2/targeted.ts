import { type HeaderList, headerLines, listMembers } from '../headers.ts';
import type { Directives } from './directives.ts';

/** By this name `Surrogate-Control` may speak to these caches alone. */
export const SURROGATE_NAME = 'isochrone';

/**
 * What a response says to caches of a CDN alone (RFC 9213): `CDN-Cache-Control`, else `Surrogate-Control`
 * (W3C edge architecture). undefined: nothing that can be read, so that `Cache-Control` and `Expires` count.
 */
export function targetedDirectives(headers: HeaderList): Directives | undefined {
  const lines = headerLines(headers, 'cdn-cache-control');
  return (lines.length > 0 ? dictionary(lines.join(',')) : undefined) ?? surrogate(headers);
}

/** Fields that speak to these caches: they go no farther than the POP. */
export const TARGETED_FIELDS = ['cdn-cache-control', 'surrogate-control'] as const;

/**
 * A Structured Fields dictionary (RFC 8941 §3.2) as far as caching needs it: integers and booleans. One fault
 * makes all of it void; the last value of a name counts.
 */
function dictionary(text: string): Directives | undefined {
  const directives = new Map<string, string | true>();
  let rest = text.trim();
  while (rest !== '') {
    const match = MEMBER.exec(rest);
    const [all = '', name = '', value] = match ?? [];
    if (match === null) return undefined;
    // False (`?0`) is as good as not there, and so is a number of seconds that is none.
    directives.delete(name);
    if (value === undefined || value === '?1') directives.set(name, true);
    else if (value !== '?0' && (!SECONDS.has(name) || /^-?\d+$/.test(value))) directives.set(name, value);
    rest = rest.slice(all.length);
    if (rest === '') break;
    const comma = /^[ \t]*,[ \t]*(?=.)/.exec(rest);
    if (comma === null) return undefined;
    rest = rest.slice(comma[0].length);
  }
  return directives.size === 0 ? undefined : directives;
}

const SECONDS: ReadonlySet<string> = new Set([
  'max-age',
  's-maxage',
  'stale-while-revalidate',
  'stale-if-error',
]);
const BARE = [
  '"(?:[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]|\\\\["\\\\])*"',
  '\\?[01]',
  '-?\\d{1,15}(?:\\.\\d{1,3})?',
  "[A-Za-z*][!#-'*+.^-z|~:/0-9-]*",
].join('|');
const PARAMETER = `(?:[ ]*;[ ]*[a-z*][a-z0-9_.*-]*(?:=(?:${BARE}))?)*`;
const MEMBER = new RegExp(`^([a-z*][a-z0-9_.*-]*)(?:=(${BARE}))?${PARAMETER}`);

function surrogate(headers: HeaderList): Directives | undefined {
  const directives = new Map<string, string | true>();
  for (const line of headerLines(headers, 'surrogate-control'))
    for (const member of listMembers(line)) {
      const [said = '', target] = member.split(';').map((part) => part.trim());
      if (target !== undefined && target !== SURROGATE_NAME) continue;
      const mark = said.indexOf('=');
      const name = (mark < 0 ? said : said.slice(0, mark)).toLowerCase();
      // `max-age=60+30`: fresh for 60 s, usable for 30 s more.
      const [value = '', more] = mark < 0 ? [] : said.slice(mark + 1).split('+');
      if (name === 'max-age' && more !== undefined) directives.set('stale-if-error', more);
      if (name !== '' && !directives.has(name)) directives.set(name, mark < 0 ? true : value);
    }
  const says = directives.has('max-age') || directives.has('no-store');
  return says ? directives : undefined;
}
