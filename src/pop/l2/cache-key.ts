import { type HeaderList, headerOf } from '../headers.ts';
import { pathOf, queryOf } from '../target.ts';
import type { TtlBounds } from './freshness.ts';

/** What of a kind of thing goes into the key. */
export type Selection =
  | { readonly kind: 'none' }
  | { readonly kind: 'all' }
  | { readonly kind: 'only'; readonly names: ReadonlySet<string> }
  | { readonly kind: 'all-but'; readonly names: ReadonlySet<string> };

/** What makes two requests ask for the same object, and how long it is kept: CloudFront's cache policies. */
export interface CachePolicy extends TtlBounds {
  readonly name: string;
  readonly query: Selection;
  /** Names in small letters. */
  readonly headers: Selection;
  readonly cookies: Selection;
}

/**
 * The key of a request under a policy: distribution, path and query as sent (RFC 9110 §4.2.3 knows no
 * equality beyond the octets, save for the empty path), then the headers and cookies of the policy.
 */
export function cacheKey(
  policy: CachePolicy,
  scope: string,
  request: { readonly target: string; readonly headers: HeaderList },
): string {
  let key = `${scope}\n${pathOf(request.target)}`;
  const query = selectedQuery(policy.query, queryOf(request.target));
  if (query !== '') key += `\n?${query}`;
  if (policy.headers.kind === 'only')
    for (const name of policy.headers.names) key += `\n${name}:${headerOf(request.headers, name) ?? '-'}`;
  if (policy.cookies.kind !== 'none') key += `\n;${selectedCookies(policy.cookies, request.headers)}`;
  return key;
}

/** The path in a key. */
export function pathOfKey(key: string): string {
  return key.split('\n', 2)[1] ?? '';
}

/** The distribution in a key. */
export function scopeOfKey(key: string): string {
  return key.slice(0, key.indexOf('\n'));
}

/** Parameters of a query that the policy takes, in their order and as sent. */
export function selectedQuery(selection: Selection, query: string): string {
  if (selection.kind === 'all' || query === '') return query;
  if (selection.kind === 'none') return '';
  return query
    .split('&')
    .filter((pair) => takes(selection, pair.split('=', 1)[0] ?? ''))
    .join('&');
}

/** Cookies that the policy takes, by name, so that their order does not matter. */
export function selectedCookies(selection: Selection, headers: HeaderList): string {
  if (selection.kind === 'none') return '';
  return cookiesOf(headers)
    .filter((pair) => takes(selection, pair.split('=', 1)[0] ?? ''))
    .sort()
    .join('; ');
}

export function takes(selection: Selection, name: string): boolean {
  if (selection.kind === 'none') return false;
  if (selection.kind === 'all') return true;
  return selection.names.has(name) === (selection.kind === 'only');
}

function cookiesOf(headers: HeaderList): string[] {
  const text = headers.filter(([name]) => name === 'cookie').map(([, value]) => value);
  return text
    .join('; ')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '');
}
