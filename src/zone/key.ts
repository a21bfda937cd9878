import { lowerName } from '../wire/name.ts';
import { joinOctets } from './canonical.ts';

/** Algorithms that zones are signed with here (RFC 8624 §3.1), by number. */
export const ALGORITHM = { ECDSAP256SHA256: 13, ED25519: 15 } as const;

/** Octets of a signature of either algorithm (RFC 6605 §4, RFC 8080 §4). */
export const SIGNATURE_OCTETS = 64;

/** Flags of a DNSKEY: a zone key, a secure entry point too, revoked (RFC 4034 §2.1.1, RFC 5011 §3). */
export const KEY_FLAG = { ZONE: 256, SEP: 1, REVOKE: 128 } as const;

/** Digest type of a DS: SHA-256 (RFC 4509). */
const DIGEST_SHA256 = 2;

/** A public key of a zone. */
export interface ZoneKey {
  readonly flags: number;
  readonly algorithm: number;
  /** RDATA of the DNSKEY. */
  readonly rdata: Uint8Array;
  readonly tag: number;
}

/** One way of hashing: SHA-256, handed in. */
export type Sha256 = (octets: Uint8Array) => Uint8Array;

/** A key from its DNSKEY's RDATA. */
export function zoneKey(rdata: Uint8Array): ZoneKey {
  const flags = ((rdata[0] as number) << 8) | (rdata[1] as number);
  return { flags, algorithm: rdata[3] as number, rdata, tag: keyTag(rdata) };
}

/** RDATA of a DNSKEY (RFC 4034 §2.1): protocol 3. */
export function dnskeyRdata(flags: number, algorithm: number, publicKey: Uint8Array): Uint8Array {
  return joinOctets(Uint8Array.of(flags >> 8, flags & 0xff, 3, algorithm), publicKey);
}

/** The tag of a DNSKEY's RDATA (RFC 4034 appendix B). */
export function keyTag(rdata: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < rdata.length; i++)
    sum += (i & 1) === 0 ? (rdata[i] as number) << 8 : (rdata[i] as number);
  return (sum + (sum >>> 16)) & 0xffff;
}

/** RDATA of the DS that the parent of `owner` needs for the key (RFC 4034 §5.1, RFC 4509). */
export function dsRdata(owner: Uint8Array, key: ZoneKey, sha256: Sha256): Uint8Array {
  const { tag, algorithm, rdata } = key;
  const digest = sha256(joinOctets(lowerName(owner), rdata));
  return joinOctets(Uint8Array.of(tag >> 8, tag & 0xff, algorithm, DIGEST_SHA256), digest);
}

/** Whether the key is an entry point: a KSK or CSK. */
export function isEntryPoint(key: Pick<ZoneKey, 'flags'>): boolean {
  return (key.flags & KEY_FLAG.SEP) !== 0;
}
