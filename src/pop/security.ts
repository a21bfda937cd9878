import type { KeyObject } from 'node:crypto';
import { must } from '../base/assert.ts';
import type { BehaviourSecurity, DistributionSecurity } from '../config/security.ts';
import type { EdgeFunctions } from './edge/functions.ts';
import type { EdgeLambdas } from './edge/lambdas.ts';
import { type FieldEncryption, fieldEncryptionStage } from './fle/stage.ts';
import { geoStage } from './geo-stage.ts';
import type { Behaviour } from './request-path.ts';
import type { SecurityCounts } from './security-counters.ts';
import { signedStage } from './signed/stage.ts';
import { viewerCountryStage } from './viewer-country.ts';
import type { Acl } from './waf/acl.ts';
import type { Verdict } from './waf/evaluate.ts';
import type { Run } from './waf/run.ts';
import { wafStage } from './waf/stage.ts';

/** What configurations name, read and ready. */
export interface SecurityParts {
  readonly acls: ReadonlyMap<string, Acl>;
  /** Keys by id, of each key group. */
  readonly keyGroups: ReadonlyMap<string, ReadonlyMap<string, KeyObject>>;
  readonly encryptions: ReadonlyMap<string, FieldEncryption>;
  readonly functions: EdgeFunctions;
  readonly lambdas: EdgeLambdas;
  readonly whereabouts: Run['whereabouts'];
  readonly counts: SecurityCounts;
}

/** The steps that a behaviour goes through. */
export type SecuritySteps = Pick<
  Behaviour,
  'viewerRequest' | 'originRequest' | 'originResponse' | 'viewerResponse'
>;

/**
 * The steps of a behaviour in their order, only those that it asks for. Names were checked with the file.
 * `asksCountry`: something names the field for the client's country; code at the edge always gets it.
 */
export function securitySteps(
  parts: SecurityParts,
  distribution: DistributionSecurity,
  behaviour: BehaviourSecurity,
  asksCountry: boolean,
): SecuritySteps {
  const { functions, lambdas, whereabouts, counts } = parts;
  const { webAcl, geoRestriction } = distribution;
  const { trustedKeyGroups, fieldEncryption } = behaviour;
  const { includeBody, ...handlers } = behaviour.lambdas;
  const part = <T>(map: ReadonlyMap<string, T>, name: string): T => must(map.get(name), `edge part ${name}`);
  const one = <T>(name: string | undefined, make: (name: string) => T): T[] =>
    name === undefined ? [] : [make(name)];
  return {
    viewerRequest: [
      ...one(webAcl, (name) => {
        const count = (verdict: Verdict): void => counts.waf(name, verdict);
        return wafStage({ acl: part(parts.acls, name), whereabouts, count });
      }),
      ...(geoRestriction === undefined ? [] : [geoStage(geoRestriction, whereabouts)]),
      ...(trustedKeyGroups.length === 0 ? [] : [signedStage(trusted(parts, trustedKeyGroups))]),
      ...one(fieldEncryption, (name) => fieldEncryptionStage(part(parts.encryptions, name))),
      ...(asksCountry || hasCode(behaviour) ? [viewerCountryStage(whereabouts)] : []),
      ...one(behaviour.functions.viewerRequest, functions.request),
      ...one(handlers.viewerRequest, (name) => lambdas.request(name, 'viewer-request', includeBody)),
    ],
    originRequest: one(handlers.originRequest, (name) =>
      lambdas.request(name, 'origin-request', includeBody),
    ),
    originResponse: one(handlers.originResponse, (name) => lambdas.response(name, 'origin-response')),
    viewerResponse: [
      ...one(behaviour.functions.viewerResponse, functions.response),
      ...one(handlers.viewerResponse, (name) => lambdas.response(name, 'viewer-response')),
    ],
  };
}

function hasCode({ functions, lambdas }: BehaviourSecurity): boolean {
  const { includeBody: _, ...handlers } = lambdas;
  return [...Object.values(functions), ...Object.values(handlers)].some((name) => name !== undefined);
}

function trusted({ keyGroups }: SecurityParts, names: readonly string[]): ReadonlyMap<string, KeyObject> {
  return new Map(names.flatMap((name) => Array.from(must(keyGroups.get(name), `key group ${name}`))));
}
