import { lowerName } from '../wire/name.ts';
import { canonicalRdata, compareOctets, joinOctets } from './canonical.ts';
import { type Sha256, SIGNATURE_OCTETS, type ZoneKey } from './key.ts';
import { ENTRY, findSignature, putSignature, type SignatureStore, signatureAt } from './signature-store.ts';

/** A key that can sign. */
export interface SigningKey extends ZoneKey {
  /** The signature of these octets, `SIGNATURE_OCTETS` long. */
  readonly sign: (octets: Uint8Array) => Uint8Array;
}

/** How long signatures are to hold. All in seconds. */
export interface SignatureTimes {
  readonly nowS: number;
  /** From being made to EXPIRATION, at most. */
  readonly validityS: number;
  /** EXPIRATION is up to so much earlier, for each signature by another part: not all are renewed at once. */
  readonly jitterS: number;
  /** A signature is made anew once it expires in less than this. */
  readonly refreshS: number;
  /** Or in less than so much more: those that come soon are renewed with those that are due. */
  readonly batchS: number;
}

/** What signing works with. */
export interface Signing {
  readonly times: SignatureTimes;
  readonly store: SignatureStore;
  readonly sha256: Sha256;
  /**
   * Candidates of steered names that may be signed now; the others wait for the next time, and until then
   * are answered to nobody who validates.
   */
  readonly candidates: { left: number };
  /** Signatures that were made, and kept; when the first of all has to be renewed, and when it expires. */
  readonly done: { made: number; kept: number; renewAtS: number; expiresAtS: number };
}

/** An RRset to be signed. */
export interface RRsetToSign {
  /** Owner's name: that of the wildcard itself where it is one. */
  readonly owner: Uint8Array;
  readonly type: number;
  /** Seconds. */
  readonly ttl: number;
  readonly rdatas: readonly Uint8Array[];
}

/** Clocks of resolvers may be slow by so much. */
const INCEPTION_BEFORE_S = 3600;
/** Octets of an RRSIG's RDATA before the signer's name, and where in them its times stand. */
export const RRSIG_HEAD = 18;
export const RRSIG_EXPIRATION_AT = 8;
const RRSIG_INCEPTION_AT = 12;

/** An account of nothing yet. */
export function startSigning(
  parts: Omit<Signing, 'done' | 'candidates'>,
  candidatesMax = Number.POSITIVE_INFINITY,
): Signing {
  const done = { made: 0, kept: 0, renewAtS: Number.POSITIVE_INFINITY, expiresAtS: Number.POSITIVE_INFINITY };
  return { ...parts, candidates: { left: candidatesMax }, done };
}

/** RDATA of the RRSIG over an RRset: the one that is kept, unless it is to be renewed (RFC 4034 §3). */
export function signRRset(
  signing: Signing,
  key: SigningKey,
  signer: Uint8Array,
  rrset: RRsetToSign,
): Uint8Array {
  const head = rrsigHead(key, signer, rrset);
  const octets = joinOctets(head, ...canonicalRecords(rrset));
  const at = signOctets(signing, key, octets);
  const { entries } = signing.store;
  const rdata = joinOctets(head, signatureAt(signing.store, at));
  const view = new DataView(rdata.buffer);
  view.setInt32(RRSIG_EXPIRATION_AT, entries[at + ENTRY.EXPIRATION] as number);
  view.setInt32(RRSIG_INCEPTION_AT, entries[at + ENTRY.INCEPTION] as number);
  return rdata;
}

/** RDATA of an RRSIG without its signature, its times 0. */
export function rrsigHead(key: ZoneKey, signer: Uint8Array, rrset: Omit<RRsetToSign, 'rdatas'>): Uint8Array {
  const head = new Uint8Array(RRSIG_HEAD + signer.length);
  const view = new DataView(head.buffer);
  view.setUint16(0, rrset.type);
  view.setUint8(2, key.algorithm);
  view.setUint8(3, labelsOf(rrset.owner));
  view.setUint32(4, rrset.ttl);
  view.setUint16(16, key.tag);
  head.set(lowerName(signer), RRSIG_HEAD);
  return head;
}

/**
 * As `signOctets`, of a candidate of a steered name; -1 if it has to wait: then all is to be signed once more
 * at once.
 */
