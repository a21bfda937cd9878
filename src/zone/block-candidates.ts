import { TYPE } from '../wire/constants.ts';
import { alignTo, type BlockBuffer, putOctets, reserve, takeWords } from './block-buffer.ts';
import type { KindSignatures, SignedSet } from './candidates.ts';
import { CANDIDATES, SET_SLOT, SETS, setSlot } from './image.ts';
import { SIGNATURE_OCTETS } from './key.ts';
import { putHead } from './run.ts';

/** Octets of an RRSIG before its RDATA, and of padding, at most. */
const SLACK = 64;

/** Writes the signatures of candidates, of each key those of each kind; gives where they begin. */
export function writeCandidates(buffer: BlockBuffer, keys: readonly (readonly KindSignatures[])[]): number {
  const count = keys.flat().length;
  reserve(buffer, (1 + count * CANDIDATES.WORDS) * 4);
  const at = takeWords(buffer, 1 + count * CANDIDATES.WORDS);
  buffer.words[at] = keys.length;
  let to = at + 1;
  for (const { head, ttl, signatures, sets } of keys.flat()) {
    const octets = signatures.length * 4;
    reserve(buffer, octets + head.length + SLACK);
    if (head.length === 0) {
      to += CANDIDATES.WORDS;
      continue;
    }
    const headAt = buffer.at;
    // RDLENGTH is that of the whole.
    putHead(buffer, { type: TYPE.RRSIG, ttl, rdataOctets: head.length + SIGNATURE_OCTETS });
    putOctets(buffer, head);
    const headOctets = buffer.at - headAt;
    alignTo(buffer, 4);
    buffer.words[to + CANDIDATES.HEAD] = headAt;
    buffer.words[to + CANDIDATES.OCTETS] = headOctets;
    buffer.words[to + CANDIDATES.SIGNATURES] = buffer.at;
    buffer.words.set(signatures, buffer.at >> 2);
    buffer.at += octets;
    const setsAt = sets.length === 0 ? 0 : writeSets(buffer, sets);
    buffer.words[to + CANDIDATES.SETS] = setsAt;
    to += CANDIDATES.WORDS;
  }
  return at * 4;
}

/** Writes the signatures over sets of links, to be found by the links' bits. */
function writeSets(buffer: BlockBuffer, sets: readonly SignedSet[]): number {
  const members = [...new Set(sets.flatMap(({ links }) => links))];
  let slots = 4;
  while (slots * 3 < sets.length * 4) slots *= 2;
  const octets = sets.reduce((sum, { signature }) => sum + signature.length * 4, 0);
  const words = SETS.WORDS + members.length + slots * SET_SLOT.WORDS;
  reserve(buffer, words * 4 + octets);
  const at = takeWords(buffer, words);
  buffer.words[at + SETS.MEMBERS] = members.length;
  buffer.words[at + SETS.SLOTS] = slots;
  buffer.words.set(members, at + SETS.WORDS);
  const first = at + SETS.WORDS + members.length;
  for (const { links, signature } of sets) {
    const mask = links.reduce((bits, link) => bits | (1 << members.indexOf(link)), 0);
    let slot = setSlot(mask, slots);
    while (buffer.words[first + slot * SET_SLOT.WORDS] !== 0) slot = (slot + 1) & (slots - 1);
    buffer.words[first + slot * SET_SLOT.WORDS + SET_SLOT.MASK] = mask;
    buffer.words[first + slot * SET_SLOT.WORDS + SET_SLOT.SIGNATURE] = buffer.at;
    buffer.words.set(signature, buffer.at >> 2);
    buffer.at += signature.length * 4;
  }
  return at * 4;
}
