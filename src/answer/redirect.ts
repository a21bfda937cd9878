import { TYPE } from '../wire/constants.ts';
import { NAME_MAX } from '../wire/name.ts';
import { octetsBefore } from '../wire/name-view.ts';
import { NODE, RECORD_HEAD, RRSET } from '../zone/image.ts';
import { rrsetOf } from '../zone/image-find.ts';
import { type AnswerContext, OUTCOME } from './context.ts';
import { goOnWith, SECTION, spell, suffixAt } from './message.ts';
import { putNeeded } from './proof.ts';

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const { ANSWER: SECTION_ANSWER } = SECTION;
const { FAILED: OUTCOME_FAILED } = OUTCOME;
const { OCTETS: RRSET_OCTETS, RUN: RRSET_RUN } = RRSET;
const { CNAME: TYPE_CNAME, DNAME: TYPE_DNAME } = TYPE;
const { NAME: NODE_NAME } = NODE;
const NAME_LIMIT = NAME_MAX;
const HEAD = RECORD_HEAD;

/** How far a pointer reaches, and what tells one (RFC 1035 §4.1.4). */
const POINTER_MAX = 0x3fff;
const POINTERS = 0xc000;

/**
 * Puts the DNAME and the CNAME that follows from it for the name (RFC 6672 §3.1), and goes on to its target.
 * False ends the chain.
 */
export function redirect(context: AnswerContext, node: number): boolean {
  const { message, outcome, zones, hit } = context;
  const { words, octets } = zones;
  const { name, out, spelt } = message;
  const nameWord = words[node + NODE_NAME] as number;
  const kept = octetsBefore(name, name.labels - ((nameWord >>> 8) & 0xff));
  const entry = rrsetOf(words, node, TYPE_DNAME);
  const target = message.at + HEAD;
  const isNew = !isRedirected(context, entry);
  if (isNew && !putNeeded(context, entry, suffixAt(message, nameWord & 0xff))) return false;
  const run = hit.block * 4 + (words[entry + RRSET_RUN] as number);
  const length = kept + (words[entry + RRSET_OCTETS] as number) - HEAD;
  if (length > NAME_LIMIT) {
    outcome.kind = OUTCOME_FAILED;
    return false;
  }
  // The end of the new name stands in the DNAME that was just put: a pointer takes less.
  const points = isNew && target <= POINTER_MAX;
  const size = points ? kept + 2 : length;
  const start = message.at;
  if (start + HEAD + size > message.limit) {
    outcome.truncated = true;
    return false;
  }
  spell(message);
  out.setInt32(start, ((POINTERS | message.nameAt) << 16) | TYPE_CNAME);
  // CLASS and TTL are those of the DNAME.
  for (let i = 4; i < 10; i++) out.setUint8(start + i, octets[run + i] as number);
  out.setUint16(start + 10, size);
  for (let i = 0; i < kept; i++) out.setUint8(start + HEAD + i, spelt[i] as number);
  if (points) out.setUint16(start + HEAD + kept, POINTERS | target);
  else
    for (let i = kept; i < length; i++)
      out.setUint8(start + HEAD + i, octets[run + HEAD + i - kept] as number);
  message.at = start + HEAD + size;
  message.counts[SECTION_ANSWER] = (message.counts[SECTION_ANSWER] as number) + 1;
  goOnWith(message, start + HEAD);
  return true;
}

/** Whether the response has this DNAME already; notes that it soon has. */
function isRedirected(context: AnswerContext, entry: number): boolean {
  const { redirects } = context;
  for (let i = 0; i < context.redirectCount; i++) if (redirects[i] === entry) return true;
  redirects[context.redirectCount++] = entry;
  return false;
}
