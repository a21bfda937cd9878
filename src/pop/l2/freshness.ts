import { type HeaderList, hasHeader, headerLines, headerOf } from '../headers.ts';
import { type Directives, fieldsOf, parseDirectives, secondsOf } from './directives.ts';
import { parseHttpDate } from './http-date.ts';
import { targetedDirectives } from './targeted.ts';

/** What of a cache policy bounds how long a response is fresh, ms. */
export interface TtlBounds {
  /** At least so long, whatever the origin says: also where it forbids to store. 0: as it says. */
  readonly minTtlMs: number;
  /** Where the origin says nothing; undefined: as RFC 9111 §4.2.2 lets one guess. */
  readonly defaultTtlMs: number | undefined;
  readonly maxTtlMs: number;
}

/** A response of which it is to be said whether and how long it may be kept. */
export interface Answered {
  readonly status: number;
  readonly headers: HeaderList;
  /** Headers of the request that brought it. */
  readonly requestHeaders: HeaderList;
  /** When the request went out and the response came in, ms since 1970 UTC. */
  readonly requestedAtMs: number;
  readonly receivedAtMs: number;
}

/** How long a stored response may be used, and how. */
export interface Freshness {
  /** From when its age counts: `ageMs` at `atMs`. */
  readonly atMs: number;
  readonly ageMs: number;
  readonly lifetimeMs: number;
  /** Must be validated before each use (`no-cache`). */
  readonly alwaysValidate: boolean;
  /** May never be used when it is stale: `must-revalidate` and its kind. */
  readonly neverStale: boolean;
  /** RFC 5861: used while it is fetched anew, ms after it became stale. */
  readonly staleWhileRevalidateMs: number;
  /** RFC 5861: used where the origin fails; undefined: it does not say. */
  readonly staleIfErrorMs: number | undefined;
  /** Fields that are not kept: those that `private="…"` and `no-cache="…"` name. */
  readonly omit: readonly string[];
}

/** Statuses that may be kept without explicit word (RFC 9110 §15.1); 206 is not kept like that. */
const CACHEABLE: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);
/** Share of the time since the last change (RFC 9111 §4.2.2). */
const HEURISTIC_SHARE = 0.1;
const HEURISTIC_MAX_MS = 86_400_000;

/** Whether a response may be kept by a shared cache (RFC 9111 §3) and for how long; a text says why not. */
export function freshnessOf(answered: Answered, bounds: TtlBounds): Freshness | string {
  const { status, headers, requestHeaders } = answered;
  if (status < 200 || status === 206 || status === 304) return `status ${status} is not kept`;
  if (listsStar(headers)) return 'Vary: *';
  const plain = parseDirectives(headerLines(headers, 'cache-control'));
  const targeted = targetedDirectives(headers);
  const says = targeted ?? plain;
  const isForced = bounds.minTtlMs > 0;
  const why = isForced ? undefined : forbidden(says, { status, requestHeaders });
  if (why !== undefined) return why;
  const explicit = lifetimeOf(says, targeted === undefined, answered);
  const isCacheable = CACHEABLE.has(status) || says.has('public');
  if (explicit === undefined && !isCacheable && !isForced) return `status ${status} without a lifetime`;
  const guessed = bounds.defaultTtlMs ?? heuristicMs(answered);
  const lifetimeMs = Math.max(bounds.minTtlMs, Math.min(bounds.maxTtlMs, explicit ?? guessed));
  const alwaysValidate = !isForced && says.get('no-cache') === true;
  const staleWhileRevalidateMs = secondsOf(says, 'stale-while-revalidate') ?? 0;
  const staleIfErrorMs = secondsOf(says, 'stale-if-error');
  const isUseful = lifetimeMs > 0 && !alwaysValidate;
  const canValidate = hasHeader(headers, 'etag') || hasHeader(headers, 'last-modified');
  if (!isUseful && !canValidate && staleWhileRevalidateMs === 0 && (staleIfErrorMs ?? 0) === 0)
    return explicit === undefined ? 'says nothing of its lifetime' : 'is stale at once and has no validator';
  return {
    atMs: answered.receivedAtMs,
    ageMs: initialAgeMs(answered),
    lifetimeMs,
    alwaysValidate,
    neverStale: STRICT.some((name) => says.has(name)) || alwaysValidate,
    staleWhileRevalidateMs,
    staleIfErrorMs,
    omit: [...fieldsOf(says, 'private'), ...fieldsOf(says, 'no-cache')],
  };
}

/** `s-maxage` counts as `proxy-revalidate` for shared caches (RFC 9111 §5.2.2.10). */
const STRICT = ['must-revalidate', 'proxy-revalidate', 's-maxage'];

/** Age now, ms (RFC 9111 §4.2.3); never ends where the origin sent an age that is none. */
export function currentAgeMs(freshness: Freshness, nowMs: number): number {
  return freshness.ageMs + Math.max(0, nowMs - freshness.atMs);
}

