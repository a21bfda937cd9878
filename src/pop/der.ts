/**
 * ASN.1 values in DER (ITU-T X.690), as much of it as certificates need. Each function returns one encoded
 * value. Text and numbers come from this program, never from a peer: what cannot be encoded is a programmer's
 * error.
 */

import { assert } from '../base/assert.ts';

type Octets = Uint8Array;

const TAG_SEQUENCE = 0x30;
const TAG_SET = 0x31;

/** A value of any tag with the contents given. */
export function tagged(tag: number, ...contents: readonly Octets[]): Buffer {
  const body = Buffer.concat(contents);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  assert(body.length < 0x10000, 'a DER value here is shorter than 64 KiB');
  const head =
    body.length < 0x100 ? [tag, 0x81, body.length] : [tag, 0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from(head), body]);
}

/** SEQUENCE. */
export function sequence(...members: readonly Octets[]): Buffer {
  return tagged(TAG_SEQUENCE, ...members);
}

/** SET of one member. */
export function setOf(member: Octets): Buffer {
  return tagged(TAG_SET, member);
}

/** BOOLEAN TRUE. */
export function derTrue(): Buffer {
  return tagged(0x01, Buffer.of(0xff));
}

/** INTEGER, non-negative, from big-endian octets. */
export function integer(...octets: readonly number[]): Buffer {
  let start = 0;
  while (start < octets.length - 1 && octets[start] === 0) start++;
  const body = octets.slice(start);
  return tagged(0x02, Buffer.from((body[0] ?? 0) > 0x7f ? [0, ...body] : body));
}

/** BIT STRING whose last `unusedBits` bits do not count. */
export function bitString(octets: Octets, unusedBits = 0): Buffer {
  return tagged(0x03, Buffer.of(unusedBits), octets);
}

/** OCTET STRING. */
export function octetString(octets: Octets): Buffer {
  return tagged(0x04, octets);
}

/** OBJECT IDENTIFIER from dotted decimals. */
export function objectIdentifier(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const octets = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    octets.push(...groups);
  }
  return tagged(0x06, Buffer.from(octets));
}

/** UTF8String. */
export function utf8String(text: string): Buffer {
  return tagged(0x0c, Buffer.from(text, 'utf8'));
}

/** Time to the second as RFC 5280 §4.1.2.5 wants it: UTCTime before 2050, else GeneralizedTime. */
export function time(atMs: number): Buffer {
  const digits = new Date(atMs).toISOString().replace(/\.\d+/, '').replace(/[-:T]/g, '');
  if (Number(digits.slice(0, 4)) < 2050) return tagged(0x17, Buffer.from(digits.slice(2), 'latin1'));
  return tagged(0x18, Buffer.from(digits, 'latin1'));
}

/** GeneralizedTime to the second (RFC 5280 §4.1.2.5.2): what OCSP has. */
export function generalizedTime(atMs: number): Buffer {
  const digits = new Date(atMs).toISOString().replace(/\.\d+/, '').replace(/[-:T]/g, '');
  return tagged(0x18, Buffer.from(digits, 'latin1'));
}

/** ENUMERATED of one octet. */
export function enumerated(value: number): Buffer {
  return tagged(0x0a, Buffer.of(value));
}

/** NULL. */
export function derNull(): Buffer {
  return tagged(0x05);
}

/** Context-specific tag around complete values (EXPLICIT, or IMPLICIT of a constructed type). */
export function context(number: number, ...contents: readonly Octets[]): Buffer {
  return tagged(0xa0 | number, ...contents);
}

/** Context-specific tag on the contents of a primitive value (IMPLICIT). */
export function contextPrimitive(number: number, contents: Octets): Buffer {
  return tagged(0x80 | number, contents);
}
