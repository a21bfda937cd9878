import { createPublicKey, type KeyObject } from 'node:crypto';

/** RSA keys have at least so many bits, and at most. */
const RSA_BITS = { min: 2048, max: 4096 };

/** Reads a public key for signatures, PEM: RSA, or ECDSA over P-256; a text says what is wrong. */
export function readPublicKey(pem: string): KeyObject | string {
  if (/PRIVATE KEY/.test(pem)) return 'is a private key: a POP needs the public one, and must have no other';
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (error) {
    return `is no public key in PEM: ${(error as Error).message}`;
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ec') {
    if (details?.namedCurve === 'prime256v1') return key;
    return `is over the curve ${details?.namedCurve}, not P-256`;
  }
  if (type !== 'rsa') return `is a key for ${type}, neither RSA nor ECDSA`;
  const bits = details?.modulusLength ?? 0;
  if (bits >= RSA_BITS.min && bits <= RSA_BITS.max) return key;
  return `has ${bits} bits: ${RSA_BITS.min} to ${RSA_BITS.max} are allowed`;
}
