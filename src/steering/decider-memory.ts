import { formatPrefix, parsePrefix } from '../base/address.ts';
import { networkKey, networkOfKey } from '../base/network-key.ts';
import { MISSING } from '../base/number-map.ts';
import { asnOf, cellKey, cellOf, ensureCell, ensureLeaf, networkOf, parseCellKey, placeOf } from './cells.ts';
import { type DeciderState, listCells, startCell } from './decider-state.ts';
import { dropCell, ENTRY_EXPIRY_MS } from './estimates.ts';
import {
  candidate,
  ROW_CANDIDATES,
  ROW_SHARES,
  rowOf,
  rowShare,
  rowTtl,
  rowTtlReason,
  type SteeringImage,
} from './image.ts';
import { ROW } from './image-layout.ts';
import { lastSampleMs, noteSample } from './notes.ts';
import { packCell, unpackCell } from './pack.ts';
import { adoptPriors } from './pop-bias.ts';
import type { SteeringTerms } from './terms.ts';
import { adoptParts, partsOf } from './unit-moves.ts';
import { NONE, type Part, type Units, wakeUnit } from './units.ts';

/** Shares that differ by less are the same: an image has them in whole steps. */
const SHARE_STEP = 1e-3;

/** Where a network of the store lies: its key says only which it is. Undefined: it is no prefix. */
export type LocateKey = (network: string) => { readonly placeId: number; readonly asn: number } | undefined;

/** Packed estimates of at most `max` cells that changed since they were last taken, by cell key. */
export function takeUnsaved(state: DeciderState, max: number): Map<string, Uint8Array> {
  const { cells, unsaved } = state;
  const taken = new Map<string, Uint8Array>();
  for (const cell of unsaved) {
    if (taken.size >= max) break;
    unsaved.delete(cell);
    const packed = pack(state, cell);
    if (packed === undefined) continue;
    const network = networkOf(cells, cell);
    const placeKey = state.options.geometry.key[placeOf(cells, cell)] as string;
    const key = network < 0 ? cellKey(placeKey, asnOf(cells, cell)) : formatPrefix(networkOfKey(network));
    taken.set(key, packed);
  }
  return taken;
}

/** Packed estimates of a cell; undefined if there is no such cell or nothing was measured of it. */
export function packedCell(state: DeciderState, key: string): Uint8Array | undefined {
  const leaf = networkIn(key);
  if (leaf >= 0) {
    const cell = state.cells.leafIds.get(leaf);
    return cell === MISSING ? undefined : pack(state, cell);
  }
  const { placeKey, asn } = parseCellKey(key);
  const placeId = state.keyIds.get(placeKey);
  if (placeId === undefined) return undefined;
  const cell = cellOf(state.cells, { network: NONE, placeId, asn });
  return asn !== 0 && cell === placeId ? undefined : pack(state, cell);
}

/**
 * Takes saved estimates back; false when the key or the bytes mean nothing here, or there is no room.
 * `locate` tells where a network lies; without it those of single networks are not taken.
 */
export function restoreCell(
  state: DeciderState,
  saved: { readonly key: string; readonly packed: Uint8Array },
  locate: LocateKey,
): boolean {
  const { cells, estimates, hashes, planner } = state;
  const cell = cellForKey(state, saved.key, locate);
  if (cell < 0) return false;
  const lastMs = unpackCell(estimates, cell, saved.packed, hashes.popOf);
  if (lastMs === undefined) return false;
  noteSample(cells.notes, cell, lastMs);
  if (cell >= cells.firstLeaf) {
    cells.leafActive[cell - cells.firstLeaf] = 1;
    // Explored before, and to be explored again; not young.
    planner.exploreAtMs[cell - cells.firstLeaf] = Math.max(1, lastMs);
  }
  if (cell >= cells.placeCount) startCell(state, cell);
  return true;
}

/**
 * Forgets what was taken back but was measured too long ago to say anything, or as far ahead: entries tell
 * times of 18 hours, so what was saved three days ago would look fresh. At the first tick, which has
 * the clock.
 */
export function dropStale({ cells, estimates }: DeciderState, nowMs: number): void {
  for (let cell = 0; cell < cells.capacity; cell++) {
    const lastMs = lastSampleMs(cells.notes, cell);
    if (lastMs === 0) continue;
    if (Math.abs(nowMs - lastMs) > ENTRY_EXPIRY_MS) dropCell(estimates, cell);
    // By another's clock: from now on it ages by this one.
    if (lastMs > nowMs) noteSample(cells.notes, cell, nowMs);
  }
}

