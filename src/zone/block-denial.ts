import type { Problem } from '../base/errors.ts';
import { TYPE } from '../wire/constants.ts';
import { emptyNameView, readWireName } from '../wire/name-view.ts';
import { alignTo, type BlockBuffer, putOctets, reserve, takeWords } from './block-buffer.ts';
import { writeCandidates } from './block-candidates.ts';
import type { SteeredSignatures } from './candidates.ts';
import type { Placed } from './chain-parts.ts';
import { findInDraft, type ZoneDraft } from './draft.ts';
import { DENIAL, LINKS, NODE, SIGNATURES } from './image.ts';
import { nsecChain } from './nsec-chain.ts';
import { nsec3Chain } from './nsec3-chain.ts';
import type { ZoneRecord } from './record.ts';
import { putHead } from './run.ts';
import type { SecuredZone, SignedDenial } from './secured.ts';

/**
 * What a block of a signed zone has besides: signatures behind runs, the chain of denials, at each node the
 * denials that an answer about it needs, and the signatures of candidates of steered names.
 */

/** Octets of an RRSIG before its RDATA, and of padding, at most. */
const SLACK = 64;
const view = emptyNameView();

/** Writes RRSIGs as in a run, with this TTL. Gives where they begin: `SIGNATURES` words, then octets. */
export function putSignatures(buffer: BlockBuffer, records: readonly ZoneRecord[], ttl: number): number {
  reserve(buffer, SLACK);
  const at = takeWords(buffer, SIGNATURES.WORDS);
  const start = buffer.at;
  for (const { type, rdata } of records) {
    reserve(buffer, rdata.length + SLACK);
    putHead(buffer, { type, ttl, rdataOctets: rdata.length });
    putOctets(buffer, rdata);
  }
  buffer.words[at + SIGNATURES.COUNT] = records.length;
  buffer.words[at + SIGNATURES.OCTETS] = buffer.at - start;
  alignTo(buffer, 4);
  return at * 4;
}

/** Adds the chain, and to each node's links what it needs of it. */
export function addChain(
  buffer: BlockBuffer,
  draft: ZoneDraft,
  secured: SecuredZone,
  placed: Placed,
  problems: Problem[],
): void {
  const apexOctets = (draft.sizes[0] as number) & 0xff;
  const write = ({ record, signatures }: SignedDenial): number =>
    putDenial(buffer, record, signatures, apexOctets);
  const chain = { buffer, draft, secured, placed, problems, write };
  const denials = secured.kind === 'nsec' ? nsecChain(chain) : nsec3Chain(chain);
  if (denials === undefined) return;
  const { words } = buffer;
  for (let node = 0; node < draft.nodeCount; node++) {
    const links = linksOf(words, placed.places[node] as number);
    words[links + LINKS.DENIAL] = denials.own[node] as number;
    words[links + LINKS.NO_WILDCARD] = denials.noWildcard[node] as number;
  }
  for (const denial of secured.lacking) {
    const node = denials.lackingNode(denial.record);
    const at = write(denial);
    if (node >= 0) buffer.words[linksOf(buffer.words, placed.places[node] as number) + LINKS.LACKING] = at;
  }
  addCandidates(buffer, draft, secured.steered, placed);
}

function putDenial(
  buffer: BlockBuffer,
  record: ZoneRecord,
  signatures: readonly ZoneRecord[],
  apexOctets: number,
): number {
  const { owner, rdata, ttl, type } = record;
  const labels = owner.length - apexOctets;
  let room = owner.length + rdata.length + SLACK * 2;
  for (const signature of signatures) room += signature.rdata.length + SLACK;
  reserve(buffer, room);
  alignTo(buffer, 4);
  const at = takeWords(buffer, DENIAL.WORDS);
  const start = buffer.at;
  putOctets(buffer, owner, 0, labels);
  putHead(buffer, { type, ttl, rdataOctets: rdata.length });
  putOctets(buffer, rdata);
  const { words } = buffer;
  words[at + DENIAL.OWNER] = labels;
  words[at + DENIAL.RECORD] = buffer.at - start;
  for (const signature of signatures) {
    putHead(buffer, { type: TYPE.RRSIG, ttl, rdataOctets: signature.rdata.length });
    putOctets(buffer, signature.rdata);
  }
  words[at + DENIAL.OCTETS] = buffer.at - start;
  words[at + DENIAL.SIGNATURES] = signatures.length;
  alignTo(buffer, 4);
  return at * 4;
}

function addCandidates(
  buffer: BlockBuffer,
  draft: ZoneDraft,
  steered: readonly SteeredSignatures[],
  { places }: Placed,
): void {
  const byNode = new Map<number, SteeredSignatures[]>();
  for (const one of steered) {
    readWireName(view, one.owner, 0);
    const node = findInDraft(draft, view, 0);
    byNode.set(node, [...(byNode.get(node) ?? []), one]);
  }
  for (const [node, sets] of byNode) {
    const at = writeCandidates(
      buffer,
      sets.map(({ kinds }) => kinds),
    );
    buffer.words[linksOf(buffer.words, places[node] as number) + LINKS.CANDIDATES] = at;
  }
}

function linksOf(words: Int32Array, place: number): number {
  return (words[place + NODE.LINKS] as number) >> 2;
}
