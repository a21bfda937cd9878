import { compileService, isAlias, type Service, type ServiceSpec, STEERED_KINDS } from '../answer/service.ts';
import { parseAddress } from '../base/address.ts';
import { must } from '../base/assert.ts';
import type { Fleet } from '../base/fleet.ts';
import { TYPE } from '../wire/constants.ts';
import { CANDIDATE_TYPES, type CandidateSource, SET_MEMBERS_MAX, STEERED_TYPES } from '../zone/candidates.ts';
import { setsTogether } from './candidate-sets.ts';

/** A service, as far as its answers are signed. */
export interface SigningService extends Omit<ServiceSpec, 'groupIndex'> {
  /** POPs that serve it, as positions in the fleet. */
  readonly popIndexes: readonly number[];
  /** Of each policy `all` in its policy the choices, each as the POPs that it may stand for. */
  readonly together: readonly (readonly (readonly number[])[])[];
}

/** What zones are signed with besides their own settings. Plain data. */
export interface SigningGround {
  readonly services: readonly SigningService[];
  readonly fleet: Fleet;
  /** Folder of what has to survive restarts: signatures, serials, the life of keys. */
  readonly folder: string;
}

/** Sets of addresses that are signed for a service and type, at most (decision 0100). */
const SETS_MAX = 256;
/** Octets of a record in front of its RDATA. */
const RECORD_HEAD = 12;
/** Zones are signed one after the other with the same. */
const known = new WeakMap<SigningGround, ReadonlyMap<string, CandidateSource>>();

/** Every answer that the services of a configuration can give, by name. */
export function candidateSources(ground: SigningGround): ReadonlyMap<string, CandidateSource> {
  const before = known.get(ground);
  if (before !== undefined) return before;
  const { services, fleet } = ground;
  const compiled = services.map((spec) => compileService({ ...spec, groupIndex: 0 }, fleet));
  const sources = new Map<string, CandidateSource>();
  for (const [own, { name, ipv6Index = -1 }] of services.entries()) {
    // AAAA may be answered by another service.
    const byKind = CANDIDATE_TYPES.map((_, kind) =>
      (kind === AAAA || kind === ALIAS_IPV6) && ipv6Index >= 0 ? ipv6Index : own,
    );
    const answers = byKind.map((at, kind) =>
      answersOf(services[at] as SigningService, compiled[at] as Service, fleet, kind),
    );
    const ttlBounds = byKind.map((at) => {
      const { ttlMin, ttlMax } = services[at] as SigningService;
      return { min: ttlMin, max: ttlMax };
    });
    sources.set(name, {
      linkCount: fleet.links.length,
      rdata: (link, kind) => answers[kind]?.rdata(link),
      hints: hintsOf(services[own] as SigningService, fleet),
      sets: answers.map(({ sets }) => sets),
      ttlBounds,
      kinds: kindsOf(answers),
    });
  }
  known.set(ground, sources);
  return sources;
}

const AAAA = CANDIDATE_TYPES.indexOf(TYPE.AAAA);
const ALIAS = CANDIDATE_TYPES.indexOf(TYPE.CNAME);
const ALIAS_IPV6 = CANDIDATE_TYPES.lastIndexOf(TYPE.CNAME);

/** What a service answers with, of one of `CANDIDATE_TYPES`. */
interface Answers {
  /** Links that serve it, and those of them that have such an answer. */
  readonly links: number;
  readonly count: number;
  readonly rdata: (link: number) => Uint8Array | undefined;
  readonly sets: readonly (readonly number[])[];
}

function answersOf(
  { popIndexes, together }: SigningService,
  service: Service,
  { links }: Fleet,
  kind: number,
): Answers {
  const { records, starts, sizes } = service;
  const octets = new Uint8Array(records.buffer);
  const serves = links.map(({ popIndex }) => popIndexes.includes(popIndex));
  const wantsAlias = kind >= ALIAS;
  const rdata = (link: number): Uint8Array | undefined => {
    const record = link * STEERED_KINDS + (kind === ALIAS ? 0 : kind === ALIAS_IPV6 ? AAAA : kind);
    const size = sizes[record] as number;
    if (size === 0 || !serves[link] || isAlias(service, record) !== wantsAlias) return undefined;
    const at = (starts[record] as number) * 4;
    return octets.subarray(at + RECORD_HEAD, at + size);
  };
  const answering = links.map(({ index }) => index).filter((link) => rdata(link) !== undefined);
  const isSingle = wantsAlias || STEERED_TYPES[kind] === TYPE.HTTPS;
  const sets = isSingle
    ? []
    : together.flatMap((choices) => {
        const byChoice = choices.map((pops) =>
          answering.filter((link) => pops.includes(links[link]?.popIndex ?? -1)),
        );
        const limits = { max: SETS_MAX, membersMax: SET_MEMBERS_MAX };
        return setsTogether(
          byChoice.filter((some) => some.length > 0),
          limits,
        );
      });
  return { links: serves.filter(Boolean).length, count: answering.length, rdata, sets: bounded(sets) };
}

/** Hints are of the link that the service chooses, whoever answers AAAA. */
function hintsOf({ popIndexes }: SigningService, { links }: Fleet): CandidateSource['hints'] {
  return (index) => {
    const { popIndex, ipv4, ipv6 } = links[index] as Fleet['links'][number];
    if (!popIndexes.includes(popIndex)) return undefined;
    return { ipv4: octetsOf(ipv4, 4), ipv6: octetsOf(ipv6, 16) };
  };
}

function octetsOf(text: string | undefined, size: number): Uint8Array {
  return text === undefined
    ? new Uint8Array(0)
    : must(parseAddress(text), 'an address of a checked link').octets.slice(0, size);
}

/** Sets of several policies, each once and not too many, of links that fit into one word. */
function bounded(sets: readonly (readonly number[])[]): (readonly number[])[] {
  const members = new Set<number>();
  const once = new Map<string, readonly number[]>();
  for (const set of sets) {
    if (once.size === SETS_MAX) break;
    if (new Set([...members, ...set]).size > SET_MEMBERS_MAX) continue;
    for (const link of set) members.add(link);
    once.set(set.join(), set);
  }
  return [...once.values()];
}

/** An alias answers whatever is asked for. */
function kindsOf(answers: readonly Answers[]): CandidateSource['kinds'] {
  const counts = STEERED_TYPES.map((_, kind) => {
    const aliases = answers[kind === AAAA ? ALIAS_IPV6 : ALIAS] as Answers;
    const { count, links } = answers[kind] as Answers;
    return { count: count + aliases.count, links };
  });
  return {
    types: STEERED_TYPES.filter((_, kind) => counts[kind]?.count !== 0),
    partial: STEERED_TYPES.filter((_, kind) => {
      const { count = 0, links = 0 } = counts[kind] ?? {};
      return count > 0 && count < links;
    }),
  };
}
