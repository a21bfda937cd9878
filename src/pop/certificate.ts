import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import {
  bitString,
  context,
  contextPrimitive,
  derTrue,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  tagged,
  time,
  utf8String,
} from './der.ts';

/** A certificate and its private key. */
export interface Credential {
  /** PEM. */
  readonly certificate: string;
  readonly key: KeyObject;
}

/** What a new certificate says. */
export interface CertificateRequest {
  /** Common name of the subject. */
  readonly name: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** DNS names: of an authority those it may sign for (and all below them), of a server those it has. */
  readonly dnsNames: readonly string[];
}

/** What a server's new certificate says. */
export interface ServerCertificateRequest extends CertificateRequest {
  /** IPv4 addresses that it is for as well. */
  readonly addresses: readonly string[];
}

/** A self-signed authority (ECDSA P-256) that can sign for its DNS names and for loopback addresses only. */
export function makeAuthority(request: CertificateRequest): Credential {
  const key = newKey();
  const extensions = [
    extension(BASIC_CONSTRAINTS, sequence(derTrue(), integer(0)), { critical: true }),
    // keyCertSign and cRLSign, RFC 5280 §4.2.1.3.
    extension(KEY_USAGE, bitString(Buffer.of(0b0000_0110), 1), { critical: true }),
    extension(NAME_CONSTRAINTS, nameConstraints(request.dnsNames), { critical: true }),
    extension(SUBJECT_KEY_ID, octetString(keyId(key))),
  ];
  return { certificate: signed({ request, key, issuerName: request.name, issuerKey: key, extensions }), key };
}

/** A TLS server's certificate (ECDSA P-256), signed by the authority whose common name is given. */
export function makeServerCertificate(
  request: ServerCertificateRequest,
  authority: { readonly name: string; readonly key: KeyObject },
): Credential {
  const key = newKey();
  // RFC 5280 §4.2.1.6: dNSName is 2, iPAddress 7.
  const names = [
    ...request.dnsNames.map((name) => contextPrimitive(2, Buffer.from(name, 'latin1'))),
    ...request.addresses.map((address) => contextPrimitive(7, Buffer.from(address.split('.').map(Number)))),
  ];
  const extensions = [
    extension(BASIC_CONSTRAINTS, sequence(), { critical: true }),
    // digitalSignature.
    extension(KEY_USAGE, bitString(Buffer.of(0b1000_0000), 7), { critical: true }),
    extension(EXTENDED_KEY_USAGE, sequence(objectIdentifier(SERVER_AUTHENTICATION))),
    extension(SUBJECT_ALTERNATIVE_NAME, sequence(...names)),
    extension(SUBJECT_KEY_ID, octetString(keyId(key))),
    extension(AUTHORITY_KEY_ID, sequence(contextPrimitive(0, keyId(authority.key)))),
  ];
  const issuer = { issuerName: authority.name, issuerKey: authority.key };
  return { certificate: signed({ request, key, extensions, ...issuer }), key };
}

const COMMON_NAME = '2.5.4.3';
export const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';
const SUBJECT_KEY_ID = '2.5.29.14';
const KEY_USAGE = '2.5.29.15';
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';
const BASIC_CONSTRAINTS = '2.5.29.19';
const NAME_CONSTRAINTS = '2.5.29.30';
const AUTHORITY_KEY_ID = '2.5.29.35';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const SERVER_AUTHENTICATION = '1.3.6.1.5.5.7.3.1';
/** 127.0.0.0 and its mask, the form of RFC 5280 §4.2.1.10. */
const LOOPBACK = Buffer.of(127, 0, 0, 0, 255, 0, 0, 0);

interface Unsigned {
  readonly request: CertificateRequest;
  readonly key: KeyObject;
  readonly issuerName: string;
  readonly issuerKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

/** RFC 5280 §4.1: the certificate, signed, as PEM. */
function signed(unsigned: Unsigned): string {
  const { request, key, issuerName, issuerKey, extensions } = unsigned;
  const algorithm = sequence(objectIdentifier(ECDSA_WITH_SHA256));
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const body = sequence(
    context(0, integer(2)),
    integer(...serial),
    algorithm,
    distinguishedName(issuerName),
    sequence(time(request.notBeforeMs), time(request.notAfterMs)),
    distinguishedName(request.name),
    publicKey(key),
    context(3, sequence(...extensions)),
  );
  const der = sequence(body, algorithm, bitString(sign('sha256', body, issuerKey)));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

function publicKey(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

/** RFC 7093 §2, method 4: a hash of the whole public key. */
function keyId(key: KeyObject): Buffer {
  return createHash('sha256').update(publicKey(key)).digest().subarray(0, 20);
}

export function distinguishedName(commonName: string): Buffer {
  return sequence(setOf(sequence(objectIdentifier(COMMON_NAME), utf8String(commonName))));
}

function extension(id: string, value: Buffer, options: { critical: boolean } = { critical: false }): Buffer {
  return sequence(objectIdentifier(id), ...(options.critical ? [derTrue()] : []), octetString(value));
}

function nameConstraints(dnsNames: readonly string[]): Buffer {
  const names = dnsNames.map((name) => sequence(contextPrimitive(2, Buffer.from(name, 'latin1'))));
  return sequence(tagged(0xa0, ...names, sequence(contextPrimitive(7, LOOPBACK))));
}
