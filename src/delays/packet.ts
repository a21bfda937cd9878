/** Where a packet goes from and to, as far as delays ask. */
export interface PacketEnds {
  /** IPv4 addresses, as 32 bits. */
  source: number;
  destination: number;
  /** TCP or UDP; 0 where the packet has none, or is not the first part. */
  sourcePort: number;
  destinationPort: number;
  hasPorts: boolean;
}

const HEAD_MIN = 20;
const TCP = 6;
const UDP = 17;
const FRAGMENT_OFFSET = 0x1fff;

/** Makes ends to read into. */
export function emptyEnds(): PacketEnds {
  return { source: 0, destination: 0, sourcePort: 0, destinationPort: 0, hasPorts: false };
}

/** Reads the head of an IPv4 packet (RFC 791); false: it is none. */
export function readEnds(octets: Uint8Array, into: PacketEnds): boolean {
  const first = octets[0] ?? 0;
  const headLength = (first & 15) * 4;
  if (octets.length < HEAD_MIN || first >> 4 !== 4 || headLength < HEAD_MIN) return false;
  into.source = word(octets, 12);
  into.destination = word(octets, 16);
  const protocol = octets[9];
  const isFirst = (half(octets, 6) & FRAGMENT_OFFSET) === 0;
  into.hasPorts = isFirst && (protocol === TCP || protocol === UDP) && octets.length >= headLength + 4;
  into.sourcePort = into.hasPorts ? half(octets, headLength) : 0;
  into.destinationPort = into.hasPorts ? half(octets, headLength + 2) : 0;
  return true;
}

function half(octets: Uint8Array, at: number): number {
  return ((octets[at] as number) << 8) | (octets[at + 1] as number);
}

function word(octets: Uint8Array, at: number): number {
  return ((half(octets, at) << 16) | half(octets, at + 2)) >>> 0;
}
