import type { Problem } from '../base/errors.ts';
import { TYPE } from '../wire/constants.ts';
import { formatRecord } from '../zone/format.ts';
import type { ZoneImage } from '../zone/image.ts';
import {
  countPacked,
  diffPacked,
  type Packed,
  packRecords,
  packZone,
  unpack,
  withoutTypes,
} from '../zone/packed.ts';
import { type PackedBlock, packBlock } from '../zone/packed-block.ts';
import type { ZoneRecord } from '../zone/record.ts';
import { isNewer } from '../zone/serial.ts';
import type { ZoneJob } from './compile.ts';

/** What became of a zone that was read again. */
export interface ZoneOutcome {
  readonly origin: string;
  /** `broken`: it stays as it was. `withheld`: there is nothing to serve. */
  readonly kind: 'changed' | 'same' | 'broken' | 'withheld';
  readonly problems: readonly Problem[];
  /** Files that it includes. */
  readonly included: readonly string[];
  readonly serialBefore?: number;
  readonly serial?: number;
  /** Records that went and came, as lines of a master file: the first of them, and how many in all. */
  readonly removed?: ChangedRecords;
  readonly added?: ChangedRecords;
}

interface ChangedRecords {
  readonly count: number;
  readonly lines: readonly string[];
}

/** Records shown of one zone, each way. */
const LINES_MAX = 500;

/** Compares what a file says with what is served, and holds it to the rules of serials (RFC 1982). */
export function compareZone(
  read: {
    readonly base: ZoneImage | undefined;
    readonly name: Uint8Array;
    readonly records: readonly ZoneRecord[];
    readonly origin: string;
    /** Signing adds records, and raises the serial by itself. */
    readonly isSigned: boolean;
  },
  job: ZoneJob,
): ZoneOutcome {
  const { base, name, records, origin, isSigned } = read;
  const before = base === undefined ? undefined : packBlock(base, name);
  const after = packZone(name, records);
  if (before === undefined) {
    const added = changed(name, [after.soa, after.records]);
    return { origin, kind: 'changed', problems: [], included: [], serial: after.serial, added };
  }
  const steered = withSteered(name, before, job.services);
  const old = isSigned ? withoutTypes(steered, MADE_TYPES) : steered;
  const { removed, added } = diffPacked(
    old,
    isSigned ? withoutTypes(after.records, MADE_TYPES) : after.records,
  );
  const isSame = removed.length === 0 && added.length === 0;
  const isSoaSame = isSigned
    ? sameButSerial(before.soa, after.soa)
    : diffPacked(before.soa, after.soa).added.length === 0;
  const facts = { origin, included: [], serialBefore: before.serial, serial: after.serial };
  if (isSame && isSoaSame) return { ...facts, kind: 'same', problems: [] };
  const lines = {
    removed: changed(name, isSoaSame ? [removed] : [before.soa, removed]),
    added: changed(name, isSoaSame ? [added] : [after.soa, added]),
  };
  if (isSigned || isNewer(after.serial, before.serial))
    return { ...facts, kind: 'changed', problems: [], ...lines };
  const soa = records.find(({ type }) => type === TYPE.SOA);
  const message =
    `the zone changed, but its serial ${after.serial} is not newer than ${before.serial} (RFC 1982): ` +
    'who has a copy would not see it';
  const problems = [{ file: soa?.file ?? origin, ...(soa && { line: soa.line }), message }];
  const isStrict = job.reload?.strict.includes(origin) === true && !job.reload.force;
  return { ...facts, kind: isStrict ? 'broken' : 'changed', problems, ...lines };
}

/** What signing makes, and keys that it adds. */
const MADE_TYPES: readonly number[] = [
  TYPE.RRSIG,
  TYPE.NSEC,
  TYPE.NSEC3,
  TYPE.NSEC3PARAM,
  TYPE.DNSKEY,
  TYPE.CDS,
  TYPE.CDNSKEY,
];

/** Whether two packed SOAs say the same apart from the serial, 20 octets before the end. */
function sameButSerial(left: Packed, right: Packed): boolean {
  const from = left.length - 20;
  return (
    left.length === right.length &&
    left.every((octet, i) => (i >= from && i < from + 4) || octet === right[i])
  );
}

/** What is served, with STEER records where names are steered: as a file has it. */
function withSteered(name: Uint8Array, block: PackedBlock, services: readonly string[]): Packed {
  const steers = block.steered.map(({ owner, serviceIndex, ttl }) => {
    const text = new TextEncoder().encode(services[serviceIndex]);
    return { owner, type: TYPE.STEER, ttl, rdata: Uint8Array.of(text.length, ...text) };
  });
  const packed = packRecords(name, [...steers, ...block.hinted]);
  const whole = new Uint8Array(block.records.length + packed.length);
  whole.set(block.records);
  whole.set(packed, block.records.length);
  return whole;
}

function changed(name: Uint8Array, lists: readonly Packed[]): ChangedRecords {
  const lines: string[] = [];
  let count = 0;
  for (const packed of lists) {
    count += countPacked(packed);
    for (const record of unpack(name, packed)) {
      if (lines.length === LINES_MAX) break;
      lines.push(formatRecord(record));
    }
  }
  return { count, lines };
}
