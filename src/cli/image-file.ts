import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { checksum32 } from '../base/checksum.ts';
import { type Allocate, IMAGE_HEADER, imageFault, plainMemory } from '../base/image-file.ts';
import { replaceFile } from '../store/replace-file.ts';

/** What an image file holds: the image, and behind it notes on its making. */
export interface ImageFile {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly notes: ImageNotes;
}

/** How a zone was signed. */
export interface SignedNote {
  /** When the first of its signatures expires, seconds since 1970 UTC. */
  readonly expiresAtS: number;
  /** What the signing took, ms. */
  readonly tookMs: number;
}

/** What is known of an image from its making. */
export interface ImageNotes {
  /** Files that were read besides those that the configuration names: what zone files include. */
  readonly included: readonly string[];
  /** A steered name to show to people, if there is one. */
  readonly steeredName?: string;
  /** When the first signature of its zones is to be renewed, ms since 1970 UTC. */
  readonly renewAtMs?: number;
  /** By zone that was signed: what its keys did. */
  readonly keys?: Readonly<Record<string, string>>;
  /** By zone that was signed. */
  readonly signed?: Readonly<Record<string, SignedNote>>;
}

/** A longer file is no image of ours: refused unread. */
const IMAGE_OCTETS_MAX = 2 ** 32 - 1;
const TAIL_OCTETS_MAX = 1 << 28;
/** xxHash32 of the notes, little-endian. */
const TAIL_HEAD_OCTETS = 4;

/**
 * Reads an image file into memory that threads share. Undefined: there is none. A text says why it cannot be
 * used: cut short, damaged, of another kind or version, or not to be read.
 */
export function readImageFile(
  path: string,
  expected: { readonly kind: number; readonly version: number },
  allocate: Allocate = plainMemory,
): ImageFile | string | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : `cannot be read: ${message}`;
  }
  try {
    const { size } = fstatSync(descriptor);
    const length = imageLength(descriptor, size);
    if (size - length > TAIL_OCTETS_MAX) return `${size} octets are too many`;
    const bytes = new Uint8Array(allocate(Math.min(length, size)));
    readFully(descriptor, bytes, 0);
    const fault = imageFault(bytes, expected);
    if (fault !== undefined) return fault;
    const tail = new Uint8Array(size - length);
    readFully(descriptor, tail, length);
    const notes = readNotes(tail);
    return notes === undefined ? 'damaged: the notes behind the image' : { bytes, notes };
  } catch (error) {
    return `cannot be read: ${(error as Error).message}`;
  } finally {
    closeSync(descriptor);
  }
}

/** Writes an image file, so that a crash leaves the old one or the new one. Throws the system's error. */
export function writeImageFile(path: string, file: ImageFile): void {
  const notes = new TextEncoder().encode(JSON.stringify(file.notes));
  const head = new Uint8Array(TAIL_HEAD_OCTETS);
  new DataView(head.buffer).setUint32(0, checksum32(notes), true);
  replaceFile(path, [file.bytes, head, notes], 0o666);
}

/** What the header says, or the whole file where that is shorter or no header. */
function imageLength(descriptor: number, size: number): number {
  if (size < IMAGE_HEADER.OCTETS || size > IMAGE_OCTETS_MAX + TAIL_OCTETS_MAX)
    return Math.min(size, IMAGE_OCTETS_MAX);
  const header = new Uint8Array(IMAGE_HEADER.OCTETS);
  readFully(descriptor, header, 0);
  const length = new DataView(header.buffer).getUint32(IMAGE_HEADER.LENGTH, true);
  return length < IMAGE_HEADER.OCTETS || length > size ? Math.min(size, IMAGE_OCTETS_MAX) : length;
}

function readNotes(tail: Uint8Array): ImageNotes | undefined {
  if (tail.length < TAIL_HEAD_OCTETS) return undefined;
  const text = tail.subarray(TAIL_HEAD_OCTETS);
  if (new DataView(tail.buffer).getUint32(0, true) !== checksum32(text)) return undefined;
  // Whole by its checksum, so of our making; another version's image was refused before.
  return JSON.parse(new TextDecoder().decode(text)) as ImageNotes;
}

function readFully(descriptor: number, into: Uint8Array, from: number): void {
  for (let at = 0; at < into.length; ) {
    const count = readSync(descriptor, into, at, into.length - at, from + at);
    if (count === 0) throw new Error('it became shorter while it was read');
    at += count;
  }
}
