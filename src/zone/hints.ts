import type { Problem } from '../base/errors.ts';
import { TYPE, typeName } from '../wire/constants.ts';
import { formatName } from '../wire/name.ts';
import { emptyNameView, readWireName } from '../wire/name-view.ts';
import { joinOctets } from './canonical.ts';
import type { ZoneRecord } from './record.ts';
import { nameKey } from './secured.ts';

/**
 * Hints of SVCB and HTTPS records that are filled from the addresses of their targets: `ipv4hint=auto`,
 * `ipv6hint=auto` in zone files, hints without addresses here. Those of targets with addresses are filled
 * when the zone is read; of steered ones every answer is made ready, and the client's is chosen.
 */

/** The families that hints are of, as bits. */
export const HINT = { IPV4: 1, IPV6: 2 } as const;

const MANDATORY = 0;
const IPV4_HINT = 4;
const IPV6_HINT = 6;
const FAMILY = new Map<number, number>([
  [IPV4_HINT, HINT.IPV4],
  [IPV6_HINT, HINT.IPV6],
]);
/** Octets of SvcPriority, before TargetName. */
const TARGET_AT = 2;

const view = emptyNameView();

/** One SvcParam of a record. */
interface Param {
  readonly key: number;
  readonly value: Uint8Array;
}

type Bare = Pick<ZoneRecord, 'type' | 'rdata'>;

/** The hints of a record that are to be filled: `HINT` bits. */
export function emptyHints(record: Bare): number {
  if (record.type !== TYPE.HTTPS && record.type !== TYPE.SVCB) return 0;
  let bits = 0;
  for (const { key, value } of paramsOf(record.rdata)) if (value.length === 0) bits |= FAMILY.get(key) ?? 0;
  return bits;
}

/** The name whose addresses fill the hints: the record's target, or its owner for `.` (RFC 9460 §2.5.2). */
export function hintedName({ owner, rdata }: Pick<ZoneRecord, 'owner' | 'rdata'>): Uint8Array {
  const target = rdata.subarray(TARGET_AT, readWireName(view, rdata, TARGET_AT));
  return target.length > 1 ? target : owner;
}

/** Where the hints that were filled stand in RDATA: of the first address of each family, -1 for none. */
export interface Filled {
  readonly rdata: Uint8Array;
  readonly ipv4At: number;
  readonly ipv6At: number;
}

/** RDATA with its empty hints filled; those for which there are no addresses are left out. */
export function fillHints(rdata: Uint8Array, ipv4: Uint8Array, ipv6: Uint8Array): Filled {
  const parts: Uint8Array[] = [rdata.slice(0, readWireName(view, rdata, TARGET_AT))];
  const places = { ipv4At: -1, ipv6At: -1 };
  let at = (parts[0] as Uint8Array).length;
  for (const { key, value } of paramsOf(rdata)) {
    const family = value.length === 0 ? FAMILY.get(key) : undefined;
    const filled = family === undefined ? value : family === HINT.IPV4 ? ipv4 : ipv6;
    if (family !== undefined && filled.length === 0) continue;
    if (family === HINT.IPV4) places.ipv4At = at + 4;
    if (family === HINT.IPV6) places.ipv6At = at + 4;
    parts.push(Uint8Array.of(key >> 8, key & 0xff, filled.length >> 8, filled.length & 0xff), filled);
    at += 4 + filled.length;
  }
  return { rdata: joinOctets(...parts), ...places };
}

/** A zone with the hints filled whose targets are the same for all, and what is wrong with the others. */
export function fillStaticHints(records: readonly ZoneRecord[]): {
  readonly records: readonly ZoneRecord[];
  readonly problems: readonly Problem[];
} {
  const problems: Problem[] = [];
  if (!records.some((record) => emptyHints(record) !== 0)) return { records, problems };
  const byOwner = new Map<string, ZoneRecord[]>();
  for (const record of records) {
    if (record.type !== TYPE.A && record.type !== TYPE.AAAA && record.type !== TYPE.STEER) continue;
    const key = nameKey(record.owner);
    byOwner.set(key, [...(byOwner.get(key) ?? []), record]);
  }
  const filled = records.map((record) => {
    const wanted = emptyHints(record);
    if (wanted === 0) return record;
    const target = hintedName(record);
    const found = byOwner.get(nameKey(target)) ?? [];
    const wrong = faultOf(record, target, found);
    if (wrong !== undefined) problems.push({ file: record.file, line: record.line, message: wrong });
    if (wrong !== undefined || found.some(({ type }) => type === TYPE.STEER)) return record;
    const { rdata } = fillHints(record.rdata, addresses(found, TYPE.A), addresses(found, TYPE.AAAA));
    return { ...record, rdata };
  });
  return { records: filled, problems };
}

function faultOf(record: ZoneRecord, target: Uint8Array, found: readonly ZoneRecord[]): string | undefined {
  const what = `${formatName(record.owner)} ${typeName(record.type)}`;
  if (found.length === 0)
    return `${what} has a hint "auto", but ${formatName(target)} has no A, AAAA or STEER here`;
  const mandatory = paramsOf(record.rdata).find(({ key }) => key === MANDATORY)?.value ?? [];
  for (let i = 1; i < mandatory.length; i += 2)
    if (FAMILY.has(mandatory[i] as number) && mandatory[i - 1] === 0)
      return `${what} has a hint "auto" that is mandatory: a target may lack it`;
  return undefined;
}

function addresses(records: readonly ZoneRecord[], type: number): Uint8Array {
  return joinOctets(...records.filter((record) => record.type === type).map(({ rdata }) => rdata));
}

function paramsOf(rdata: Uint8Array): Param[] {
  const params: Param[] = [];
  let at = readWireName(view, rdata, TARGET_AT);
  while (at >= 0 && at + 4 <= rdata.length) {
    const key = ((rdata[at] as number) << 8) | (rdata[at + 1] as number);
    const size = ((rdata[at + 2] as number) << 8) | (rdata[at + 3] as number);
    params.push({ key, value: rdata.subarray(at + 4, at + 4 + size) });
    at += 4 + size;
  }
  return params;
}
