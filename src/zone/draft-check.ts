import type { Problem } from '../base/errors.ts';
import { TYPE, typeName } from '../wire/constants.ts';
import { formatName } from '../wire/name.ts';
import { draftName, ownerOf, type ZoneDraft } from './draft.ts';
import type { ZoneRecord } from './record.ts';

const BESIDE_CNAME: readonly number[] = [TYPE.CNAME, TYPE.RRSIG, TYPE.NSEC];
const SINGLE: readonly number[] = [TYPE.SOA, TYPE.CNAME, TYPE.DNAME, TYPE.STEER];
const MADE_BY_STEER: readonly number[] = [TYPE.A, TYPE.AAAA];
const ASTERISK = 0x2a;
const latin1 = new TextDecoder('latin1');

/** Name of the service that a STEER record names. */
export function serviceName(record: ZoneRecord): string {
  return latin1.decode(record.rdata.subarray(1));
}

/** Records outside the zone, each as a problem. */
export function checkOutside(draft: ZoneDraft, problems: Problem[]): void {
  for (const index of draft.outside) {
    const record = draft.records[index] as ZoneRecord;
    const message = `${formatName(record.owner)} is outside the zone ${draftName(draft)}`;
    problems.push({ file: record.file, line: record.line, message });
  }
}

/** What keeps the records of one node (indexes by ascending type, see `recordsOf`) from being served. */
export function checkNode(
  draft: ZoneDraft,
  node: number,
  indexes: readonly number[],
  services: readonly string[],
  problems: Problem[],
): void {
  const only = indexes.length === 1 ? (draft.records[indexes[0] as number] as ZoneRecord).type : 0;
  // What nearly all names are.
  if (node > 0 && (indexes.length === 0 || only === TYPE.A || only === TYPE.AAAA)) return;
  const firsts = new Map<number, ZoneRecord>();
  const several = new Set<number>();
  for (const index of indexes) {
    const record = draft.records[index] as ZoneRecord;
    if (firsts.has(record.type)) several.add(record.type);
    else firsts.set(record.type, record);
  }
  const owner = ownerOf(draft, node);
  const kind = { atApex: node === 0, isWildcard: owner[0] === 1 && owner[1] === ASTERISK };
  const faults = faultsOf(kind, firsts, several, services);
  if (faults.length === 0) return;
  const name = formatName(owner);
  const nowhere = { file: draftName(draft), line: 1 };
  for (const [type, words] of faults) {
    const { file, line } = firsts.get(type) ?? firstWritten(draft, node) ?? nowhere;
    problems.push({ file, line, message: words(name) });
  }
}

/** The type to blame, and the message around the owner's name. */
type Fault = readonly [type: number, words: (name: string) => string];

function faultsOf(
  { atApex, isWildcard }: { readonly atApex: boolean; readonly isWildcard: boolean },
  firsts: ReadonlyMap<number, ZoneRecord>,
  several: ReadonlySet<number>,
  services: readonly string[],
): Fault[] {
  const faults: Fault[] = [];
  if (atApex)
    for (const type of [TYPE.SOA, TYPE.NS])
      if (!firsts.has(type))
        faults.push([type, (name) => `the zone ${name} has no ${typeName(type)} record at its apex`]);
  if (!atApex && firsts.has(TYPE.SOA))
    faults.push([TYPE.SOA, (name) => `SOA belongs at the apex, not at ${name}`]);
  for (const type of SINGLE)
    if (several.has(type))
      faults.push([type, (name) => `${name} has more than one ${typeName(type)} record`]);
  if (firsts.has(TYPE.CNAME) && [...firsts.keys()].some((type) => !BESIDE_CNAME.includes(type)))
    faults.push([TYPE.CNAME, (name) => `${name} has a CNAME and other records (RFC 1034 §3.6.2)`]);
  for (const type of [TYPE.NS, TYPE.DNAME])
    if (isWildcard && firsts.has(type))
      faults.push([type, (name) => `${name}: ${typeName(type)} at a wildcard has no meaning (RFC 4592 §4)`]);
  const steer = firsts.get(TYPE.STEER);
  if (steer === undefined) return faults;
  for (const type of MADE_BY_STEER)
    if (firsts.has(type))
      faults.push([type, (name) => `${name} has both STEER and ${typeName(type)}, which STEER makes`]);
  const service = serviceName(steer);
  if (!services.includes(service))
    faults.push([TYPE.STEER, (name) => `${name}: there is no service ${JSON.stringify(service)}`]);
  return faults;
}

function firstWritten(draft: ZoneDraft, node: number): ZoneRecord | undefined {
  return draft.records[draft.firsts[node] as number];
}
