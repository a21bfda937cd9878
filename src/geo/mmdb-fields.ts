import type { Tree } from './mmdb.ts';

/**
 * The fields of a record that an image is made of, read without making objects: hundreds of thousands of
 * records are read so. Mutable.
 */
export interface RecordFields {
  /** Two letters, the first in the upper octet; 0: none, or something else. */
  country: number;
  /** Of the network's owner, where the record names it apart. */
  registeredCountry: number;
  /** Degrees; NaN: none. */
  latitude: number;
  longitude: number;
  asn: number;
}

/** Reads the fields of the record that a tree's value points to; false: the record is damaged. */
export type FieldReader = (pointer: number, into: RecordFields) => boolean;

/** Fields of no record. */
export function emptyFields(): RecordFields {
  return { country: 0, registeredCountry: 0, latitude: Number.NaN, longitude: Number.NaN, asn: 0 };
}

/**
 * A reader over one database, for flat records (`country_code`, `latitude`: DB-IP Lite as packaged by
 * ip-location-db), nested ones (`country.iso_code`, `location.latitude`: GeoIP2) and those of AS databases.
 */
export function fieldReader(tree: Tree): FieldReader {
  const { bytes, nodeCount, dataAt } = tree;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const state: State = { bytes, view, dataAt, kind: 0, size: 0, at: 0, fields: emptyFields() };
  // A tree's value counts from the end of the tree, which is 16 octets before the data.
  const base = dataAt - nodeCount - 16;
  return (pointer, into) => {
    into.country = 0;
    into.registeredCountry = 0;
    into.latitude = Number.NaN;
    into.longitude = Number.NaN;
    into.asn = 0;
    state.fields = into;
    return readMap(state, base + pointer, WITHIN.RECORD, 0) >= 0;
  };
}

/** Types of the format ("Data Field Format"). */
const KIND = {
  POINTER: 1,
  TEXT: 2,
  DOUBLE: 3,
  UINT16: 5,
  UINT32: 6,
  MAP: 7,
  LIST: 11,
  BOOLEAN: 14,
  FLOAT: 15,
};
/** Maps, lists and pointers inside each other before a record counts as damaged. */
const NESTING_MAX = 16;
/** Which map is being read. */
const WITHIN = { RECORD: 0, COUNTRY: 1, REGISTERED: 2, LOCATION: 3 };
const KEY = {
  COUNTRY_CODE: 0,
  LATITUDE: 1,
  LONGITUDE: 2,
  COUNTRY: 3,
  REGISTERED: 4,
  LOCATION: 5,
  ISO_CODE: 6,
  ASN: 7,
};
const KEYS = [
  'country_code',
  'latitude',
  'longitude',
  'country',
  'registered_country',
  'location',
  'iso_code',
  'autonomous_system_number',
].map((text) => new TextEncoder().encode(text));

/** What is being read, and the head of the value read last. */
interface State {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly dataAt: number;
  kind: number;
  /** Octets, or entries of a map or list; of a pointer, where it points to. */
  size: number;
  /** Where the content begins; of a pointer, where the next value does. */
  at: number;
  fields: RecordFields;
}

/** Reads a map's fields; returns where the next value begins, -1 if it is damaged. */
function readMap(state: State, from: number, within: number, nesting: number): number {
  if (nesting > NESTING_MAX || !readHead(state, from)) return -1;
  if (state.kind === KIND.POINTER) {
    const after = state.at;
    return readMap(state, state.size, within, nesting + 1) < 0 ? -1 : after;
  }
  if (state.kind !== KIND.MAP) return skip(state, from, nesting);
  const entries = state.size;
  let { at } = state;
  for (let i = 0; i < entries && at >= 0; i++) {
    if (!readHead(state, at)) return -1;
    let afterKey = state.at;
    if (state.kind !== KIND.POINTER) afterKey += state.size;
    else if (!readHead(state, state.size)) return -1;
    if (state.kind !== KIND.TEXT) return -1;
    at = readField(state, afterKey, keyAt(state), within, nesting);
  }
  return at;
}

