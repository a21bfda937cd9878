import type { Behaviour, Distribution } from './request-path.ts';

/** Finds how a request is to be served. */
export interface Router {
  /**
   * The distribution of a host (lower-case, without port): its own name, then the longest wildcard, then
   * `*`.
   */
  readonly distributionOf: (host: string) => Distribution | undefined;
}

export function createRouter(distributions: readonly Distribution[]): Router {
  const exact = new Map<string, Distribution>();
  const wild: { readonly suffix: string; readonly distribution: Distribution }[] = [];
  let rest: Distribution | undefined;
  for (const distribution of distributions)
    for (const domain of distribution.domains) {
      if (domain === '*') rest ??= distribution;
      else if (domain.startsWith('*.')) wild.push({ suffix: domain.slice(1), distribution });
      else exact.set(domain, distribution);
    }
  wild.sort((one, other) => other.suffix.length - one.suffix.length);
  return {
    distributionOf: (host) =>
      exact.get(host) ?? wild.find(({ suffix }) => host.endsWith(suffix))?.distribution ?? rest,
  };
}

/** The first behaviour whose pattern matches the path; patterns are case-sensitive, as CloudFront's are. */
export function behaviourOf(distribution: Distribution, path: string): Behaviour | undefined {
  return distribution.behaviours.find(({ pathPattern }) => matchesPattern(pathPattern, path));
}

/** Whether a path matches a pattern with `*` (any octets, none too) and `?` (exactly one). */
export function matchesPattern(pattern: string, path: string): boolean {
  if (pattern === '*') return true;
  const wanted = pattern.startsWith('/') || pattern.startsWith('*') ? pattern : `/${pattern}`;
  let at = 0;
  let position = 0;
  let star = -1;
  let resume = 0;
  // The last star takes one octet more whenever what follows it does not match: no backtracking beyond that.
  while (position < path.length) {
    if (at < wanted.length && wanted[at] === '*') {
      star = at++;
      resume = position;
    } else if (at < wanted.length && (wanted[at] === '?' || wanted[at] === path[position])) {
      at++;
      position++;
    } else if (star >= 0) {
      at = star + 1;
      position = ++resume;
    } else return false;
  }
  while (wanted[at] === '*') at++;
  return at === wanted.length;
}
