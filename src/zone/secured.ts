import { TYPE } from '../wire/constants.ts';
import { lowerName, namesEqual } from '../wire/name.ts';
import type { FilledSignatures, SteeredSignatures } from './candidates.ts';
import type { ZoneRecord } from './record.ts';

/** A record of denial, and its signatures. */
export interface SignedDenial {
  readonly record: ZoneRecord;
  readonly signatures: readonly ZoneRecord[];
}

/** A signed zone taken apart, as it is answered from: signed here or elsewhere. */
export interface SecuredZone {
  /** What is answered by name. */
  readonly plain: readonly ZoneRecord[];
  /** RRSIGs over it. */
  readonly signatures: readonly ZoneRecord[];
  readonly kind: 'nsec' | 'nsec3';
  readonly denials: readonly SignedDenial[];
  /** Denials of steered names without the types that only some clients get. */
  readonly lacking: readonly SignedDenial[];
  readonly steered: readonly SteeredSignatures[];
  readonly filled: readonly FilledSignatures[];
}

/** What signing adds for names that are answered differently to each client. */
export interface SteeredParts {
  readonly steered: readonly SteeredSignatures[];
  readonly filled: readonly FilledSignatures[];
  readonly lacking: readonly ZoneRecord[];
}

/**
 * Takes a signed zone apart; undefined if it is not signed: then its records, those of DNSSEC among them,
 * are answered as any others. Signed is a zone with a signature over its SOA and a chain of denials.
 */
export function secureZone(
  origin: Uint8Array,
  records: readonly ZoneRecord[],
  parts: SteeredParts = { steered: [], filled: [], lacking: [] },
): SecuredZone | undefined {
  const atApex = (record: ZoneRecord): boolean => namesEqual(record.owner, origin);
  const isSigned = records.some((record) => coveredBy(record) === TYPE.SOA && atApex(record));
  if (!isSigned) return undefined;
  const kind = records.some((record) => record.type === TYPE.NSEC && atApex(record))
    ? 'nsec'
    : records.some(({ type }) => type === TYPE.NSEC3)
      ? 'nsec3'
      : undefined;
  if (kind === undefined) return undefined;
  const isMade = ({ type }: ZoneRecord): boolean =>
    type === TYPE.RRSIG || type === TYPE.NSEC || type === TYPE.NSEC3;
  return {
    plain: records.filter((record) => !isMade(record)),
    signatures: records.filter((record) => record.type === TYPE.RRSIG && !coversDenial(record)),
    kind,
    denials: denialsOf(records, kind),
    lacking: denialsOf(parts.lacking, kind),
    steered: parts.steered,
    filled: parts.filled,
  };
}

/** The type that an RRSIG covers; -1 for other records. */
export function coveredBy({ type, rdata }: Pick<ZoneRecord, 'type' | 'rdata'>): number {
  return type === TYPE.RRSIG ? ((rdata[0] as number) << 8) | (rdata[1] as number) : -1;
}

function coversDenial(record: ZoneRecord): boolean {
  const covered = coveredBy(record);
  return covered === TYPE.NSEC || covered === TYPE.NSEC3;
}

const latin1 = new TextDecoder('latin1');

/** A name as a key of maps, whatever its case. */
export function nameKey(name: Uint8Array): string {
  return latin1.decode(lowerName(name));
}

function denialsOf(records: readonly ZoneRecord[], kind: SecuredZone['kind']): SignedDenial[] {
  const type = kind === 'nsec' ? TYPE.NSEC : TYPE.NSEC3;
  const signatures = new Map<string, ZoneRecord[]>();
  for (const record of records) {
    if (coveredBy(record) !== type) continue;
    const key = nameKey(record.owner);
    const others = signatures.get(key);
    if (others === undefined) signatures.set(key, [record]);
    else others.push(record);
  }
  return records
    .filter((record) => record.type === type)
    .map((record) => ({ record, signatures: signatures.get(nameKey(record.owner)) ?? [] }));
}
