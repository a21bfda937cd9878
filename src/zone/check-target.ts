import { TYPE, typeName } from '../wire/constants.ts';
import { formatName } from '../wire/name.ts';
import type { Note, ZoneIndex } from './check-index.ts';
import { keysUpToApex, nameKey } from './check-index.ts';
import type { ZoneRecord } from './record.ts';

/** Octets before the name of a host in the RDATA of the types whose target must have addresses. */
const targetOffset = new Map<number, number>([
  [TYPE.NS, 0],
  [TYPE.MX, 2],
  [TYPE.SRV, 6],
]);
const ADDRESSES: readonly number[] = [TYPE.A, TYPE.AAAA, TYPE.STEER];

/**
 * Warns when a host that the record names lies in the zone and has no addresses there, or is an alias (RFC
 * 2181 §10.3).
 */
export function checkTarget(index: ZoneIndex, record: ZoneRecord, note: Note): void {
  const offset = targetOffset.get(record.type);
  if (offset === undefined) return;
  const target = record.rdata.subarray(offset);
  const key = nameKey(target);
  if (target.length <= 1 || !key.endsWith(index.apex)) return;
  const types = index.nodes.get(key)?.records.map((other) => other.type) ?? [];
  const hasAddress = types.some((type) => ADDRESSES.includes(type));
  if (hasAddress && !types.includes(TYPE.CNAME)) return;
  const above = [...keysUpToApex(index, key)];
  if (above.at(-1) !== index.apex || above.some((name) => index.renamed.has(name) && name !== key)) return;
  const what = `${typeName(record.type)} target ${formatName(target)}`;
  const cut = above.findLast((name) => index.cuts.has(name));
  if (cut !== undefined) {
    if (record.type === TYPE.NS && nameKey(record.owner) === cut && !hasAddress)
      note(record, 'warning', `${what} lies in the zone it serves and has no glue (A or AAAA)`);
  } else if (types.includes(TYPE.CNAME))
    note(record, 'warning', `${what} is an alias (CNAME), which RFC 2181 §10.3 forbids`);
  else if (types.length === 0 && !above.some((name) => index.nodes.has(`\u0001*${name}`)))
    note(record, 'warning', `${what} does not exist in the zone`);
  else if (types.length > 0 && !hasAddress) note(record, 'warning', `${what} has no A or AAAA`);
}
