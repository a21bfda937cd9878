/**
 * An IP address: IPv4 in the first 4 octets of 16, IPv6 in all of them. Mutable so that the query path can
 * reuse one.
 */
export interface Address {
  family: 4 | 6;
  readonly octets: Uint8Array;
}

/** A prefix: an address with its host bits zero, and how many bits count. */
export interface Prefix {
  readonly address: Address;
  readonly length: number;
}

/** An address of 16 zero octets, for reuse. */
export function emptyAddress(): Address {
  return { family: 4, octets: new Uint8Array(16) };
}

/** How many bits an address of this family has. */
export function familyBits(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

/**
 * Reads an address in presentation form (RFC 4291 §2.2, dotted quad) into `into`; false if it is none. An
 * IPv4-mapped IPv6 address becomes IPv4.
 */
export function parseAddressInto(text: string, into: Address): boolean {
  if (!text.includes(':')) {
    if (!parseQuad(text, into.octets, 0)) return false;
    into.octets.fill(0, 4);
    into.family = 4;
    return true;
  }
  if (!parseHextets(text, into.octets)) return false;
  into.family = 6;
  unmap(into);
  return true;
}

/** Reads an address in presentation form; undefined if it is none. */
export function parseAddress(text: string): Address | undefined {
  const address = emptyAddress();
  return parseAddressInto(text, address) ? address : undefined;
}

/**
 * Turns an IPv4-mapped IPv6 address (::ffff:0:0/96, RFC 4291 §2.5.5.2) into the IPv4 address it stands for.
 */
export function unmap(address: Address): void {
  const { octets } = address;
  if (address.family !== 6) return;
  for (let i = 0; i < 10; i++) if (octets[i] !== 0) return;
  if (octets[10] !== 0xff || octets[11] !== 0xff) return;
  octets.copyWithin(0, 12, 16);
  octets.fill(0, 4);
  address.family = 4;
}

/** Presentation form: dotted quad, or RFC 5952. */
export function formatAddress(address: Address): string {
  const { octets } = address;
  if (address.family === 4) return octets.subarray(0, 4).join('.');
  const words: number[] = [];
  for (let i = 0; i < 16; i += 2) words.push(((octets[i] ?? 0) << 8) | (octets[i + 1] ?? 0));
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && words[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const hex = words.map((word) => word.toString(16));
  if (best.length < 2) return hex.join(':');
  return `${hex.slice(0, best.start).join(':')}::${hex.slice(best.start + best.length).join(':')}`;
}

/**
 * Reads `address/length`; a bare address is a prefix of full length. Host bits must be zero. A message says
 * what is wrong.
 */
export function parsePrefix(text: string): Prefix | string {
  const [addressText = '', lengthText, ...rest] = text.split('/');
  const address = parseAddress(addressText);
  if (address === undefined || rest.length > 0)
    return `${JSON.stringify(text)} is neither an IP address nor an IP prefix`;
  const bits = familyBits(address.family);
  if (lengthText === undefined) return { address, length: bits };
  if (!/^\d{1,3}$/.test(lengthText) || Number(lengthText) > bits)
    return `${JSON.stringify(text)}: the prefix length must be 0 to ${bits}`;
  const length = Number(lengthText);
  if (!hasHostBits(address.octets, length)) return { address, length };
  const meant = formatPrefix({ address: maskedAddress(address, length), length });
  return `${JSON.stringify(text)} has host bits set: did you mean ${meant}?`;
}

/** `address/length`. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.address)}/${prefix.length}`;
}

/** A copy of the address with all bits after `length` zero. */
export function maskedAddress(address: Address, length: number): Address {
  const copy: Address = { family: address.family, octets: Uint8Array.from(address.octets) };
  clearHostBits(copy.octets, length);
  return copy;
}

/** Zeroes every bit of `octets` after the first `length`, in place. */
export function clearHostBits(octets: Uint8Array, length: number): void {
  const whole = length >> 3;
  if (whole >= octets.length) return;
  octets[whole] = (octets[whole] ?? 0) & (0xff00 >> (length & 7));
  octets.fill(0, whole + 1);
}

function hasHostBits(octets: Uint8Array, length: number): boolean {
  const whole = length >> 3;
  if (((octets[whole] ?? 0) & (0xff >> (length & 7))) !== 0) return true;
  for (let i = whole + 1; i < octets.length; i++) if (octets[i] !== 0) return true;
  return false;
}

/** Whether the prefix holds the address (families must be equal). */
export function prefixHolds(prefix: Prefix, address: Address): boolean {
  if (prefix.address.family !== address.family) return false;
  const whole = prefix.length >> 3;
  for (let i = 0; i < whole; i++) if (prefix.address.octets[i] !== address.octets[i]) return false;
  const rest = prefix.length & 7;
  if (rest === 0) return true;
  const mask = (0xff00 >> rest) & 0xff;
  return (((prefix.address.octets[whole] ?? 0) ^ (address.octets[whole] ?? 0)) & mask) === 0;
}

function parseQuad(text: string, octets: Uint8Array, at: number): boolean {
  const parts = text.split('.');
  if (parts.length !== 4) return false;
  for (let i = 0; i < 4; i++) {
    const part = parts[i] ?? '';
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return false;
    octets[at + i] = Number(part);
  }
  return true;
}

function parseHextets(text: string, octets: Uint8Array): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  octets.fill(0);
  const head = halfOctets(halves[0] ?? '', halves.length === 1);
  if (head === undefined) return false;
  if (halves.length === 1) {
    if (head.length !== 16) return false;
    octets.set(head);
    return true;
  }
  const tail = halfOctets(halves[1] ?? '', true);
  if (tail === undefined || head.length + tail.length > 14) return false;
  octets.set(head);
  octets.set(tail, 16 - tail.length);
  return true;
}

function halfOctets(half: string, isLast: boolean): number[] | undefined {
  if (half === '') return [];
  const groups = half.split(':');
  const result: number[] = [];
  for (const [index, group] of groups.entries()) {
    if (group.includes('.')) {
      const quad = new Uint8Array(4);
      if (!isLast || index !== groups.length - 1 || !parseQuad(group, quad, 0)) return undefined;
      result.push(...quad);
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(group)) return undefined;
      const word = Number.parseInt(group, 16);
      result.push(word >> 8, word & 0xff);
    }
  }
  return result;
}