/** How a stored response may be used now. */
export type Usability = 'fresh' | 'stale-while-revalidate' | 'stale';

export function usability(freshness: Freshness, nowMs: number): Usability {
  if (freshness.alwaysValidate) return 'stale';
  const beyondMs = currentAgeMs(freshness, nowMs) - freshness.lifetimeMs;
  if (beyondMs < 0) return 'fresh';
  const mayWait = !freshness.neverStale && beyondMs < freshness.staleWhileRevalidateMs;
  return mayWait ? 'stale-while-revalidate' : 'stale';
}

/** How long after its end a response is used where the origin cannot be reached and it says nothing, ms. */
const STALE_UNREACHABLE_MS = 86_400_000;

/**
 * Whether it may be used stale because the origin failed: `unreachable` gave no answer at all (RFC 9111
 * §4.2.4), `error` a status of 500, 502, 503 or 504 (RFC 5861 §4).
 */
export function usableOnError(
  freshness: Freshness,
  failure: 'unreachable' | 'error',
  nowMs: number,
): boolean {
  if (freshness.neverStale) return false;
  const graceMs = freshness.staleIfErrorMs ?? (failure === 'unreachable' ? STALE_UNREACHABLE_MS : 0);
  return currentAgeMs(freshness, nowMs) - freshness.lifetimeMs < graceMs;
}

function forbidden(
  says: Directives,
  { status, requestHeaders }: Pick<Answered, 'status' | 'requestHeaders'>,
): string | undefined {
  const understood = says.has('must-understand');
  if (understood && !UNDERSTOOD.has(status)) return `must-understand, and ${status} is not`;
  if (says.has('no-store') && !understood) return 'no-store';
  if (says.get('private') === true) return 'private';
  if (parseDirectives(headerLines(requestHeaders, 'cache-control')).has('no-store'))
    return 'the request says no-store';
  if (!hasHeader(requestHeaders, 'authorization')) return undefined;
  // RFC 9111 §3.5.
  const mayShare = says.has('public') || says.has('s-maxage') || says.has('must-revalidate');
  return mayShare ? undefined : 'the request had Authorization';
}

/** Statuses whose meaning for caches is known here. */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  ...CACHEABLE,
  ...[201, 202, 205, 302, 303, 307, 400, 401, 403, 406, 409, 411, 412, 413, 415, 416, 421, 422, 429],
  ...[500, 502, 503, 504],
]);

/** What it says of its lifetime, ms; undefined: nothing. */
function lifetimeOf(says: Directives, isPlain: boolean, answered: Answered): number | undefined {
  const told = secondsOf(says, 's-maxage') ?? secondsOf(says, 'max-age');
  if (told !== undefined || !isPlain) return told;
  const expires = headerLines(answered.headers, 'expires');
  if (expires.length === 0) return undefined;
  const atMs = parseHttpDate(expires[0] ?? '', answered.receivedAtMs);
  return atMs === undefined ? 0 : Math.max(0, atMs - dateMs(answered));
}

function heuristicMs(answered: Answered): number {
  const changed = headerOf(answered.headers, 'last-modified');
  const changedMs = changed === undefined ? undefined : parseHttpDate(changed, answered.receivedAtMs);
  if (changedMs === undefined) return 0;
  return Math.max(0, Math.min(HEURISTIC_MAX_MS, (dateMs(answered) - changedMs) * HEURISTIC_SHARE));
}

function dateMs({ headers, receivedAtMs }: Answered): number {
  return parseHttpDate(headerLines(headers, 'date')[0] ?? '', receivedAtMs) ?? receivedAtMs;
}

function initialAgeMs(answered: Answered): number {
  const { headers, requestedAtMs, receivedAtMs } = answered;
  const lines = headerLines(headers, 'age');
  const apparentMs = Math.max(0, receivedAtMs - dateMs(answered));
  if (lines.length === 0) return apparentMs;
  const seconds = lines.length > 1 ? undefined : saidAge(lines[0] ?? '');
  // What is no age at all may hide a great one.
  if (seconds === undefined) return Number.POSITIVE_INFINITY;
  return Math.max(apparentMs, seconds * 1000 + (receivedAtMs - requestedAtMs));
}

/**
 * What one `Age` line says, s: of a list its first member (RFC 9111 §5.1). A comma with a space is what joins
 * several lines (RFC 9110 §5.3), and several contradict each other. undefined: no age.
 */
function saidAge(line: string): number | undefined {
  const [first] = /^\d+(?=(?:,\d+)*$)/.exec(line.trim()) ?? [];
  return first === undefined ? undefined : Number(first);
}

function listsStar(headers: HeaderList): boolean {
  return headerLines(headers, 'vary').some((line) => line.split(',').some((name) => name.trim() === '*'));
}
