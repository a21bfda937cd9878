import { type HeaderList, headerLines } from '../headers.ts';
import { pathOf, queryOf } from '../target.ts';

/** What a client shows: in the query of a signed URL, or in signed cookies. */
export interface Credentials {
  readonly from: 'url' | 'cookies';
  readonly keyPairId: string;
  /** As sent, in CloudFront's base64. */
  readonly signature: string;
  /** Canned policy: seconds since 1970, as sent. */
  readonly expires?: string;
  /** Custom policy, in CloudFront's base64. */
  readonly policy?: string;
  /** `SHA1` where nothing is said. */
  readonly hashAlgorithm: string;
}

/** What a request shows, and the target without it. */
export interface Shown {
  /** `missing`: nothing is shown; `incomplete`: not all that is needed, or something twice. */
  readonly credentials: Credentials | 'missing' | 'incomplete';
  /** Path and query as received, but for the query's parameters that sign it. */
  readonly target: string;
}

const PARAMETERS = ['Expires', 'Policy', 'Signature', 'Key-Pair-Id', 'Hash-Algorithm'] as const;
type Parameter = (typeof PARAMETERS)[number];
const COOKIE_PREFIX = 'CloudFront-';

/**
 * Finds credentials: those of the URL, where it has any, before those of cookies. Targets are taken as
 * received, octet by octet: nothing is decoded or put in another order.
 */
export function credentialsOf(receivedTarget: string, headers: HeaderList): Shown {
  const query = queryOf(receivedTarget);
  const pairs = query === '' ? [] : query.split('&');
  const signing = pairs.filter((pair) => isParameter(nameOf(pair)));
  const others = pairs.filter((pair) => !isParameter(nameOf(pair)));
  const path = pathOf(receivedTarget);
  const hasQuery = receivedTarget.length > path.length;
  // A bare `?` belongs to the URL that was signed.
  const rest = others.length > 0 ? `?${others.join('&')}` : hasQuery && signing.length === 0 ? '?' : '';
  const target = path + rest;
  // `Expires` alone may be a parameter of the application's.
  if (signing.some((pair) => nameOf(pair) !== 'Expires' && nameOf(pair) !== 'Policy'))
    return {
      credentials: read(
        'url',
        signing.map((pair) => [nameOf(pair), decoded(valueIn(pair))]),
      ),
      target,
    };
  const cookies = cookiePairs(headers).filter(([name]) => name.startsWith(COOKIE_PREFIX));
  if (cookies.length === 0) return { credentials: 'missing', target: receivedTarget };
  const named = cookies.map(([name, value]) => [name.slice(COOKIE_PREFIX.length), value] as const);
  return { credentials: read('cookies', named), target: receivedTarget };
}

/** The headers without the cookies that sign: origins and caches have no business with them. */
export function withoutSigningCookies(headers: HeaderList): HeaderList {
  return headers.flatMap(([name, value]) => {
    if (name !== 'cookie') return [[name, value] as const];
    const kept = value.split(';').filter((pair) => !isSigningCookie(nameOf(pair.trim())));
    return kept.length === 0 ? [] : [[name, kept.join(';').trim()] as const];
  });
}

function isSigningCookie(name: string): boolean {
  return name.startsWith(COOKIE_PREFIX) && isParameter(name.slice(COOKIE_PREFIX.length));
}

function read(
  from: 'url' | 'cookies',
  pairs: readonly (readonly [string, string])[],
): Credentials | 'incomplete' {
  const found = new Map<string, string>();
  for (const [name, value] of pairs) {
    if (!isParameter(name)) continue;
    // Two of a kind would leave it open which one was meant.
    if (found.has(name)) return 'incomplete';
    found.set(name, value);
  }
  const value = (name: Parameter): string | undefined => found.get(name);
  const [keyPairId, signature, expires, policy] = [
    value('Key-Pair-Id'),
    value('Signature'),
    value('Expires'),
    value('Policy'),
  ];
  if (keyPairId === undefined || signature === undefined) return 'incomplete';
  if ((expires === undefined) === (policy === undefined)) return 'incomplete';
  return {
    from,
    keyPairId,
    signature,
    ...(expires === undefined ? {} : { expires }),
    ...(policy === undefined ? {} : { policy }),
    hashAlgorithm: value('Hash-Algorithm') ?? 'SHA1',
  };
}

function isParameter(name: string): name is Parameter {
  return (PARAMETERS as readonly string[]).includes(name);
}

function nameOf(pair: string): string {
  const at = pair.indexOf('=');
  return at < 0 ? pair : pair.slice(0, at);
}

function valueIn(pair: string): string {
  const at = pair.indexOf('=');
  return at < 0 ? '' : pair.slice(at + 1);
}

/** Signers may percent-encode `~`. */
function decoded(value: string): string {
  return value.replace(/%7E/gi, '~');
}

function cookiePairs(headers: HeaderList): (readonly [name: string, value: string])[] {
  return headerLines(headers, 'cookie')
    .flatMap((line) => line.split(';'))
    .map((pair) => [nameOf(pair.trim()), valueIn(pair.trim())] as const);
}
