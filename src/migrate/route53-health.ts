import type { CheckDraft, Draft } from './draft.ts';
import type { HealthCheckConfig, PlacedSet } from './route53-read.ts';

/** Statuses that Route 53 takes for good: 2xx and 3xx, those in use. */
const GOOD = [200, 201, 202, 203, 204, 205, 206, 300, 301, 302, 303, 304, 307, 308];
/** It waits 4 s for a connection, and 2 s for an answer. */
const TIMEOUT_MS = 4000;
const INTERVAL_SECONDS = 30;
const FAILURES = 3;
const KINDS: Readonly<Record<string, CheckDraft['kind']>> = {
  HTTP: 'http',
  HTTP_STR_MATCH: 'http',
  HTTPS: 'https',
  HTTPS_STR_MATCH: 'https',
  TCP: 'tcp',
};
const PORTS = { http: 80, https: 443, tcp: 80 } as const;

/** Has the POP checked as the record set says, as far as that can be. */
export function carryCheck(
  draft: Draft,
  checks: ReadonlyMap<string, HealthCheckConfig>,
  { set, place }: PlacedSet,
  pop: { readonly code: string; readonly address: string | undefined },
): void {
  const { HealthCheckId: id } = set;
  if (id === undefined) return;
  const what = `health check ${id}`;
  const config = checks.get(id);
  if (config === undefined) {
    draft.lost(place, what, 'it is not in the files: give what `aws route53 list-health-checks` prints too');
    return;
  }
  const kind = KINDS[config.Type ?? ''];
  if (kind === undefined) draft.lost(place, what, `${config.Type} looks at what only AWS can see`);
  else if (config.Inverted === true) draft.lost(place, what, 'there are no inverted checks');
  else if (config.Disabled === true) draft.lost(place, what, 'it is disabled');
  else if (pop.address === undefined) draft.lost(place, what, 'an alias has no address to check');
  else {
    const { IPAddress: asked } = config;
    if (asked !== undefined && asked !== pop.address)
      draft.changed(place, what, `it asks ${asked}; here the POP's own address ${pop.address} is checked`);
    draft.check(pop.code, id, checkOf(kind, config), place);
  }
}

function checkOf(kind: CheckDraft['kind'], config: HealthCheckConfig): CheckDraft {
  const { FullyQualifiedDomainName: host, SearchString: text } = config;
  const failures = config.FailureThreshold ?? FAILURES;
  const own = {
    kind,
    port: config.Port ?? PORTS[kind],
    intervalMs: (config.RequestInterval ?? INTERVAL_SECONDS) * 1000,
    timeoutMs: TIMEOUT_MS,
    downAfter: failures,
    upAfter: failures,
  };
  if (kind === 'tcp') return own;
  return {
    ...own,
    path: config.ResourcePath === undefined || config.ResourcePath === '' ? '/' : config.ResourcePath,
    ...(host === undefined ? {} : { host }),
    status: GOOD,
    ...(text === undefined ? {} : { text }),
    // Certificates are not looked at there.
    ...(kind === 'https' ? { verify: false } : {}),
  };
}
