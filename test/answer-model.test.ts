import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../src/base/random.ts';
import { TYPE, typeCode, typeName } from '../src/wire/constants.ts';
import { formatName, lowerName, parseName } from '../src/wire/name.ts';
import { formatRdata } from '../src/wire/rdata.ts';
import { parseMaster } from '../src/zone/master.ts';
import type { ZoneRecord } from '../src/zone/record.ts';
import { generateQuestion, generateZones } from './differential/generate.ts';
import { createWorld } from './helpers/answer-world.ts';
import { decodeMessage, encodeQuery, rcodeName } from './helpers/message.ts';

/**
 * Answers of the zone image beside a model: RFC 1034 §4.3.2 word by word over the records as they were read,
 * names as texts, everything looked for by going through everything.
 */
interface ModelZone {
  readonly apex: string;
  readonly records: readonly ModelRecord[];
}

interface ModelRecord {
  readonly owner: string;
  readonly type: number;
  readonly ttl: number;
  readonly text: string;
}

interface ModelAnswer {
  rcode: string;
  readonly answer: string[];
  readonly authority: string[];
}

const CHAIN_MAX = 16;
const NAME_OCTETS_MAX = 255;

function modelZone(origin: string, text: string): ModelZone {
  const apex = parseName(origin) as Uint8Array;
  const { records } = parseMaster({ text, file: origin, origin: apex, read: () => undefined });
  const seen = new Set<string>();
  const own: ModelRecord[] = [];
  for (const record of records) {
    const { type, ttl } = record;
    const owner = formatName(lowerName(record.owner));
    const data = formatRdata(type, lowered(record));
    if (seen.has(`${owner} ${type} ${data}`)) continue;
    seen.add(`${owner} ${type} ${data}`);
    own.push({ owner, type, ttl, text: data });
  }
  return { apex: formatName(apex), records: own };
}

/** RDATA with the names in lower case that messages are decoded to in lower case. */
function lowered({ type, rdata }: ZoneRecord): Uint8Array {
  const leading = new Map<number, number>([
    [TYPE.NS, 0],
    [TYPE.CNAME, 0],
    [TYPE.PTR, 0],
    [TYPE.MX, 2],
  ]).get(type);
  return leading === undefined ? rdata : rdata.map((octet, i) => (i < leading ? octet : lower(octet)));
}

const lower = (octet: number): number => lowerName(Uint8Array.of(octet))[0] as number;
const isBelow = (name: string, ancestor: string): boolean =>
  name !== ancestor && (ancestor === '.' || name.endsWith(`.${ancestor}`));
const parentOf = (name: string): string => name.slice(name.indexOf('.') + 1) || '.';

function ask(zones: readonly ModelZone[], question: string, qtype: number): ModelAnswer {
  const result: ModelAnswer = { rcode: 'NOERROR', answer: [], authority: [] };
  const visited = new Set<string>();
  let name = question;
  for (let steps = 0; ; steps++) {
    const zone = zoneFor(zones, name, qtype);
    if (zone === undefined) {
      if (steps === 0) result.rcode = 'REFUSED';
      return result;
    }
    const next = step(zone, name, qtype, result, steps === CHAIN_MAX || visited.has(name));
    if (next === undefined) return result;
    visited.add(name);
    name = next;
  }
}

function zoneFor(zones: readonly ModelZone[], name: string, qtype: number): ModelZone | undefined {
  const holding = zones.filter(({ apex }) => name === apex || isBelow(name, apex));
  holding.sort((left, right) => right.apex.length - left.apex.length);
  return qtype === TYPE.DS ? (holding.find(({ apex }) => apex !== name) ?? holding[0]) : holding[0];
}

