import { TYPE } from '../wire/constants.ts';
import type { NameView } from '../wire/name-view.ts';
import { nameView } from '../wire/name-view.ts';
import { compressibleNames } from '../wire/rdata.ts';
import type { RecordLayout } from '../wire/writer.ts';
import type { ZoneRecord } from './record.ts';

/** Offset in RDATA of the name whose addresses belong into the additional section. */
const ADDITIONAL_NAME = new Map<number, number>([
  [TYPE.NS, 0],
  [TYPE.MX, 2],
  [TYPE.SRV, 6],
  [TYPE.SVCB, 2],
  [TYPE.HTTPS, 2],
]);
const NOTHING = new Uint8Array(0);
const NO_NAMES: readonly NameView[] = [];

/** A record ready to be written with this TTL in seconds. */
export function layOut(record: ZoneRecord, ttl: number): RecordLayout {
  const { type, rdata } = record;
  const shape = compressibleNames(type);
  if (shape === 'none') return { head: headOf(type, ttl, rdata), names: NO_NAMES, tail: NOTHING };
  const names: NameView[] = [];
  let at = shape.leadingOctets;
  for (let i = 0; i < shape.names; i++) {
    const name = nameView(rdata.subarray(at));
    names.push(name);
    at += name.length;
  }
  return {
    head: headOf(type, ttl, rdata.subarray(0, shape.leadingOctets)),
    names,
    tail: at === rdata.length ? NOTHING : rdata.slice(at),
  };
}

/** The name in a record's RDATA whose addresses belong into the additional section, if its type has one. */
export function additionalName(record: ZoneRecord): NameView | undefined {
  const at = ADDITIONAL_NAME.get(record.type);
  return at === undefined ? undefined : nameView(record.rdata.subarray(at));
}

/** TYPE, CLASS, TTL, RDLENGTH (patched when names follow) and the start of RDATA. */
function headOf(type: number, ttl: number, start: Uint8Array): Uint8Array {
  const head = new Uint8Array(10 + start.length);
  const view = new DataView(head.buffer);
  view.setUint16(0, type);
  view.setUint16(2, 1);
  view.setUint32(4, ttl);
  view.setUint16(8, start.length);
  head.set(start, 10);
  return head;
}