/** The cell of a key, made if need be; -1 for none. */
function cellForKey(state: DeciderState, key: string, locate: LocateKey): number {
  const { cells } = state;
  const network = networkIn(key);
  if (network >= 0) {
    const at = locate(key);
    return at === undefined || at.placeId < 0 ? NONE : ensureLeaf(cells, { network, ...at });
  }
  const { placeKey, asn } = parseCellKey(key);
  const placeId = state.keyIds.get(placeKey);
  if (placeId === undefined || asn > 0xffffffff) return NONE;
  const cell = ensureCell(cells, placeId, asn);
  return asn !== 0 && cell === placeId ? NONE : cell;
}

/** `networkKey` of a key that names a single network; -1 for other keys. */
function networkIn(key: string): number {
  const prefix = parsePrefix(key);
  return typeof prefix === 'string' ? NONE : networkKey(prefix);
}

function pack(state: DeciderState, cell: number): Uint8Array | undefined {
  const { estimates, hashes, lastTickMs } = state;
  return packCell(estimates, cell, { popHashes: hashes.hashes, nowMs: lastTickMs });
}

/**
 * Starts from an image, so that a new controller moves nobody: each cell keeps the POPs that its clients
 * start from, group by group of the same name, and each POP the correction of its prior; before the first
 * tick also its shift, which a decider that ticked has found itself.
 */
export function adoptImage(state: DeciderState, image: SteeringImage, terms: SteeringTerms): void {
  const { cells, units, deciding } = state;
  listCells(state);
  adoptPriors(
    state.learning,
    terms.pops.map(({ priorBiasMs }) => priorBiasMs),
  );
  if (state.ticks === 0)
    for (const [pop, { shiftMs }] of terms.pops.entries()) state.terms.shiftMs[pop] = shiftMs;
  for (const [group, { name }] of deciding.groups.entries()) {
    const from = terms.groups.findIndex((other) => other.name === name);
    if (from < 0 || from >= image.groupCount) continue;
    for (const cell of state.activeCells) {
      const row = rowOf(image, from, placeOf(cells, cell), asnOf(cells, cell), networkOf(cells, cell));
      adoptRow(state, group * units.cellStride + cell, { image, row });
    }
  }
}

/** The row as it stands: what still does is not made new (write-row.ts). */
function copyRow(
  rows: Units['rows'],
  unit: number,
  { image, row }: { image: SteeringImage; row: number },
): void {
  const first = row * ROW.WORDS;
  for (let k = 0; k < ROW_CANDIDATES; k++)
    rows.candidates[unit * ROW_CANDIDATES + k] = image.rows[first + ROW.CANDIDATES + k] as number;
  for (let k = 0; k < ROW_SHARES; k++)
    rows.shares[unit * ROW_SHARES + k] = image.rows[first + ROW.SHARES + k] as number;
  rows.ttlSeconds[unit] = rowTtl(image, row);
  rows.ttlReason[unit] = rowTtlReason(image, row);
}

function adoptRow(state: DeciderState, unit: number, from: { image: SteeringImage; row: number }): void {
  const { units, options } = state;
  const { image, row } = from;
  copyRow(units.rows, unit, from);
  const shares = new Map<number, number>();
  for (let k = 0; k <= ROW_SHARES; k++) {
    const part = rowShare(image, row, k);
    const pop = options.fleet.links[candidate(image, row, k)]?.popIndex;
    if (part === 0 || pop === undefined) break;
    shares.set(pop, (shares.get(pop) ?? 0) + part);
  }
  const parts = [...shares].map(([pop, share]) => ({ pop, share }));
  if (state.ticks === 0) adoptParts(units, unit, parts);
  else takeParts(units, unit, parts);
}

/** As `adoptParts`, in the middle of deciding: what is known of the unit stays, unless it has other POPs. */
function takeParts(units: Units, unit: number, parts: readonly Part[]): void {
  const before = partsOf(units, unit);
  const isSame = (part: Part): boolean =>
    before.some(({ pop, share }) => pop === part.pop && Math.abs(share - part.share) < SHARE_STEP);
  if (parts.length === 0 || (parts.length === before.length && parts.every(isSame))) return;
  adoptParts(units, unit, parts);
  units.challenger[unit] = NONE;
  units.lead[unit] = 0;
  if (units.home[unit] === units.incumbent[unit]) units.home[unit] = NONE;
  wakeUnit(units, unit);
}
