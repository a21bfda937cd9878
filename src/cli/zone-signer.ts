import { createHash, hash } from 'node:crypto';
import { join } from 'node:path';
import type { Problem } from '../base/errors.ts';
import type { Dnssec } from '../config/schema-dnssec.ts';
import { TYPE } from '../wire/constants.ts';
import { formatName } from '../wire/name.ts';
import { initialStates, type KeyState, plannedKeys } from '../zone/key-state.ts';
import type { ZoneRecord } from '../zone/record.ts';
import { type Signing, type SigningKey, startSigning } from '../zone/rrsig.ts';
import { coveredBy } from '../zone/secured.ts';
import { type SignedZone, signZone, withSerial } from '../zone/sign.ts';
import { createSignatureStore, openSignatures, saveSignatures } from '../zone/signature-store.ts';
import type { PlannedKey, SigningPlan } from '../zone/zone-in-hand.ts';
import { candidateSources, type SigningGround } from './candidate-sources.ts';
import { readKeys, zoneFileName } from './key-files.ts';
import { readOctets, readSaved, writeSaved } from './saved-files.ts';

/** A zone that was signed. */
export interface SignedByFiles extends SignedZone {
  readonly keys: readonly PlannedKey[];
  readonly signing: Signing;
  /** Tells what its keys did: compared with the states later, it says whether these are served. */
  readonly keysDigest: string;
  /** Saves signatures and serial for the next time. */
  readonly save: () => void;
}

/** What a zone was last served with. */
export interface Served {
  readonly serial: number;
  /** Of everything but the SOA. */
  readonly digest: string;
  /** Longest TTL of an RRset, seconds. */
  readonly ttlMaxS: number;
}

/** Signatures that expire within this part of the jitter are renewed together. */
const BATCHES = 16;

const sha256 = (octets: Uint8Array): Uint8Array => hash('sha256', octets, 'buffer');

/** Paths of what is kept of a zone between restarts, and of its keys. */
export function signingPaths(folder: string, origin: Uint8Array, dnssec: Pick<Dnssec, 'keys'>) {
  const name = zoneFileName(origin);
  return {
    keys: dnssec.keys ?? folder,
    states: join(folder, `${name}keys.json`),
    signatures: join(folder, `${name}signatures`),
    served: join(folder, `${name}served.json`),
  };
}

/** Signs a zone with the keys in its folder, keeping signatures that still hold; or says what is wrong. */
export function signByFiles(
  zone: {
    readonly origin: Uint8Array;
    readonly records: readonly ZoneRecord[];
    readonly dnssec: Dnssec;
    /** Only to be looked at: it has the serial that is served. */
    readonly isView?: boolean;
    /** Candidates of steered names that are signed at most, where the others can wait. */
    readonly candidatesMax?: number | undefined;
  },
  ground: SigningGround,
  nowS: number,
): SignedByFiles | readonly Problem[] {
  const { origin, records, dnssec, isView = false } = zone;
  const paths = signingPaths(ground.folder, origin, dnssec);
  const read = readKeysWithStates(origin, paths, nowS);
  if (read.problems.length > 0) return read.problems;
  const keys = plannedKeys(read.keys, read.states);
  const wrong = faultOf(keys, origin);
  if (wrong !== undefined) return [{ file: paths.keys, message: wrong }];
  const { validityS, refreshS, jitterS } = dnssec;
  const saved = readOctets(paths.signatures);
  const times = { nowS, validityS, jitterS, refreshS, batchS: Math.floor(jitterS / BATCHES) };
  const store = (saved === undefined ? undefined : openSignatures(saved)) ?? createSignatureStore();
  const signing = startSigning({ times, store, sha256 }, zone.candidatesMax);
  const served = readSaved<Served>(paths.served);
  const fileSerial = serialOf(records);
  const last =
    dnssec.serial === 'keep' || served === undefined ? fileSerial : later(fileSerial, served.serial);
  const plan: SigningPlan = {
    keys,
    denial: dnssec.denial,
    keyTtlS: dnssec.keyTtlS,
    serial: last,
    services: candidateSources(ground),
  };
  const first = signZone(origin, records, plan, signing);
  const digest = contentDigest(first);
  const hasChanged = !isView && served !== undefined && served.digest !== digest && last === served.serial;
  const serial = hasChanged && dnssec.serial === 'increment' ? (last + 1) >>> 0 : last;
  const ttlMaxS = first.records.reduce((most, { ttl }) => Math.max(most, ttl), 0);
  const signed = serial === last ? first : withSerial(origin, first, { ...plan, serial }, signing);
  return {
    ...signed,
    keys,
    signing,
    keysDigest: statesDigest(read.states),
    save: () => {
      writeSaved(paths.signatures, saveSignatures(signing.store));
      writeSaved(paths.served, JSON.stringify({ serial, digest, ttlMaxS } satisfies Served));
    },
  };
}

