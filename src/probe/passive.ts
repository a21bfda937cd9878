import { type Address, formatPrefix, maskedAddress } from '../base/address.ts';
import type { Demand, Sample } from '../store/store.ts';
import type { NativeResult } from './native.ts';
import { type Connection, openSockDiag } from './sock-diag.ts';

/** Round-trip times of the connections that clients have open at the POP. */
export interface Passive {
  /**
   * Looks at every connection now: one sample for each client network that acknowledged something since the
   * look before. Never rejects; `fault` says what went wrong.
   */
  readonly look: (nowMs: number) => Promise<PassiveLook>;
  /** Networks with open connections, as shares of `rps` by how many they have. */
  readonly demand: (rps: number) => readonly Demand[];
  readonly close: () => void;
}

export interface PassiveLook {
  readonly samples: readonly Sample[];
  readonly connections: number;
  readonly fault?: string;
}

/** Client networks are told apart by so many bits. */
const NETWORK_BITS = { 4: 24, 6: 48 } as const;
/** Where a host's connections to itself come from. */
const OWN = new Set(['127.0.0.0/24', '::/48']);
/** Connections looked at in one look at most. */
const CONNECTIONS_MAX = 200_000;
/** Client networks in one look at most; the others wait until they are among the first. */
const NETWORKS_MAX = 20_000;
/** A store takes so many packets in a sample at most. */
const PACKETS_MAX = 1000;

/** Looks at the connections of these local ports. A declined one says why. */
export function openPassive(
  loaded: NativeResult,
  ports: readonly number[],
): Passive | { readonly declined: string } {
  const unable = 'passive round-trip times';
  if ('reason' in loaded) return { declined: `${unable}: ${loaded.reason}` };
  const diag = openSockDiag(loaded.native);
  if (typeof diag === 'string')
    return { declined: `${unable}: the kernel gives no NETLINK_SOCK_DIAG: ${diag}` };
  /** What each connection had sent at the look before. */
  let before = new Map<bigint, Sent>();
  let weightOf = new Map<string, number>();
  let lookedAtMs: number | undefined;
  return {
    look: async (nowMs) => {
      const gather = createGather(before, nowMs - (lookedAtMs ?? -Infinity));
      let connections = 0;
      for (const port of ports) {
        const read = await diag.read(port, CONNECTIONS_MAX - connections, gather.add);
        if (typeof read === 'string') return { samples: [], connections: 0, fault: `${unable}: ${read}` };
        connections += read;
      }
      before = gather.sent;
      weightOf = gather.connectionsOf();
      lookedAtMs = nowMs;
      return { samples: gather.samples(), connections };
    },
    demand: (rps) => {
      const total = [...weightOf.values()].reduce((sum, count) => sum + count, 0);
      return [...weightOf].map(([network, count]) => ({ network, rps: (rps * count) / total }));
    },
    close: diag.close,
  };
}

/** Segments with data, and those sent again. */
interface Sent {
  readonly segments: number;
  readonly retransmits: number;
}

interface Network {
  connections: number;
  fresh: number;
  minMs: number;
  sumMs: number;
  segments: number;
  retransmits: number;
}

/** Adds connections up by network; those count for round-trip times that were acknowledged in `sinceMs`. */
function createGather(before: ReadonlyMap<bigint, Sent>, sinceMs: number) {
  const sent = new Map<bigint, Sent>();
  const networks = new Map<string, Network>();
  const networkOf = (peer: Address): Network | undefined => {
    const text = clientNetwork(peer);
    // The host's own connections, such as an exporter's, say nothing of clients.
    if (OWN.has(text)) return undefined;
    const known = networks.get(text);
    if (known !== undefined || networks.size >= NETWORKS_MAX) return known;
    const made = { connections: 0, fresh: 0, minMs: Infinity, sumMs: 0, segments: 0, retransmits: 0 };
    networks.set(text, made);
    return made;
  };
  return {
    sent,
    add: ({ cookie, peer, rttMs, ackAgeMs, segments, retransmits }: Connection): void => {
      sent.set(cookie, { segments, retransmits });
      const network = networkOf(peer);
      if (network === undefined) return;
      network.connections++;
      if (ackAgeMs > sinceMs) return;
      network.fresh++;
      network.minMs = Math.min(network.minMs, rttMs);
      network.sumMs += rttMs;
      const last = before.get(cookie);
      network.segments += Math.max(0, segments - (last?.segments ?? 0));
      network.retransmits += Math.max(0, retransmits - (last?.retransmits ?? 0));
    },
    connectionsOf: () => new Map([...networks].map(([text, { connections }]) => [text, connections])),
    samples: (): Sample[] => [...networks].flatMap(([network, seen]) => sampleOf(network, seen) ?? []),
  };
}

/** The client network of an address: `203.0.113.0/24`, `2001:db8::/48`. */
export function clientNetwork(address: Address): string {
  const length = NETWORK_BITS[address.family];
  return formatPrefix({ address: maskedAddress(address, length), length });
}

/** What was sent again is taken for lost. */
function sampleOf(network: string, seen: Network): Sample | undefined {
  const { fresh, minMs, sumMs, segments, retransmits } = seen;
  if (fresh === 0) return undefined;
  const sent = Math.max(1, Math.min(PACKETS_MAX, segments));
  const lossRate = segments === 0 ? 0 : Math.min(1, retransmits / segments);
  const lost = Math.min(sent - 1, Math.round(lossRate * sent));
  return { network, rttMs: minMs, jitterMs: sumMs / fresh - minMs, sent, lost, method: 'passive' };
}
