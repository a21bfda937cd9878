import { hashText } from '../base/random.ts';
import { type Estimates, ensureEstimate } from './estimate.ts';

/** Raised whenever the packed form changes; others are ignored. */
const PACK_VERSION = 1;
const HEADER_OCTETS = 4;
const ENTRY_OCTETS = 36;

/**
 * Estimates of one cell in the store's packed form, little-endian: version (Uint8), 0, count (Uint16), then
 * per POP: hash of its code (Uint32), level, deviation, bursts, excess lost, sent (Float32), time (Float64
 * ms), modelled (Uint32). By hash, so that a fleet may change around it. Undefined when nothing was
 * measured.
 */
export function packCell(
  estimates: Estimates,
  cell: number,
  popHashes: Uint32Array,
): Uint8Array<ArrayBuffer> | undefined {
  const slots: number[] = [];
  for (let slot = estimates.head[cell] as number; slot >= 0; slot = estimates.next[slot] as number)
    slots.push(slot);
  if (slots.length === 0) return undefined;
  const bytes = new Uint8Array(HEADER_OCTETS + slots.length * ENTRY_OCTETS);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, PACK_VERSION);
  view.setUint16(2, slots.length, true);
  for (const [i, slot] of slots.entries()) {
    const at = HEADER_OCTETS + i * ENTRY_OCTETS;
    view.setUint32(at, popHashes[estimates.pop[slot] as number] as number, true);
    view.setFloat32(at + 4, estimates.level[slot] as number, true);
    view.setFloat32(at + 8, estimates.deviation[slot] as number, true);
    view.setFloat32(at + 12, estimates.bursts[slot] as number, true);
    view.setFloat32(at + 16, estimates.excessLost[slot] as number, true);
    view.setFloat32(at + 20, estimates.sent[slot] as number, true);
    view.setFloat64(at + 24, estimates.atMs[slot] as number, true);
    view.setUint32(at + 32, estimates.modelled[slot] as number, true);
  }
  return bytes;
}

/**
 * Puts packed estimates into a cell. False when they are damaged or of another version: then nothing
 * changed.
 */
export function unpackCell(
  estimates: Estimates,
  cell: number,
  packed: Uint8Array,
  popOfHash: ReadonlyMap<number, number>,
): boolean {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
  if (packed.length < HEADER_OCTETS || view.getUint8(0) !== PACK_VERSION) return false;
  const count = view.getUint16(2, true);
  if (packed.length !== HEADER_OCTETS + count * ENTRY_OCTETS) return false;
  for (let i = 0; i < count; i++) {
    const at = HEADER_OCTETS + i * ENTRY_OCTETS;
    for (const offset of [4, 8, 12, 16, 20]) if (!(view.getFloat32(at + offset, true) >= 0)) return false;
    if (!Number.isFinite(view.getFloat64(at + 24, true))) return false;
  }
  for (let i = count - 1; i >= 0; i--) {
    const at = HEADER_OCTETS + i * ENTRY_OCTETS;
    const pop = popOfHash.get(view.getUint32(at, true));
    const slot = pop === undefined ? -1 : ensureEstimate(estimates, cell, pop);
    if (slot < 0) continue;
    estimates.level[slot] = view.getFloat32(at + 4, true);
    estimates.deviation[slot] = view.getFloat32(at + 8, true);
    estimates.bursts[slot] = view.getFloat32(at + 12, true);
    estimates.excessLost[slot] = view.getFloat32(at + 16, true);
    estimates.sent[slot] = view.getFloat32(at + 20, true);
    estimates.atMs[slot] = view.getFloat64(at + 24, true);
    estimates.modelled[slot] = view.getUint32(at + 32, true) === 1 ? 1 : 0;
  }
  return true;
}

/** Hash by POP index, and back: how packed estimates name POPs. */
export function popHashes(codes: readonly string[]): {
  readonly hashes: Uint32Array;
  readonly popOf: ReadonlyMap<number, number>;
} {
  const hashes = Uint32Array.from(codes, hashText);
  return { hashes, popOf: new Map([...hashes].map((hash, pop) => [hash, pop])) };
}