/** The keys in a zone's folder and what is known of their lives. */
export function readKeysWithStates(
  origin: Uint8Array,
  paths: { readonly keys: string; readonly states: string },
  nowS: number,
): {
  readonly keys: readonly SigningKey[];
  readonly states: readonly KeyState[];
  readonly problems: readonly Problem[];
} {
  const { keys, problems } = readKeys(paths.keys, origin);
  const states = readSaved<readonly KeyState[]>(paths.states) ?? initialStates(keys, nowS);
  return { keys, states, problems };
}

/** What keeps a zone from being signed by the keys in its folder. */
export function keyProblems(origin: Uint8Array, dnssec: Dnssec, folder: string): readonly Problem[] {
  const paths = signingPaths(folder, origin, dnssec);
  const { keys, states, problems } = readKeysWithStates(origin, paths, 0);
  if (problems.length > 0) return problems;
  const wrong = faultOf(plannedKeys(keys, states), origin);
  return wrong === undefined ? [] : [{ file: paths.keys, message: wrong }];
}

/** Tells the roles and phases of keys apart, not their times. */
export function statesDigest(states: readonly KeyState[]): string {
  const words = states.map(({ tag, algorithm, role, phase }) => `${algorithm} ${tag} ${role} ${phase}`);
  return hash('sha256', words.sort().join('\n'), 'hex').slice(0, 16);
}

function faultOf(keys: readonly PlannedKey[], origin: Uint8Array): string | undefined {
  const name = formatName(origin);
  const hint = `isochrone zone keygen ${name} makes one`;
  if (keys.length === 0) return `no key of ${name}, which is to be signed: ${hint}`;
  for (const part of ['signsKeys', 'signsData'] as const)
    if (!keys.some((key) => key[part]))
      return `no key of ${name} signs its ${part === 'signsKeys' ? 'keys' : 'data'}: ${hint}`;
  return undefined;
}

function serialOf(records: readonly ZoneRecord[]): number {
  const soa = records.find(({ type }) => type === TYPE.SOA);
  if (soa === undefined) return 0;
  const { buffer, byteOffset, length } = soa.rdata;
  return new DataView(buffer, byteOffset, length).getUint32(length - 20);
}

/** The later one of two serials (RFC 1982). */
function later(left: number, right: number): number {
  return ((left - right) | 0) > 0 ? left : right;
}

function contentDigest({ records, steered, filled, lacking }: SignedZone): string {
  const digest = createHash('sha256');
  for (const record of [...records, ...lacking]) {
    if (record.type === TYPE.SOA || coveredBy(record) === TYPE.SOA) continue;
    digest.update(record.owner).update(Int32Array.of(record.type, record.ttl)).update(record.rdata);
  }
  for (const kinds of [...steered.map((one) => one.kinds), filled.map(({ kind }) => kind)])
    for (const { head, signatures, sets } of kinds) {
      digest.update(head).update(signatures);
      for (const { signature } of sets) digest.update(signature);
    }
  return digest.digest('hex').slice(0, 32);
}
