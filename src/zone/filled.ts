import type { Problem } from '../base/errors.ts';
import { typeName } from '../wire/constants.ts';
import { formatName } from '../wire/name.ts';
import { emptyNameView, readWireName } from '../wire/name-view.ts';
import { alignTo, type BlockBuffer, putOctets, reserve, takeWords } from './block-buffer.ts';
import { writeCandidates } from './block-candidates.ts';
import type { FilledSignatures } from './candidates.ts';
import { findInDraft, type ZoneDraft } from './draft.ts';
import { serviceName } from './draft-check.ts';
import { emptyHints, fillHints, HINT, hintedName } from './hints.ts';
import { FILLED, FORM, GAP_IPV6, RECORD_HEAD, RRSET, RRSET_FLAG } from './image.ts';
import type { ZoneRecord } from './record.ts';
import { putHead } from './run.ts';
import { nameKey } from './secured.ts';

/** An RRset with hints to be filled for each client. */
export interface HintedSet {
  /** Word of its entry. */
  readonly entry: number;
  readonly records: readonly ZoneRecord[];
  /** Seconds. */
  readonly ttl: number;
}

/** What is known of the zone whose block is written. */
interface Making {
  readonly draft: ZoneDraft;
  readonly services: readonly string[];
  readonly problems: Problem[];
  /** By node: its STEER record. */
  readonly steers: ReadonlyMap<number, ZoneRecord>;
  readonly hinted: readonly HintedSet[];
  readonly filled: readonly FilledSignatures[];
}

/** Octets of padding, at most. */
const SLACK = 64;
const view = emptyNameView();

/**
 * Writes with each of these RRsets the forms in which it is answered, for links with addresses of both
 * families, of one, and of none, with gaps where the addresses go, and the signatures over them.
 */
export function addFilled(buffer: BlockBuffer, making: Making): void {
  for (const set of making.hinted) {
    const [first] = set.records as [ZoneRecord];
    const services = new Set(
      set.records.filter((one) => emptyHints(one) !== 0).map((one) => serviceOf(making, one)),
    );
    const [service] = services;
    if (services.size !== 1 || service === undefined) {
      const what = `${formatName(first.owner)} ${typeName(first.type)}`;
      const message =
        services.size > 1
          ? `${what}: hints "auto" of one name and type are filled from one service`
          : `${what} has a hint "auto", but its target is not steered`;
      making.problems.push({ file: first.file, line: first.line, message });
      continue;
    }
    writeForms(buffer, set, making.services.indexOf(service));
    const own = making.filled.filter(
      ({ owner, type }) => type === first.type && nameKey(owner) === nameKey(first.owner),
    );
    if (own.length === 0) continue;
    const at = writeCandidates(
      buffer,
      own.map(({ kind }) => [kind]),
    );
    buffer.words[formsOf(buffer, set.entry) + FILLED.CANDIDATES] = at;
  }
}

function serviceOf({ draft, steers }: Making, record: ZoneRecord): string | undefined {
  readWireName(view, hintedName(record), 0);
  const steer = steers.get(findInDraft(draft, view, 0));
  return steer && serviceName(steer);
}

/** The word at which an RRset's forms begin. */
function formsOf({ words }: BlockBuffer, entry: number): number {
  return (words[((words[entry + RRSET.RUN] as number) >> 2) - 2] as number) >> 2;
}

function writeForms(buffer: BlockBuffer, { entry, records, ttl }: HintedSet, serviceIndex: number): void {
  const words = FILLED.WORDS + FILLED.FORMS * FORM.WORDS;
  reserve(buffer, words * 4);
  const at = takeWords(buffer, words);
  buffer.words[entry] = (buffer.words[entry] as number) | RRSET_FLAG.FILLED;
  buffer.words[((buffer.words[entry + RRSET.RUN] as number) >> 2) - 2] = at * 4;
  buffer.words[at + FILLED.SERVICE] = serviceIndex;
  buffer.words[at + FILLED.TTL] = ttl;
  for (let families = 0; families < FILLED.FORMS; families++) {
    const form = at + FILLED.WORDS + families * FORM.WORDS;
    const gaps: number[] = [];
    const start = buffer.at;
    for (const { type, rdata: empty } of records) {
      const ipv4 = new Uint8Array((families & HINT.IPV4) !== 0 ? 4 : 0);
      const ipv6 = new Uint8Array((families & HINT.IPV6) !== 0 ? 16 : 0);
      const { rdata, ipv4At, ipv6At } = fillHints(empty, ipv4, ipv6);
      reserve(buffer, rdata.length + SLACK);
      const rdataAt = buffer.at - start + RECORD_HEAD;
      if (ipv4At >= 0) gaps.push(rdataAt + ipv4At);
      if (ipv6At >= 0) gaps.push((rdataAt + ipv6At) | GAP_IPV6);
      putHead(buffer, { type, ttl, rdataOctets: rdata.length });
      putOctets(buffer, rdata);
    }
    const octets = buffer.at - start;
    reserve(buffer, (gaps.length + 1) * 4 + SLACK);
    alignTo(buffer, 4);
    const list = takeWords(buffer, gaps.length + 1);
    buffer.words[list] = gaps.length;
    buffer.words.set(gaps, list + 1);
    buffer.words[form + FORM.RUN] = start;
    buffer.words[form + FORM.OCTETS] = octets;
    buffer.words[form + FORM.GAPS] = list * 4;
  }
}