export function signCandidate(signing: Signing, key: SigningKey, octets: Uint8Array): number {
  const { candidates, done } = signing;
  const { made } = done;
  if (candidates.left <= 0) {
    const kept = keptSignature(signing, digestOf(signing, key, octets));
    if (kept < 0) done.renewAtS = 0;
    return kept;
  }
  const at = signOctets(signing, key, octets);
  candidates.left -= done.made - made;
  return at;
}

/**
 * Signs octets that begin with an RRSIG's RDATA, whose times are filled in. Gives the entry of the store.
 */
export function signOctets(signing: Signing, key: SigningKey, octets: Uint8Array): number {
  const { store, times, done } = signing;
  const digest = digestOf(signing, key, octets);
  const kept = keptSignature(signing, digest);
  if (kept >= 0) return kept;
  const { nowS, refreshS, validityS, jitterS } = times;
  const early = Math.floor((((digest[1] as number) >>> 0) / 2 ** 32) * jitterS);
  const expirationS = nowS + validityS - early;
  const inceptionS = nowS - INCEPTION_BEFORE_S;
  const view = new DataView(octets.buffer, octets.byteOffset);
  view.setInt32(RRSIG_EXPIRATION_AT, expirationS);
  view.setInt32(RRSIG_INCEPTION_AT, inceptionS);
  done.made++;
  done.renewAtS = Math.min(done.renewAtS, expirationS - refreshS);
  done.expiresAtS = Math.min(done.expiresAtS, expirationS);
  const signature = key.sign(octets);
  if (signature.length !== SIGNATURE_OCTETS) throw new Error(`a signature of ${signature.length} octets`);
  return putSignature(store, digest, { expirationS, inceptionS }, signature);
}

/** The entry of a signature that need not be renewed; -1 if there is none. */
function keptSignature({ store, times, done }: Signing, digest: Int32Array): number {
  const kept = findSignature(store, digest);
  if (kept < 0) return -1;
  const { nowS, refreshS, batchS, validityS } = times;
  const expirationS = (store.entries[kept + ENTRY.EXPIRATION] as number) >>> 0;
  const inceptionS = (store.entries[kept + ENTRY.INCEPTION] as number) >>> 0;
  const leftS = expirationS - nowS;
  if (leftS <= refreshS + batchS || leftS > validityS || inceptionS > nowS) return -1;
  done.kept++;
  done.renewAtS = Math.min(done.renewAtS, expirationS - refreshS);
  done.expiresAtS = Math.min(done.expiresAtS, expirationS);
  return kept;
}

/** What the octets are known by: their digest, the times left out. */
function digestOf({ sha256 }: Signing, key: SigningKey, octets: Uint8Array): Int32Array {
  const view = new DataView(octets.buffer, octets.byteOffset);
  // The tag of the key is in the octets; keys may share tags, so the key itself counts too.
  view.setInt32(RRSIG_EXPIRATION_AT, fingerprint(key));
  view.setInt32(RRSIG_INCEPTION_AT, 0);
  return new Int32Array(sha256(octets).slice(0, 16).buffer);
}

/** The records of an RRset in canonical form and order, equal ones once (RFC 4034 §6.3). */
export function canonicalRecords(rrset: RRsetToSign): Uint8Array[] {
  const { type, ttl, rdatas } = rrset;
  const owner = lowerName(rrset.owner);
  const sorted = rdatas.map((rdata) => canonicalRdata(type, rdata)).sort(compareOctets);
  const once = sorted.filter(
    (rdata, i) => i === 0 || compareOctets(sorted[i - 1] as Uint8Array, rdata) !== 0,
  );
  return once.map((rdata) => {
    const record = new Uint8Array(owner.length + 10 + rdata.length);
    const view = new DataView(record.buffer);
    record.set(owner);
    view.setUint16(owner.length, type);
    view.setUint16(owner.length + 2, 1);
    view.setUint32(owner.length + 4, ttl);
    view.setUint16(owner.length + 8, rdata.length);
    record.set(rdata, owner.length + 10);
    return record;
  });
}

/** Labels of an owner, the root and a leading `*` not counted (RFC 4034 §3.1.3). */
function labelsOf(owner: Uint8Array): number {
  let labels = 0;
  for (let at = 0; owner[at] !== 0; at += (owner[at] as number) + 1) labels++;
  return owner[0] === 1 && owner[1] === 0x2a ? labels - 1 : labels;
}

function fingerprint({ rdata }: ZoneKey): number {
  return new DataView(rdata.buffer, rdata.byteOffset).getInt32(4);
}
