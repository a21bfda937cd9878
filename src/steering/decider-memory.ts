import { asnOf, cellKey, cellOf, ensureCell, parseCellKey, placeOf } from './cells.ts';
import { type DeciderState, listCells, startCell } from './decider-state.ts';
import { candidate, ROW_SHARES, rowOf, rowShare, type SteeringImage } from './image.ts';
import { packCell, unpackCell } from './pack.ts';
import type { SteeringTerms } from './terms.ts';
import { adoptParts } from './unit-moves.ts';

/** Bursts that an adopted correction of a prior is worth. */
const ADOPTED_BURSTS = 100;

/** Packed estimates of at most `max` cells that changed since they were last taken, by cell key. */
export function takeUnsaved(state: DeciderState, max: number): Map<string, Uint8Array> {
  const { cells, unsaved, options, estimates, hashes } = state;
  const taken = new Map<string, Uint8Array>();
  for (const cell of unsaved) {
    if (taken.size >= max) break;
    unsaved.delete(cell);
    const packed = packCell(estimates, cell, hashes.hashes);
    const placeKey = options.geometry.key[placeOf(cells, cell)] as string;
    if (packed !== undefined) taken.set(cellKey(placeKey, asnOf(cells, cell)), packed);
  }
  return taken;
}

/** Packed estimates of a cell; undefined if there is no such cell or nothing was measured of it. */
export function packedCell(state: DeciderState, key: string): Uint8Array | undefined {
  const { placeKey, asn } = parseCellKey(key);
  const placeId = state.keyIds.get(placeKey);
  if (placeId === undefined) return undefined;
  const cell = cellOf(state.cells, placeId, asn);
  if (asn !== 0 && cell === placeId) return undefined;
  return packCell(state.estimates, cell, state.hashes.hashes);
}

/** Takes saved estimates back; false when the key or the bytes mean nothing here, or there is no room. */
export function restoreCell(state: DeciderState, key: string, packed: Uint8Array): boolean {
  const { cells, estimates, hashes } = state;
  const { placeKey, asn } = parseCellKey(key);
  const placeId = state.keyIds.get(placeKey);
  if (placeId === undefined || asn > 0xffffffff) return false;
  const before = cells.ids.size;
  const cell = ensureCell(cells, placeId, asn);
  if (asn !== 0 && cell === placeId) return false;
  if (!unpackCell(estimates, cell, packed, hashes.popOf)) return false;
  let lastMs = 0;
  for (let slot = estimates.head[cell] as number; slot >= 0; slot = estimates.next[slot] as number)
    lastMs = Math.max(lastMs, estimates.atMs[slot] as number);
  cells.lastSampleMs[cell] = lastMs;
  if (cells.ids.size > before) startCell(state, cell);
  return true;
}

/**
 * Starts from an image, so that a new controller moves nobody: each cell keeps the POPs that its clients
 * start from, group by group of the same name; each POP its shift and the correction of its prior.
 */
export function adoptImage(state: DeciderState, image: SteeringImage, terms: SteeringTerms): void {
  const { cells, units, options, learning } = state;
  listCells(state);
  for (const [pop, { shiftMs, priorBiasMs }] of terms.pops.entries()) {
    state.terms.shiftMs[pop] = shiftMs;
    state.terms.priorBiasMs[pop] = priorBiasMs;
    learning.residualMeanMs[pop] = priorBiasMs;
    learning.residualCount[pop] = ADOPTED_BURSTS;
  }
  for (const [group, { name }] of options.groups.entries()) {
    const from = terms.groups.findIndex((other) => other.name === name);
    if (from < 0 || from >= image.groupCount) continue;
    for (const cell of state.activeCells) {
      const row = rowOf(image, from, placeOf(cells, cell), asnOf(cells, cell));
      adoptRow(state, group * units.cellStride + cell, { image, row });
    }
  }
}

function adoptRow(state: DeciderState, unit: number, from: { image: SteeringImage; row: number }): void {
  const { units, options } = state;
  const { image, row } = from;
  const shares = new Map<number, number>();
  for (let k = 0; k <= ROW_SHARES; k++) {
    const part = rowShare(image, row, k);
    const pop = options.fleet.links[candidate(image, row, k)]?.popIndex;
    if (part === 0 || pop === undefined) break;
    shares.set(pop, (shares.get(pop) ?? 0) + part);
  }
  adoptParts(
    units,
    unit,
    [...shares].map(([pop, share]) => ({ pop, share })),
  );
}
