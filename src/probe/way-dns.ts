import { randomInt } from 'node:crypto';
import { Packet } from 'dns2';
import type { Exchange, KeyOf } from './exchange.ts';
import { openNativeExchange } from './exchange-native.ts';
import { openPlainExchange } from './exchange-plain.ts';
import { LINUX, type NativeResult } from './native.ts';
import { closeAll, type Way } from './way.ts';

/** What is asked of resolvers. */
export interface DnsWayOptions {
  /** Name in presentation form. */
  readonly name: string;
}

const HEADER_OCTETS = 12;
const TYPE_SOA = 6;
const CLASS_IN = 1;

/**
 * DNS over UDP to a client's resolver: any answer counts, a refusal too. dns2 writes the query, the sockets
 * are ours, as in docs/decisions/0007; of what comes only the header is read. Recursion is not desired: the
 * resolver is to answer from what it has, and to ask nobody. Timed by the kernel where koffi can be used.
 */
export function openDns(loaded: NativeResult, { name }: DnsWayOptions): Way {
  const exchanges = { 4: openUdp(loaded, 4), 6: openUdp(loaded, 6) };
  const query = new Packet();
  query.header = new Packet.Header({ rd: 0 });
  query.questions.push(new Packet.Question(name, TYPE_SOA, CLASS_IN));
  const octets = query.toBuffer();
  return {
    ping: ({ address, port }, timeoutMs) => {
      const id = randomInt(0x1_0000);
      const question = Buffer.from(octets);
      question.writeUInt16BE(id, 0);
      const family = address.includes(':') ? 6 : 4;
      const key = keyFor(id, { address, port });
      return exchanges[family].ask({ octets: question, address, port, key, timeoutMs });
    },
    close: () => closeAll(Object.values(exchanges)),
  };
}

function openUdp(loaded: NativeResult, family: 4 | 6): Exchange {
  if ('reason' in loaded) return openPlainExchange(family, replyKey);
  const kind = { family, type: LINUX.SOCK_DGRAM, protocol: 0 };
  const native = openNativeExchange(loaded.native, kind, replyKey);
  return typeof native === 'string' ? openPlainExchange(family, replyKey) : native;
}

const replyKey: KeyOf = (octets, from) => {
  const isResponse = octets.length >= HEADER_OCTETS && ((octets[2] as number) & 0x80) !== 0;
  return isResponse ? keyFor(((octets[0] as number) << 8) | (octets[1] as number), from) : undefined;
};

function keyFor(id: number, { address, port }: { address: string; port: number }): string {
  return `${address} ${port} ${id}`;
}
