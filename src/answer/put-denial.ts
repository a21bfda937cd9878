import { type BlockMemory, DENIAL } from '../zone/image.ts';
import { addCount, copyWords, type Message, patchOwners } from './message.ts';

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const {
  OCTETS: DENIAL_OCTETS,
  OWNER: DENIAL_OWNER,
  RECORD: DENIAL_RECORD,
  SIGNATURES: DENIAL_SIGNATURES,
  WORDS: DENIAL_WORDS,
} = DENIAL;

/** How far a pointer reaches, and what tells one (RFC 1035 §4.1.4). */
const POINTER_MAX = 0x3fff;
const POINTERS = 0xc000;

/**
 * Puts the denial that begins at a word, the name of the zone's apex being at `apexAt`; its RRSIGs only if
 * `signed`. False if it does not fit.
 */
export function putDenial(
  message: Message,
  words: Int32Array,
  from: number,
  apexAt: number,
  signed: boolean,
): boolean {
  const { out, at: start } = message;
  const record = words[from + DENIAL_RECORD] as number;
  const end = start + (signed ? (words[from + DENIAL_OCTETS] as number) : record);
  if (end > message.limit || start > POINTER_MAX) return false;
  copyWords(out, start, end, words, from + DENIAL_WORDS);
  message.at = end;
  const labels = words[from + DENIAL_OWNER] as number;
  out.setUint16(start + labels, POINTERS | apexAt);
  addCount(message, 1);
  if (!signed) return true;
  const count = words[from + DENIAL_SIGNATURES] as number;
  patchOwners(out, start + record, count, labels === 0 ? apexAt : start);
  addCount(message, count);
  return true;
}

/**
 * As `putDenial`, of a wildcard's NSEC in place of the name that stands at `ownerAt`. Rare: copies octet by
 * octet.
 */
export function putExpandedDenial(
  message: Message,
  { words, octets }: BlockMemory,
  from: number,
  ownerAt: number,
  signed: boolean,
): boolean {
  const { out, at: start } = message;
  const labels = words[from + DENIAL_OWNER] as number;
  const end = start - labels + (words[from + (signed ? DENIAL_OCTETS : DENIAL_RECORD)] as number);
  if (end > message.limit) return false;
  let next = (from + DENIAL_WORDS) * 4 + labels;
  for (let at = start; at < end; at++) out.setUint8(at, octets[next++] as number);
  message.at = end;
  const count = signed ? 1 + (words[from + DENIAL_SIGNATURES] as number) : 1;
  patchOwners(out, start, count, ownerAt);
  addCount(message, count);
  return true;
}
