import type { z } from 'zod';
import { must } from '../base/assert.ts';
import type { Fleet } from '../base/fleet.ts';
import type { NetworkOverride } from '../base/network-table.ts';
import { type Policy, policyParts } from '../steering/policy.ts';
import type { configSchema } from './schema.ts';

type Parsed = z.output<typeof configSchema>;
type Services = Parsed['services'];

/**
 * AS numbers that stand for networks which policies ask for: the last of those for private use (RFC 6996).
 * Their clients are told apart by them in every table.
 */
const FIRST_ASN = 4_294_960_000;

/** A network that a policy asks for, and the AS number that stands for it. */
export interface PolicyNetwork {
  readonly asn: number;
  readonly country: string;
  /** Degrees. */
  readonly latitude: number;
  readonly longitude: number;
}

/** The policies of services, what they ask for, and the operator's networks with what stands for them. */
export interface Policies {
  /** The service's policy; undefined where the score decides. */
  readonly of: (name: string) => Policy | undefined;
  readonly networks: readonly PolicyNetwork[];
  readonly overrides: readonly NetworkOverride[];
}

/** Reads the policies of a configuration without faults: choices name what there is, and go in no circle. */
export function readPolicies(
  services: Services,
  fleet: Fleet,
  overrides: readonly NetworkOverride[],
): Policies {
  const asns = numberLabels(services);
  const indexes = new Map(fleet.pops.map(({ code, index }) => [code, index]));
  const popOf = (code: string): number => must(indexes.get(code), `POP ${code}`);
  const made = new Map<string, Policy>();
  const choiceOf = (name: string): Policy => {
    if (/^[A-Z]/.test(name)) return { kind: 'pop', pop: popOf(name) };
    const known = made.get(name) ?? policyOf(name) ?? scored(name);
    made.set(name, known);
    return known;
  };
  const scored = (name: string): Policy => {
    const { pops, biasMs } = must(services[name], `service ${name}`);
    const serving = fleet.pops.filter(({ code }) => pops === 'all' || pops.includes(code));
    return {
      kind: 'latency',
      popIndexes: serving.map(({ index }) => index),
      biasMs: fleet.pops.map((pop) => pop.biasMs + (biasMs[pop.code] ?? 0)),
    };
  };
  const policyOf = (name: string): Policy | undefined => {
    const policy = services[name]?.policy;
    if (policy === undefined) return undefined;
    const { failover, weighted, nearest, all, geo } = policy;
    if (failover !== undefined) return { kind: 'failover', choices: failover.map(choiceOf) };
    if (all !== undefined) return { kind: 'all', choices: all.map(choiceOf) };
    if (weighted !== undefined)
      return {
        kind: 'weighted',
        choices: Object.entries(weighted).map(([to, weight]) => ({ weight, choice: choiceOf(to) })),
      };
    if (nearest !== undefined)
      return {
        kind: 'nearest',
        choices: Object.entries(nearest).map(([to, bias]) => {
          const choice = choiceOf(to);
          return { choice, at: firstPop(choice), bias };
        }),
      };
    const { networks, countries, continents, default: otherwise } = must(geo, 'a kind of policy');
    return {
      kind: 'geo',
      networks: new Map(
        Object.entries(networks).map(([label, to]) => [
          must(asns.get(label), 'number of a label'),
          choiceOf(to),
        ]),
      ),
      countries: mapOf(countries, choiceOf),
      continents: mapOf(continents, choiceOf),
      otherwise: choiceOf(otherwise),
    };
  };
  return {
    of: policyOf,
    networks: overrides.flatMap(({ label = '', country = '', latitude = 0, longitude = 0 }) => {
      const asn = asns.get(label);
      return asn === undefined ? [] : [{ asn, country, latitude, longitude }];
    }),
    overrides: overrides.map((network) => {
      const asn = asns.get(network.label ?? '');
      return asn === undefined ? network : { ...network, asn };
    }),
  };
}

/** The first POP that a policy names, at any depth. */
function firstPop(policy: Policy): number {
  const [pop = 0] = policyParts(policy).flatMap((part) => {
    if (part.kind === 'pop') return part.pop;
    return part.kind === 'latency' ? part.popIndexes : [];
  });
  return pop;
}

/** Labels that policies name, numbered in their order. */
function numberLabels(services: Services): Map<string, number> {
  const labels = Object.values(services).flatMap(({ policy }) => Object.keys(policy?.geo?.networks ?? {}));
  return new Map([...new Set(labels)].map((label, i) => [label, FIRST_ASN + i]));
}

function mapOf(choices: Readonly<Record<string, string>>, of: (name: string) => Policy): Map<string, Policy> {
  return new Map(Object.entries(choices).map(([key, to]) => [key, of(to)]));
}
