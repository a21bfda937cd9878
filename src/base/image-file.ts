import { assert } from './assert.ts';
import { checksum32 } from './checksum.ts';

/**
 * What every image (a table packed into one buffer, shared between threads and written to disk as it is)
 * begins with: 64 octets, little-endian. The octets from `KIND_WORDS` on are the kind's own.
 */
export const IMAGE_HEADER = {
  MAGIC: 0,
  KIND: 4,
  VERSION: 8,
  /** Octets of the whole image, the header included. */
  LENGTH: 12,
  /** xxHash32 of everything after this word. */
  CHECKSUM: 16,
  /** 8 octets: what the image was made from; see `ImageStamp`. */
  SOURCE: 20,
  /** Float64, ms since 1970 UTC. Not aligned: read it through a DataView. */
  MADE_AT: 28,
  KIND_WORDS: 36,
  OCTETS: 64,
} as const;

/** Gives zeroed memory for an image of so many octets. */
export type Allocate = (octets: number) => SharedArrayBuffer;

/** Memory as any other. */
export const plainMemory: Allocate = (octets) => new SharedArrayBuffer(octets);

/** What images there are; the first word after the magic. */
export const IMAGE_KIND = { ZONES: 1, CLIENTS: 2, STEERING: 3, ROW_MAP: 4 } as const;

/** `ISOC` in memory order. */
const MAGIC = 0x434f5349;
const KIND_NAMES = ['', 'zone', 'client', 'steering', 'row map'];
const SOURCE_FORM = /^[0-9a-f]{16}$/;

/** Who made an image, and of what. */
export interface ImageStamp {
  readonly kind: number;
  /** Of the kind's layout: raised whenever that changes. */
  readonly version: number;
  /** 16 hexadecimal digits that differ when the sources differ. */
  readonly source: string;
  /** ms since 1970 UTC. */
  readonly madeAtMs: number;
}

/** Writes the header around an image whose own words and body are in place. The last step of making. */
export function sealImage(bytes: Uint8Array, stamp: ImageStamp): void {
  assert(bytes.length >= IMAGE_HEADER.OCTETS, 'an image holds its header at least');
  assert(SOURCE_FORM.test(stamp.source), `source ${JSON.stringify(stamp.source)} is 16 hexadecimal digits`);
  const view = viewOf(bytes);
  view.setUint32(IMAGE_HEADER.MAGIC, MAGIC, true);
  view.setUint32(IMAGE_HEADER.KIND, stamp.kind, true);
  view.setUint32(IMAGE_HEADER.VERSION, stamp.version, true);
  view.setUint32(IMAGE_HEADER.LENGTH, bytes.length, true);
  for (let i = 0; i < 8; i++)
    bytes[IMAGE_HEADER.SOURCE + i] = Number.parseInt(stamp.source.slice(i * 2, i * 2 + 2), 16);
  view.setFloat64(IMAGE_HEADER.MADE_AT, stamp.madeAtMs, true);
  view.setUint32(IMAGE_HEADER.CHECKSUM, checksum32(bytes, IMAGE_HEADER.SOURCE), true);
}

/** What is wrong with an image: undefined if it is whole, and of this kind and version. */
export function imageFault(
  bytes: Uint8Array,
  expected: {
    readonly kind: number;
    readonly version: number;
    /** Another thread has found the checksum right in this very memory: it need not be looked at again. */
    readonly isSummed?: boolean | undefined;
  },
): string | undefined {
  const name = KIND_NAMES[expected.kind] ?? 'known';
  if (bytes.length < IMAGE_HEADER.OCTETS) return `only ${bytes.length} octets long`;
  const view = viewOf(bytes);
  if (view.getUint32(IMAGE_HEADER.MAGIC, true) !== MAGIC) return `not a ${name} image`;
  const kind = view.getUint32(IMAGE_HEADER.KIND, true);
  if (kind !== expected.kind) return `a ${KIND_NAMES[kind] ?? 'foreign'} image, not a ${name} image`;
  const version = view.getUint32(IMAGE_HEADER.VERSION, true);
  if (version !== expected.version)
    return `format version ${version}, this program reads ${expected.version}`;
  const length = view.getUint32(IMAGE_HEADER.LENGTH, true);
  if (length !== bytes.length) return `${bytes.length} octets long, its header says ${length}`;
  if (expected.isSummed === true) return undefined;
  const checksum = view.getUint32(IMAGE_HEADER.CHECKSUM, true);
  return checksum32(bytes, IMAGE_HEADER.SOURCE) === checksum ? undefined : 'damaged: the checksum differs';
}

/** The stamp of an image that `imageFault` found nothing wrong with. */
export function imageStamp(bytes: Uint8Array): ImageStamp {
  const view = viewOf(bytes);
  const source = bytes.subarray(IMAGE_HEADER.SOURCE, IMAGE_HEADER.SOURCE + 8);
  return {
    kind: view.getUint32(IMAGE_HEADER.KIND, true),
    version: view.getUint32(IMAGE_HEADER.VERSION, true),
    source: Array.from(source, (octet) => octet.toString(16).padStart(2, '0')).join(''),
    madeAtMs: view.getFloat64(IMAGE_HEADER.MADE_AT, true),
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
