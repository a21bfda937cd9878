import { NAME_MAX } from './name.ts';
import { compressibleNames } from './rdata.ts';

/** One record of a message, its names whole. */
export interface MessageRecord {
  /** Owner name, uncompressed wire form, case kept. */
  readonly owner: Uint8Array;
  readonly type: number;
  /** CLASS; of OPT the UDP size (RFC 6891 §6.1.2). */
  readonly class: number;
  /** Seconds; of OPT its flags. */
  readonly ttl: number;
  /** RDATA in uncompressed wire form. */
  readonly rdata: Uint8Array;
}

/** The records of a message by section, OPT among the additional ones. */
export interface Sections {
  readonly answer: readonly MessageRecord[];
  readonly authority: readonly MessageRecord[];
  readonly additional: readonly MessageRecord[];
}

const HEADER_OCTETS = 12;

/**
 * Reads all records of a message (RFC 1035 §4.1), names expanded. It allocates: clients use it, the query
 * path does not. A text says what is malformed.
 */
export function readSections(octets: Uint8Array): Sections | string {
  if (octets.length < HEADER_OCTETS) return `${octets.length} octets are no message`;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  const cursor = { at: HEADER_OCTETS };
  const sections: MessageRecord[][] = [[], [], []];
  try {
    for (let i = view.getUint16(4); i > 0; i--) {
      takeName(octets, cursor);
      cursor.at += 4;
    }
    for (const [index, section] of sections.entries())
      for (let i = view.getUint16(6 + 2 * index); i > 0; i--) section.push(takeRecord(octets, view, cursor));
  } catch (error) {
    if (error instanceof RangeError) return `malformed near octet ${cursor.at}`;
    throw error;
  }
  const [answer = [], authority = [], additional = []] = sections;
  return { answer, authority, additional };
}

/** Reads the record at the cursor. Throws RangeError, as `DataView` does, when it is cut off or malformed. */
function takeRecord(octets: Uint8Array, view: DataView, cursor: { at: number }): MessageRecord {
  const owner = takeName(octets, cursor);
  const { at } = cursor;
  const type = view.getUint16(at);
  const start = at + 10;
  const end = start + view.getUint16(at + 8);
  if (end > octets.length) throw new RangeError('RDATA is cut off');
  const rdata = expandRdata(octets, type, start, end);
  cursor.at = end;
  return { owner, type, class: view.getUint16(at + 2), ttl: view.getUint32(at + 4), rdata };
}

function expandRdata(octets: Uint8Array, type: number, start: number, end: number): Uint8Array {
  const layout = compressibleNames(type);
  if (layout === 'none') return octets.slice(start, end);
  const cursor = { at: start + layout.leadingOctets };
  const parts = [octets.subarray(start, cursor.at)];
  for (let i = 0; i < layout.names; i++) parts.push(takeName(octets, cursor));
  if (cursor.at > end) throw new RangeError('a name runs over its RDATA');
  parts.push(octets.subarray(cursor.at, end));
  return joined(parts);
}

/** Reads the name at the cursor, its pointers followed: each must point before where it was read from. */
function takeName(octets: Uint8Array, cursor: { at: number }): Uint8Array {
  const labels: Uint8Array[] = [];
  let length = 0;
  let from = cursor.at;
  let at = from;
  let next = -1;
  for (;;) {
    const size = octets[at];
    if (size === undefined) throw new RangeError('a name is cut off');
    if (size >= 0xc0) {
      const target = ((size & 0x3f) << 8) | (octets[at + 1] ?? 0xff);
      if (target >= from) throw new RangeError('a pointer does not point back');
      if (next < 0) next = at + 2;
      from = target;
      at = target;
      continue;
    }
    length += size + 1;
    if (size > 63 || length > NAME_MAX || at + size >= octets.length)
      throw new RangeError('a name is malformed');
    labels.push(octets.subarray(at, at + size + 1));
    at += size + 1;
    if (size === 0) break;
  }
  cursor.at = next < 0 ? at : next;
  return joined(labels);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
