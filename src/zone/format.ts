import { typeName } from '../wire/constants.ts';
import { formatName } from '../wire/name.ts';
import { formatRdata } from '../wire/rdata.ts';
import type { ZoneRecord } from './record.ts';

/**
 * The record on one line of a master file: `owner ttl IN type rdata`, names absolute, one blank between.
 */
export function formatRecord(record: Pick<ZoneRecord, 'owner' | 'ttl' | 'type' | 'rdata'>): string {
  const { owner, ttl, type, rdata } = record;
  return `${formatName(owner)} ${ttl} IN ${typeName(type)} ${formatRdata(type, rdata)}`;
}
