import { type HeaderList, headerOf, listMembers } from '../headers.ts';
import { parseHttpDate } from './http-date.ts';

/** Request fields that make a request conditional (RFC 9110 §13.1), and those of ranges. */
export const CONDITIONAL_FIELDS = [
  'if-none-match',
  'if-modified-since',
  'if-match',
  'if-unmodified-since',
  'if-range',
  'range',
] as const;

/** Fields that a 304 carries (RFC 9110 §15.4.5), and those that the tier adds. */
const KEPT_BY_304: ReadonlySet<string> = new Set([
  'cache-control',
  'content-location',
  'date',
  'etag',
  'expires',
  'vary',
  'age',
  'last-modified',
  'via',
  'set-cookie',
]);

/** What of a response's headers a 304 made of it has. */
export function headersOf304(headers: HeaderList): HeaderList {
  return headers.filter(([name]) => KEPT_BY_304.has(name) || name.startsWith('access-control-'));
}

/**
 * Whether what a client has is still right (RFC 9110 §13.2.2): `If-None-Match` counts before
 * `If-Modified-Since`. Without `Last-Modified` the response's `Date` counts.
 */
export function isNotModified(request: HeaderList, response: HeaderList, nowMs: number): boolean {
  const wanted = headerOf(request, 'if-none-match');
  if (wanted !== undefined) {
    const etag = headerOf(response, 'etag');
    return listMembers(wanted).some((one) => one === '*' || (etag !== undefined && weak(one) === weak(etag)));
  }
  const since = headerOf(request, 'if-modified-since');
  if (since === undefined) return false;
  const sinceMs = parseHttpDate(since, nowMs);
  const changed = headerOf(response, 'last-modified') ?? headerOf(response, 'date');
  const changedMs = changed === undefined ? undefined : parseHttpDate(changed, nowMs);
  if (sinceMs === undefined) return false;
  return changedMs === undefined ? false : changedMs <= sinceMs;
}

/** Whether `If-Range` lets a part of this response be sent (RFC 9110 §13.1.5): strong comparison. */
export function rangeApplies(request: HeaderList, response: HeaderList): boolean {
  const wanted = headerOf(request, 'if-range');
  if (wanted === undefined) return true;
  if (wanted.startsWith('"')) return wanted === headerOf(response, 'etag');
  return !wanted.startsWith('W/') && wanted === headerOf(response, 'last-modified');
}

/** Fields with which a stored response is validated; none where it has no validator. */
export function validators(stored: HeaderList): HeaderList {
  const etag = headerOf(stored, 'etag');
  const changed = headerOf(stored, 'last-modified');
  return [
    ...(etag === undefined ? [] : ([['if-none-match', etag]] as const)),
    ...(changed === undefined ? [] : ([['if-modified-since', changed]] as const)),
  ];
}

/** Fields of a stored response that belong to its content, which a 304 does not change (RFC 9111 §3.2). */
const OF_CONTENT: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-length',
  'content-md5',
  'content-range',
  'content-type',
  'etag',
]);

/** The stored headers with what a 304, or a HEAD's 200, says anew. */
export function freshened(stored: HeaderList, update: HeaderList): HeaderList {
  // A type that changes without the content changing is only mended.
  const news = update.filter(([name]) => name === 'content-type' || !OF_CONTENT.has(name));
  const replaced = new Set(news.map(([name]) => name));
  // The old age was of the old response.
  replaced.add('age');
  return [...stored.filter(([name]) => !replaced.has(name)), ...news];
}

function weak(etag: string): string {
  return etag.startsWith('W/') ? etag.slice(2) : etag;
}
