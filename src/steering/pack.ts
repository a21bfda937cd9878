import { hashText } from '../base/random.ts';
import { putEstimate } from './estimate.ts';
import {
  ageMsOf,
  BURSTS_MAX,
  burstsOf,
  deviationMsOf,
  ENTRIES,
  ENTRY_EXPIRY_MS,
  type Estimates,
  entryCount,
  findEstimate,
  firstEntry,
  isModelled,
  lastMs,
  levelMs,
  popAt,
} from './estimates.ts';
import { lossOf, putLoss } from './loss.ts';
import { TIME_STEP_MS } from './scales.ts';

/** Raised whenever the packed form changes; others are ignored. */
const PACK_VERSION = 3;
const HEADER_OCTETS = 4;
const ENTRY_OCTETS = 24;
const MODELLED = 1;
/** Levels are packed in steps of 1/32 ms, packets of loss in eighths. */
const LEVEL_STEPS = 32;
const PACKET_STEPS = 8;
/** No duration of an estimate is longer, ms. */
const PACKED_MS_MAX = 60_000;

/**
 * Estimates of one cell in the store's packed form, little-endian: version (Uint8), 0, count (Uint16), then
 * per POP: hash of its code, time of the last burst in s since 1970 (Uint32), deviation, last burst
 * (Float32), level, lost beyond the POP's loss, sent (Uint16), bursts, modelled (Uint8). By hash, so that a
 * fleet may change around it. Undefined when nothing was measured.
 */
export function packCell(
  estimates: Estimates,
  cell: number,
  how: { popHashes: Uint32Array; nowMs: number },
): Uint8Array<ArrayBuffer> | undefined {
  const count = entryCount(estimates, cell);
  if (count === 0) return undefined;
  const bytes = new Uint8Array(HEADER_OCTETS + count * ENTRY_OCTETS);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, PACK_VERSION);
  view.setUint16(2, count, true);
  const now = Math.floor(how.nowMs / TIME_STEP_MS);
  for (let i = 0; i < count; i++) {
    const entry = firstEntry(cell) + i;
    const at = HEADER_OCTETS + i * ENTRY_OCTETS;
    const { excess, sent } = lossOf(estimates, entry);
    const age = Math.round(ageMsOf(estimates, entry, how.nowMs) / TIME_STEP_MS);
    view.setUint32(at, how.popHashes[popAt(estimates, entry)] as number, true);
    view.setUint32(at + 4, now - age, true);
    view.setFloat32(at + 8, deviationMsOf(estimates, entry), true);
    view.setFloat32(at + 12, lastMs(estimates, entry), true);
    view.setUint16(at + 16, Math.round(levelMs(estimates, entry) * LEVEL_STEPS), true);
    view.setUint16(at + 18, Math.min(0xffff, Math.round(excess * PACKET_STEPS)), true);
    view.setUint16(at + 20, Math.min(0xffff, Math.round(sent * PACKET_STEPS)), true);
    view.setUint8(at + 22, burstsOf(estimates, entry));
    view.setUint8(at + 23, isModelled(estimates, entry) ? MODELLED : 0);
  }
  return bytes;
}

/**
 * Puts packed estimates into a cell. Undefined when they are damaged or of another version: then nothing
 * changed. Else when the last of its bursts was, ms since 1970: the caller sees whether that is too long ago.
 * POPs that the fleet no longer has are left out, and what is so much older than the last burst that it says
 * nothing any more.
 */
export function unpackCell(
  estimates: Estimates,
  cell: number,
  packed: Uint8Array,
  popOfHash: ReadonlyMap<number, number>,
): number | undefined {
  const entries = unpackEntries(packed);
  if (entries === undefined) return undefined;
  const known = entries.filter(({ hash }) => popOfHash.has(hash));
  const newestMs = known.reduce((newest, { saved }) => Math.max(newest, saved.atMs), 0);
  for (const { hash, saved, excess, sent } of known) {
    const pop = popOfHash.get(hash) as number;
    if (saved.atMs < newestMs - ENTRY_EXPIRY_MS) continue;
    putEstimate(estimates, { cell, pop }, saved);
    putLoss(estimates, findEstimate(estimates, cell, pop), { excess, sent, atMs: saved.atMs });
  }
  return newestMs;
}

/** One POP's part of a packed cell. */
interface PackedEntry {
  readonly hash: number;
  readonly saved: Parameters<typeof putEstimate>[2];
  /** Packets lost beyond the POP's loss, and sent. */
  readonly excess: number;
  readonly sent: number;
}

/** The parts of a packed cell; undefined if any could not have been packed. */
function unpackEntries(packed: Uint8Array): PackedEntry[] | undefined {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
  if (packed.length < HEADER_OCTETS || view.getUint8(0) !== PACK_VERSION || view.getUint8(1) !== 0)
    return undefined;
  const count = view.getUint16(2, true);
  if (count < 1 || count > ENTRIES || packed.length !== HEADER_OCTETS + count * ENTRY_OCTETS)
    return undefined;
  const entries = Array.from({ length: count }, (_, i) =>
    unpackEntry(view, HEADER_OCTETS + i * ENTRY_OCTETS),
  );
  const isOnce = new Set(entries.map(({ hash }) => hash)).size === count;
  return isOnce && entries.every(isPossible) ? entries : undefined;
}

function unpackEntry(view: DataView, at: number): PackedEntry {
  const modelled = view.getUint8(at + 23);
  return {
    hash: view.getUint32(at, true),
    saved: {
      atMs: view.getUint32(at + 4, true) * TIME_STEP_MS,
      deviation: view.getFloat32(at + 8, true),
      last: view.getFloat32(at + 12, true),
      level: view.getUint16(at + 16, true) / LEVEL_STEPS,
      // Neither of the two that there are: no count of bursts that there is.
      bursts: modelled > MODELLED ? Number.NaN : view.getUint8(at + 22),
      modelled: modelled === MODELLED,
    },
    excess: view.getUint16(at + 18, true) / PACKET_STEPS,
    sent: view.getUint16(at + 20, true) / PACKET_STEPS,
  };
}

/** Whether an entry can be what was packed once. */
function isPossible({ saved, excess, sent }: PackedEntry): boolean {
  const { deviation, last, level, bursts, atMs } = saved;
  const isTime = (ms: number): boolean => ms > 0 && ms <= PACKED_MS_MAX;
  // Where nothing came back so far there is no level.
  const isLevel = level > 0 || bursts === 0;
  return isTime(deviation) && isTime(last) && isLevel && bursts <= BURSTS_MAX && atMs > 0 && excess <= sent;
}

/** Hash by POP index, and back: how packed estimates name POPs. */
export function popHashes(codes: readonly string[]): {
  readonly hashes: Uint32Array;
  readonly popOf: ReadonlyMap<number, number>;
} {
  const hashes = Uint32Array.from(codes, hashText);
  return { hashes, popOf: new Map([...hashes].map((hash, pop) => [hash, pop])) };
}
