import { ADDITIONAL, RRSET, RRSET_FLAG } from '../zone/image.ts';
import type { AnswerContext } from './context.ts';
import { putRun, SECTION } from './message.ts';
import { trySignSet } from './proof.ts';

// What other modules export is loaded and checked at each use; constants of a module itself become part of
// its code.
const { ADDITIONAL: RRSET_FLAG_ADDITIONAL } = RRSET_FLAG;
const {
  A: ADDITIONAL_A,
  AAAA: ADDITIONAL_AAAA,
  NAME: ADDITIONAL_NAME,
  REQUIRED: ADDITIONAL_REQUIRED,
  WORDS: ADDITIONAL_WORDS,
} = ADDITIONAL;
const { ADDITIONAL: SECTION_ADDITIONAL } = SECTION;
const { RUN: RRSET_RUN } = RRSET;

/** How far a pointer reaches (RFC 1035 §4.1.4). */
const POINTER_MAX = 0x3fff;

/**
 * Puts addresses of what the RRset at `entry`, whose run was copied to `start`, names. Those that do not
 * fit are left out; only glue that a referral needs sets TC (RFC 9471).
 */
export function putAdditional(context: AnswerContext, entry: number, start: number): void {
  const { words } = context.zones;
  if (((words[entry] as number) & RRSET_FLAG_ADDITIONAL) === 0) return;
  const { block } = context.hit;
  const { message } = context;
  message.section = SECTION_ADDITIONAL;
  const run = block + ((words[entry + RRSET_RUN] as number) >>> 2);
  const list = block + ((words[run - 1] as number) >>> 2);
  let at = list + 1;
  for (let left = words[list] as number; left > 0; left--) {
    const owner = start + (words[at + ADDITIONAL_NAME] as number);
    const fits =
      putAddresses(context, owner, words[at + ADDITIONAL_A] as number) &&
      putAddresses(context, owner, words[at + ADDITIONAL_AAAA] as number);
    if (!fits && words[at + ADDITIONAL_REQUIRED] === 1) {
      context.outcome.truncated = true;
      return;
    }
    at += ADDITIONAL_WORDS;
  }
}

/** Puts one address RRset of the name that stands at `owner`; offset 0 is none. */
function putAddresses(context: AnswerContext, owner: number, offset: number): boolean {
  if (offset === 0) return true;
  // A name further back than pointers reach is one of hundreds: the addresses are left out.
  if (owner > POINTER_MAX) return false;
  const { block } = context.hit;
  const entry = block + (offset >>> 2);
  if (!putRun(context.message, context.zones.words, block, entry, owner)) return false;
  if (context.secure) trySignSet(context, entry, owner);
  return true;
}
