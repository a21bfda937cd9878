import { TYPE, typeName } from '../wire/constants.ts';
import { formatName } from '../wire/name.ts';
import type { CheckedNode, Note, ZoneIndex } from './check-index.ts';
import { indexZone, keysUpToApex } from './check-index.ts';
import { checkTarget } from './check-target.ts';
import type { ZoneProblem } from './problem.ts';
import type { ZoneRecord } from './record.ts';

/** Problems reported at most; the rest are cut off, the last one says so. */
const PROBLEMS_MAX = 1000;

/**
 * What is wrong with records as one zone: what would make it unfit to serve (errors), and what is legal but
 * hardly meant (warnings: RFC 2181 §5.2 and §10.3, missing glue, hidden records). In the order of the
 * files. Exact duplicates are no problem: they count once.
 */
export function checkZone(records: readonly ZoneRecord[], origin: Uint8Array): ZoneProblem[] {
  const problems: ZoneProblem[] = [];
  const note: Note = (record, severity, message) => {
    const { file, line } = record;
    if (problems.length < PROBLEMS_MAX) problems.push({ file, line, message, severity });
  };
  const index = indexZone(records, origin, note);
  checkApex(index, origin, problems, records[0]?.file ?? formatName(origin));
  for (const [key, node] of index.nodes) {
    checkNode(index, key, node, note);
    for (const record of node.records) checkTarget(index, record, note);
  }
  problems.sort((left, right) => (left.file === right.file ? (left.line ?? 0) - (right.line ?? 0) : 0));
  return problems;
}

function checkApex(index: ZoneIndex, origin: Uint8Array, problems: ZoneProblem[], file: string): void {
  const records = index.nodes.get(index.apex)?.records ?? [];
  const line = records[0]?.line ?? 1;
  for (const type of [TYPE.SOA, TYPE.NS])
    if (!records.some((record) => record.type === type)) {
      const message = `the zone ${formatName(origin)} has no ${typeName(type)} at its apex`;
      problems.push({ file: records[0]?.file ?? file, line, message, severity: 'error' });
    }
}

const SINGLE: readonly number[] = [TYPE.SOA, TYPE.CNAME, TYPE.DNAME, TYPE.STEER];
const BESIDE_CNAME: readonly number[] = [TYPE.CNAME, TYPE.RRSIG, TYPE.NSEC];
const NOT_BESIDE_STEER: readonly number[] = [TYPE.A, TYPE.AAAA, TYPE.HTTPS, TYPE.CNAME];
const AT_CUT: readonly number[] = [TYPE.NS, TYPE.DS, TYPE.RRSIG, TYPE.NSEC, TYPE.NSEC3];
const GLUE: readonly number[] = [TYPE.A, TYPE.AAAA];

function checkNode(index: ZoneIndex, key: string, node: CheckedNode, note: Note): void {
  const firsts = new Map<number, ZoneRecord>();
  const name = formatName(node.owner);
  let several: Set<number> | undefined;
  let uneven: Set<number> | undefined;
  for (const record of node.records) {
    const first = firsts.get(record.type);
    if (first === undefined) {
      firsts.set(record.type, record);
      continue;
    }
    const single = SINGLE.includes(record.type) && !several?.has(record.type);
    if (single && !sameOctets(first.rdata, record.rdata)) {
      several = (several ?? new Set()).add(record.type);
      note(record, 'error', `${name} has more than one ${typeName(record.type)}`);
    }
    if (record.ttl === first.ttl || record.type === TYPE.RRSIG || uneven?.has(record.type)) continue;
    uneven = (uneven ?? new Set()).add(record.type);
    const both = `${first.ttl} and ${record.ttl}`;
    note(
      record,
      'warning',
      `${name} ${typeName(record.type)} has TTLs ${both}: the lowest is used (RFC 2181 §5.2)`,
    );
  }
  checkCompany(index, key, name, firsts, note);
  checkHidden(index, key, name, node, note);
}

function sameOctets(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((octet, i) => octet === right[i]);
}

/** Types that may not stand together at one owner. */
function checkCompany(
  index: ZoneIndex,
  key: string,
  name: string,
  firsts: ReadonlyMap<number, ZoneRecord>,
  note: Note,
): void {
  const soa = firsts.get(TYPE.SOA);
  if (soa !== undefined && key !== index.apex) note(soa, 'error', `SOA belongs at the apex, not at ${name}`);
  const steer = firsts.get(TYPE.STEER);
  if (steer !== undefined)
    for (const type of NOT_BESIDE_STEER)
      if (firsts.has(type))
        note(
          steer,
          'error',
          `${name} has STEER and ${typeName(type)}: the steered service makes the answers`,
        );
  const cname = firsts.get(TYPE.CNAME);
  const isOther = (type: number): boolean => !BESIDE_CNAME.includes(type) && type !== TYPE.STEER;
  const others = cname === undefined ? [] : [...firsts.keys()].filter(isOther);
  if (cname !== undefined && others.length > 0)
    note(cname, 'error', `${name} has CNAME and ${others.map(typeName).join(', ')} (RFC 1034 §3.6.2)`);
  const dname = firsts.get(TYPE.DNAME);
  if (dname !== undefined && firsts.has(TYPE.NS) && key !== index.apex)
    note(dname, 'error', `${name} has DNAME and NS below the apex (RFC 6672 §2.3)`);
  if (!key.startsWith('\u0001*')) return;
  for (const type of [TYPE.NS, TYPE.DNAME]) {
    const record = firsts.get(type);
    if (record !== undefined)
      note(record, 'error', `${name}: ${typeName(type)} at a wildcard has no meaning (RFC 4592 §4)`);
  }
}

/** Records below a DNAME or a zone cut. */
function checkHidden(index: ZoneIndex, key: string, name: string, node: CheckedNode, note: Note): void {
  if (index.cuts.size === 0 && index.renamed.size === 0) return;
  for (const above of keysUpToApex(index, key)) {
    const aboveName = formatName(index.nodes.get(above)?.owner ?? node.owner);
    if (above !== key && index.renamed.has(above)) {
      const record = node.records[0] as ZoneRecord;
      note(record, 'error', `${name} is below the DNAME at ${aboveName} (RFC 6672 §2.4)`);
      return;
    }
    if (!index.cuts.has(above)) continue;
    const allowed = above === key ? [...AT_CUT, ...GLUE] : GLUE;
    const hidden = node.records.find((record) => !allowed.includes(record.type));
    if (hidden === undefined) continue;
    const what = `${name} ${typeName(hidden.type)} is never answered`;
    note(hidden, 'warning', `${what}: ${aboveName} is delegated away`);
    return;
  }
}
