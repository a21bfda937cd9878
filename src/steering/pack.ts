import { hashText } from '../base/random.ts';
import { putEstimate } from './estimate.ts';
import {
  ageMsOf,
  burstsOf,
  deviationMsOf,
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

/** Raised whenever the packed form changes; others are ignored. */
const PACK_VERSION = 2;
const HEADER_OCTETS = 4;
const ENTRY_OCTETS = 24;
const MODELLED = 1;
/** Levels are packed in steps of 1/32 ms, packets of loss in eighths. */
const LEVEL_STEPS = 32;
const PACKET_STEPS = 8;
const TIME_STEP_MS = 2000;

/**
 * Estimates of one cell in the store's packed form, little-endian: version (Uint8), 0, count (Uint16), then
 * per POP: hash of its code, time of the last burst in 2 s since 1970 (Uint32), deviation, last burst
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
 * changed. Else when the last of its bursts was, ms since 1970.
 */
export function unpackCell(
  estimates: Estimates,
  cell: number,
  packed: Uint8Array,
  popOfHash: ReadonlyMap<number, number>,
): number | undefined {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
  if (packed.length < HEADER_OCTETS || view.getUint8(0) !== PACK_VERSION) return undefined;
  const count = view.getUint16(2, true);
  if (packed.length !== HEADER_OCTETS + count * ENTRY_OCTETS) return undefined;
  let lastMs = 0;
  for (let i = 0; i < count; i++) {
    const at = HEADER_OCTETS + i * ENTRY_OCTETS;
    const pop = popOfHash.get(view.getUint32(at, true));
    if (pop === undefined) continue;
    const atMs = view.getUint32(at + 4, true) * TIME_STEP_MS;
    lastMs = Math.max(lastMs, atMs);
    putEstimate(
      estimates,
      { cell, pop },
      {
        level: view.getUint16(at + 16, true) / LEVEL_STEPS,
        deviation: view.getFloat32(at + 8, true),
        last: view.getFloat32(at + 12, true),
        bursts: view.getUint8(at + 22),
        modelled: view.getUint8(at + 23) === MODELLED,
        atMs,
      },
    );
    const excess = view.getUint16(at + 18, true) / PACKET_STEPS;
    const sent = view.getUint16(at + 20, true) / PACKET_STEPS;
    putLoss(estimates, findEstimate(estimates, cell, pop), { excess, sent, atMs });
  }
  return lastMs;
}

/** Hash by POP index, and back: how packed estimates name POPs. */
export function popHashes(codes: readonly string[]): {
  readonly hashes: Uint32Array;
  readonly popOf: ReadonlyMap<number, number>;
} {
  const hashes = Uint32Array.from(codes, hashText);
  return { hashes, popOf: new Map([...hashes].map((hash, pop) => [hash, pop])) };
}
