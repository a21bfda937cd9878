import { type Address, emptyAddress } from '../base/address.ts';

/** Link types of captures (LINKTYPE_…, tcpdump.org/linktypes.html) that are read. */
const LINK = {
  NULL: 0,
  ETHERNET: 1,
  RAW_OLD: 12,
  RAW: 101,
  LOOP: 108,
  SLL: 113,
  IPV4: 228,
  IPV6: 229,
  SLL2: 276,
};
const ETHERTYPE = { IPV4: 0x0800, IPV6: 0x86dd, VLAN: 0x8100, QINQ: 0x88a8 } as const;
const PROTOCOL = { HOP_BY_HOP: 0, TCP: 6, UDP: 17, ROUTING: 43, FRAGMENT: 44, OPTIONS: 60 } as const;
/** Extension headers looked at in one packet. */
const EXTENSIONS_MAX = 8;

/** What a packet carries to a port. */
export interface Segment {
  readonly protocol: 'udp' | 'tcp';
  readonly from: Address;
  readonly to: Address;
  readonly fromPort: number;
  readonly toPort: number;
  readonly payload: Uint8Array;
  /** Of TCP: sequence number of the payload's first octet, and flags. */
  readonly sequence: number;
  readonly isSyn: boolean;
  readonly isEnd: boolean;
}

/** Whether captures over this kind of link can be read. */
export function isKnownLink(link: number): boolean {
  return Object.values(LINK).includes(link);
}

/** What a captured packet carries; a text says why it is none to read. */
export function segmentOf(packet: Uint8Array, link: number): Segment | string {
  const ip = ipPart(packet, link);
  if (ip === undefined) return 'packets that are not IP';
  return (ip[0] as number) >> 4 === 4 ? fromIpv4(ip) : (ip[0] as number) >> 4 === 6 ? fromIpv6(ip) : CUT;
}

const CUT = 'packets that are cut or malformed';
const FRAGMENTS = 'fragments of packets';
const OTHER = 'packets of other protocols than UDP and TCP';

function ipPart(packet: Uint8Array, link: number): Uint8Array | undefined {
  const word = (at: number): number => ((packet[at] ?? 0) << 8) | (packet[at + 1] ?? 0);
  const isIp = (type: number): boolean => type === ETHERTYPE.IPV4 || type === ETHERTYPE.IPV6;
  const rest = (at: number): Uint8Array | undefined => (packet.length > at ? packet.subarray(at) : undefined);
  switch (link) {
    case LINK.ETHERNET: {
      let at = 12;
      for (let tags = 0; tags < 2 && (word(at) === ETHERTYPE.VLAN || word(at) === ETHERTYPE.QINQ); tags++)
        at += 4;
      return isIp(word(at)) ? rest(at + 2) : undefined;
    }
    case LINK.SLL:
      return isIp(word(14)) ? rest(16) : undefined;
    case LINK.SLL2:
      return isIp(word(0)) ? rest(20) : undefined;
    case LINK.NULL:
    case LINK.LOOP:
      return rest(4);
    default:
      return rest(0);
  }
}

function fromIpv4(ip: Uint8Array): Segment | string {
  const header = ((ip[0] as number) & 15) * 4;
  const length = wordAt(ip, 2);
  if (header < 20 || length < header || ip.length < header) return CUT;
  if ((wordAt(ip, 6) & 0x3fff) !== 0) return FRAGMENTS;
  // A capture may have cut the packet; senders may have left the length to the card.
  const body = ip.subarray(header, length === 0 ? ip.length : Math.min(length, ip.length));
  return carried(body, ip[9] as number, { from: ip.subarray(12, 16), to: ip.subarray(16, 20) });
}

function fromIpv6(ip: Uint8Array): Segment | string {
  if (ip.length < 40) return CUT;
  const end = Math.min(ip.length, 40 + wordAt(ip, 4));
  let protocol = ip[6] as number;
  let at = 40;
  for (let headers = 0; headers < EXTENSIONS_MAX; headers++) {
    if (protocol === PROTOCOL.FRAGMENT) return FRAGMENTS;
    const isOption =
      protocol === PROTOCOL.HOP_BY_HOP || protocol === PROTOCOL.ROUTING || protocol === PROTOCOL.OPTIONS;
    if (!isOption) break;
    if (at + 8 > end) return CUT;
    protocol = ip[at] as number;
    at += 8 * (1 + (ip[at + 1] as number));
  }
  if (at > end) return CUT;
  return carried(ip.subarray(at, end), protocol, { from: ip.subarray(8, 24), to: ip.subarray(24, 40) });
}

function carried(
  body: Uint8Array,
  protocol: number,
  ends: { readonly from: Uint8Array; readonly to: Uint8Array },
): Segment | string {
  const shared = {
    from: addressOf(ends.from),
    to: addressOf(ends.to),
    fromPort: wordAt(body, 0),
    toPort: wordAt(body, 2),
  };
  if (protocol === PROTOCOL.UDP) {
    if (body.length < 8) return CUT;
    const length = wordAt(body, 4);
    if (length > body.length) return CUT;
    const payload = body.subarray(8, length < 8 ? body.length : length);
    return { ...shared, protocol: 'udp', payload, sequence: 0, isSyn: false, isEnd: false };
  }
  if (protocol !== PROTOCOL.TCP) return OTHER;
  const header = ((body[12] ?? 0) >> 4) * 4;
  if (header < 20 || body.length < header) return CUT;
  const flags = body[13] as number;
  const sequence = wordAt(body, 4) * 0x10000 + wordAt(body, 6);
  const [isSyn, isEnd] = [(flags & 2) !== 0, (flags & 5) !== 0];
  return { ...shared, protocol: 'tcp', payload: body.subarray(header), sequence, isSyn, isEnd };
}

function addressOf(octets: Uint8Array): Address {
  const address = emptyAddress();
  address.family = octets.length === 4 ? 4 : 6;
  address.octets.set(octets);
  return address;
}

function wordAt(octets: Uint8Array, at: number): number {
  return ((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0);
}
