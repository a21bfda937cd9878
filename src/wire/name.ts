import { quote } from './presentation.ts';

/** Longest name in octets, root label included (RFC 1035 §2.3.4). */
export const NAME_MAX = 255;
/** Longest label in octets. */
const LABEL_MAX = 63;
/** The root name. */
export const ROOT_NAME: Uint8Array = Uint8Array.of(0);

/** Lower case of one octet, ASCII only (RFC 4343 §3). */
export function lowerOctet(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
}

/** A copy of the wire name in lower case. Length octets are at most 63, so they never look like letters. */
export function lowerName(name: Uint8Array): Uint8Array {
  return name.map(lowerOctet);
}

/** Whether two uncompressed wire names are equal without regard to ASCII case (RFC 4343). */
export function namesEqual(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++)
    if (lowerOctet(left[i] as number) !== lowerOctet(right[i] as number)) return false;
  return true;
}

/** Presentation form, absolute, with the escapes of RFC 1035 §5.1 (`\.`, `\DDD`). */
export function formatName(name: Uint8Array): string {
  if (name[0] === 0) return '.';
  let text = '';
  for (let at = 0; name[at] !== 0 && at < name.length; ) {
    const end = at + 1 + (name[at] as number);
    for (at++; at < end; at++) text += formatOctet(name[at] as number);
    text += '.';
  }
  return text;
}

function formatOctet(octet: number): string {
  if (octet < 0x21 || octet > 0x7e) return `\\${String(octet).padStart(3, '0')}`;
  const char = String.fromCharCode(octet);
  return '."\\();@$'.includes(char) ? `\\${char}` : char;
}

/** One for all calls, which do not nest. Octets past its end are counted but not kept. */
const scratch = new Uint8Array(NAME_MAX + 1);

/**
 * Reads a name in presentation form: absolute with a final dot, else below `origin`; `@` is the origin.
 * A string result says what is wrong.
 */
export function parseName(text: string, origin?: Uint8Array): Uint8Array | string {
  if (text === '') return 'an empty name';
  if (text === '@' && origin !== undefined) return origin;
  if (text === '.') return ROOT_NAME;
  let labelAt = 0;
  let length = 1;
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code === 0x2e) {
      const wrong = closeLabel(labelAt, length, text);
      if (wrong !== undefined) return wrong;
      labelAt = length++;
      continue;
    }
    if (code === 0x5c) {
      code = escapedOctet(text, i + 1);
      if (code < 0) return `${quote(text)} has a bad escape`;
      i += isDigit(text, i + 1) ? 3 : 1;
    } else if (code > 0x7f)
      return `${quote(text)} has a character outside ASCII: write it as \\DDD or in A-label form`;
    scratch[length++] = code;
  }
  const absolute = length === labelAt + 1;
  const wrong = absolute ? undefined : closeLabel(labelAt, length, text);
  if (wrong !== undefined) return wrong;
  const tail = absolute ? ROOT_NAME : (origin ?? ROOT_NAME);
  const head = absolute ? labelAt : length;
  if (head + tail.length > NAME_MAX) return `${quote(text)} is longer than ${NAME_MAX} octets`;
  const name = new Uint8Array(head + tail.length);
  for (let i = 0; i < head; i++) name[i] = scratch[i] as number;
  name.set(tail, head);
  return name;
}

/** Writes the length octet of the label at `labelAt`, which ends before `end`. */
function closeLabel(labelAt: number, end: number, text: string): string | undefined {
  const size = end - labelAt - 1;
  if (size === 0) return `${quote(text)} has an empty label`;
  if (size > LABEL_MAX) return `${quote(text)} has a label longer than ${LABEL_MAX} octets`;
  scratch[labelAt] = size;
  return undefined;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0x30 && code <= 0x39;
}

/**
 * The octet that `DDD` or a single ASCII character after a backslash stands for; -1 if there is neither.
 */
function escapedOctet(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (!isDigit(text, at)) return code <= 0x7f ? code : -1;
  if (!isDigit(text, at + 1) || !isDigit(text, at + 2)) return -1;
  const value = (code - 0x30) * 100 + (text.charCodeAt(at + 1) - 0x30) * 10 + text.charCodeAt(at + 2) - 0x30;
  return value <= 255 ? value : -1;
}
