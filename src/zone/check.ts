import { TYPE, typeName } from '../wire/constants.ts';
import { formatName } from '../wire/name.ts';
import type { Note, ZoneIndex } from './check-index.ts';
import { indexZone, nameOf, recordsAt, STANDS, upwards } from './check-index.ts';
import { checkTarget } from './check-target.ts';
import { emptyDraft, isWildcardNode } from './draft.ts';
import type { ZoneProblem } from './problem.ts';
import type { ZoneRecord } from './record.ts';

/** Problems reported at most; the rest are cut off, the last one says so. */
const PROBLEMS_MAX = 1000;
/** Highest TTL: 31 bits (RFC 2181 §8). */
const TTL_MAX = 0x7fff_ffff;

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
  const index = indexZone(records, origin);
  const { draft } = index;
  for (const record of records)
    if (record.ttl > TTL_MAX) note(record, 'error', `TTL ${record.ttl} is over ${TTL_MAX} (RFC 2181 §8)`);
  for (const at of draft.outside) {
    const record = records[at] as ZoneRecord;
    note(record, 'error', `${formatName(record.owner)} is outside the zone ${formatName(origin)}`);
  }
  checkApex(index, origin, problems, records[0]?.file ?? formatName(origin));
  for (let node = 0; node < draft.nodeCount; node++) {
    checkNode(index, node, note);
    for (let i = draft.firsts[node] as number; i >= 0; i = draft.nexts[i] as number)
      checkTarget(index, node, records[i] as ZoneRecord, note);
  }
  emptyDraft(draft);
  problems.sort((left, right) => (left.file === right.file ? (left.line ?? 0) - (right.line ?? 0) : 0));
  return problems;
}

function checkApex(index: ZoneIndex, origin: Uint8Array, problems: ZoneProblem[], file: string): void {
  const records = recordsAt(index, 0);
  const line = records[0]?.line ?? 1;
  for (const type of [TYPE.SOA, TYPE.NS])
    if (!records.some((record) => record.type === type)) {
      const message = `the zone ${formatName(origin)} has no ${typeName(type)} at its apex`;
      problems.push({ file: records[0]?.file ?? file, line, message, severity: 'error' });
    }
}

const SINGLE: readonly number[] = [TYPE.SOA, TYPE.CNAME, TYPE.DNAME, TYPE.STEER];
const BESIDE_CNAME: readonly number[] = [TYPE.CNAME, TYPE.RRSIG, TYPE.NSEC];
const NOT_BESIDE_STEER: readonly number[] = [TYPE.A, TYPE.AAAA, TYPE.CNAME];
const AT_CUT: readonly number[] = [TYPE.NS, TYPE.DS, TYPE.RRSIG, TYPE.NSEC, TYPE.NSEC3];
const GLUE: readonly number[] = [TYPE.A, TYPE.AAAA];

/** Types that need no check where they are alone at their owner. */
const HARMLESS: readonly number[] = [TYPE.A, TYPE.AAAA, TYPE.CNAME, TYPE.MX, TYPE.TXT, TYPE.PTR, TYPE.SRV];

function checkNode(index: ZoneIndex, node: number, note: Note): void {
  const { firsts: heads, lasts, records: all } = index.draft;
  const head = heads[node] as number;
  if (head < 0) return;
  if (head === lasts[node] && !index.hides && HARMLESS.includes((all[head] as ZoneRecord).type)) return;
  const firsts = new Map<number, ZoneRecord>();
  const records = recordsAt(index, node);
  const name = formatName(nameOf(index, node));
  let several: Set<number> | undefined;
  let uneven: Set<number> | undefined;
  for (const record of records) {
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
  checkCompany({ atApex: node === 0, isWildcard: isWildcardNode(index.draft, node), name }, firsts, note);
  if (index.hides) checkHidden(index, node, { name, records }, note);
}

function sameOctets(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((octet, i) => octet === right[i]);
}

/** Types that may not stand together at one owner. */
function checkCompany(
  owner: { readonly atApex: boolean; readonly isWildcard: boolean; readonly name: string },
  firsts: ReadonlyMap<number, ZoneRecord>,
  note: Note,
): void {
  const { atApex, name } = owner;
  const soa = firsts.get(TYPE.SOA);
  if (soa !== undefined && !atApex) note(soa, 'error', `SOA belongs at the apex, not at ${name}`);
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
  if (dname !== undefined && firsts.has(TYPE.NS) && !atApex)
    note(dname, 'error', `${name} has DNAME and NS below the apex (RFC 6672 §2.3)`);
  if (!owner.isWildcard) return;
  for (const type of [TYPE.NS, TYPE.DNAME]) {
    const record = firsts.get(type);
    if (record !== undefined)
      note(record, 'error', `${name}: ${typeName(type)} at a wildcard has no meaning (RFC 4592 §4)`);
  }
}

/** Records below a DNAME or a zone cut. */
function checkHidden(
  index: ZoneIndex,
  node: number,
  owner: { readonly name: string; readonly records: readonly ZoneRecord[] },
  note: Note,
): void {
  const { name, records } = owner;
  for (const above of upwards(index, node)) {
    const bits = index.stands[above] as number;
    const aboveName = formatName(nameOf(index, above));
    if (above !== node && (bits & STANDS.DNAME) !== 0) {
      const record = records[0] as ZoneRecord;
      note(record, 'error', `${name} is below the DNAME at ${aboveName} (RFC 6672 §2.4)`);
      return;
    }
    if ((bits & STANDS.CUT) === 0) continue;
    const allowed = above === node ? [...AT_CUT, ...GLUE] : GLUE;
    const hidden = records.find((record) => !allowed.includes(record.type));
    if (hidden === undefined) continue;
    const what = `${name} ${typeName(hidden.type)} is never answered`;
    note(hidden, 'warning', `${what}: ${aboveName} is delegated away`);
    return;
  }
}
