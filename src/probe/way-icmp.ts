import { randomBytes } from 'node:crypto';
import type { Exchange, KeyOf } from './exchange.ts';
import { openNativeExchange, type SocketKind } from './exchange-native.ts';
import { LINUX, type NativeResult } from './native.ts';
import { closeAll, type WayResult } from './way.ts';

const ECHO = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } } as const;
const HEADER_OCTETS = 8;
const NONCE_OCTETS = 8;

/**
 * ICMP echo (RFC 792, RFC 4443 §4), timed by the kernel. `greeting` stands in each request, so that whoever
 * looks at the packets sees whose they are. Ping sockets are taken where `net.ipv4.ping_group_range` has
 * this process's group, else raw sockets, which need CAP_NET_RAW.
 */
export function openIcmp(loaded: NativeResult, greeting: string): WayResult {
  if ('reason' in loaded) return { declined: `ICMP echo: ${loaded.reason}` };
  const exchanges: Partial<Record<4 | 6, Exchange>> = {};
  const reasons: string[] = [];
  for (const family of [4, 6] as const) {
    const opened = kindsOf(family).map((kind) => {
      return () => openNativeExchange(loaded.native, kind, replyKey(family));
    });
    for (const open of opened) {
      if (exchanges[family] !== undefined) break;
      const exchange = open();
      if (typeof exchange === 'string') reasons.push(exchange);
      else exchanges[family] = exchange;
    }
  }
  if (exchanges[4] === undefined && exchanges[6] === undefined) {
    const needs = 'it needs CAP_NET_RAW, or a group in net.ipv4.ping_group_range';
    return { declined: `ICMP echo is not permitted here (${[...new Set(reasons)].join(', ')}): ${needs}` };
  }
  const text = new TextEncoder().encode(greeting.slice(0, 200));
  let sequence = 0;
  return {
    ping: ({ address }, timeoutMs) => {
      const family = address.includes(':') ? 6 : 4;
      const nonce = randomBytes(NONCE_OCTETS);
      sequence = (sequence + 1) & 0xffff;
      const octets = echoRequest(family, { sequence, payload: Buffer.concat([nonce, text]) });
      const question = { octets, address, port: 0, key: keyFor(address, nonce), timeoutMs };
      return exchanges[family]?.ask(question) ?? Promise.resolve(undefined);
    },
    close: () => closeAll(Object.values(exchanges)),
  };
}

function kindsOf(family: 4 | 6): SocketKind[] {
  const isV4 = family === 4;
  const protocol = isV4 ? LINUX.IPPROTO_ICMP : LINUX.IPPROTO_ICMPV6;
  const { reply } = ECHO[family];
  // Bits that are set are barred: all types but echo replies.
  const barred = new Uint8Array(isV4 ? 4 : 32).fill(0xff);
  barred[reply >> 3] = 0xff ^ (1 << (reply & 7));
  const [level, option] = isV4
    ? [LINUX.SOL_RAW, LINUX.ICMP_FILTER]
    : [LINUX.IPPROTO_ICMPV6, LINUX.ICMP6_FILTER];
  return [
    { family, protocol, type: LINUX.SOCK_DGRAM },
    { family, protocol, type: LINUX.SOCK_RAW, hasIpHeader: isV4, filter: [level, option, barred] },
  ];
}

/** Of IPv6 and of ping sockets the kernel fills in the checksum; it does no harm there. */
function echoRequest(family: 4 | 6, { sequence, payload }: { sequence: number; payload: Buffer }): Buffer {
  const octets = Buffer.concat([Buffer.alloc(HEADER_OCTETS), payload]);
  octets[0] = ECHO[family].request;
  octets.writeUInt16BE(process.pid & 0xffff, 4);
  octets.writeUInt16BE(sequence, 6);
  octets.writeUInt16BE(internetChecksum(octets), 2);
  return octets;
}

function replyKey(family: 4 | 6): KeyOf {
  const least = HEADER_OCTETS + NONCE_OCTETS;
  return (octets, { address }) =>
    octets.length < least || octets[0] !== ECHO[family].reply
      ? undefined
      : keyFor(address, octets.subarray(HEADER_OCTETS, least));
}

function keyFor(address: string, nonce: Uint8Array): string {
  return `${address} ${Buffer.from(nonce).toString('hex')}`;
}

/** RFC 1071. */
function internetChecksum(octets: Buffer): number {
  let sum = 0;
  for (let at = 0; at < octets.length; at += 2) sum += ((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
