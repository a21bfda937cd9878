import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  X509Certificate,
} from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { PopCertificate } from './authority.ts';
import { distinguishedName, ECDSA_WITH_SHA256 } from './certificate.ts';
import {
  bitString,
  context,
  contextPrimitive,
  derNull,
  enumerated,
  generalizedTime,
  integer,
  objectIdentifier,
  octetString,
  sequence,
} from './der.ts';

const OCSP_BASIC = '1.3.6.1.5.5.7.48.1.1';
const SHA1 = '1.3.14.3.2.26';
const DAY_MS = 86_400_000;
/** A response is good for a week, and made anew each day: stapled ones are never near their end. */
const GOOD_DAYS = 7;
/** Clocks of clients may be behind ours. */
const BACKDATE_MS = 3_600_000;

type Certified = Pick<PopCertificate, 'certificate' | 'issuer'>;

/**
 * Makes OCSP responses (RFC 6960) that a certificate of the development authority is good, signed by the
 * authority itself, to be stapled to handshakes (RFC 6066 §8).
 */
export function stapler(certificate: Certified, clock: Clock): () => Buffer {
  let made: { readonly response: Buffer; readonly atMs: number } | undefined;
  return () => {
    const nowMs = clock.nowMs();
    if (made === undefined || Math.abs(nowMs - made.atMs) > DAY_MS)
      made = { response: goodResponse(certificate, nowMs), atMs: nowMs };
    return made.response;
  };
}

function goodResponse({ certificate, issuer }: Certified, nowMs: number): Buffer {
  const issuerKey = createPrivateKey(issuer.key);
  const { serialNumber } = new X509Certificate(certificate);
  const issuerName = new X509Certificate(issuer.certificate).subject.replace(/^CN=/, '');
  const keyHash = sha1(publicKeyBits(issuerKey));
  const certId = sequence(
    sequence(objectIdentifier(SHA1), derNull()),
    octetString(sha1(distinguishedName(issuerName))),
    octetString(keyHash),
    integer(...Buffer.from(serialNumber, 'hex')),
  );
  const single = sequence(
    certId,
    contextPrimitive(0, Buffer.alloc(0)),
    generalizedTime(nowMs - BACKDATE_MS),
    context(0, generalizedTime(nowMs + GOOD_DAYS * DAY_MS)),
  );
  const data = sequence(
    context(2, octetString(keyHash)),
    generalizedTime(nowMs - BACKDATE_MS),
    sequence(single),
  );
  const algorithm = sequence(objectIdentifier(ECDSA_WITH_SHA256));
  const basic = sequence(data, algorithm, bitString(sign('sha256', data, issuerKey)));
  const bytes = sequence(objectIdentifier(OCSP_BASIC), octetString(basic));
  return sequence(enumerated(0), context(0, bytes));
}

/**
 * The key's own bits, without what says of which kind it is: an uncompressed P-256 point ends the
 * structure.
 */
function publicKeyBits(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-P256_POINT_OCTETS);
}

const P256_POINT_OCTETS = 65;

function sha1(octets: Uint8Array): Buffer {
  return createHash('sha1').update(octets).digest();
}
