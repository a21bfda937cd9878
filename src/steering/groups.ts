import { NONE, type ServiceGroup } from './units.ts';

/** What steering needs to know of a service. */
export interface SteeredService {
  readonly name: string;
  /** Positions in the fleet of the POPs that serve it. */
  readonly popIndexes: readonly number[];
  /** By position in the fleet: the operator's bias in ms, the POP's and the service's together. */
  readonly biasMs: readonly number[];
}

/** Groups of services with the same POPs and biases, and the group of each service, in order. */
export function serviceGroups(
  popCount: number,
  services: readonly SteeredService[],
): { readonly groups: readonly ServiceGroup[]; readonly groupOf: readonly number[] } {
  const groups: ServiceGroup[] = [];
  const known = new Map<string, number>();
  const groupOf = services.map((service) => {
    const serves = new Uint8Array(popCount);
    const biasMs = new Float64Array(popCount);
    for (const pop of service.popIndexes) {
      serves[pop] = 1;
      biasMs[pop] = service.biasMs[pop] ?? 0;
    }
    const signature = `${serves.join('')} ${biasMs.join()}`;
    const index = known.get(signature) ?? NONE;
    if (index !== NONE) return index;
    known.set(signature, groups.length);
    groups.push({ name: service.name, serves, biasMs });
    return groups.length - 1;
  });
  return { groups, groupOf };
}
