import type { Problem } from '../base/errors.ts';
import { TYPE, typeName } from '../wire/constants.ts';
import { formatName, lowerName, namesEqual } from '../wire/name.ts';
import { BASE32_HEX, encodeRadix } from '../wire/presentation-radix.ts';
import { bitmapTypes, compareOctets, joinOctets, orderKey } from './canonical.ts';
import { createDraft, fillDraft, ownerOf, recordsOf } from './draft.ts';
import { keyTag } from './key.ts';
import { HASH_WORDS, hashWireName } from './nsec3-hash.ts';
import type { ZoneRecord } from './record.ts';
import { canonicalRecords, RRSIG_HEAD } from './rrsig.ts';
import { coveredBy, nameKey, type SecuredZone, secureZone } from './secured.ts';

/** What verifying works with. */
export interface Verifier {
  readonly nowS: number;
  /** Whether the signature over the octets is by the key with this DNSKEY RDATA. */
  readonly isBy: (key: Uint8Array, octets: Uint8Array, signature: Uint8Array) => boolean;
}

/** What was found. */
export interface Verified {
  readonly problems: readonly Problem[];
  /** RRsets that are signed as they must be. */
  readonly rrsets: number;
  /** When the first signature expires, seconds since 1970. */
  readonly expiresS: number;
}

/** A name of the zone with what must be signed there. */
interface Place {
  readonly owner: Uint8Array;
  readonly first: ZoneRecord | undefined;
  /** Types in the denial's list, RRSIG and NSEC aside. */
  readonly types: readonly number[];
  readonly isSigned: boolean;
}

/**
 * Checks a signed zone as a whole (RFC 4035 §2): that every RRset which the zone answers for has a signature
 * that holds, of every algorithm of its keys, and that the chain of denials is closed, in order, and speaks
 * of every name and type.
 */
export function verifyZone(origin: Uint8Array, records: readonly ZoneRecord[], verifier: Verifier): Verified {
  const problems: Problem[] = [];
  const secured = secureZone(origin, records);
  const first = records[0];
  const report = (record: ZoneRecord | undefined, message: string): void => {
    const { file, line } = record ?? first ?? { file: formatName(origin), line: 1 };
    problems.push({ file, line, message });
  };
  if (secured === undefined) {
    report(undefined, `${formatName(origin)} is not signed: no signature over its SOA, or no NSEC or NSEC3`);
    return { problems, rrsets: 0, expiresS: 0 };
  }
  const check = createSetCheck(origin, secured, verifier, report);
  const places = placesOf(origin, secured, check.set);
  for (const { record, signatures } of secured.denials) check.signed([record], signatures);
  if (secured.kind === 'nsec') checkNsec(places, secured, report);
  else checkNsec3(origin, places, secured, report);
  return { problems, rrsets: check.count(), expiresS: check.expiresS() };
}

type Report = (record: ZoneRecord | undefined, message: string) => void;

function createSetCheck(origin: Uint8Array, secured: SecuredZone, verifier: Verifier, report: Report) {
  const keys = secured.plain.filter(({ type, owner }) => type === TYPE.DNSKEY && namesEqual(owner, origin));
  if (keys.length === 0) report(undefined, `${formatName(origin)} has no DNSKEY`);
  const algorithms = [...new Set(keys.map(({ rdata }) => rdata[3] as number))];
  const byOwner = new Map<string, ZoneRecord[]>();
  for (const record of secured.signatures) {
    const key = nameKey(record.owner);
    byOwner.set(key, [...(byOwner.get(key) ?? []), record]);
  }
  let count = 0;
  let expiresS = Number.POSITIVE_INFINITY;
  const signed = (set: readonly ZoneRecord[], signatures: readonly ZoneRecord[]): void => {
    const [one] = set as [ZoneRecord];
    const what = `${formatName(one.owner)} ${typeName(one.type)}`;
    const faults: string[] = [];
    const good = new Set<number>();
    for (const signature of signatures) {
      const fault = faultOf(signature, set, { origin, keys, verifier });
      if (fault !== undefined) faults.push(fault);
      else {
        good.add(signature.rdata[2] as number);
        expiresS = Math.min(expiresS, timesOf(signature).expirationS);
      }
    }
    count++;
    if (signatures.length === 0) report(one, `${what} has no signature`);
    else if (algorithms.some((algorithm) => !good.has(algorithm)))
      report(one, `${what}: ${[...new Set(faults)].join(', ') || 'no signature of every algorithm'}`);
  };
  const set = (records: readonly ZoneRecord[]): void => {
    const [one] = records as [ZoneRecord];
    const own = byOwner.get(nameKey(one.owner)) ?? [];
    signed(
      records,
      own.filter((record) => coveredBy(record) === one.type),
    );
  };
  return { set, signed, count: () => count, expiresS: () => expiresS };
}

