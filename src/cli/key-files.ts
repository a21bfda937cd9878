import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Problem } from '../base/errors.ts';
import { formatName, parseName } from '../wire/name.ts';
import { ALGORITHM, dnskeyRdata, KEY_FLAG, type ZoneKey, zoneKey } from '../zone/key.ts';
import type { SigningKey } from '../zone/rrsig.ts';

/**
 * Keys of zones as files of BIND's form: `K<zone>+<algorithm>+<tag>.key`, the DNSKEY as a record, and
 * `.private` beside it. Made here, or by dnssec-keygen, keymgr or others that write them.
 */

/** Names of the algorithms in commands and configuration. */
export const ALGORITHM_NAMES = ['ecdsap256sha256', 'ed25519'] as const;
export type AlgorithmName = (typeof ALGORITHM_NAMES)[number];

/** `K` and what follows, in front of `.key`. */
const KEY_FILE = /^K(.*)\+(\d{3})\+(\d{5})\.key$/;
/** Keys that one zone may have. */
const KEYS_MAX = 64;
/** `*` and `/` of names are not for file names. */
const UNSAFE = /[/%]/g;

/** The name of a zone as a part of file names: as it is written, in lower case, `/` as `%2f`. */
export function zoneFileName(origin: Uint8Array): string {
  const text = formatName(origin).toLowerCase();
  return text.replace(UNSAFE, (char) => `%${char.charCodeAt(0).toString(16)}`);
}

/** A key that can sign, from its private half. */
interface PrivateParts {
  readonly algorithm: number;
  /** The private number as it stands in the file, in base 64. */
  readonly secret: string;
}

/** Makes a key and its files in the folder; gives the key and the name of its files without ending. */
export function generateKey(options: {
  readonly origin: Uint8Array;
  readonly algorithm: AlgorithmName;
  readonly isEntryPoint: boolean;
  readonly folder: string;
  /** Tags of keys that the zone has: another one is made then, for two keys of one tag cost validators. */
  readonly taken: readonly number[];
}): { readonly key: ZoneKey; readonly base: string } {
  const { origin, isEntryPoint, folder, taken } = options;
  const flags = KEY_FLAG.ZONE | (isEntryPoint ? KEY_FLAG.SEP : 0);
  for (;;) {
    const { algorithm, publicKey, secret } = randomKey(options.algorithm);
    const key = zoneKey(dnskeyRdata(flags, algorithm, publicKey));
    if (taken.includes(key.tag)) continue;
    const digits = (value: number, size: number): string => String(value).padStart(size, '0');
    const base = `K${zoneFileName(origin)}+${digits(algorithm, 3)}+${digits(key.tag, 5)}`;
    mkdirSync(folder, { recursive: true });
    const record = `${formatName(origin)} IN DNSKEY ${flags} 3 ${algorithm} ${toBase64(publicKey)}`;
    writeFileSync(join(folder, `${base}.key`), `${record}\n`, { flag: 'wx' });
    const lines = [
      'Private-key-format: v1.3',
      `Algorithm: ${algorithm} (${options.algorithm.toUpperCase()})`,
    ];
    const text = [...lines, `PrivateKey: ${secret}`, ''].join('\n');
    writeFileSync(join(folder, `${base}.private`), text, { mode: 0o600, flag: 'wx' });
    return { key, base };
  }
}

/** Reads every key of the zone in the folder. What is wrong with any of them is a problem with its file. */
export function readKeys(
  folder: string,
  origin: Uint8Array,
): { readonly keys: readonly SigningKey[]; readonly problems: readonly Problem[] } {
  const keys: SigningKey[] = [];
  const problems: Problem[] = [];
  for (const name of keyFileNames(folder, origin)) {
    const read = readKey(join(folder, name), origin);
    if ('rdata' in read) keys.push(read);
    else problems.push(read);
  }
  return { keys, problems };
}

/** Names of the `.key` files of a zone in a folder. */
export function keyFileNames(folder: string, origin: Uint8Array): string[] {
  const wanted = zoneFileName(origin);
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  return names.filter((name) => KEY_FILE.exec(name)?.[1] === wanted).slice(0, KEYS_MAX);
}

/** Reads a `.key` and the `.private` beside it. */
function readKey(path: string, origin: Uint8Array): SigningKey | Problem {
  const privatePath = path.replace(/\.key$/, '.private');
  try {
    const rdata = readPublic(readFileSync(path, 'utf8'), origin);
    if (typeof rdata === 'string') return { file: path, message: rdata };
    const parts = readPrivate(readFileSync(privatePath, 'utf8'));
    if (typeof parts === 'string') return { file: privatePath, message: parts };
    const key = zoneKey(rdata);
    if (parts.algorithm !== key.algorithm)
      return { file: privatePath, message: `algorithm ${parts.algorithm}, but ${key.algorithm} in the .key` };
    const secret = privateKeyOf(key, parts);
    const trial = createSigner(key.algorithm, secret);
    trial(Uint8Array.of(0));
    if (!isPairOf(secret, key))
      return { file: privatePath, message: 'is not the private half of the .key beside it' };
    return { ...key, sign: trial };
  } catch (error) {
    return { file: path, message: `cannot be read as a key: ${(error as Error).message}` };
  }
}

