import { parseAddress } from '../../src/base/address.ts';

/** A message on its way to a server, or back, to be put into a capture. */
export interface Captured {
  readonly from: string;
  readonly to: string;
  readonly fromPort: number;
  readonly toPort: number;
  readonly payload: Uint8Array;
  readonly atMs: number;
  /** Absent: UDP. */
  readonly tcp?: { readonly sequence: number; readonly flags: number } | undefined;
}

/** How a capture is written. */
export interface CaptureForm {
  readonly isLittle: boolean;
  readonly isNano: boolean;
  /** `ethernet` with one VLAN tag, `raw`, or the loopback of BSD. */
  readonly link: 'ethernet' | 'raw' | 'null';
}

const LINKS = { ethernet: 1, raw: 101, null: 0 } as const;

/** A file of pcap. */
export function pcap(packets: readonly Captured[], { isLittle, isNano, link }: CaptureForm): Uint8Array {
  const parts = [words([isNano ? 0xa1b23c4d : 0xa1b2c3d4, 0x00020004, 0, 0, 65_535, LINKS[link]], isLittle)];
  // Both version numbers are halves of a word: in their own order.
  new DataView((parts[0] as Uint8Array).buffer).setUint16(4, 2, isLittle);
  new DataView((parts[0] as Uint8Array).buffer).setUint16(6, 4, isLittle);
  for (const packet of packets) {
    const octets = framed(packet, link);
    const fraction = Math.round((packet.atMs % 1000) * (isNano ? 1e6 : 1e3));
    parts.push(
      words([Math.floor(packet.atMs / 1000), fraction, octets.length, octets.length], isLittle),
      octets,
    );
  }
  return Buffer.concat(parts);
}

/** A file of pcapng: one section, one interface with times in milliseconds. */
export function pcapng(packets: readonly Captured[], link: CaptureForm['link']): Uint8Array {
  const block = (type: number, body: Uint8Array): Uint8Array => {
    const padded = Buffer.concat([body, new Uint8Array((4 - (body.length % 4)) % 4)]);
    const length = words([12 + padded.length], true);
    return Buffer.concat([words([type], true), length, padded, length]);
  };
  const resolution = Uint8Array.of(9, 0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0);
  const face = Buffer.concat([Uint8Array.of(LINKS[link], 0, 0, 0, 0, 0, 0, 0), resolution]);
  const parts = [block(0x0a0d0d0a, words([0x1a2b3c4d, 1, 0xffffffff, 0xffffffff], true)), block(1, face)];
  for (const packet of packets) {
    const octets = framed(packet, link);
    const { atMs } = packet;
    const head = words([0, Math.floor(atMs / 2 ** 32), atMs % 2 ** 32, octets.length, octets.length], true);
    parts.push(block(6, Buffer.concat([head, octets])));
  }
  return Buffer.concat(parts);
}

function framed(packet: Captured, link: CaptureForm['link']): Uint8Array {
  const ip = ipPacket(packet);
  const isIpv6 = (ip[0] as number) >> 4 === 6;
  if (link === 'raw') return ip;
  if (link === 'null') return Buffer.concat([Uint8Array.of(isIpv6 ? 30 : 2, 0, 0, 0), ip]);
  const type = isIpv6 ? [0x86, 0xdd] : [0x08, 0x00];
  return Buffer.concat([new Uint8Array(12), Uint8Array.of(0x81, 0, 0, 7, ...type), ip]);
}

function ipPacket({ from, to, fromPort, toPort, payload, tcp }: Captured): Uint8Array {
  const ports = [fromPort >> 8, fromPort & 255, toPort >> 8, toPort & 255];
  const udpLength = 8 + payload.length;
  const head =
    tcp === undefined
      ? Uint8Array.of(...ports, udpLength >> 8, udpLength & 255, 0, 0)
      : Buffer.concat([
          Uint8Array.of(...ports),
          words([tcp.sequence, 0], false),
          Uint8Array.of(0x50, tcp.flags, 1, 0, 0, 0, 0, 0),
        ]);
  const body = Buffer.concat([head, payload]);
  const protocol = tcp === undefined ? 17 : 6;
  const [source, target] = [parseAddress(from), parseAddress(to)];
  if (source === undefined || target === undefined) throw new Error('no address');
  if (source.family === 4) {
    const total = 20 + body.length;
    const start = Uint8Array.of(0x45, 0, total >> 8, total & 255, 0, 0, 0x40, 0, 64, protocol, 0, 0);
    return Buffer.concat([start, source.octets.subarray(0, 4), target.octets.subarray(0, 4), body]);
  }
  // One extension header of options before the body.
  const length = 8 + body.length;
  const start = Uint8Array.of(0x60, 0, 0, 0, length >> 8, length & 255, 0, 64);
  const options = Uint8Array.of(protocol, 0, 1, 4, 0, 0, 0, 0);
  return Buffer.concat([start, source.octets, target.octets, options, body]);
}

function words(values: readonly number[], isLittle: boolean): Uint8Array {
  const octets = new Uint8Array(4 * values.length);
  const view = new DataView(octets.buffer);
  for (const [i, value] of values.entries()) view.setUint32(4 * i, value, isLittle);
  return octets;
}
