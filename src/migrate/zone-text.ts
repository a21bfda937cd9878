import { TYPE } from '../wire/constants.ts';
import { formatName, parseName } from '../wire/name.ts';
import { checkZone } from '../zone/check.ts';
import { formatRecord } from '../zone/format.ts';
import { parseMaster } from '../zone/master.ts';
import type { ZoneRecord } from '../zone/record.ts';
import type { Draft, Place } from './draft.ts';

/** A zone of which every record stands on a line of its own. */
export interface ZoneText {
  /** In wire form. */
  readonly origin: Uint8Array;
  /** Puts a record in: absolute owner, seconds, type and RDATA as text. What is no record is told of. */
  readonly add: (owner: string, ttl: number, typeAndData: string, place: Place) => void;
  /** Puts records in that were read already. */
  readonly put: (records: readonly ZoneRecord[]) => void;
  /** Whether the zone has a record of the type at a name, of wire form. */
  readonly has: (owner: Uint8Array, type: number) => boolean;
  readonly finish: () => string;
}

/** A zone without records. */
export function createZoneText(origin: Uint8Array, draft: Draft): ZoneText {
  const records: ZoneRecord[] = [];
  return {
    origin,
    add: (owner, ttl, typeAndData, place) => {
      const { file, line } = place;
      const text = `${owner} ${ttl} IN ${typeAndData}\n`;
      const read = parseMaster({ text, file, origin, read: () => undefined });
      const [problem] = read.problems;
      if (problem !== undefined) draft.lost(place, text.trim(), problem.message);
      else records.push(...read.records.map((record) => ({ ...record, line: line ?? 0 })));
    },
    put: (more) => {
      for (const record of more) records.push(record);
    },
    has: (owner, type) => {
      const name = formatName(owner).toLowerCase();
      return records.some(
        (record) => record.type === type && formatName(record.owner).toLowerCase() === name,
      );
    },
    finish: () => {
      const rank = ({ type }: ZoneRecord): number => (type === TYPE.SOA ? 0 : type === TYPE.NS ? 1 : 2);
      const sorted = records.toSorted((one, other) => Math.min(rank(one), 1) - Math.min(rank(other), 1));
      return `${sorted.map(formatRecord).join('\n')}\n`;
    },
  };
}

/** Leaving records out may leave others without what they need, but not for ever. */
const ROUNDS_MAX = 10;

/** Puts those records in that the zone can be served with; the others are told of. Whether there are none. */
export function putSound(zone: ZoneText, draft: Draft, records: readonly ZoneRecord[]): boolean {
  let sound = records;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    // What the zone as a whole lacks is no record's fault.
    const faults = checkZone(sound, zone.origin).filter(
      ({ severity, line, message }) => severity === 'error' && line && !message.endsWith('at its apex'),
    );
    const bad = new Set(faults.map(({ file, line }) => `${file}:${line}`));
    const kept = sound.filter((record) => !bad.has(`${record.file}:${record.line}`));
    if (kept.length === sound.length) break;
    for (const { file, line = 1, message } of faults) draft.lost({ file, line }, 'a record', message);
    sound = kept;
  }
  zone.put(sound);
  return sound.length === records.length;
}

/** The name in wire form; undefined where it is none. */
export function wireName(text: string, origin?: Uint8Array): Uint8Array | undefined {
  const name = parseName(text, origin);
  return typeof name === 'string' ? undefined : name;
}

/** How a zone is called in a configuration: small letters, no final dot. */
export function zoneName(origin: Uint8Array): string {
  const name = formatName(origin).toLowerCase();
  return name === '.' ? name : name.slice(0, -1);
}
