import { continentOf } from '../base/continents.ts';

/**
 * What an operator says of which POPs clients get, in place of the score. Choices may be policies
 * themselves; `latency` stands for the score among some POPs.
 */
export type Policy =
  | { readonly kind: 'pop'; readonly pop: number }
  | Latency
  /** The first choice of which any POP is up. */
  | { readonly kind: 'failover'; readonly choices: readonly Policy[] }
  /** All choices of which any POP is up, in one answer. */
  | { readonly kind: 'all'; readonly choices: readonly Policy[] }
  /** Clients are divided by weight among the choices of which any POP is up; 0: only where no other is. */
  | { readonly kind: 'weighted'; readonly choices: readonly { weight: number; choice: Policy }[] }
  /** The nearest choice of which any POP is up, each with a bias in percent (`biasedKm`). */
  | { readonly kind: 'nearest'; readonly choices: readonly Near[] }
  | Geo;

/** A choice that is where one of its POPs is. */
export interface Near {
  readonly choice: Policy;
  /** Position in the fleet of the POP that it is at. */
  readonly at: number;
  /** Percent. */
  readonly bias: number;
}

/** The POPs with the lowest score. */
export interface Latency {
  readonly kind: 'latency';
  /** Positions in the fleet, rising. */
  readonly popIndexes: readonly number[];
  /** By position in the fleet, ms. */
  readonly biasMs: readonly number[];
}

/** By where the client is: the narrowest choice of which any POP is up. */
export interface Geo {
  readonly kind: 'geo';
  /** By AS number: those that stand for networks of the operator's. */
  readonly networks: ReadonlyMap<number, Policy>;
  /** By ISO 3166-1 alpha-2 code. */
  readonly countries: ReadonlyMap<string, Policy>;
  /** By code of two letters: AF AN AS EU NA OC SA. */
  readonly continents: ReadonlyMap<string, Policy>;
  readonly otherwise: Policy;
}

/** A policy, and the group that decides each part of it that goes by score. */
export interface GroupPolicy {
  readonly root: Policy;
  readonly groupOf: ReadonlyMap<Latency, number>;
}

/** Some of a cell's clients, 0..1, and the POP that they get. */
export interface PolicyPart {
  readonly pop: number;
  readonly share: number;
}

/** What clients get. */
export interface Decided {
  /** Shares add up to 1; none where no POP is up that may be answered. */
  readonly parts: readonly PolicyPart[];
  /** All parts stand in one answer. */
  readonly together: boolean;
}

const NOBODY: Decided = { parts: [], together: false };
const alone = (pop: number): Decided => ({ parts: [{ pop, share: 1 }], together: false });

/** The clients that a policy decides for. */
export interface PolicyClient {
  /** '': not known. */
  readonly country: string;
  /** 0: not known. */
  readonly asn: number;
  /** Distance to a POP, km; NaN: not known. */
  readonly kmTo: (pop: number) => number;
  /** Parts by score of those POPs that are up; empty where none is. */
  readonly byScore: (latency: Latency) => readonly PolicyPart[];
  /** Those POPs, the best first. */
  readonly ranked: (latency: Latency) => readonly number[];
}

/** Whether a POP is up. */
type IsUp = (pop: number) => boolean;

/** What clients get. */
export function decidePolicy(policy: Policy, client: PolicyClient, isUp: IsUp): Decided {
  switch (policy.kind) {
    case 'pop':
      return isUp(policy.pop) ? alone(policy.pop) : NOBODY;
    case 'latency':
      return { parts: client.byScore(policy), together: false };
    case 'all':
      return allOf(policy.choices, client, isUp);
    case 'failover':
      return firstOf(policy.choices, client, isUp);
    case 'weighted':
      return weighed(policy.choices, client, isUp);
    case 'nearest':
      return firstOf(byDistance(policy.choices, client), client, isUp);
    case 'geo':
      return firstOf(geoChoices(policy, client), client, isUp);
  }
}

/** All POPs that may be answered these clients, as they follow each other when those before go out. */
export function standIns(policy: Policy, client: PolicyClient): readonly number[] {
  switch (policy.kind) {
    case 'pop':
      return [policy.pop];
    case 'latency':
      return client.ranked(policy);
    case 'failover':
    case 'all':
      return policy.choices.flatMap((choice) => standIns(choice, client));
    case 'weighted':
      return policy.choices
        .toSorted((one, other) => other.weight - one.weight)
        .flatMap(({ choice }) => standIns(choice, client));
    case 'nearest':
      return byDistance(policy.choices, client).flatMap((choice) => standIns(choice, client));
    case 'geo':
      return geoChoices(policy, client).flatMap((choice) => standIns(choice, client));
  }
}

