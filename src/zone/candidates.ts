import { TYPE } from '../wire/constants.ts';
import { joinOctets } from './canonical.ts';
import { fillHints } from './hints.ts';
import { SIGNATURE_OCTETS } from './key.ts';
import type { ZoneRecord } from './record.ts';
import { canonicalRecords, rrsigHead, type Signing, type SigningKey, signCandidate } from './rrsig.ts';
import { ENTRY } from './signature-store.ts';

/** Types that steering makes, in the order of a link's records. */
export const STEERED_TYPES = [TYPE.A, TYPE.AAAA, TYPE.HTTPS] as const;
/** What is signed for a link: those; an alias in place of A or HTTPS, and of AAAA, whose TTL may differ. */
export const CANDIDATE_TYPES = [...STEERED_TYPES, TYPE.CNAME, TYPE.CNAME] as const;
/** Links whose records are signed in sets, at most: each is a bit of a word. */
export const SET_MEMBERS_MAX = 30;

/** Of a type that the service never answers with. */
const NOTHING = { head: new Uint8Array(0), ttl: 0, signatures: new Int32Array(0), sets: [] };

/** What a service may answer with. */
export interface CandidateSource {
  /** Links of the fleet; those that the service never answers with have no records. */
  readonly linkCount: number;
  /** RDATA by link and position in `CANDIDATE_TYPES`; undefined: no such record. */
  readonly rdata: (linkIndex: number, kind: number) => Uint8Array | undefined;
  /** Addresses of a link that fill hints, none where it has none; undefined: it never serves. */
  readonly hints: (linkIndex: number) => { ipv4: Uint8Array; ipv6: Uint8Array } | undefined;
  /** By position: links that may be answered together, two and more, the likeliest first. */
  readonly sets: readonly (readonly (readonly number[])[])[];
  /** Bounds of the TTL by position, seconds: what is signed is the greatest that an answer may have. */
  readonly ttlBounds: readonly { readonly min: number; readonly max: number }[];
  readonly kinds: {
    /** Types that any client may get an answer for, an alias perhaps. */
    readonly types: readonly number[];
    /** Those of them that other clients get none for: of POPs without IPv6, or without IPv4. */
    readonly partial: readonly number[];
  };
}

/** Words of one candidate's signature: EXPIRATION and INCEPTION as on the wire, then the signature. */
export const CANDIDATE_WORDS = 2 + SIGNATURE_OCTETS / 4;

/** The signature over the records of several links as one RRset: `CANDIDATE_WORDS` words. */
export interface SignedSet {
  readonly links: readonly number[];
  readonly signature: Int32Array;
}

/** Signatures by one key of all that one STEER record may be answered with. */
export interface SteeredSignatures {
  readonly owner: Uint8Array;
  /** By position in `CANDIDATE_TYPES`. */
  readonly kinds: readonly KindSignatures[];
}

/** Signatures by one key of what answers one type. */
export interface KindSignatures {
  /** RDATA of the RRSIGs before the signature, times 0. */
  readonly head: Uint8Array;
  /** Seconds, of an RRSIG that is asked for by itself: answers have the TTL of what they choose. */
  readonly ttl: number;
  /** By link `CANDIDATE_WORDS` words, octets as on the wire; all 0 where there is no candidate. */
  readonly signatures: Int32Array;
  readonly sets: readonly SignedSet[];
}

/** Signatures by one key of an RRset whose hints are filled for each client. */
export interface FilledSignatures {
  readonly owner: Uint8Array;
  readonly type: number;
  readonly kind: KindSignatures;
}

/** The zone and the key that candidates are signed for. */
interface By {
  readonly origin: Uint8Array;
  readonly signing: Signing;
  readonly key: SigningKey;
}

/** Signs, or keeps the signatures of, every candidate of a STEER record. */
export function signCandidates(by: By, steer: ZoneRecord, source: CandidateSource): SteeredSignatures {
  const { origin, key } = by;
  const { owner } = steer;
  const kinds = CANDIDATE_TYPES.map((type, kind) => {
    const { min, max } = source.ttlBounds[kind] as CandidateSource['ttlBounds'][0];
    const ttl = Math.max(min, Math.min(steer.ttl, max));
    const head = rrsigHead(key, origin, { owner, type, ttl });
    const signatures = new Int32Array(source.linkCount * CANDIDATE_WORDS);
    let octets: Uint8Array = new Uint8Array(0);
    let size = -1;
    for (let link = 0; link < source.linkCount; link++) {
      const rdata = source.rdata(link, kind);
      if (rdata === undefined) continue;
      // Most differ in nothing but their RDATA, in which there is nothing to be lowered.
      if (rdata.length === size && type !== TYPE.CNAME) octets.set(rdata, octets.length - size);
      else octets = joinOctets(head, ...canonicalRecords({ owner, type, ttl, rdatas: [rdata] }));
      size = rdata.length;
      put(by, octets, signatures, link * CANDIDATE_WORDS);
    }
    if (size < 0) return NOTHING;
    const sets = (source.sets[kind] ?? []).flatMap((links) => {
      const rdatas = links.map((link) => source.rdata(link, kind) as Uint8Array);
      const signature = new Int32Array(CANDIDATE_WORDS);
      const whole = joinOctets(head, ...canonicalRecords({ owner, type, ttl, rdatas }));
      return put(by, whole, signature, 0) ? [{ links, signature }] : [];
    });
    return { head, ttl, signatures, sets };
  });
  return { owner, kinds };
}

/** Signs an RRset with empty hints as it is answered for each link of the service that fills them. */
export function signFilled(
  by: By,
  rrset: { readonly owner: Uint8Array; readonly type: number; readonly ttl: number },
  rdatas: readonly Uint8Array[],
  source: CandidateSource,
): FilledSignatures {
  const { owner, type } = rrset;
  const [{ min, max }] = source.ttlBounds as [CandidateSource['ttlBounds'][0]];
  const ttl = Math.max(min, Math.min(rrset.ttl, max));
  const head = rrsigHead(by.key, by.origin, { owner, type, ttl });
  const signatures = new Int32Array(source.linkCount * CANDIDATE_WORDS);
  for (let link = 0; link < source.linkCount; link++) {
    const hints = source.hints(link);
    if (hints === undefined) continue;
    const filled = rdatas.map((rdata) => fillHints(rdata, hints.ipv4, hints.ipv6).rdata);
    const octets = joinOctets(head, ...canonicalRecords({ owner, type, ttl, rdatas: filled }));
    put(by, octets, signatures, link * CANDIDATE_WORDS);
  }
  return { owner, type, kind: { head, ttl, signatures, sets: [] } };
}

/** Signs octets, or finds their signature, and puts it at a word; false if they have to wait. */
function put({ signing, key }: By, octets: Uint8Array, into: Int32Array, at: number): boolean {
  const { store } = signing;
  const entry = signCandidate(signing, key, octets);
  if (entry < 0) return false;
  const view = new DataView(into.buffer);
  view.setInt32(at * 4, store.entries[entry + ENTRY.EXPIRATION] as number);
  view.setInt32(at * 4 + 4, store.entries[entry + ENTRY.INCEPTION] as number);
  const from = entry + ENTRY.SIGNATURE;
  into.set(store.entries.subarray(from, from + SIGNATURE_OCTETS / 4), at + 2);
  return true;
}