function timesOf({ rdata }: ZoneRecord): { expirationS: number; inceptionS: number } {
  const view = new DataView(rdata.buffer, rdata.byteOffset);
  return { expirationS: view.getUint32(8), inceptionS: view.getUint32(12) };
}

/** What keeps a signature from being good; undefined if nothing does (RFC 4035 §5.3). */
function faultOf(
  signature: ZoneRecord,
  set: readonly ZoneRecord[],
  by: { origin: Uint8Array; keys: readonly ZoneRecord[]; verifier: Verifier },
): string | undefined {
  const { origin, keys, verifier } = by;
  const { rdata } = signature;
  const [one] = set as [ZoneRecord];
  const view = new DataView(rdata.buffer, rdata.byteOffset);
  const { expirationS, inceptionS } = timesOf(signature);
  if (expirationS <= verifier.nowS) return 'the signature has expired';
  if (inceptionS > verifier.nowS) return 'the signature is not valid yet';
  const signer = rdata.subarray(RRSIG_HEAD, RRSIG_HEAD + origin.length);
  if (!namesEqual(signer, origin)) return 'the signer is not the zone';
  const ttl = view.getUint32(4);
  if (one.ttl > ttl) return `the TTL ${one.ttl} is more than the ${ttl} that is signed`;
  const tag = view.getUint16(16);
  const named = keys.filter((key) => key.rdata[3] === rdata[2] && keyTag(key.rdata) === tag);
  if (named.length === 0) return `no DNSKEY ${tag} of algorithm ${rdata[2]}`;
  const head = rdata.subarray(0, RRSIG_HEAD + origin.length);
  const sets = canonicalRecords({ ...one, ttl, rdatas: set.map((record) => record.rdata) });
  const octets = joinOctets(head.slice(0, RRSIG_HEAD), lowerName(signer), ...sets);
  const isGood = named.some((key) => verifier.isBy(key.rdata, octets, rdata.subarray(head.length)));
  return isGood ? undefined : `the signature by ${tag} is wrong`;
}

/** Every name that the zone answers for; `checkSet` is given every RRset that must be signed. */
function placesOf(
  origin: Uint8Array,
  secured: SecuredZone,
  checkSet: (records: readonly ZoneRecord[]) => void,
): Place[] {
  const draft = createDraft();
  fillDraft(draft, origin, secured.plain);
  const hides = new Uint8Array(draft.nodeCount);
  const places: Place[] = [];
  const indexes: number[] = [];
  for (let node = 0; node < draft.nodeCount; node++) {
    recordsOf(draft, node, indexes);
    const here = indexes.map((index) => draft.records[index] as ZoneRecord);
    const types = [...new Set(here.map(({ type }) => type))];
    const isCut = node > 0 && types.includes(TYPE.NS);
    const isHidden = node > 0 && hides[draft.parents[node] as number] === 1;
    hides[node] = isHidden || isCut || types.includes(TYPE.DNAME) ? 1 : 0;
    if (isHidden) continue;
    const signedTypes = types.filter((type) => !isCut || type === TYPE.DS);
    for (const type of signedTypes) checkSet(here.filter((record) => record.type === type));
    const listed = isCut ? [TYPE.NS, ...signedTypes] : signedTypes;
    places.push({
      owner: ownerOf(draft, node),
      first: here[0],
      types: listed,
      isSigned: signedTypes.length > 0,
    });
  }
  return places;
}

