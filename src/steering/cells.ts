import { createNumberMap, MISSING, type NumberMap } from '../base/number-map.ts';
import { type CellNotes, clearNotes, createNotes, isLocatedAt, noteLocation } from './notes.ts';
import type { CellGeometry } from './prior.ts';

/** Network cells and leaf cells at most: places come on top. */
export const NETWORK_CELLS_MAX = 20_000;
export const LEAF_CELLS_MAX = 20_000;

/** A client network as a geo database has it. */
export interface LocatedNetwork {
  /** `networkKey` of base/network-key.ts; -1: the clients of the AS at the place at large. */
  readonly network: number;
  readonly placeId: number;
  /** 0: not known. */
  readonly asn: number;
}

/**
 * The cells that decisions are made for, in one row of indexes. From 0 on the places: the world, countries,
 * tiles. From placeCount on the network cells, (ASN, place) pairs: an AS in a city, or in a country where
 * nobody knows its city. From firstLeaf on the leaf cells, single client networks (/24, /48). A network cell
 * and a leaf are made when a network located there is measured; what was never measured inherits.
 */
export interface Cells {
  readonly placeCount: number;
  readonly firstLeaf: number;
  /** Length of arrays indexed by cell. */
  readonly capacity: number;
  /** By network cell (cell - placeCount); ASN 0 = free. */
  readonly networkAsn: Uint32Array;
  readonly networkPlace: Uint32Array;
  /** Network cells ever in use at a time: indexes from here on are free. */
  networkCount: number;
  /** By cell: what a burst needs of it. */
  readonly notes: CellNotes;
  /** Network cells by place and AS. */
  readonly ids: NumberMap;
  readonly free: number[];
  /** By leaf (cell - firstLeaf), as `ImageParts` has them. */
  readonly leafKey: Float64Array;
  readonly leafPlace: Uint32Array;
  readonly leafAsn: Uint32Array;
  /** 1 once it was measured: it has a decision of its own. */
  readonly leafActive: Uint8Array;
  leafCount: number;
  readonly leafIds: NumberMap;
  readonly freeLeaves: number[];
}

/** Cells of the places alone. */
export function createCells(
  placeCount: number,
  { networkMax = NETWORK_CELLS_MAX, leafMax = LEAF_CELLS_MAX } = {},
): Cells {
  const firstLeaf = placeCount + networkMax;
  return {
    placeCount,
    firstLeaf,
    capacity: firstLeaf + leafMax,
    networkAsn: new Uint32Array(networkMax),
    networkPlace: new Uint32Array(networkMax),
    networkCount: 0,
    notes: createNotes(firstLeaf + leafMax),
    ids: createNumberMap(networkMax),
    free: [],
    leafKey: new Float64Array(leafMax).fill(-1),
    leafPlace: new Uint32Array(leafMax),
    leafAsn: new Uint32Array(leafMax),
    leafActive: new Uint8Array(leafMax),
    leafCount: 0,
    leafIds: createNumberMap(leafMax),
    freeLeaves: [],
  };
}

/**
 * Cell whose decision counts for a client: its own network's, else its AS's at the place, else the place's.
 */
export function cellOf(cells: Cells, { network, placeId, asn }: LocatedNetwork): number {
  const leaf = cells.leafIds.get(network);
  if (leaf !== MISSING && cells.leafActive[leaf - cells.firstLeaf] === 1) return leaf;
  const known = asn === 0 ? MISSING : cells.ids.get(networkKey(placeId, asn));
  return known === MISSING ? placeId : known;
}

/** Cell that a cell inherits from: a leaf from its AS at the place, that from the place; -1 of a place. */
export function parentOf(cells: Cells, cell: number): number {
  if (cell < cells.placeCount) return -1;
  const placeId = placeOf(cells, cell);
  if (cell < cells.firstLeaf) return placeId;
  return cellOf(cells, { network: -1, placeId, asn: asnOf(cells, cell) });
}

/**
 * The leaf of a network; makes it if it is missing. Moves it when the databases say that the network lies
 * elsewhere. -1 for no single network, and when there is no room for more.
 */
export function ensureLeaf(cells: Cells, located: LocatedNetwork): number {
  if (located.network < 0) return -1;
  const leaf = cells.leafIds.get(located.network);
  if (leaf === MISSING) return makeLeaf(cells, located);
  moveLeaf(cells, leaf, located);
  return leaf;
}

/** Moves a leaf where the databases say otherwise than before. */
export function moveLeaf(cells: Cells, leaf: number, located: LocatedNetwork): void {
  if (!isLocatedAt(cells.notes, leaf, located)) putLeaf(cells, leaf, located);
}

function makeLeaf(cells: Cells, located: LocatedNetwork): number {
  const index = cells.freeLeaves.pop() ?? cells.leafCount;
  if (index >= cells.leafKey.length) return -1;
  if (index === cells.leafCount) cells.leafCount++;
  const leaf = cells.firstLeaf + index;
  cells.leafKey[index] = located.network;
  cells.leafIds.set(located.network, leaf);
  putLeaf(cells, leaf, located);
  return leaf;
}

function putLeaf(cells: Cells, leaf: number, located: LocatedNetwork): void {
  cells.leafPlace[leaf - cells.firstLeaf] = located.placeId;
  cells.leafAsn[leaf - cells.firstLeaf] = located.asn;
  noteLocation(cells.notes, leaf, located);
}

/** Gives a leaf up; its index may be used again. */
export function releaseLeaf(cells: Cells, leaf: number): void {
  const index = leaf - cells.firstLeaf;
  const key = cells.leafKey[index] as number;
  if (key < 0) return;
  cells.leafIds.delete(key);
  cells.leafKey[index] = -1;
  cells.leafActive[index] = 0;
  clearNotes(cells.notes, leaf);
  cells.freeLeaves.push(index);
}

/**
 * Like `cellOf`, but makes the network cell if it is missing; the place's cell when there is no room for
 * more.
 */
export function ensureCell(cells: Cells, placeId: number, asn: number): number {
  if (asn === 0) return placeId;
  const key = networkKey(placeId, asn);
  const known = cells.ids.get(key);
  if (known !== MISSING) return known;
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
  clearNotes(cells.notes, cell);
  cells.free.push(index);
}

/** Place of a cell: itself, or where the network is. */
export function placeOf(cells: Cells, cell: number): number {
  if (cell < cells.placeCount) return cell;
  if (cell >= cells.firstLeaf) return cells.leafPlace[cell - cells.firstLeaf] as number;
  return cells.networkPlace[cell - cells.placeCount] as number;
}

/** ASN of a network cell or of a leaf; 0 for a place and where it is not known. */
export function asnOf(cells: Cells, cell: number): number {
  if (cell < cells.placeCount) return 0;
  if (cell >= cells.firstLeaf) return cells.leafAsn[cell - cells.firstLeaf] as number;
  return cells.networkAsn[cell - cells.placeCount] as number;
}

/** `networkKey` of a leaf; -1 for other cells. */
export function networkOf(cells: Cells, cell: number): number {
  return cell < cells.firstLeaf ? -1 : (cells.leafKey[cell - cells.firstLeaf] as number);
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

/** Key of `ids`: exact in a double, with an ASN below 2^32 and a place below 2^21. */
export function networkKey(placeId: number, asn: number): number {
  return asn * 0x200000 + placeId;
}
