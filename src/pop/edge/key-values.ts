/**
 * A key value store of CloudFront Functions: what they may read, in the JSON that CloudFront imports
 * (`{"data": [{"key": "…", "value": "…"}]}`), with its limits.
 */
export interface KeyValues {
  readonly values: ReadonlyMap<string, string>;
  /** When it was read, ISO 8601. */
  readonly readAt: string;
}

const KEY_OCTETS_MAX = 512;
const VALUE_OCTETS_MAX = 1024;
const STORE_OCTETS_MAX = 5 * 1024 * 1024;
/** Faults that are told of one file; the rest are counted. */
const FAULTS_MAX = 20;

/** Reads such a file; `faults` say what is wrong with it, each entry by its place from 0. */
export function readKeyValues(
  text: string,
  readAt: string,
): { readonly store: KeyValues; readonly faults: readonly string[] } {
  const entries = entriesOf(text);
  const faults: string[] = [];
  const values = new Map<string, string>();
  if (typeof entries === 'string') return { store: { values, readAt }, faults: [entries] };
  let octets = 0;
  for (const [i, entry] of entries.entries()) {
    const { key, value } = (typeof entry === 'object' && entry !== null ? entry : {}) as {
      readonly key?: unknown;
      readonly value?: unknown;
    };
    const fault =
      faultOf(key, value) ?? (values.has(String(key)) ? `has the key ${String(key)} again` : undefined);
    if (fault !== undefined) faults.push(`data[${i}] ${fault}`);
    else values.set(String(key), String(value));
    octets += Buffer.byteLength(String(key)) + Buffer.byteLength(String(value));
  }
  if (octets > STORE_OCTETS_MAX) faults.push(`has ${octets} octets: a store has at most ${STORE_OCTETS_MAX}`);
  if (faults.length > FAULTS_MAX)
    faults.splice(FAULTS_MAX, Infinity, `and ${faults.length - FAULTS_MAX} more`);
  return { store: { values, readAt }, faults };
}

function entriesOf(text: string): readonly unknown[] | string {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch (error) {
    return `is no JSON: ${(error as Error).message}`;
  }
  const data = typeof read === 'object' && read !== null && 'data' in read ? read.data : undefined;
  return Array.isArray(data) ? data : 'has no list "data" of keys and values';
}

function faultOf(key: unknown, value: unknown): string | undefined {
  if (typeof key !== 'string' || key === '') return 'has no "key" that is a text';
  if (typeof value !== 'string') return 'has no "value" that is a text';
  if (Buffer.byteLength(key) > KEY_OCTETS_MAX) return `has a key of more than ${KEY_OCTETS_MAX} octets`;
  if (Buffer.byteLength(value) > VALUE_OCTETS_MAX)
    return `has a value of more than ${VALUE_OCTETS_MAX} octets`;
  return undefined;
}