/**
 * Distance with a bias as Route 53's geoproximity routing has it: a positive one makes the POP seem nearer by
 * so many percent, a negative one farther in proportion.
 */
export function biasedKm(km: number, bias: number): number {
  return bias >= 0 ? km * (1 - bias / 100) : km / (1 + bias / 100);
}

/** What the policy needs to know of clients: where nothing of these, all get the same. */
export function needsOf(policy: Policy): { readonly distance: boolean; readonly score: boolean } {
  const kinds = policyParts(policy).map(({ kind }) => kind);
  return { distance: kinds.includes('nearest'), score: kinds.includes('latency') };
}

/** The policy and all within it; what stands in several places comes as often. */
export function policyParts(policy: Policy): readonly Policy[] {
  return [policy, ...choicesOf(policy).flatMap(policyParts)];
}

function choicesOf(policy: Policy): readonly Policy[] {
  switch (policy.kind) {
    case 'failover':
    case 'all':
      return policy.choices;
    case 'weighted':
    case 'nearest':
      return policy.choices.map(({ choice }) => choice);
    case 'geo':
      return [
        ...policy.networks.values(),
        ...policy.countries.values(),
        ...policy.continents.values(),
        policy.otherwise,
      ];
    default:
      return [];
  }
}

/** AS numbers that the policy asks for at any depth. */
export function networksOf(policy: Policy): ReadonlySet<number> {
  const parts = policyParts(policy);
  return new Set(parts.flatMap((part) => (part.kind === 'geo' ? [...part.networks.keys()] : [])));
}

/** Of each `all` in the policy the choices, each as the POPs that it may answer. */
export function togetherIn(policy: Policy): readonly (readonly (readonly number[])[])[] {
  return policyParts(policy).flatMap((part) => (part.kind === 'all' ? [part.choices.map(popsOf)] : []));
}

/** POPs that the policy may answer, rising. */
export function popsOf(policy: Policy): readonly number[] {
  const pops = policyParts(policy).flatMap((part) => {
    if (part.kind === 'pop') return part.pop;
    return part.kind === 'latency' ? part.popIndexes : [];
  });
  return [...new Set(pops)].sort((one, other) => one - other);
}

function firstOf(choices: readonly Policy[], client: PolicyClient, isUp: IsUp): Decided {
  for (const choice of choices) {
    const decided = decidePolicy(choice, client, isUp);
    if (decided.parts.length > 0) return decided;
  }
  return NOBODY;
}

function allOf(choices: readonly Policy[], client: PolicyClient, isUp: IsUp): Decided {
  const found = choices.flatMap((choice) => decidePolicy(choice, client, isUp).parts.map(({ pop }) => pop));
  const pops = [...new Set(found)];
  return { parts: pops.map((pop) => ({ pop, share: 1 / pops.length })), together: true };
}

/** The choices for a client, the narrowest first. */
function geoChoices(
  { networks, countries, continents, otherwise }: Geo,
  client: PolicyClient,
): readonly Policy[] {
  const found = [
    networks.get(client.asn),
    countries.get(client.country),
    continents.get(continentOf(client.country)),
    otherwise,
  ];
  return found.filter((choice) => choice !== undefined);
}

function weighed(
  choices: readonly { weight: number; choice: Policy }[],
  client: PolicyClient,
  isUp: IsUp,
): Decided {
  const usable = choices
    .map(({ weight, choice }) => ({ weight, ...decidePolicy(choice, client, isUp) }))
    .filter(({ parts }) => parts.length > 0);
  const [only] = usable;
  if (only !== undefined && usable.length === 1) return only;
  const total = usable.reduce((sum, { weight }) => sum + weight, 0);
  const shares = new Map<number, number>();
  for (const { weight, parts } of usable) {
    const whole = total === 0 ? 1 / usable.length : weight / total;
    if (whole > 0)
      for (const { pop, share } of parts) shares.set(pop, (shares.get(pop) ?? 0) + whole * share);
  }
  return { parts: [...shares].map(([pop, share]) => ({ pop, share })), together: false };
}

/** The nearest first; those with no known distance last, in the order as written. */
function byDistance(choices: readonly Near[], client: PolicyClient): Policy[] {
  const far = choices.map(({ choice, at, bias }) => ({ choice, km: biasedKm(client.kmTo(at), bias) }));
  const order = (km: number): number => (Number.isNaN(km) ? Number.MAX_VALUE : km);
  return far.sort((one, other) => order(one.km) - order(other.km)).map(({ choice }) => choice);
}