/** The RDATA of the DNSKEY record; a text says what is wrong. */
function readPublic(text: string, origin: Uint8Array): Uint8Array | string {
  const lines = text.split('\n').map((line) => line.replace(/;.*/, '').trim());
  const words = lines
    .filter((line) => line !== '')
    .join(' ')
    .replace(/[()]/g, ' ')
    .split(/\s+/);
  const at = words.findIndex((word) => word.toUpperCase() === 'DNSKEY');
  const owner = parseName(words[0] ?? '');
  if (at < 1 || typeof owner === 'string') return 'holds no DNSKEY record';
  if (formatName(owner).toLowerCase() !== formatName(origin).toLowerCase())
    return `is a key of ${formatName(owner)}, not of ${formatName(origin)}`;
  const [flags = 0, protocol, algorithm = 0] = words.slice(at + 1, at + 4).map(Number);
  if (protocol !== 3 || (flags & KEY_FLAG.ZONE) === 0) return 'is no zone key (RFC 4034 §2.1)';
  if (algorithm !== ALGORITHM.ECDSAP256SHA256 && algorithm !== ALGORITHM.ED25519)
    return `algorithm ${algorithm}: only 13 (ECDSAP256SHA256) and 15 (ED25519) sign here`;
  const publicKey = Buffer.from(words.slice(at + 4).join(''), 'base64');
  if (publicKey.length !== publicOctets(algorithm)) return `the public key has ${publicKey.length} octets`;
  return dnskeyRdata(flags, algorithm, publicKey);
}

function readPrivate(text: string): PrivateParts | string {
  const fields = new Map(
    text.split('\n').map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    }),
  );
  const algorithm = Number.parseInt(fields.get('Algorithm') ?? '', 10);
  const secret = fields.get('PrivateKey');
  if (Number.isNaN(algorithm)) return 'has no line "Algorithm:"';
  if (secret === undefined) return 'has no line "PrivateKey:"';
  return { algorithm, secret };
}

function publicOctets(algorithm: number): number {
  return algorithm === ALGORITHM.ED25519 ? 32 : 64;
}

/** Whether the signature over the octets is by the key with this DNSKEY RDATA. */
export function isSignatureBy(rdata: Uint8Array, octets: Uint8Array, signature: Uint8Array): boolean {
  const key = zoneKey(rdata);
  if (rdata.length - 4 !== publicOctets(key.algorithm)) return false;
  const jwk = publicJwk(key);
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
  if (key.algorithm === ALGORITHM.ED25519) return verify(null, octets, publicKey, signature);
  return verify('sha256', octets, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature);
}

function privateKeyOf(key: ZoneKey, { secret }: PrivateParts): KeyObject {
  const d = Buffer.from(secret, 'base64').toString('base64url');
  return createPrivateKey({ key: { ...publicJwk(key), d }, format: 'jwk' });
}

function publicJwk({ algorithm, rdata }: ZoneKey): JsonWebKey {
  const text = (from: number, to?: number): string =>
    Buffer.from(rdata.subarray(from, to)).toString('base64url');
  if (algorithm === ALGORITHM.ED25519) return { kty: 'OKP', crv: 'Ed25519', x: text(4) };
  return { kty: 'EC', crv: 'P-256', x: text(4, 36), y: text(36) };
}

/** Whether the public half that follows from the private one is the key's. */
function isPairOf(secret: KeyObject, { algorithm, rdata }: ZoneKey): boolean {
  // By way of PKCS #8: there the public half is computed where it is not said.
  const pem = secret.export({ format: 'pem', type: 'pkcs8' });
  return Buffer.from(publicOf(createPrivateKey(pem), algorithm)).equals(rdata.subarray(4));
}

function publicOf(secret: KeyObject, algorithm: number): Uint8Array {
  const { x = '', y = '' } = secret.export({ format: 'jwk' });
  const first = Buffer.from(x, 'base64url');
  return algorithm === ALGORITHM.ED25519 ? first : Buffer.concat([first, Buffer.from(y, 'base64url')]);
}

function randomKey(name: AlgorithmName): { algorithm: number; publicKey: Uint8Array; secret: string } {
  const algorithm = name === 'ed25519' ? ALGORITHM.ED25519 : ALGORITHM.ECDSAP256SHA256;
  const { privateKey } =
    name === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { d = '' } = privateKey.export({ format: 'jwk' });
  const secret = toBase64(Buffer.from(d, 'base64url'));
  return { algorithm, publicKey: publicOf(privateKey, algorithm), secret };
}

/** Signs octets as DNSSEC wants it: r and s side by side (RFC 6605 §4), or as Ed25519 gives it (RFC 8080). */
function createSigner(algorithm: number, key: KeyObject): SigningKey['sign'] {
  if (algorithm === ALGORITHM.ED25519) return (octets) => sign(null, octets, key);
  return (octets) => sideBySide(sign('sha256', octets, key));
}

/**
 * The two numbers of an ECDSA signature in DER, 32 octets each. Node does the same when it is asked to, and
 * takes as long for it as for signing.
 */
function sideBySide(der: Uint8Array): Uint8Array {
  const plain = new Uint8Array(64);
  // SEQUENCE, its length, then twice INTEGER, length, number: a zero in front where its first bit is set.
  let at = 2;
  for (const end of [32, 64]) {
    const size = der[at + 1] as number;
    const number = der.subarray(at + 2, at + 2 + size);
    const digits = size > 32 ? number.subarray(size - 32) : number;
    plain.set(digits, end - digits.length);
    at += 2 + size;
  }
  return plain;
}

function toBase64(octets: Uint8Array): string {
  return Buffer.from(octets).toString('base64');
}
