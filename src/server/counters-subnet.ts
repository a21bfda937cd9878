import { OUTCOME, type Outcome } from '../answer/context.ts';
import type { FamilySpec } from '../base/counters.ts';
import type { EdnsView } from '../wire/edns.ts';
import type { ServerCounters } from './counters.ts';

/** Families of addresses (RFC 7871 §6: 1 and 2), and lengths that a prefix of either can have. */
const FAMILIES = ['ipv4', 'ipv6'] as const;
const LENGTHS = Array.from({ length: 129 }, (_, length) => String(length));

const NAME = {
  sources: 'isochrone_dns_ecs_queries_total',
  scopes: 'isochrone_dns_ecs_answers_total',
} as const;

/** Where the families of this file begin in a block. */
export interface SubnetCounters {
  readonly sources: number;
  readonly scopes: number;
}

/** What is counted of client subnets: a slot a length. */
export const SUBNET_FAMILIES: readonly FamilySpec[] = [
  {
    name: NAME.sources,
    help: 'Queries with a client subnet (RFC 7871), by the bits that they tell of the client.',
    kind: 'counter',
    labels: [
      { name: 'family', values: FAMILIES },
      { name: 'source', values: LENGTHS },
    ],
  },
  {
    name: NAME.scopes,
    help: 'Answers chosen by the subnet of the query, by their scope: how wide a prefix may keep them.',
    kind: 'counter',
    labels: [
      { name: 'family', values: FAMILIES },
      { name: 'scope', values: LENGTHS },
    ],
  },
];

/** Finds the families by their names. */
export function subnetCounters(at: (name: string) => number): SubnetCounters {
  return { sources: at(NAME.sources), scopes: at(NAME.scopes) };
}

/** Counts the client subnet of a query, and the scope of its answer if that was chosen by it. */
export function countSubnet({ block, subnet }: ServerCounters, outcome: Outcome, edns: EdnsView): void {
  const { ecsFamily, ecsSourceLength } = edns;
  // Family 0 tells nothing, and of a query that was not understood no subnet counts.
  if (ecsFamily === 0 || outcome.kind <= OUTCOME.REJECTED) return;
  const first = (ecsFamily - 1) * LENGTHS.length;
  const source = subnet.sources + first + ecsSourceLength;
  block[source] = (block[source] as number) + 1;
  if (!outcome.usedEcs) return;
  const scope = subnet.scopes + first + outcome.scopeLength;
  block[scope] = (block[scope] as number) + 1;
}
