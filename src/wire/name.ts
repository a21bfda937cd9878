/** Longest name in octets, root label included (RFC 1035 §2.3.4). */
export const NAME_MAX = 255;
/** Longest label in octets. */
export const LABEL_MAX = 63;
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

/** Labels in the name, the root label not counted. */
export function labelCount(name: Uint8Array): number {
  let count = 0;
  for (let at = 0; name[at] !== 0 && at < name.length; at += (name[at] as number) + 1) count++;
  return count;
}

/** The name without its first label; the root for the root. */
export function parentName(name: Uint8Array): Uint8Array {
  return name[0] === 0 ? name : name.subarray((name[0] as number) + 1);
}

/** Whether `name` is `ancestor` or lies below it. */
export function isAtOrBelow(name: Uint8Array, ancestor: Uint8Array): boolean {
  let rest = name;
  while (rest.length > ancestor.length) rest = parentName(rest);
  return namesEqual(rest, ancestor);
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

/**
 * Reads a name in presentation form: absolute with a final dot, else below `origin`; `@` is the origin.
 * A string result says what is wrong.
 */
export function parseName(text: string, origin?: Uint8Array): Uint8Array | string {
  if (text === '') return 'an empty name';
  if (text === '@' && origin !== undefined) return origin;
  if (text === '.') return ROOT_NAME;
  const octets: number[] = [];
  let label: number[] = [];
  let absolute = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string;
    absolute = false;
    if (char === '.') {
      const wrong = closeLabel(octets, label, text);
      if (wrong !== undefined) return wrong;
      label = [];
      absolute = true;
    } else if (char === '\\') {
      const escaped = /^\\(?:(\d{3})|(\D))/u.exec(text.slice(i, i + 4));
      if (escaped === null || Number(escaped[1] ?? 0) > 255)
        return `${JSON.stringify(text)} has a bad escape`;
      label.push(escaped[1] === undefined ? (escaped[2] as string).charCodeAt(0) & 0xff : Number(escaped[1]));
      i += (escaped[0] as string).length - 1;
    } else {
      const code = char.charCodeAt(0);
      if (code > 0x7f)
        return `${JSON.stringify(text)} has a character outside ASCII: write it as \\DDD or in A-label form`;
      label.push(code);
    }
  }
  if (!absolute) {
    const wrong = closeLabel(octets, label, text);
    if (wrong !== undefined) return wrong;
    if (origin === undefined) octets.push(0);
    else octets.push(...origin);
  } else octets.push(0);
  if (octets.length > NAME_MAX) return `${JSON.stringify(text)} is longer than ${NAME_MAX} octets`;
  return Uint8Array.from(octets);
}

function closeLabel(octets: number[], label: readonly number[], text: string): string | undefined {
  if (label.length === 0) return `${JSON.stringify(text)} has an empty label`;
  if (label.length > LABEL_MAX) return `${JSON.stringify(text)} has a label longer than ${LABEL_MAX} octets`;
  octets.push(label.length, ...label);
  return undefined;
}
