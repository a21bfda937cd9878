import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { parseAddress } from '../base/address.ts';

/** Who may ask what: set once at start. */
export interface Guard {
  /** Changes must carry it. */
  readonly token: string;
  /** Where whoever may make changes finds it, in words: `in state/admin.token`. */
  readonly tokenWhere: string;
  /** Only this machine can reach the console. */
  readonly loopback: boolean;
}

/** What the guard says of a request that it turns away. */
export interface Refusal {
  readonly status: 401 | 403;
  readonly message: string;
}

/**
 * Paths that monitoring asks for under whatever name it knows the machine by. They change nothing and tell
 * no secret.
 */
const MONITORING: ReadonlySet<string> = new Set(['/metrics', '/healthz', '/readyz']);

/**
 * Why a request is turned away; undefined lets it in.
 * A page of another site can make a browser ask us under a name of its own (DNS rebinding), so the Host
 * must be an address or `localhost`; and it can send requests, but not without its Origin, which must then
 * be ours.
 */
export function refusalOf(request: IncomingMessage, path: string, guard: Guard): Refusal | undefined {
  const host = request.headers.host ?? '';
  if (!isAddressOrLocalhost(host) && (guard.loopback || !MONITORING.has(path)))
    return { status: 403, message: `Host ${JSON.stringify(host)}: use an address or localhost` };
  const { origin } = request.headers;
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`)
    return { status: 403, message: `Origin ${JSON.stringify(origin)} is another site` };
  const site = request.headers['sec-fetch-site'] ?? 'none';
  if (
    !['same-origin', 'none'].includes(String(site)) &&
    (request.method === 'POST' || !isVisit(request, path))
  )
    return { status: 403, message: `Sec-Fetch-Site ${JSON.stringify(site)}: another site asks` };
  return request.method === 'POST' ? tokenRefusal(request, guard) : undefined;
}

/** Why a request may change nothing; undefined where it carries the token. */
export function tokenRefusal(request: IncomingMessage, guard: Guard): Refusal | undefined {
  const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (given === undefined)
    return {
      status: 401,
      message: `changes need the token, which is ${guard.tokenWhere}: Authorization: Bearer TOKEN`,
    };
  if (sameSecret(given, guard.token)) return undefined;
  return { status: 401, message: `the token is wrong: the right one is ${guard.tokenWhere}` };
}

/** A link on another site may lead here; what its pages ask for by themselves is not for them. */
function isVisit(request: IncomingMessage, path: string): boolean {
  return request.headers['sec-fetch-mode'] === 'navigate' || MONITORING.has(path);
}

function isAddressOrLocalhost(host: string): boolean {
  const name = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(host);
  const text = name?.[1] ?? name?.[2] ?? '';
  return text.toLowerCase() === 'localhost' || parseAddress(text) !== undefined;
}

/** Compares digests, in a time that does not depend on where they differ. */
function sameSecret(left: string, right: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}
