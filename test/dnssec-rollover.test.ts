import assert from 'node:assert/strict';
import { createPublicKey, hash, verify } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type AlgorithmName, generateKey, readKeys } from '../src/cli/key-files.ts';
import { TYPE } from '../src/wire/constants.ts';
import { parseName } from '../src/wire/name.ts';
import { addAlgorithm, whyNoAlgorithm } from '../src/zone/algorithm-roll.ts';
import { joinOctets } from '../src/zone/canonical.ts';
import { dsRdata, isEntryPoint, keyTag } from '../src/zone/key.ts';
import { initialStates, type KeyRole, type KeyState, plannedKeys, roleOf } from '../src/zone/key-state.ts';
import { parseMaster } from '../src/zone/master.ts';
import type { ZoneRecord } from '../src/zone/record.ts';
import { addKey, type RolloverTimes, stepKeys, whyNotNow } from '../src/zone/rollover.ts';
import { canonicalRecords, type SigningKey, startSigning } from '../src/zone/rrsig.ts';
import { coveredBy } from '../src/zone/secured.ts';
import { signZone } from '../src/zone/sign.ts';
import { createSignatureStore } from '../src/zone/signature-store.ts';

/**
 * Whole rollovers in simulated time. The world is kept minute by minute as caches may hold it: whichever DS
 * set, DNSKEY RRset and signed RRset a resolver has, each no older than its TTL, must validate together. The
 * states go through JSON at every step, as through a restart.
 */

const MINUTE_S = 60;
const TIMES: RolloverTimes = {
  keyTtlS: 600,
  zoneTtlMaxS: 1800,
  dsTtlS: 1200,
  propagationS: 300,
  lifetimeS: { csk: 0, ksk: 0, zsk: 0 },
};
/** What the parent takes to follow CDS, and the server to serve a new image. */
const PARENT_S = 2400;
const SERVE_S = 120;
const ZONE = '$TTL 1800\n@ SOA ns host 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\n';

