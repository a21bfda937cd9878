import { TYPE } from '../wire/constants.ts';
import { lowerName } from '../wire/name.ts';
import { emptyNameView, readWireName } from '../wire/name-view.ts';
import {
  type CandidateSource,
  type FilledSignatures,
  type SteeredSignatures,
  signCandidates,
  signFilled,
} from './candidates.ts';
import { addDenials } from './denial.ts';
import { createDraft, fillDraft, findInDraft, ownerOf, recordsOf, type ZoneDraft } from './draft.ts';
import { serviceName } from './draft-check.ts';
import { emptyHints, hintedName } from './hints.ts';
import { dsRdata, isEntryPoint } from './key.ts';
import type { ZoneRecord } from './record.ts';
import type { Signing } from './rrsig.ts';
import { coveredBy } from './secured.ts';
import { addSignatures, makeRecord, type SigningPlan, type ZoneInHand } from './zone-in-hand.ts';

/** A zone, signed. */
export interface SignedZone {
  /** All records, those made by signing among them; of each RRset with the least of its TTLs. */
  readonly records: readonly ZoneRecord[];
  /** Signatures of what is chosen for each client, one for each STEER record. */
  readonly steered: readonly SteeredSignatures[];
  /** Signatures of RRsets whose hints are filled for each client. */
  readonly filled: readonly FilledSignatures[];
  /** Denials of steered names without the types that only some clients get; and their signatures. */
  readonly lacking: readonly ZoneRecord[];
}

/** What signing makes itself, so that what a file has of it is left out. */
const MADE_TYPES: readonly number[] = [TYPE.RRSIG, TYPE.NSEC, TYPE.NSEC3, TYPE.NSEC3PARAM];

/** Signs a zone whose records were checked (RFC 4035 §2). Allocates, and takes its time. */
export function signZone(
  origin: Uint8Array,
  records: readonly ZoneRecord[],
  plan: SigningPlan,
  signing: Signing,
): SignedZone {
  const draft = createDraft();
  const own = records.filter(({ type }) => !MADE_TYPES.includes(type));
  const plain = [...own, ...keyRecords(origin, plan, signing)];
  fillDraft(draft, origin, plan.serial === undefined ? plain : renumber(plain, plan.serial));
  const zone: ZoneInHand = {
    origin: lowerName(origin),
    plan,
    signing,
    records: [],
    lacking: [],
    steered: [],
    filled: [],
    nodes: [],
  };
  const hidden = new Uint8Array(draft.nodeCount);
  for (let node = 0; node < draft.nodeCount; node++) signNode(zone, draft, node, hidden);
  addDenials(zone, negativeTtl(draft));
  const { records: all, steered, filled, lacking } = zone;
  return { records: all, steered, filled, lacking };
}

const indexes: number[] = [];
const view = emptyNameView();

function signNode(zone: ZoneInHand, draft: ZoneDraft, node: number, hidden: Uint8Array): void {
  recordsOf(draft, node, indexes);
  const here = indexes.map((index) => draft.records[index] as ZoneRecord);
  const parent = draft.parents[node] as number;
  const types = new Set(here.map(({ type }) => type));
  const isCut = node > 0 && types.has(TYPE.NS);
  const isHidden = node > 0 && ((hidden[parent] as number) & HIDES) !== 0;
  hidden[node] = isHidden || isCut || types.has(TYPE.DNAME) ? HIDES : 0;
  const owner = ownerOf(draft, node);
  const signedTypes: number[] = [];
  for (const type of types) {
    const rrset = here.filter((record) => record.type === type);
    const ttl = Math.min(...rrset.map((record) => record.ttl));
    for (const record of rrset) zone.records.push(record.ttl === ttl ? record : { ...record, ttl });
    if (isHidden || type === TYPE.STEER || (isCut && type !== TYPE.DS)) continue;
    signedTypes.push(type);
    const rdatas = rrset.map(({ rdata }) => rdata);
    const hinted = rrset.find((record) => emptyHints(record) !== 0);
    if (hinted !== undefined) signHinted(zone, draft, hinted, { ttl, rdatas });
    else addSignatures(zone, zone.records, { owner, type, ttl }, rdatas);
  }
  if (isHidden) return;
  const steer = here.find(({ type }) => type === TYPE.STEER);
  const steered = steer === undefined ? undefined : signSteer(zone, steer);
  zone.nodes.push({
    owner,
    types: isCut ? [TYPE.NS, ...signedTypes] : [...new Set([...signedTypes, ...(steered?.types ?? [])])],
    isSigned: signedTypes.length > 0 || steered !== undefined,
    partial: steered?.partial ?? [],
  });
}

