import { type Attribute, NETLINK, type NetfilterMessage, text, u16, u32 } from './netlink.ts';

/**
 * The rules that hand packets to the queue, as messages to nf_tables. The table is owned by the socket that
 * makes it: when the process ends, however it does, the kernel takes the table away (Linux 5.12 and later).
 */

/** What is to be handed over. */
export interface RulesetOptions {
  /** Name of the table. */
  readonly table: string;
  readonly queue: number;
  /** Clients' addresses: the first 16 bits, of which those of the mask count. */
  readonly clients: { readonly bits: number; readonly mask: number };
  /** One address more whose packets to and from these TCP and UDP ports are handed over; absent: none. */
  readonly also?: { readonly address: Uint8Array; readonly ports: readonly number[] } | undefined;
  /** By nf_tables' own statement, or by that of iptables where the kernel has only this one. */
  readonly way: 'queue' | 'NFQUEUE';
}

/** What one Ethernet frame carries of TCP over IPv4: `MSS` of clients and POPs, as in the real internet. */
const SEGMENT_OCTETS = 1460;

const AF_INET = 2;
const BATCH_BEGIN = 0x10;
const BATCH_END = 0x11;
const SUBSYSTEM = 10;
const NEW_TABLE = (SUBSYSTEM << 8) | 0;
const NEW_CHAIN = (SUBSYSTEM << 8) | 3;
const NEW_RULE = (SUBSYSTEM << 8) | 6;
const TABLE_OWNER = 2;
const CHAIN = 'input';
/** Packets that come in, after the loopback device: there nobody waits for the sender's memory any more. */
const HOOK_LOCAL_IN = 1;
const POLICY_ACCEPT = 1;
const REGISTER = 1;
const BASE_NETWORK = 1;
const BASE_TRANSPORT = 2;
const SOURCE_AT = 12;
const DESTINATION_AT = 16;
const SOURCE_PORT_AT = 0;
const DESTINATION_PORT_AT = 2;
const META_PROTOCOL = 16;
const PROTOCOL_TCP = 6;
const TCP_FLAGS_AT = 13;
const TCP_SYN = 2;
const TCP_OPTION_MSS = 2;
const EXTHDR_TCP = 1;
/** Packets go on where nobody reads the queue. */
const BYPASS = 1;

/** The messages that make the table, in one batch: all of it, or nothing. */
export function rulesetMessages(options: RulesetOptions): NetfilterMessage[] {
  const { table, clients, also } = options;
  const rule = (...expressions: readonly Attribute[]): NetfilterMessage =>
    message(NEW_RULE, NETLINK.CREATE | NETLINK.APPEND, [
      [1, text(table)],
      [2, text(CHAIN)],
      [4, expressions],
    ]);
  const matches = [SOURCE_AT, DESTINATION_AT].map((at) => ofClients(at, clients));
  if (also !== undefined)
    for (const port of also.ports)
      matches.push(
        [...ofAddress(SOURCE_AT, also.address), ...ofPort(DESTINATION_PORT_AT, port)],
        [...ofAddress(DESTINATION_AT, also.address), ...ofPort(SOURCE_PORT_AT, port)],
      );
  return [
    { type: BATCH_BEGIN, flags: NETLINK.REQUEST, resource: SUBSYSTEM, attributes: [] },
    message(NEW_TABLE, NETLINK.CREATE | NETLINK.EXCL, [
      [1, text(table)],
      [2, u32(TABLE_OWNER)],
    ]),
    message(NEW_CHAIN, NETLINK.CREATE, [
      [1, text(table)],
      [3, text(CHAIN)],
      [
        4,
        [
          [1, u32(HOOK_LOCAL_IN)],
          [2, u32(0)],
        ],
      ],
      [5, u32(POLICY_ACCEPT)],
      [7, text('filter')],
    ]),
    ...matches.map((match) => rule(...match, ...ofSyn(), ...setSegmentSize())),
    ...matches.map((match) => rule(...match, toQueue(options))),
    { type: BATCH_END, flags: NETLINK.REQUEST, resource: SUBSYSTEM, attributes: [] },
  ];
}

function message(type: number, flags: number, attributes: readonly Attribute[]): NetfilterMessage {
  return { type, flags: NETLINK.REQUEST | NETLINK.ACK | flags, family: AF_INET, attributes };
}

function expression(name: string, data: readonly Attribute[]): Attribute {
  return [
    1,
    [
      [1, text(name)],
      [2, data],
    ],
  ];
}

function load(base: number, offset: number, length: number): Attribute {
  return expression('payload', [
    [1, u32(REGISTER)],
    [2, u32(base)],
    [3, u32(offset)],
    [4, u32(length)],
  ]);
}

function masked(mask: Uint8Array): Attribute {
  return expression('bitwise', [
    [1, u32(REGISTER)],
    [2, u32(REGISTER)],
    [3, u32(mask.length)],
    [4, [[1, mask]]],
    [5, [[1, new Uint8Array(mask.length)]]],
  ]);
}

function equals(value: Uint8Array): Attribute {
  return expression('cmp', [
    [1, u32(REGISTER)],
    [2, u32(0)],
    [3, [[1, value]]],
  ]);
}

function ofClients(at: number, { bits, mask }: RulesetOptions['clients']): Attribute[] {
  return [load(BASE_NETWORK, at, 2), masked(u16(mask)), equals(u16(bits))];
}

function ofAddress(at: number, address: Uint8Array): Attribute[] {
  return [load(BASE_NETWORK, at, 4), equals(address)];
}

function ofPort(at: number, port: number): Attribute[] {
  return [load(BASE_TRANSPORT, at, 2), equals(u16(port))];
}

function ofSyn(): Attribute[] {
  const protocol = expression('meta', [
    [1, u32(REGISTER)],
    [2, u32(META_PROTOCOL)],
  ]);
  const syn = Uint8Array.of(TCP_SYN);
  return [
    protocol,
    equals(Uint8Array.of(PROTOCOL_TCP)),
    load(BASE_TRANSPORT, TCP_FLAGS_AT, 1),
    masked(syn),
    equals(syn),
  ];
}

function setSegmentSize(): Attribute[] {
  return [
    expression('immediate', [
      [1, u32(REGISTER)],
      [2, [[1, u16(SEGMENT_OCTETS)]]],
    ]),
    expression('exthdr', [
      [2, Uint8Array.of(TCP_OPTION_MSS)],
      [3, u32(2)],
      [4, u32(2)],
      [6, u32(EXTHDR_TCP)],
      [7, u32(REGISTER)],
    ]),
  ];
}

function toQueue({ queue, way }: RulesetOptions): Attribute {
  if (way === 'queue')
    return expression('queue', [
      [1, u16(queue)],
      [2, u16(1)],
      [3, u16(BYPASS)],
    ]);
  // `struct xt_NFQ_info_v3`, in the machine's own order of octets.
  const info = Buffer.alloc(8);
  info.writeUInt16LE(queue, 0);
  info.writeUInt16LE(1, 2);
  info.writeUInt16LE(BYPASS, 4);
  return expression('target', [
    [1, text('NFQUEUE')],
    [2, u32(3)],
    [3, info],
  ]);
}