/** Reads the value of a key; returns as `readMap`. Arguments one by one: there are millions of calls. */
function readField(state: State, at: number, key: number, within: number, nesting: number): number {
  if (key < 0) return skip(state, at, nesting + 1);
  const { fields } = state;
  if (within === WITHIN.RECORD) {
    if (key === KEY.COUNTRY) return readMap(state, at, WITHIN.COUNTRY, nesting + 1);
    if (key === KEY.REGISTERED) return readMap(state, at, WITHIN.REGISTERED, nesting + 1);
    if (key === KEY.LOCATION) return readMap(state, at, WITHIN.LOCATION, nesting + 1);
    if (key === KEY.COUNTRY_CODE) fields.country = lettersAt(state, at);
    else if (key === KEY.ASN) fields.asn = wholeAt(state, at);
  }
  if (key === KEY.LATITUDE) fields.latitude = numberAt(state, at);
  else if (key === KEY.LONGITUDE) fields.longitude = numberAt(state, at);
  else if (key === KEY.ISO_CODE && within === WITHIN.COUNTRY) fields.country = lettersAt(state, at);
  else if (key === KEY.ISO_CODE && within === WITHIN.REGISTERED)
    fields.registeredCountry = lettersAt(state, at);
  return skip(state, at, nesting + 1);
}

/** Reads the head of the value at `at`; false where it is damaged. */
function readHead(state: State, at: number): boolean {
  const { bytes } = state;
  if (at < 0 || at + 6 > bytes.length) return false;
  const control = bytes[at] as number;
  let next = at + 1;
  let kind = control >> 5;
  if (kind === KIND.POINTER) {
    const width = (control >> 3) & 3;
    let value = width === 3 ? 0 : control & 7;
    for (let i = 0; i <= width; i++) value = value * 256 + (bytes[next++] as number);
    state.kind = kind;
    state.size = state.dataAt + value + (width === 1 ? 2048 : width === 2 ? 526_336 : 0);
    state.at = next;
    return true;
  }
  if (kind === 0) kind = 7 + (bytes[next++] as number);
  let size = control & 31;
  if (size >= 29) {
    const extra = size - 28;
    size = 0;
    for (let i = 0; i < extra; i++) size = size * 256 + (bytes[next++] as number);
    size += extra === 1 ? 29 : extra === 2 ? 285 : 65_821;
  }
  state.kind = kind;
  state.size = size;
  state.at = next;
  return true;
}

/** Where the value after that at `from` begins; -1: damaged. */
function skip(state: State, from: number, nesting: number): number {
  if (nesting > NESTING_MAX || !readHead(state, from)) return -1;
  const { kind } = state;
  if (kind === KIND.POINTER || kind === KIND.BOOLEAN) return state.at;
  if (kind !== KIND.MAP && kind !== KIND.LIST) return state.at + state.size;
  let { at } = state;
  const values = kind === KIND.MAP ? state.size * 2 : state.size;
  for (let i = 0; i < values && at >= 0; i++) at = skip(state, at, nesting + 1);
  return at;
}

/** Reads the head of a value, following one pointer to it. */
function resolve(state: State, at: number): boolean {
  return readHead(state, at) && (state.kind !== KIND.POINTER || readHead(state, state.size));
}

function lettersAt(state: State, at: number): number {
  if (!resolve(state, at) || state.kind !== KIND.TEXT || state.size !== 2) return 0;
  return ((state.bytes[state.at] as number) << 8) | (state.bytes[state.at + 1] as number);
}

function numberAt(state: State, at: number): number {
  if (!resolve(state, at)) return Number.NaN;
  const { view, kind } = state;
  if (kind === KIND.DOUBLE && state.at + 8 <= view.byteLength) return view.getFloat64(state.at);
  if (kind === KIND.FLOAT && state.at + 4 <= view.byteLength) return view.getFloat32(state.at);
  return kind === KIND.UINT16 || kind === KIND.UINT32 ? wholeHere(state) : Number.NaN;
}

function wholeAt(state: State, at: number): number {
  if (!resolve(state, at)) return 0;
  return state.kind === KIND.UINT16 || state.kind === KIND.UINT32 ? wholeHere(state) : 0;
}

/** The whole number whose head was read last, of at most 4 octets. */
function wholeHere(state: State): number {
  let value = 0;
  for (let i = 0; i < Math.min(state.size, 4); i++) value = value * 256 + (state.bytes[state.at + i] ?? 0);
  return value;
}

/** Position in `KEYS` of the text whose head was read last; -1: another. */
function keyAt(state: State): number {
  const { bytes, size, at } = state;
  for (let key = 0; key < KEYS.length; key++) {
    const octets = KEYS[key] as Uint8Array;
    if (octets.length !== size) continue;
    let same = 0;
    while (same < size && octets[same] === bytes[at + same]) same++;
    if (same === size) return key;
  }
  return -1;
}
