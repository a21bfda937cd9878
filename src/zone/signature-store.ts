import { checksum32 } from '../base/checksum.ts';
import { SIGNATURE_OCTETS } from './key.ts';

/**
 * Signatures by what they sign: so that an RRset that stays the same keeps its signature, whatever else of
 * its zone changes, and over restarts. An entry: four words of a digest of what is signed and by which key,
 * EXPIRATION, INCEPTION, the signature's octets.
 */
export interface SignatureStore {
  entries: Int32Array;
  count: number;
  /** Entry plus 1 by open addressing on the digest's first word; 0 where nothing is. */
  slots: Int32Array;
  /** By entry: found or added since the store was made. The others are forgotten when it is saved. */
  used: Uint8Array;
}

const DIGEST_WORDS = 4;
const SIGNATURE_WORDS = SIGNATURE_OCTETS / 4;
/** Words of an entry, and where in it times and signature are. */
export const ENTRY = { EXPIRATION: 4, INCEPTION: 5, SIGNATURE: 6, WORDS: 6 + SIGNATURE_WORDS } as const;

const MAGIC = 0x47495349;
const VERSION = 1;
/** Words before the entries of a saved store: magic, version, count, checksum of the entries. */
const HEAD_WORDS = 4;

/** An empty store. */
export function createSignatureStore(): SignatureStore {
  return storeOf(new Int32Array(ENTRY.WORDS * 64), 0);
}

/**
 * The entry for this digest, as the word at which it begins; -1 if there is none. It counts as used.
 */
export function findSignature(store: SignatureStore, digest: Int32Array): number {
  const mask = store.slots.length - 1;
  for (let slot = (digest[0] as number) & mask; ; slot = (slot + 1) & mask) {
    const entry = (store.slots[slot] as number) - 1;
    if (entry < 0) return -1;
    const at = entry * ENTRY.WORDS;
    let i = 0;
    while (i < DIGEST_WORDS && store.entries[at + i] === digest[i]) i++;
    if (i < DIGEST_WORDS) continue;
    store.used[entry] = 1;
    return at;
  }
}

/** Puts a signature in, over the one for the same digest. Gives the word at which its entry begins. */
export function putSignature(
  store: SignatureStore,
  digest: Int32Array,
  times: { readonly expirationS: number; readonly inceptionS: number },
  signature: Uint8Array,
): number {
  let at = findSignature(store, digest);
  if (at < 0) {
    if ((store.count + 1) * ENTRY.WORDS > store.entries.length) grow(store);
    at = store.count * ENTRY.WORDS;
    store.entries.set(digest.subarray(0, DIGEST_WORDS), at);
    store.used[store.count] = 1;
    takeSlot(store, store.count++);
  }
  store.entries[at + ENTRY.EXPIRATION] = times.expirationS;
  store.entries[at + ENTRY.INCEPTION] = times.inceptionS;
  octetsOf(store).set(signature, (at + ENTRY.SIGNATURE) * 4);
  return at;
}

/** The signature of an entry: a view. */
export function signatureAt(store: SignatureStore, at: number): Uint8Array {
  const from = (at + ENTRY.SIGNATURE) * 4;
  return octetsOf(store).subarray(from, from + SIGNATURE_OCTETS);
}

/** The entries in use as octets to save, of this machine's order of octets (little-endian). */
export function saveSignatures(store: SignatureStore): Uint8Array {
  let count = 0;
  for (let entry = 0; entry < store.count; entry++) count += store.used[entry] as number;
  const words = new Int32Array(HEAD_WORDS + count * ENTRY.WORDS);
  let to = HEAD_WORDS;
  for (let entry = 0; entry < store.count; entry++) {
    if (store.used[entry] === 0) continue;
    words.set(store.entries.subarray(entry * ENTRY.WORDS, (entry + 1) * ENTRY.WORDS), to);
    to += ENTRY.WORDS;
  }
  const octets = new Uint8Array(words.buffer);
  words.set([MAGIC, VERSION, count, checksum32(octets.subarray(HEAD_WORDS * 4)) | 0]);
  return octets;
}

/** A store as it was saved; undefined if the octets are not whole: all is signed anew then. */
export function openSignatures(saved: Uint8Array): SignatureStore | undefined {
  const octets = Uint8Array.from(saved.subarray(0, saved.length & ~3));
  const words = new Int32Array(octets.buffer);
  const count = words[2] ?? 0;
  if (words[0] !== MAGIC || words[1] !== VERSION || words.length !== HEAD_WORDS + count * ENTRY.WORDS)
    return undefined;
  if ((checksum32(octets.subarray(HEAD_WORDS * 4)) | 0) !== words[3]) return undefined;
  return storeOf(words.slice(HEAD_WORDS), count);
}

function storeOf(entries: Int32Array, count: number): SignatureStore {
  const store: SignatureStore = { entries, count, slots: new Int32Array(0), used: new Uint8Array(0) };
  index(store);
  return store;
}

function grow(store: SignatureStore): void {
  const entries = new Int32Array(store.entries.length * 2);
  entries.set(store.entries);
  store.entries = entries;
  index(store);
}

/** Makes slots and marks for as many entries as there is room for. */
function index(store: SignatureStore): void {
  const room = Math.max(16, Math.floor(store.entries.length / ENTRY.WORDS));
  let slots = 32;
  while (slots < room * 2) slots *= 2;
  store.slots = new Int32Array(slots);
  const used = new Uint8Array(room);
  used.set(store.used.subarray(0, store.count));
  store.used = used;
  for (let entry = 0; entry < store.count; entry++) takeSlot(store, entry);
}

function takeSlot(store: SignatureStore, entry: number): void {
  const mask = store.slots.length - 1;
  let slot = (store.entries[entry * ENTRY.WORDS] as number) & mask;
  while (store.slots[slot] !== 0) slot = (slot + 1) & mask;
  store.slots[slot] = entry + 1;
}

function octetsOf({ entries }: SignatureStore): Uint8Array {
  return new Uint8Array(entries.buffer, entries.byteOffset, entries.byteLength);
}
