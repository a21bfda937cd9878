import { TYPE } from '../wire/constants.ts';
import { namesEqual } from '../wire/name.ts';
import type { CandidateSource, FilledSignatures, SteeredSignatures } from './candidates.ts';
import type { ZoneRecord } from './record.ts';
import { type Signing, type SigningKey, signRRset } from './rrsig.ts';

/** How a zone proves that something is not there. */
export type Denial = 'nsec' | 'nsec3';

/** A key of a zone, and what it does now. */
export interface PlannedKey {
  readonly key: SigningKey;
  /** Signs the RRsets at the apex that speak of keys: DNSKEY, CDS, CDNSKEY. */
  readonly signsKeys: boolean;
  /** Signs everything else. */
  readonly signsData: boolean;
  /** Stands in the DNSKEY RRset. */
  readonly isPublished: boolean;
  /** The parent is asked, by CDS and CDNSKEY, to have a DS for it (RFC 7344). */
  readonly isWanted: boolean;
}

/** How a zone is to be signed. */
export interface SigningPlan {
  /** All that are published, or sign. */
  readonly keys: readonly PlannedKey[];
  readonly denial: Denial;
  /** TTL of DNSKEY, CDS and CDNSKEY, seconds. */
  readonly keyTtlS: number;
  /** SOA serial to have; undefined keeps the file's. */
  readonly serial: number | undefined;
  /** The services that STEER records may name. */
  readonly services: ReadonlyMap<string, CandidateSource>;
}

/** A name that denials speak of. */
export interface SignedNode {
  readonly owner: Uint8Array;
  /** Types that stand there, those that steering makes among them; empty for an empty non-terminal. */
  readonly types: readonly number[];
  /** Whether any of them is signed. */
  readonly isSigned: boolean;
  /** Of steered nodes those that only some clients get. */
  readonly partial: readonly number[];
}

/** What the signing of a zone works on. */
export interface ZoneInHand {
  /** In lower case. */
  readonly origin: Uint8Array;
  readonly plan: SigningPlan;
  readonly signing: Signing;
  /** The signed zone so far. */
  readonly records: ZoneRecord[];
  /** Denials without the types that only some clients get, and their signatures. */
  readonly lacking: ZoneRecord[];
  readonly steered: SteeredSignatures[];
  readonly filled: FilledSignatures[];
  readonly nodes: SignedNode[];
}

/** An RRset without its data. */
export interface RRsetName {
  readonly owner: Uint8Array;
  readonly type: number;
  /** Seconds. */
  readonly ttl: number;
}

/** Records that signing makes stand nowhere. */
const MADE_FILE = 'made by signing';
const OF_KEYS: readonly number[] = [TYPE.DNSKEY, TYPE.CDS, TYPE.CDNSKEY];

/** Adds a record that signing makes. */
export function makeRecord(into: ZoneRecord[], name: RRsetName, rdata: Uint8Array): void {
  const { owner, type, ttl } = name;
  into.push({ owner, type, ttl, rdata, file: MADE_FILE, line: 1 });
}

/** Signs one RRset with every key that does such, and adds the RRSIGs. */
export function addSignatures(
  zone: Pick<ZoneInHand, 'origin' | 'plan' | 'signing'>,
  into: ZoneRecord[],
  name: RRsetName,
  rdatas: readonly Uint8Array[],
): void {
  const ofKeys = OF_KEYS.includes(name.type) && namesEqual(name.owner, zone.origin);
  for (const { key, signsKeys, signsData } of zone.plan.keys) {
    if (!(ofKeys ? signsKeys : signsData)) continue;
    const rdata = signRRset(zone.signing, key, zone.origin, { ...name, rdatas });
    makeRecord(into, { ...name, type: TYPE.RRSIG }, rdata);
  }
}
