import { headerOf } from './headers.ts';
import type { PopRequest, PopResponse } from './request-path.ts';

/** RFC 9110 §9.2.1. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/**
 * Targets of stored responses that a successful unsafe request made untrue (RFC 9111 §4.4): its own, and
 * those of the same host that its answer names.
 */
export function invalidatedTargets(request: PopRequest, response: PopResponse): string[] {
  if (SAFE.has(request.method) || response.status < 200 || response.status >= 400) return [];
  const targets = [request.target];
  for (const name of ['location', 'content-location']) {
    const value = headerOf(response.headers, name);
    const base = `https://${request.host}${request.target}`;
    if (value === undefined || !URL.canParse(value, base)) continue;
    const { hostname, pathname, search } = new URL(value, base);
    if (hostname === request.host) targets.push(pathname + search);
  }
  return targets;
}
