/** An attribute of a netlink message: octets, or attributes in it. */
export type Attribute = readonly [type: number, value: Uint8Array | readonly Attribute[]];

/** A message to netfilter: netlink's head, netfilter's own, attributes. */
export interface NetfilterMessage {
  readonly type: number;
  readonly flags: number;
  /** `AF_INET` where the message is of IPv4 alone. */
  readonly family?: number;
  /** Queue number or subsystem. */
  readonly resource?: number;
  readonly attributes: readonly Attribute[];
}

/** Numbers of Linux's netlink (linux/netlink.h, linux/netfilter/nfnetlink.h). */
export const NETLINK = {
  REQUEST: 1,
  ACK: 4,
  EXCL: 0x200,
  CREATE: 0x400,
  APPEND: 0x800,
  ERROR: 2,
  NESTED: 0x8000,
  HEAD: 16,
  /** With netfilter's own head. */
  WHOLE_HEAD: 20,
} as const;

/** Encodes messages one after the other, numbered from `sequence`. */
export function encodeMessages(messages: readonly NetfilterMessage[], sequence: number): Buffer {
  return Buffer.concat(
    messages.map(({ type, flags, family = 0, resource = 0, attributes }, i) => {
      const body = encodeAttributes(attributes);
      const head = Buffer.alloc(NETLINK.WHOLE_HEAD);
      head.writeUInt32LE(head.length + body.length, 0);
      head.writeUInt16LE(type, 4);
      head.writeUInt16LE(flags, 6);
      head.writeUInt32LE(sequence + i, 8);
      head.writeUInt8(family, 16);
      head.writeUInt16BE(resource, 18);
      return Buffer.concat([head, body]);
    }),
  );
}

function encodeAttributes(attributes: readonly Attribute[]): Buffer {
  return Buffer.concat(
    attributes.map(([type, value]) => {
      const isNested = Array.isArray(value);
      const octets = isNested ? encodeAttributes(value as readonly Attribute[]) : (value as Uint8Array);
      const whole = Buffer.alloc(align(4 + octets.length));
      whole.writeUInt16LE(4 + octets.length, 0);
      whole.writeUInt16LE(isNested ? type | NETLINK.NESTED : type, 2);
      whole.set(octets, 4);
      return whole;
    }),
  );
}

/** Netlink lays everything out in steps of four octets. */
export function align(length: number): number {
  return (length + 3) & ~3;
}

/** A 32-bit number as netfilter has it: the upper octet first. */
export function u32(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value);
  return octets;
}

/** A 16-bit number, the upper octet first. */
export function u16(value: number): Buffer {
  const octets = Buffer.alloc(2);
  octets.writeUInt16BE(value);
  return octets;
}

/** A name, with the octet 0 that ends it. */
export function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

/** An answer to a message: its number, and the error (0: none). */
export interface Acknowledgement {
  readonly sequence: number;
  /** As `errno`, positive. */
  readonly error: number;
}

/** Reads the acknowledgements out of what came; other messages are passed over. */
export function readAcknowledgements(octets: Buffer): Acknowledgement[] {
  const found: Acknowledgement[] = [];
  for (let at = 0; at + NETLINK.HEAD <= octets.length; ) {
    const length = octets.readUInt32LE(at);
    if (length < NETLINK.HEAD || at + length > octets.length) break;
    if (octets.readUInt16LE(at + 4) === NETLINK.ERROR && length >= NETLINK.WHOLE_HEAD)
      found.push({ sequence: octets.readUInt32LE(at + 8), error: 0 - octets.readInt32LE(at + NETLINK.HEAD) });
    at += align(length);
  }
  return found;
}