function checkNsec(places: readonly Place[], { denials }: SecuredZone, report: Report): void {
  const wanted = places
    .filter(({ types }) => types.length > 0)
    .map((place) => ({ place, key: orderKey(place.owner) }))
    .sort((left, right) => (left.key < right.key ? -1 : 1));
  const byName = new Map(denials.map(({ record }) => [nameKey(record.owner), record]));
  if (byName.size !== wanted.length)
    report(undefined, `${byName.size} NSEC records for ${wanted.length} names`);
  for (const [i, { place }] of wanted.entries()) {
    const record = byName.get(nameKey(place.owner));
    const name = formatName(place.owner);
    if (record === undefined) {
      report(place.first, `${name} has no NSEC`);
      continue;
    }
    const next = (wanted[(i + 1) % wanted.length] as (typeof wanted)[0]).place.owner;
    if (!namesEqual(record.rdata.subarray(0, next.length), next))
      report(record, `the NSEC of ${name} does not name ${formatName(next)} as the next`);
    else
      checkTypes(record, record.rdata.subarray(next.length), [...place.types, TYPE.RRSIG, TYPE.NSEC], report);
  }
}

function checkNsec3(
  origin: Uint8Array,
  places: readonly Place[],
  { denials }: SecuredZone,
  report: Report,
): void {
  const [one] = denials;
  if (one === undefined) return;
  const { rdata } = one.record;
  const salt = rdata.slice(5, 5 + (rdata[4] as number));
  const settings = { iterations: ((rdata[2] as number) << 8) | (rdata[3] as number), salt };
  const wanted = places
    .map((place) => ({ place, hash: hashOf(place.owner, settings) }))
    .sort((left, right) => compareOctets(left.hash, right.hash));
  const byName = new Map(denials.map(({ record }) => [nameKey(record.owner), record]));
  for (const [i, { place, hash }] of wanted.entries()) {
    const label = encodeRadix(BASE32_HEX, hash);
    const owner = joinOctets(Uint8Array.of(label.length), new TextEncoder().encode(label), origin);
    const record = byName.get(nameKey(owner));
    const name = formatName(place.owner);
    if (record === undefined) {
      report(place.first, `${name} has no NSEC3`);
      continue;
    }
    const nextAt = 6 + salt.length;
    const next = (wanted[(i + 1) % wanted.length] as (typeof wanted)[0]).hash;
    if (compareOctets(record.rdata.subarray(nextAt, nextAt + next.length), next) !== 0)
      report(record, `the NSEC3 of ${name} does not name the next hash`);
    const types = place.isSigned ? [...place.types, TYPE.RRSIG] : place.types;
    checkTypes(record, record.rdata.subarray(nextAt + next.length), types, report);
  }
  if (denials.length !== wanted.length)
    report(undefined, `${denials.length} NSEC3 records for ${wanted.length} names`);
}

function checkTypes(record: ZoneRecord, bitmap: Uint8Array, wanted: readonly number[], report: Report): void {
  const words = (types: readonly number[]): string =>
    types
      .toSorted((a, b) => a - b)
      .map(typeName)
      .join(' ');
  const said = words(bitmapTypes(bitmap));
  if (said !== words(wanted))
    report(record, `the denial of ${formatName(record.owner)} lists ${said}, but there is ${words(wanted)}`);
}

const words = new Int32Array(HASH_WORDS);

function hashOf(name: Uint8Array, settings: { iterations: number; salt: Uint8Array }): Uint8Array {
  hashWireName(name, settings, words);
  const octets = new Uint8Array(HASH_WORDS * 4);
  const view = new DataView(octets.buffer);
  for (let i = 0; i < HASH_WORDS; i++) view.setInt32(i * 4, words[i] as number);
  return octets;
}
