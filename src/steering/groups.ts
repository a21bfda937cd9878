import { type GroupPolicy, type Latency, type Policy, policyParts, popsOf } from './policy.ts';
import type { ServiceGroup } from './units.ts';

/** What steering needs to know of a service. */
export interface SteeredService {
  readonly name: string;
  /** Positions in the fleet of the POPs that serve it. */
  readonly popIndexes: readonly number[];
  /** By position in the fleet: the operator's bias in ms, the POP's and the service's together. */
  readonly biasMs: readonly number[];
  /** Who gets which POP in place of the score. */
  readonly policy?: Policy;
}

/**
 * Groups of services with the same POPs and biases, or the same policy, and the group of each service, in
 * order. What a policy decides by score is a group like that of a service; groups of policies come last.
 */
export function serviceGroups(
  popCount: number,
  services: readonly SteeredService[],
): { readonly groups: readonly ServiceGroup[]; readonly groupOf: readonly number[] } {
  const scored = register(popCount);
  const byScore = services.map(({ policy, ...service }) => (policy === undefined ? scored.add(service) : -1));
  const policies = register(popCount);
  const byPolicy = services.map(({ name, policy }) =>
    policy === undefined ? -1 : policies.add(policyGroup(name, policy, scored)),
  );
  // The loop needs one to work on, and what is measured then is known once a service asks for it.
  const everywhere = Array.from({ length: popCount }, (_, pop) => pop);
  if (scored.groups.length === 0 && popCount > 0)
    scored.add({ name: 'every POP', popIndexes: everywhere, biasMs: [] });
  return {
    groups: [...scored.groups, ...policies.groups],
    groupOf: services.map((_, i) => {
      const own = byPolicy[i] as number;
      return own < 0 ? (byScore[i] as number) : scored.groups.length + own;
    }),
  };
}

type Entry = Omit<SteeredService, 'policy'> & { readonly policy?: GroupPolicy };

interface Register {
  readonly groups: ServiceGroup[];
  /** Position of the group; made if there is none like it. */
  readonly add: (entry: Entry) => number;
}

function register(popCount: number): Register {
  const groups: ServiceGroup[] = [];
  const known = new Map<string, number>();
  return {
    groups,
    add: ({ name, popIndexes, biasMs: biases, policy }) => {
      const serves = new Uint8Array(popCount);
      const biasMs = new Float64Array(popCount);
      for (const pop of popIndexes) {
        serves[pop] = 1;
        biasMs[pop] = biases[pop] ?? 0;
      }
      const signature =
        policy === undefined ? `${serves.join('')} ${biasMs.join()}` : signatureOf(policy.root);
      const index = known.get(signature);
      if (index !== undefined) return index;
      known.set(signature, groups.length);
      groups.push({ name, serves, biasMs, ...(policy === undefined ? {} : { policy }) });
      return groups.length - 1;
    },
  };
}

function policyGroup(name: string, policy: Policy, scored: Register): Entry {
  const groupOf = new Map<Latency, number>();
  for (const part of policyParts(policy))
    if (part.kind === 'latency') groupOf.set(part, scored.add({ name: `${name}: by score`, ...part }));
  return { name, popIndexes: popsOf(policy), biasMs: [], policy: { root: policy, groupOf } };
}

function signatureOf(policy: Policy): string {
  return JSON.stringify(policy, (_, value: unknown) => (value instanceof Map ? [...value] : value));
}
