import { TYPE, typeName } from '../wire/constants.ts';
import { formatName } from '../wire/name.ts';
import type { Note, ZoneIndex } from './check-index.ts';
import { placeOf, STANDS, upwards } from './check-index.ts';
import type { ZoneRecord } from './record.ts';

/** Octets before the name of a host in the RDATA of the types whose target must have addresses. */
const targetOffset = new Map<number, number>([
  [TYPE.NS, 0],
  [TYPE.MX, 2],
  [TYPE.SRV, 6],
]);

/**
 * Warns when a host that the record of a node names lies in the zone and has no addresses there, or is an
 * alias (RFC 2181 §10.3).
 */
export function checkTarget(index: ZoneIndex, owner: number, record: ZoneRecord, note: Note): void {
  const offset = targetOffset.get(record.type);
  if (offset === undefined) return;
  const target = record.rdata.subarray(offset);
  const place = target.length <= 1 ? undefined : placeOf(index, target);
  if (place === undefined) return;
  const { stands } = index;
  const bits = place.node < 0 ? 0 : (stands[place.node] as number);
  const hasAddress = (bits & STANDS.ADDRESS) !== 0;
  const isAlias = (bits & STANDS.CNAME) !== 0;
  if (hasAddress && !isAlias) return;
  const above = [...upwards(index, place.encloser)];
  const has = (node: number, bit: number): boolean => ((stands[node] as number) & bit) !== 0;
  if (above.some((node) => node !== place.node && has(node, STANDS.DNAME))) return;
  const what = `${typeName(record.type)} target ${formatName(target)}`;
  const cut = above.findLast((node) => has(node, STANDS.CUT));
  if (cut !== undefined) {
    if (record.type === TYPE.NS && owner === cut && !hasAddress)
      note(record, 'warning', `${what} lies in the zone it serves and has no glue (A or AAAA)`);
  } else if (isAlias) note(record, 'warning', `${what} is an alias (CNAME), which RFC 2181 §10.3 forbids`);
  else if ((bits & STANDS.RECORD) === 0) {
    if (!above.some((node) => has(node, STANDS.WILDCARD)))
      note(record, 'warning', `${what} does not exist in the zone`);
  } else note(record, 'warning', `${what} has no A or AAAA`);
}
