/**
 * Room `transfer`: zones to and from other name servers, on the side that asks: fetching them, keeping them
 * on disk with their differences, telling others of changes. May import pure rooms and `store`.
 */
import { readFileSync } from 'node:fs';
import { checksum32 } from '../base/checksum.ts';
import { replaceFile } from '../store/replace-file.ts';
import { diffPacked, type Packed, type PackedZone, serialOf } from '../zone/packed.ts';
import { isNewer } from '../zone/serial.ts';

/** Of files with zones: for the owner and the group. */
export const ZONE_FILE_MODE = 0o640;

/** One step from a version of a zone to the next. */
export interface JournalStep {
  readonly fromSoa: Packed;
  readonly removed: Packed;
  readonly toSoa: Packed;
  readonly added: Packed;
}

/** A version of a zone, and the steps that lead to it from older ones. In memory that threads share. */
export interface Journal {
  readonly version: PackedZone;
  readonly steps: readonly JournalStep[];
}

/** Steps kept at most, and octets of all of them where the zone itself is shorter. */
const STEPS_MAX = 100;
const STEPS_OCTETS_MIN = 65_536;
const MAGIC = new TextEncoder().encode('ISOXFR1\n');
const HEAD = MAGIC.length + 4;
const STEP_PARTS = 4;

/**
 * The journal with another version. Steps are kept as far as they are shorter than the zone itself, which
 * would be sent instead; a serial that does not rise makes none, and forgets those before.
 */
export function extendJournal(journal: Journal | undefined, version: PackedZone): Journal {
  const shared = {
    serial: version.serial,
    soa: inSharedMemory(version.soa),
    records: inSharedMemory(version.records),
  };
  if (journal === undefined || !isNewer(version.serial, journal.version.serial))
    return { version: shared, steps: [] };
  const { removed, added } = diffPacked(journal.version.records, version.records);
  const step = {
    fromSoa: journal.version.soa,
    removed: inSharedMemory(removed),
    toSoa: shared.soa,
    added: inSharedMemory(added),
  };
  const steps = [...journal.steps, step].slice(-STEPS_MAX);
  const octetsMax = Math.max(STEPS_OCTETS_MIN, version.records.length);
  let octets = 0;
  let first = steps.length;
  for (; first > 0; first--) {
    const { removed: gone, added: come } = steps[first - 1] as JournalStep;
    octets += gone.length + come.length;
    if (octets > octetsMax) break;
  }
  return { version: shared, steps: steps.slice(first) };
}

/** Reads a journal; undefined where there is none, a text where it cannot be used. */
export function readJournal(path: string): Journal | string | undefined {
  let octets: Uint8Array;
  try {
    octets = readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? undefined : message;
  }
  const parts = partsOf(octets);
  if (parts === undefined) return 'it is damaged';
  const [soa, records, ...rest] = parts;
  if (soa === undefined || records === undefined || rest.length % STEP_PARTS !== 0) return 'it is damaged';
  const steps: JournalStep[] = [];
  for (let i = 0; i < rest.length; i += STEP_PARTS) {
    const [fromSoa, removed, toSoa, added] = rest.slice(i, i + STEP_PARTS) as [
      Packed,
      Packed,
      Packed,
      Packed,
    ];
    steps.push({ fromSoa, removed, toSoa, added });
  }
  return { version: { serial: serialOf(soa), soa, records }, steps };
}

/** Writes a journal: beside, synced, renamed. Throws the system's error. */
export function writeJournal(path: string, { version, steps }: Journal): void {
  const parts = [version.soa, version.records];
  for (const { fromSoa, removed, toSoa, added } of steps) parts.push(fromSoa, removed, toSoa, added);
  const length = parts.reduce((sum, part) => sum + 4 + part.length, HEAD);
  const octets = new Uint8Array(length);
  const view = new DataView(octets.buffer);
  octets.set(MAGIC);
  let at = HEAD;
  for (const part of parts) {
    view.setUint32(at, part.length);
    octets.set(part, at + 4);
    at += 4 + part.length;
  }
  view.setUint32(MAGIC.length, checksum32(octets.subarray(HEAD)));
  replaceFile(path, [octets], ZONE_FILE_MODE);
}

function partsOf(octets: Uint8Array): Packed[] | undefined {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  if (octets.length < HEAD || !MAGIC.every((octet, i) => octet === octets[i])) return undefined;
  if (view.getUint32(MAGIC.length) !== checksum32(octets.subarray(HEAD))) return undefined;
  const parts: Packed[] = [];
  // Whole by its checksum, so of our making.
  for (let at = HEAD; at < octets.length; ) {
    const end = at + 4 + view.getUint32(at);
    parts.push(inSharedMemory(octets.subarray(at + 4, end)));
    at = end;
  }
  return parts;
}

function inSharedMemory(octets: Packed): Packed {
  if (octets.buffer instanceof SharedArrayBuffer) return octets;
  const shared = new Uint8Array(new SharedArrayBuffer(octets.length));
  shared.set(octets);
  return shared;
}
