import { TYPE } from '../wire/constants.ts';
import { joinOctets } from './canonical.ts';
import { SIGNATURE_OCTETS } from './key.ts';
import type { ZoneRecord } from './record.ts';
import { canonicalRecords, rrsigHead, type Signing, type SigningKey, signCandidate } from './rrsig.ts';
import { ENTRY } from './signature-store.ts';

/** Types that steering makes, in the order of a link's records. */
export const STEERED_TYPES = [TYPE.A, TYPE.AAAA, TYPE.HTTPS] as const;

/** Of a type that the service never answers with. */
const NOTHING = { head: new Uint8Array(0), ttl: 0, signatures: new Int32Array(0) };

/** What a service may answer with. */
export interface CandidateSource {
  /** Links of the fleet; those that the service never answers with have no records. */
  readonly linkCount: number;
  /** RDATA by link and position in `STEERED_TYPES`; undefined: no such record. */
  readonly rdata: (linkIndex: number, kind: number) => Uint8Array | undefined;
  /** Bounds of the TTL by kind, seconds: what is signed is the greatest that an answer may have. */
  readonly ttlBounds: readonly { readonly min: number; readonly max: number }[];
  readonly kinds: {
    /** Types that any client may get. */
    readonly types: readonly number[];
    /** Those of them that other clients do not get: of POPs without IPv6, or without IPv4. */
    readonly partial: readonly number[];
  };
}

/** Words of one candidate's signature: EXPIRATION and INCEPTION as on the wire, then the signature. */
export const CANDIDATE_WORDS = 2 + SIGNATURE_OCTETS / 4;

/** Signatures by one key of all that one STEER record may be answered with. */
export interface SteeredSignatures {
  readonly owner: Uint8Array;
  /** By position in `STEERED_TYPES`. */
  readonly kinds: readonly {
    /** RDATA of the RRSIGs before the signature, times 0. */
    readonly head: Uint8Array;
    /** Seconds, of an RRSIG that is asked for by itself: answers have the TTL of what they choose. */
    readonly ttl: number;
    /** By link `CANDIDATE_WORDS` words, octets as on the wire; all 0 where there is no candidate. */
    readonly signatures: Int32Array;
  }[];
}

/** Signs, or keeps the signatures of, every candidate of a STEER record. */
export function signCandidates(
  by: { readonly origin: Uint8Array; readonly signing: Signing; readonly key: SigningKey },
  steer: ZoneRecord,
  source: CandidateSource,
): SteeredSignatures {
  const { origin, signing, key } = by;
  const { owner } = steer;
  const { store } = signing;
  const kinds = STEERED_TYPES.map((type, kind) => {
    const { min, max } = source.ttlBounds[kind] as CandidateSource['ttlBounds'][0];
    const ttl = Math.max(min, Math.min(steer.ttl, max));
    const head = rrsigHead(key, origin, { owner, type, ttl });
    if (!source.kinds.types.includes(type)) return NOTHING;
    const signatures = new Int32Array(source.linkCount * CANDIDATE_WORDS);
    const view = new DataView(signatures.buffer);
    let octets: Uint8Array = new Uint8Array(0);
    let size = -1;
    for (let link = 0; link < source.linkCount; link++) {
      const rdata = source.rdata(link, kind);
      if (rdata === undefined) continue;
      // Most differ in nothing but their RDATA, in which there is nothing to be lowered.
      if (rdata.length === size) octets.set(rdata, octets.length - size);
      else octets = joinOctets(head, ...canonicalRecords({ owner, type, ttl, rdatas: [rdata] }));
      size = rdata.length;
      const entry = signCandidate(signing, key, octets);
      if (entry < 0) continue;
      const at = link * CANDIDATE_WORDS;
      view.setInt32(at * 4, store.entries[entry + ENTRY.EXPIRATION] as number);
      view.setInt32(at * 4 + 4, store.entries[entry + ENTRY.INCEPTION] as number);
      const from = entry + ENTRY.SIGNATURE;
      signatures.set(store.entries.subarray(from, from + SIGNATURE_OCTETS / 4), at + 2);
    }
    return { head, ttl, signatures };
  });
  return { owner, kinds };
}
