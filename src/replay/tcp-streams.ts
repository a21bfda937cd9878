import type { Address } from '../base/address.ts';
import { formatAddress } from '../base/address.ts';
import type { Segment } from './packets.ts';

/** Puts captured TCP segments to a server together again, in order, as DNS messages. */
export interface TcpStreams {
  /** Messages that are whole with this segment. */
  readonly take: (segment: Segment) => readonly Uint8Array[];
  /** Octets that were passed over: out of order, before the capture began, or without room. */
  readonly lost: () => number;
}

/** Connections followed at a time; the one longest silent goes. */
const FLOWS_MAX = 10_000;
const NUMBERS = 2 ** 32;

interface Flow {
  next: number;
  waiting: Uint8Array;
}

/** Follows no connection yet. */
export function createTcpStreams(): TcpStreams {
  const flows = new Map<string, Flow>();
  let lost = 0;
  return {
    lost: () => lost,
    take: (segment) => {
      const { payload, sequence, isSyn, isEnd } = segment;
      const key = keyOf(segment);
      const known = flows.get(key);
      const first = isSyn ? (sequence + 1) % NUMBERS : sequence;
      // Without its first segment a stream begins somewhere: taken for the beginning of a message.
      const flow = known === undefined || isSyn ? { next: first, waiting: new Uint8Array(0) } : known;
      flows.delete(key);
      if (!isEnd) flows.set(key, flow);
      if (flows.size > FLOWS_MAX) flows.delete(flows.keys().next().value as string);
      if (payload.length === 0) return [];
      // Octets that came before, as of segments sent again, are not taken twice.
      const ahead = (first - flow.next + NUMBERS) % NUMBERS;
      const old = ahead > NUMBERS / 2 ? NUMBERS - ahead : 0;
      if (old >= payload.length) return [];
      if (ahead > 0 && old === 0) {
        lost += payload.length;
        flows.delete(key);
        return [];
      }
      flow.next = (first + payload.length) % NUMBERS;
      const octets = new Uint8Array(flow.waiting.length + payload.length - old);
      octets.set(flow.waiting);
      octets.set(payload.subarray(old), flow.waiting.length);
      return messagesIn(octets, flow);
    },
  };
}

/** Whole messages (RFC 1035 §4.2.2); what is left waits. */
function messagesIn(octets: Uint8Array, flow: Flow): Uint8Array[] {
  const messages: Uint8Array[] = [];
  let at = 0;
  while (at + 2 <= octets.length) {
    const end = at + 2 + (((octets[at] as number) << 8) | (octets[at + 1] as number));
    if (end > octets.length) break;
    messages.push(octets.subarray(at + 2, end));
    at = end;
  }
  flow.waiting = octets.subarray(at);
  return messages;
}

function keyOf({ from, to, fromPort, toPort }: Segment): string {
  const end = (address: Address, port: number): string => `${formatAddress(address)} ${port}`;
  return `${end(from, fromPort)} ${end(to, toPort)}`;
}