const HIDES = 1;

function signSteer(zone: ZoneInHand, steer: ZoneRecord): CandidateSource['kinds'] | undefined {
  const source = zone.plan.services.get(serviceName(steer));
  if (source === undefined) return undefined;
  for (const { key, signsData } of zone.plan.keys)
    if (signsData) zone.steered.push(signCandidates({ ...zone, key }, steer, source));
  return source.kinds;
}

/** Signs an RRset whose hints are filled from a steered name; of another it is not answered. */
function signHinted(
  zone: ZoneInHand,
  draft: ZoneDraft,
  hinted: ZoneRecord,
  { ttl, rdatas }: { readonly ttl: number; readonly rdatas: readonly Uint8Array[] },
): void {
  readWireName(view, hintedName(hinted), 0);
  const node = findInDraft(draft, view, 0);
  for (let i = node < 0 ? -1 : (draft.firsts[node] as number); i >= 0; i = draft.nexts[i] as number) {
    const record = draft.records[i] as ZoneRecord;
    const source = record.type === TYPE.STEER ? zone.plan.services.get(serviceName(record)) : undefined;
    if (source === undefined) continue;
    const rrset = { owner: hinted.owner, type: hinted.type, ttl };
    for (const { key, signsData } of zone.plan.keys)
      if (signsData) zone.filled.push(signFilled({ ...zone, key }, rrset, rdatas, source));
  }
}

/** DNSKEY, CDS and CDNSKEY of the plan. */
function keyRecords(origin: Uint8Array, plan: SigningPlan, { sha256 }: Signing): ZoneRecord[] {
  const made: ZoneRecord[] = [];
  const add = (type: number, rdata: Uint8Array, ttl = plan.keyTtlS): void =>
    makeRecord(made, { owner: origin, type, ttl }, rdata);
  for (const { key, isPublished, isWanted } of plan.keys) {
    if (isPublished) add(TYPE.DNSKEY, key.rdata);
    if (!isWanted || !isEntryPoint(key)) continue;
    add(TYPE.CDS, dsRdata(origin, key, sha256));
    add(TYPE.CDNSKEY, key.rdata);
  }
  if (plan.denial === 'nsec3') add(TYPE.NSEC3PARAM, Uint8Array.of(1, 0, 0, 0, 0), 0);
  return made;
}

/** The signed zone with the plan's serial: SOA and its signatures are made anew. */
export function withSerial(
  origin: Uint8Array,
  signed: SignedZone,
  plan: SigningPlan,
  signing: Signing,
): SignedZone {
  const rest = signed.records.filter((record) => coveredBy(record) !== TYPE.SOA);
  const records = renumber(rest, plan.serial ?? 0);
  const soa = records.find(({ type }) => type === TYPE.SOA);
  if (soa === undefined) return signed;
  const zone = { origin: lowerName(origin), plan, signing };
  addSignatures(zone, records, soa, [soa.rdata]);
  return { ...signed, records };
}

function renumber(records: readonly ZoneRecord[], serial: number): ZoneRecord[] {
  return records.map((record) => {
    if (record.type !== TYPE.SOA) return record;
    const rdata = Uint8Array.from(record.rdata);
    new DataView(rdata.buffer).setUint32(rdata.length - 20, serial);
    return { ...record, rdata };
  });
}

/** TTL of denials: the lesser of the SOA's and its MINIMUM (RFC 9077). */
function negativeTtl(draft: ZoneDraft): number {
  recordsOf(draft, 0, indexes);
  const soa = indexes
    .map((index) => draft.records[index] as ZoneRecord)
    .find(({ type }) => type === TYPE.SOA);
  if (soa === undefined) return 0;
  const { rdata, ttl } = soa;
  return Math.min(ttl, new DataView(rdata.buffer, rdata.byteOffset).getUint32(rdata.length - 4));
}