const folder = mkdtempSync(join(tmpdir(), 'isochrone-roll-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const origin = parseName('roll.test.') as Uint8Array;
const sha256 = (octets: Uint8Array): Uint8Array => hash('sha256', octets, 'buffer');

/** What caches may hold from one minute on. */
interface Minute {
  readonly atS: number;
  readonly ds: readonly Uint8Array[];
  readonly records: readonly ZoneRecord[];
}

function signedWith(keys: readonly SigningKey[], states: readonly KeyState[], nowS: number) {
  const { records } = parseMaster({ text: ZONE, file: 'roll', origin, read: () => undefined });
  const times = { nowS, validityS: 86_400 * 14, jitterS: 0, refreshS: 86_400, batchS: 0 };
  const signing = startSigning({ times, store: createSignatureStore(), sha256 });
  const plan = {
    keys: plannedKeys(keys, states),
    denial: 'nsec' as const,
    keyTtlS: TIMES.keyTtlS,
    serial: undefined,
    services: new Map(),
  };
  return signZone(origin, records, plan, signing).records;
}

/** Validates a type of one minute by the DNSKEY RRset of another and the DS set of a third. */
function isValid(ds: readonly Uint8Array[], keysAt: Minute, dataAt: Minute, type: number): boolean {
  const keys = rrset(keysAt.records, TYPE.DNSKEY);
  const trusted = keys.filter((key) => ds.some((one) => equal(one, dsOf(key))));
  const own = (of: readonly Uint8Array[], algorithm: number) => of.filter((key) => key[3] === algorithm);
  // As strictly as a validator may: each algorithm that a DS or a key tells of must be good (RFC 6840 §5.11).
  const told = new Set(ds.map((rdata) => rdata[2] as number));
  const used = new Set(keys.map((rdata) => rdata[3] as number));
  return (
    [...told].every((algorithm) => isSigned(keysAt.records, TYPE.DNSKEY, own(trusted, algorithm))) &&
    [...used].every((algorithm) => isSigned(dataAt.records, type, own(keys, algorithm)))
  );
}

function isSigned(records: readonly ZoneRecord[], type: number, keys: readonly Uint8Array[]): boolean {
  const set = records.filter((record) => record.type === type && equal(record.owner, origin));
  const signatures = records.filter((record) => coveredBy(record) === type && equal(record.owner, origin));
  return signatures.some(({ rdata }) => {
    const view = new DataView(rdata.buffer, rdata.byteOffset);
    const head = rdata.subarray(0, rdata.length - 64);
    const ttl = view.getUint32(4);
    const octets = joinOctets(
      head,
      ...canonicalRecords({ owner: origin, type, ttl, rdatas: set.map((record) => record.rdata) }),
    );
    return keys.some(
      (key) =>
        keyTag(key) === view.getUint16(16) &&
        key[3] === rdata[2] &&
        isBy(key, octets, rdata.subarray(rdata.length - 64)),
    );
  });
}

function isBy(key: Uint8Array, octets: Uint8Array, signature: Uint8Array): boolean {
  const part = (from: number, to?: number): string =>
    Buffer.from(key.subarray(from, to)).toString('base64url');
  if (key[3] === 15) {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: part(4) };
    return verify(null, octets, createPublicKey({ key: jwk, format: 'jwk' }), signature);
  }
  const jwk = { kty: 'EC', crv: 'P-256', x: part(4, 36), y: part(36) };
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
  return verify('sha256', octets, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature);
}

const equal = (left: Uint8Array, right: Uint8Array): boolean => Buffer.from(left).equals(right);
const rrset = (records: readonly ZoneRecord[], type: number): Uint8Array[] =>
  records.filter((record) => record.type === type).map(({ rdata }) => rdata);
const dsOf = (rdata: Uint8Array): Uint8Array =>
  dsRdata(origin, { flags: 257, algorithm: rdata[3] as number, rdata, tag: keyTag(rdata) }, sha256);

/** Makes what is to come, and the states with it; while one rollover goes on no other begins. */
function begin(
  what: KeyRole | 'algorithm',
  split: boolean,
  by: {
    readonly states: readonly KeyState[];
    readonly make: (isKsk: boolean, algorithm?: AlgorithmName) => void;
    readonly read: () => readonly SigningKey[];
    readonly nowS: number;
  },
): KeyState[] {
  const { states, make, read, nowS } = by;
  const isNew = ({ tag }: SigningKey): boolean => !states.some((state) => state.tag === tag);
  let next: KeyState[];
  if (what === 'algorithm') {
    assert.equal(whyNoAlgorithm(states, 15), undefined);
    assert.match(whyNoAlgorithm(states, 13) ?? '', /has that algorithm/);
    make(true, 'ed25519');
    if (split) make(false, 'ed25519');
    const keys = read();
    const added = keys.filter(isNew);
    const states15 = added.map((key) => ({ tag: key.tag, algorithm: 15, role: roleOf(key, keys) }));
    next = addAlgorithm(states, states15, nowS);
    assert.match(whyNotNow(next, 'zsk') ?? '', /the algorithm changes/);
  } else {
    assert.equal(whyNotNow(states, what), undefined);
    make(what !== 'zsk');
    const added = read().find(isNew) as SigningKey;
    next = addKey(states, { tag: added.tag, algorithm: 13, role: what }, nowS);
    assert.match(whyNotNow(next, what) ?? '', /one rollover at a time/);
  }
  assert.match(whyNoAlgorithm(next, 15) ?? '', /one rollover at a time/);
  return next;
}

/** Rolls one key over, or all to another algorithm; gives the phases gone through, and every minute. */
function roll(what: KeyRole | 'algorithm', split: boolean, times: RolloverTimes = TIMES) {
  const own = mkdtempSync(join(folder, `${what}-`));
  const make = (isKsk: boolean, algorithm: AlgorithmName = 'ecdsap256sha256'): void => {
    const taken = readKeys(own, origin).keys.map(({ tag }) => tag);
    generateKey({ origin, algorithm, isEntryPoint: isKsk, folder: own, taken });
  };
  make(true);
  if (split) make(false);
  let keys = readKeys(own, origin).keys;
  let states = initialStates(keys, 0);
  let served = states;
  let ds = keys.filter(isEntryPoint).map(({ rdata }) => dsOf(rdata));
  const pendingDs: { atS: number; ds: Uint8Array[] }[] = [];
  const pendingServe: { atS: number; states: KeyState[] }[] = [];
  const minutes: Minute[] = [];
  const seen: string[] = [];
  const digest = (of: readonly KeyState[]): string => of.map(({ tag, phase }) => `${tag} ${phase}`).join();
  let records = signedWith(keys, served, 0);
  for (let nowS = 0; nowS <= 8 * 3600; nowS += MINUTE_S) {
    while ((pendingServe[0]?.atS ?? Number.POSITIVE_INFINITY) <= nowS) {
      served = pendingServe.shift()?.states ?? served;
      records = signedWith(keys, served, nowS);
      // The parent follows what CDS says, later.
      pendingDs.push({ atS: nowS + PARENT_S, ds: rrset(records, TYPE.CDS) });
    }
    while ((pendingDs[0]?.atS ?? Number.POSITIVE_INFINITY) <= nowS) ds = pendingDs.shift()?.ds ?? ds;
    minutes.push({ atS: nowS, ds, records });
    if (nowS === 600) {
      states = begin(what, split, { states, make, read: () => readKeys(own, origin).keys, nowS });
      keys = readKeys(own, origin).keys;
    } else {
      const dsTags = ds.map((rdata) => ((rdata[0] as number) << 8) | (rdata[1] as number));
      const isServed = digest(served) === digest(states);
      const step = stepKeys(states, times, { nowS, isServed, ds: { everywhere: dsTags, anywhere: dsTags } });
      assert.deepEqual(step.wanted, []);
      // A restart between any two steps: what is saved is all that there is.
      states = JSON.parse(JSON.stringify(step.states)) as KeyState[];
    }
    const due = pendingServe.at(-1)?.states ?? served;
    if (digest(due) !== digest(states)) {
      pendingServe.push({ atS: nowS + SERVE_S, states });
      seen.push(
        states
          .filter((state) => what === 'algorithm' || state.role === what)
          .map(({ phase }) => phase)
          .join(' '),
      );
    }
  }
  return { seen, minutes, ds, states };
}

/** Minutes whose caches may still be used at a later one. */
function* heldAt(minutes: readonly Minute[], now: number, ttlS: number): Generator<Minute> {
  const first = Math.max(0, now - Math.floor(ttlS / MINUTE_S));
  for (let i = first; i <= now; i += i + 5 < now ? 5 : 1) yield minutes[i] as Minute;
}

/** The first mixture of caches that does not validate, in words. */
function firstBroken(minutes: readonly Minute[]): string | undefined {
  const known = new Map<string, boolean>();
  const ids = new Map<object, number>();
  const id = (one: object): number => {
    if (!ids.has(one)) ids.set(one, ids.size);
    return ids.get(one) as number;
  };
  for (let now = 0; now < minutes.length; now++)
    for (const dsAt of heldAt(minutes, now, TIMES.dsTtlS))
      for (const keysAt of heldAt(minutes, now, TIMES.keyTtlS))
        for (const dataAt of heldAt(minutes, now, TIMES.zoneTtlMaxS)) {
          const key = `${id(dsAt.ds)} ${id(keysAt.records)} ${id(dataAt.records)}`;
          const valid =
            known.get(key) ??
            (isValid(dsAt.ds, keysAt, dataAt, TYPE.SOA) && isValid(dsAt.ds, keysAt, dataAt, TYPE.NS));
          known.set(key, valid);
          if (!valid)
            return `minute ${now}: DS of ${dsAt.atS} s, keys of ${keysAt.atS} s, data of ${dataAt.atS} s`;
        }
  return undefined;
}

for (const [role, split] of [
  ['csk', false],
  ['ksk', true],
  ['zsk', true],
] as const)
  test(`a ${role} is rolled over, and every mixture of caches validates at every step`, () => {
    const { seen, minutes, states } = roll(role, split);
    assert.deepEqual(seen, ['active published', 'retiring active', 'removed active']);
    assert.equal(states.filter(({ phase }) => phase === 'active').length, split ? 2 : 1);
    assert.equal(firstBroken(minutes), undefined);
  });

for (const split of [false, true])
  test(`another algorithm, ${split ? 'KSK and ZSK' : 'a CSK'}: all caches validate strictly`, () => {
    const { seen, minutes, states } = roll('algorithm', split);
    const of = (...phases: readonly string[]): string =>
      [...phases].flatMap((phase) => (split ? phase.split('/') : [phase.split('/')[0]])).join(' ');
    assert.deepEqual(
      seen.map((text) => text.split(' ').sort().join(' ')),
      [
        of('active/active', 'signing/signing'),
        of('active/active', 'joining/joining'),
        of('active/active', 'offered/joining'),
        ...['leaving', 'fading', 'removed'].map((phase) => of(`${phase}/${phase}`, 'active/active')),
      ].map((text) => text.split(' ').sort().join(' ')),
    );
    assert.ok(states.every(({ phase, algorithm }) => phase === (algorithm === 15 ? 'active' : 'removed')));
    assert.equal(firstBroken(minutes), undefined);
  });

test('a rollover that does not wait is seen to break: the check can fail', () => {
  const hasty = { ...TIMES, keyTtlS: 0, zoneTtlMaxS: 0, dsTtlS: 0, propagationS: 0 };
  assert.match(firstBroken(roll('zsk', true, hasty).minutes) ?? '', /^minute /);
  assert.match(firstBroken(roll('algorithm', false, hasty).minutes) ?? '', /^minute /);
});

test('a key is replaced after its lifetime, and nothing happens while the parent has no DS', () => {
  const times = { ...TIMES, lifetimeS: { csk: 7200, ksk: 0, zsk: 0 } };
  const first: KeyState[] = [{ tag: 1, algorithm: 13, role: 'csk', phase: 'active', sinceS: 0, servedS: 0 }];
  const step = (states: readonly KeyState[], nowS: number, dsTags: readonly number[]) =>
    stepKeys(states, times, { nowS, isServed: true, ds: { everywhere: dsTags, anywhere: dsTags } });
  assert.deepEqual(step(first, 7199, [1]).wanted, []);
  assert.deepEqual(step(first, 7200, [1]).wanted, [{ role: 'csk', algorithm: 13 }]);
  let states: readonly KeyState[] = addKey(first, { tag: 2, algorithm: 13, role: 'csk' }, 7200);
  for (let nowS = 7200; nowS < 500_000; nowS += 3600) states = step(states, nowS, [1]).states;
  assert.deepEqual(
    states.map(({ phase }) => phase),
    ['active', 'published'],
  );
  states = step(states, 500_000, [1, 2]).states;
  // A DS that goes again starts the wait anew.
  states = step(states, 500_600, [1]).states;
  states = step(states, 501_000, [1, 2]).states;
  states = step(states, 502_199, [1, 2]).states;
  assert.deepEqual(
    states.map(({ phase }) => phase),
    ['active', 'published'],
  );
  states = step(states, 502_200, [1, 2]).states;
  assert.deepEqual(
    states.map(({ phase }) => phase),
    ['retiring', 'active'],
  );
});