/** One turn of the chain: the next name, or undefined when the answer is complete. */
function step(
  zone: ModelZone,
  name: string,
  qtype: number,
  result: ModelAnswer,
  isLast: boolean,
): string | undefined {
  const at = (owner: string, type: number) =>
    zone.records.filter((record) => record.owner === owner && record.type === type);
  const path: string[] = [];
  for (let on = name; on === zone.apex || isBelow(on, zone.apex); on = parentOf(on)) {
    path.unshift(on);
    if (on === '.') break;
  }
  for (const on of path) {
    const isCut = on !== zone.apex && at(on, TYPE.NS).length > 0 && !(on === name && qtype === TYPE.DS);
    if (isCut) {
      result.authority.push(...lines(on, at(on, TYPE.NS)));
      return undefined;
    }
    const [dname] = at(on, TYPE.DNAME);
    if (dname !== undefined && on !== name) {
      if (isLast) return undefined;
      const target = `${name.slice(0, name.length - on.length)}${dname.text}`.replace(/\.\.$/, '.');
      const line = lines(on, [dname]);
      for (const one of line) if (!result.answer.includes(one)) result.answer.push(one);
      const encoded = parseName(target);
      if (typeof encoded === 'string' || encoded.length > NAME_OCTETS_MAX) {
        result.rcode = 'YXDOMAIN';
        return undefined;
      }
      result.answer.push(`${name} ${dname.ttl} CNAME ${target.toLowerCase()}`);
      return qtype === TYPE.CNAME || qtype === TYPE.ANY ? undefined : target.toLowerCase();
    }
  }
  const exists = (on: string) => zone.records.some(({ owner }) => owner === on || isBelow(owner, on));
  const encloser = path.findLast(exists) as string;
  const source = exists(name) ? name : `*.${encloser}`;
  if (!exists(source)) {
    result.rcode = 'NXDOMAIN';
    result.authority.push(...denial(zone));
    return undefined;
  }
  const [cname] = at(source, TYPE.CNAME);
  const found = at(source, qtype);
  if (cname !== undefined && found.length === 0 && qtype !== TYPE.ANY) {
    if (isLast) return undefined;
    result.answer.push(...lines(name, [cname]));
    return cname.text;
  }
  if (qtype === TYPE.ANY) {
    const types = zone.records.filter(({ owner }) => owner === source).map(({ type }) => type);
    found.push(...at(source, Math.min(...types)));
  }
  result.answer.push(...lines(name, found));
  if (found.length === 0) result.authority.push(...denial(zone));
  return undefined;
}

function lines(owner: string, records: readonly ModelRecord[]): string[] {
  const least = Math.min(...records.map(({ ttl }) => ttl));
  return records.map(
    ({ type, ttl, text }) => `${owner} ${type === TYPE.RRSIG ? ttl : least} ${typeName(type)} ${text}`,
  );
}

function denial(zone: ModelZone): string[] {
  return zone.records
    .filter(({ type }) => type === TYPE.SOA)
    .map(({ owner, ttl, text }) => `${owner} ${Math.min(ttl, Number(text.split(' ').at(-1)))} SOA ${text}`);
}

test('answers and authority of 30 random pairs of zones are those of the model', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = seededRandom(seed);
    const generated = generateZones(random);
    const texts = Object.entries(generated.zones).map(([origin, text]) => [`${origin}.`, text] as const);
    const nested = [
      'a.tree.diff.example.',
      '$TTL 9\n@ SOA ns host 1 1 1 1 1\n@ NS ns\nb A 192.0.2.9\n',
    ] as const;
    const all = seed % 3 === 0 ? [...texts, nested] : texts;
    const world = createWorld(all);
    const zones = all.map(([origin, text]) => modelZone(origin, text));
    for (let i = 0; i < 300; i++) {
      const { name, type } = generateQuestion(random, generated.owners);
      const expected = ask(zones, name.toLowerCase(), typeCode(type) as number);
      const octets = world.ask(encodeQuery({ name, type }), { transport: 'tcp' });
      const reply = decodeMessage(octets as Uint8Array);
      const where = `seed ${seed}: ${name} ${type}`;
      assert.equal(rcodeName(reply.rcode), expected.rcode, where);
      assert.deepEqual(reply.sections[0], expected.answer.sort(), where);
      assert.deepEqual(reply.sections[1], expected.authority.sort(), where);
    }
  }
});
