import type { CellGeometry } from './prior.ts';

/** Network cells at most: places come on top. */
export const NETWORK_CELLS_MAX = 20_000;

/**
 * The cells that decisions are made for. Cell index 0..placeCount-1 is the place of that id; from
 * placeCount on are network cells, (ASN, place) pairs, made when a network located there was measured.
 */
export interface Cells {
  readonly placeCount: number;
  /** placeCount + NETWORK_CELLS_MAX: length of arrays indexed by cell. */
  readonly capacity: number;
  /** By network cell (cell - placeCount); ASN 0 = free. */
  readonly networkAsn: Uint32Array;
  readonly networkPlace: Uint32Array;
  /** Network cells ever in use at a time: indexes from here on are free. */
  networkCount: number;
  /** When the cell was last measured, ms since 1970; by cell. */
  readonly lastSampleMs: Float64Array;
  readonly ids: Map<number, number>;
  readonly free: number[];
}

/** Cells of the places alone. */
export function createCells(placeCount: number, networkMax = NETWORK_CELLS_MAX): Cells {
  return {
    placeCount,
    capacity: placeCount + networkMax,
    networkAsn: new Uint32Array(networkMax),
    networkPlace: new Uint32Array(networkMax),
    networkCount: 0,
    lastSampleMs: new Float64Array(placeCount + networkMax),
    ids: new Map(),
    free: [],
  };
}

/** Cell that a client belongs to: its network's if there is one, else its place's. */
export function cellOf(cells: Cells, placeId: number, asn: number): number {
  return (asn === 0 ? undefined : cells.ids.get(networkKey(placeId, asn))) ?? placeId;
}

/**
 * Like `cellOf`, but makes the network cell if it is missing; the place's cell when there is no room for
 * more.
 */
export function ensureCell(cells: Cells, placeId: number, asn: number): number {
  if (asn === 0) return placeId;
  const key = networkKey(placeId, asn);
  const known = cells.ids.get(key);
  if (known !== undefined) return known;
  const index = cells.free.pop() ?? cells.networkCount;
  if (index >= cells.networkAsn.length) return placeId;
  if (index === cells.networkCount) cells.networkCount++;
  cells.networkAsn[index] = asn;
  cells.networkPlace[index] = placeId;
  const cell = cells.placeCount + index;
  cells.ids.set(key, cell);
  return cell;
}

/** Gives a network cell up; its index may be used again. */
export function releaseCell(cells: Cells, cell: number): void {
  const index = cell - cells.placeCount;
  const asn = cells.networkAsn[index] as number;
  if (asn === 0) return;
  cells.ids.delete(networkKey(cells.networkPlace[index] as number, asn));
  cells.networkAsn[index] = 0;
  cells.lastSampleMs[cell] = 0;
  cells.free.push(index);
}

/** Place of a cell: itself, or where the network is. */
export function placeOf(cells: Cells, cell: number): number {
  return cell < cells.placeCount ? cell : (cells.networkPlace[cell - cells.placeCount] as number);
}

/** ASN of a network cell; 0 for a place. */
export function asnOf(cells: Cells, cell: number): number {
  return cell < cells.placeCount ? 0 : (cells.networkAsn[cell - cells.placeCount] as number);
}

/** Text that names a cell everywhere: `DE/50.0,8.5`, `AS3320/DE/50.0,8.5`. */
export function cellKey(placeKey: string, asn: number): string {
  return asn === 0 ? placeKey : `AS${asn}/${placeKey}`;
}

/** A cell in words. */
export interface CellName {
  /** `AS3320/DE/50.0,8.5`. */
  readonly key: string;
  readonly level: 'leaf' | 'network' | 'tile' | 'country' | 'world';
  /** `AS3320 in Frankfurt am Main, DE`. */
  readonly label: string;
}

const LEVELS = ['world', 'country', 'tile'] as const;

/** Names a place, or with an ASN the network there. */
export function describeCell(geometry: CellGeometry, placeId: number, asn: number): CellName {
  const key = cellKey(geometry.key[placeId] as string, asn);
  const level = LEVELS[geometry.level[placeId] as number] ?? 'tile';
  const parts = [geometry.name[placeId], level === 'tile' ? geometry.country[placeId] : ''];
  const place = parts.filter((part) => part !== '').join(', ');
  return { key, level: asn === 0 ? level : 'network', label: asn === 0 ? place : `AS${asn} in ${place}` };
}

/** The parts of a cell's key; whether there is such a place is for the caller to see. */
export function parseCellKey(key: string): { placeKey: string; asn: number } {
  const match = /^AS([1-9]\d{0,9})\/(.+)$/.exec(key);
  if (match === null) return { placeKey: key, asn: 0 };
  return { placeKey: match[2] as string, asn: Number(match[1]) };
}

/** Exact in a double: ASN below 2^32, place below 2^21. */
function networkKey(placeId: number, asn: number): number {
  return asn * 0x200000 + placeId;
}
