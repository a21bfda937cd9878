import { type KeyObject, verify } from 'node:crypto';
import type { Address } from '../../base/address.ts';
import type { Credentials } from './credentials.ts';
import { cannedPolicy, permits, readPolicy } from './policy.ts';

/** Public keys by their ids: all of the key groups that a behaviour trusts. */
export type TrustedKeys = ReadonlyMap<string, KeyObject>;

/** What is known of a request, besides its credentials. */
export interface SignedAccess {
  /** Forms of the URL, without what signs it: as the client may have been given it. */
  readonly urls: readonly string[];
  readonly client: Address | undefined;
  readonly nowMs: number;
}

/** Why a request is refused. */
export type Refusal = 'UnknownKey' | 'MalformedPolicy' | 'BadSignature' | 'NotPermitted';

const DIGESTS: Readonly<Record<string, string>> = { SHA1: 'sha1', SHA256: 'sha256' };
const SIGNATURE_LENGTH_MAX = 2048;

/**
 * Whether credentials open a URL: the signature is good, made by a trusted key over the policy to the octet,
 * and the policy permits the access. Undefined: it is.
 */
export function verifyCredentials(
  credentials: Credentials,
  keys: TrustedKeys,
  access: SignedAccess,
): Refusal | undefined {
  const key = keys.get(credentials.keyPairId);
  if (key === undefined) return 'UnknownKey';
  const digest = DIGESTS[credentials.hashAlgorithm];
  const signature = fromCloudFront(credentials.signature);
  if (digest === undefined || signature === undefined) return 'BadSignature';
  const isGood = (signed: Uint8Array): boolean => verify(digest, signed, key, signature);
  if (credentials.policy !== undefined) {
    const octets = fromCloudFront(credentials.policy);
    const policy = octets && readPolicy(octets);
    if (octets === undefined || policy === undefined) return 'MalformedPolicy';
    if (!isGood(octets)) return 'BadSignature';
    return permits(policy, access) ? undefined : 'NotPermitted';
  }
  const { expires = '' } = credentials;
  if (!/^[1-9]\d{0,15}$/.test(expires)) return 'MalformedPolicy';
  const url = access.urls.find((one) => isGood(Buffer.from(cannedPolicy(one, expires), 'latin1')));
  if (url === undefined) return 'BadSignature';
  return permits({ lessThan: Number(expires) }, access) ? undefined : 'NotPermitted';
}

/** CloudFront's base64, which URLs can hold: `-` for `+`, `_` for `=`, `~` for `/`. */
function fromCloudFront(text: string): Buffer | undefined {
  if (text.length > SIGNATURE_LENGTH_MAX * 4 || !/^[A-Za-z0-9\-~]+_{0,2}$/.test(text)) return undefined;
  return Buffer.from(text.replaceAll('-', '+').replaceAll('~', '/').replace(/_+$/, ''), 'base64');
}
