import { HEADER_SIZE } from '../wire/query.ts';
import type { AnswerContext } from './context.ts';

const HEADER = HEADER_SIZE;
const COUNTS_END = 12;
const TC = 0x02;
const AA = 0x04;
const RCODE_BITS = 0x0f;

/**
 * Makes the response that `answer` just wrote into `out` an empty one that says TC: whoever really asked asks
 * again over TCP, and nobody is sent more than was asked with. What OPT says stays. Its rcode is NOERROR, for
 * what is cut off says nothing (RFC 2181 §9). Returns the new length.
 */
export function cutToNothing({ query, message }: AnswerContext, out: Uint8Array, length: number): number {
  const end = query.questionEnd;
  const opt = message.at;
  // The header's counts: the question, and OPT.
  for (let at = HEADER - 6; at < COUNTS_END; at++) out[at] = 0;
  out[2] = ((out[2] as number) | TC) & ~AA;
  out[3] = (out[3] as number) & ~RCODE_BITS;
  if (length === opt) return end;
  out[HEADER - 1] = 1;
  for (let at = opt; at < length; at++) out[end + at - opt] = out[at] as number;
  return end + length - opt;
}
