import { compileService, type Service, type ServiceSpec, STEERED_KINDS } from '../answer/service.ts';
import type { Fleet } from '../base/fleet.ts';
import { TYPE } from '../wire/constants.ts';
import { type CandidateSource, STEERED_TYPES } from '../zone/candidates.ts';

/** A service, as far as its answers are signed. */
export interface SigningService extends Omit<ServiceSpec, 'groupIndex'> {
  /** POPs that serve it, as positions in the fleet. */
  readonly popIndexes: readonly number[];
}

/** What zones are signed with besides their own settings. Plain data. */
export interface SigningGround {
  readonly services: readonly SigningService[];
  readonly fleet: Fleet;
  /** Folder of what has to survive restarts: signatures, serials, the life of keys. */
  readonly folder: string;
}

/** Every answer that services can give, by name. */
export interface CandidateSources {
  readonly sources: ReadonlyMap<string, CandidateSource>;
  /** Services that answer with aliases, which cannot be signed. */
  readonly aliases: ReadonlySet<string>;
}

/** Octets of a record in front of its RDATA. */
const RECORD_HEAD = 12;
/** Zones are signed one after the other with the same. */
const known = new WeakMap<SigningGround, CandidateSources>();

/** What the services of a configuration can answer with. */
export function candidateSources(ground: SigningGround): CandidateSources {
  const before = known.get(ground);
  if (before !== undefined) return before;
  const { services, fleet } = ground;
  const compiled = services.map((spec) => compileService({ ...spec, groupIndex: 0 }, fleet));
  const sources = new Map<string, CandidateSource>();
  const aliases = new Set<string>();
  for (const { name, ipv6Index = -1 } of services) {
    const own = services.findIndex((one) => one.name === name);
    // AAAA may be answered by another service.
    const byKind = STEERED_TYPES.map((type) => (type === TYPE.AAAA && ipv6Index >= 0 ? ipv6Index : own));
    const answers = byKind.map((at) =>
      answersOf(services[at] as SigningService, compiled[at] as Service, fleet),
    );
    const rdata = (link: number, kind: number): Uint8Array | undefined => answers[kind]?.rdata(link, kind);
    const linkCount = fleet.links.length;
    const counts = STEERED_TYPES.map(
      (_, kind) => fleet.links.filter((_link, link) => rdata(link, kind) !== undefined).length,
    );
    const isPartial = (kind: number): boolean =>
      (counts[kind] as number) > 0 && (counts[kind] as number) < (answers[kind]?.count ?? 0);
    const kinds = {
      types: STEERED_TYPES.filter((_, kind) => counts[kind] !== 0),
      partial: STEERED_TYPES.filter((_, kind) => isPartial(kind)),
    };
    const ttlBounds = byKind.map((at) => {
      const { ttlMin, ttlMax } = services[at] as SigningService;
      return { min: ttlMin, max: ttlMax };
    });
    sources.set(name, { linkCount, rdata, ttlBounds, kinds });
    if (answers.some(({ hasAlias }) => hasAlias)) aliases.add(name);
  }
  const all = { sources, aliases };
  known.set(ground, all);
  return all;
}

function answersOf(
  { popIndexes }: SigningService,
  { records, starts, sizes }: Service,
  { links }: Fleet,
): { count: number; hasAlias: boolean; rdata: CandidateSource['rdata'] } {
  const octets = new Uint8Array(records.buffer);
  const serves = links.map(({ popIndex }) => popIndexes.includes(popIndex));
  return {
    count: serves.filter(Boolean).length,
    hasAlias: links.some(({ cname }, link) => serves[link] && cname !== undefined),
    rdata: (link, kind) => {
      const record = link * STEERED_KINDS + kind;
      const size = sizes[record] as number;
      const at = (starts[record] as number) * 4;
      return size === 0 || !serves[link] ? undefined : octets.subarray(at + RECORD_HEAD, at + size);
    },
  };
}
