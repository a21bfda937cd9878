import { OUTCOME, type Outcome, TRANSPORTS, type Transport, transportValue } from '../answer/context.ts';
import { COOKIE } from '../answer/cookies.ts';
import { must } from '../base/assert.ts';
import { type CounterBlock, type CounterLayout, counterLayout } from '../base/counters.ts';
import { RCODE, TYPE, typeName } from '../wire/constants.ts';
import { ABUSE_FAMILIES, type AbuseCounters, abuseCounters } from './counters-abuse.ts';
import { SUBNET_FAMILIES, type SubnetCounters, subnetCounters } from './counters-subnet.ts';
import { TRANSFER_FAMILIES, type TransferCounters, transferCounters } from './counters-transfer.ts';

/** Query types with a slot of their own; others are counted as `other`: a flood of types costs no memory. */
const QTYPES: readonly number[] = [
  TYPE.A,
  TYPE.NS,
  TYPE.CNAME,
  TYPE.SOA,
  TYPE.PTR,
  TYPE.MX,
  TYPE.TXT,
  TYPE.AAAA,
  TYPE.SRV,
  TYPE.NAPTR,
  TYPE.DS,
  TYPE.DNSKEY,
  TYPE.TLSA,
  TYPE.SVCB,
  TYPE.HTTPS,
  TYPE.CAA,
  TYPE.AXFR,
  TYPE.ANY,
];
/** What told us where the client is: its prefix (RFC 7871), or its resolver's address. */
const CLIENT_SOURCES = ['ecs', 'resolver'] as const;
/** Why a datagram or a response was dropped without a word. */
const DROP_REASONS = [
  'source-port-0',
  'unanswerable',
  'receive-error',
  'send-error',
  'send-queue-full',
  /** Longer than any honest query. */
  'truncated-query',
  /** It ended two threads: see deaths.ts. */
  'query-of-death',
  /** Its client is on the drop list. */
  'drop-list',
  /** Its client was sent too much: see rate-limit.ts. */
  'rate-limit',
  /** It waited for longer than a client does: see native-overload.ts. */
  'late',
  /** An error response that was not sent, for good questions to get the time. */
  'overload-error',
  /** The kernel's receive buffer was full. */
  'kernel-buffer',
  /** A listed proxy sent no PROXY header, or a broken one: see listen.proxy. */
  'proxy-header',
] as const;
/** Why a TCP connection ended. */
export const CLOSE_REASONS = [
  'client',
  'idle',
  'lifetime',
  'no-query',
  'slow-message',
  'write-stalled',
  'malformed',
  'queries-max',
  'evicted',
  /** It was in the middle of something, and another had a question. */
  'evicted-busy',
  'error',
  'shutdown',
] as const;
/** Encrypted transports, which count their connections apart from those of plain TCP. */
export const SECURE = ['tls', 'https'] as const;
/** How a TLS handshake ended: a resumed one is one more without the cost of a signature. */
export const HANDSHAKES = ['full', 'resumed', 'failed'] as const;
/** Why a TCP connection was refused on arrival. */
export const REFUSE_REASONS = ['connections-max', 'client-connections-max', 'drop-list'] as const;
/** Whether a query's cookie is good, in the order of `COOKIE`; a client's own part alone is not. */
const COOKIE_VERDICTS = ['bad', 'good'] as const;
/** Bucket bounds of the handling time, in seconds. */
const HANDLING_BOUNDS = [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 125, 250, 500, 1000, 4000, 16_000].map(
  (us) => us / 1e6,
);
/** Bucket bounds of the batches: powers of two, up to the longest. */
const BATCH_BOUNDS = [1, 2, 4, 8, 16, 32, 64];

export type DropReason = (typeof DROP_REASONS)[number];
export type CloseReason = (typeof CLOSE_REASONS)[number];
export type RefuseReason = (typeof REFUSE_REASONS)[number];
export type SecureTransport = (typeof SECURE)[number];

const kindNames = Object.keys(OUTCOME).map((name) => name.toLowerCase());
const rcodeNames = [...Object.keys(RCODE), 'other'];
/** By the twelve bits of an extended rcode. */
const rcodeSlots = new Uint8Array(4096).fill(rcodeNames.length - 1);
for (const [slot, code] of Object.values(RCODE).entries()) rcodeSlots[code] = slot;
const qtypeSlots = new Uint8Array(65_536).fill(QTYPES.length);
for (const [slot, type] of QTYPES.entries()) qtypeSlots[type] = slot;

/** A block of a name server's counters, with the place of each family in it. One worker writes it. */
export interface ServerCounters {
  readonly block: CounterBlock;
  readonly queries: number;
  readonly octets: number;
  readonly kinds: number;
  readonly truncated: number;
  readonly prohibited: number;
  readonly cookies: number;
  readonly popAnswers: number;
  readonly drops: number;
  readonly tcpAccepted: number;
  readonly tcpRefused: number;
  readonly tcpClosed: number;
  readonly tcpConnections: number;
  readonly tlsAccepted: number;
  readonly tlsRefused: number;
  readonly tlsClosed: number;
  readonly tlsConnections: number;
  readonly handshakes: number;
  readonly handling: number;
  readonly batches: number;
  readonly abuse: AbuseCounters;
  readonly transfer: TransferCounters;
  readonly subnet: SubnetCounters;
}

const NAME = {
  queries: 'isochrone_dns_queries_total',
  octets: 'isochrone_dns_octets_total',
  kinds: 'isochrone_dns_answers_total',
  truncated: 'isochrone_dns_truncated_total',
  prohibited: 'isochrone_dns_prohibited_total',
  cookies: 'isochrone_dns_cookies_total',
  popAnswers: 'isochrone_dns_pop_answers_total',
  drops: 'isochrone_dns_drops_total',
  tcpAccepted: 'isochrone_dns_tcp_accepted_total',
  tcpRefused: 'isochrone_dns_tcp_refused_total',
  tcpClosed: 'isochrone_dns_tcp_closed_total',
  tcpConnections: 'isochrone_dns_tcp_connections',
  tlsAccepted: 'isochrone_dns_tls_accepted_total',
  tlsRefused: 'isochrone_dns_tls_refused_total',
  tlsClosed: 'isochrone_dns_tls_closed_total',
  tlsConnections: 'isochrone_dns_tls_connections',
  handshakes: 'isochrone_dns_tls_handshakes_total',
  handling: 'isochrone_dns_handling_seconds',
  batches: 'isochrone_dns_batch_datagrams',
} as const;

/** The slots of one worker of a name server whose fleet has these POP codes, in the fleet's order. */
export function serverLayout(popCodes: readonly string[]): CounterLayout {
  const transport = { name: 'transport', values: TRANSPORTS };
  const secure = { name: 'transport', values: SECURE };
  const reason = (values: readonly string[]) => ({ name: 'reason', values });
  const qtype = { name: 'qtype', values: [...QTYPES.map(typeName), 'other'] };
  const counter = (name: string, help: string, labels: { name: string; values: readonly string[] }[]) => ({
    name,
    help,
    kind: 'counter' as const,
    labels,
  });
  return counterLayout(
    [
      counter(NAME.queries, 'Queries answered.', [transport, qtype, { name: 'rcode', values: rcodeNames }]),
      counter(NAME.octets, 'Octets of DNS messages, without framing.', [
        transport,
        { name: 'direction', values: ['in', 'out'] },
      ]),
      counter(NAME.kinds, 'Queries by the kind of response they got.', [{ name: 'kind', values: kindNames }]),
      counter(NAME.truncated, 'Responses that said TC, by transport.', [transport]),
      counter(NAME.prohibited, 'Queries refused because their client may not ask there.', [transport]),
      counter(NAME.cookies, 'Queries with a DNS cookie (RFC 7873), by whether it was a good one.', [
        { name: 'verdict', values: COOKIE_VERDICTS },
      ]),
      counter(NAME.popAnswers, 'Steered answers by POP and by what told the client: ECS or the resolver.', [
        { name: 'pop', values: popCodes },
        { name: 'client', values: CLIENT_SOURCES },
      ]),
      counter(NAME.drops, 'Queries and responses dropped in silence.', [transport, reason(DROP_REASONS)]),
      counter(NAME.tcpAccepted, 'TCP connections accepted.', []),
      counter(NAME.tcpRefused, 'TCP connections refused on arrival.', [reason(REFUSE_REASONS)]),
      counter(NAME.tcpClosed, 'TCP connections ended.', [reason(CLOSE_REASONS)]),
      { name: NAME.tcpConnections, help: 'TCP connections open now.', kind: 'gauge', labels: [] },
      counter(NAME.tlsAccepted, 'Connections for TLS accepted.', [secure]),
      counter(NAME.tlsRefused, 'Connections for TLS refused on arrival.', [secure, reason(REFUSE_REASONS)]),
      counter(NAME.tlsClosed, 'Connections for TLS ended.', [secure, reason(CLOSE_REASONS)]),
      { name: NAME.tlsConnections, help: 'Connections for TLS open now.', kind: 'gauge', labels: [secure] },
      counter(NAME.handshakes, 'TLS handshakes.', [secure, { name: 'result', values: HANDSHAKES }]),
      ...ABUSE_FAMILIES,
      ...TRANSFER_FAMILIES,
      ...SUBNET_FAMILIES,
    ],
    [
      {
        name: NAME.handling,
        help: 'Time a UDP query takes from its reading to the kernel having its response; sampled.',
        bounds: HANDLING_BOUNDS,
      },
      { name: NAME.batches, help: 'UDP datagrams received by one system call.', bounds: BATCH_BOUNDS },
    ],
  );
}

/** Opens a block for writing. Gauges start at zero, for a worker that died may have left some. */
export function openCounters(layout: CounterLayout, block: CounterBlock): ServerCounters {
  const all = [...layout.families, ...layout.histograms];
  const at = (name: string): number => must(all.find((family) => family.name === name)?.offset, name);
  block[at(NAME.tcpConnections)] = 0;
  for (const index of SECURE.keys()) block[at(NAME.tlsConnections) + index] = 0;
  return {
    block,
    queries: at(NAME.queries),
    octets: at(NAME.octets),
    kinds: at(NAME.kinds),
    truncated: at(NAME.truncated),
    prohibited: at(NAME.prohibited),
    cookies: at(NAME.cookies),
    popAnswers: at(NAME.popAnswers),
    drops: at(NAME.drops),
    tcpAccepted: at(NAME.tcpAccepted),
    tcpRefused: at(NAME.tcpRefused),
    tcpClosed: at(NAME.tcpClosed),
    tcpConnections: at(NAME.tcpConnections),
    tlsAccepted: at(NAME.tlsAccepted),
    tlsRefused: at(NAME.tlsRefused),
    tlsClosed: at(NAME.tlsClosed),
    tlsConnections: at(NAME.tlsConnections),
    handshakes: at(NAME.handshakes),
    handling: at(NAME.handling),
    batches: at(NAME.batches),
    abuse: abuseCounters(at),
    transfer: transferCounters(at),
    subnet: subnetCounters(at),
  };
}

/** Counts what `answer` decided of one message. */
export function countOutcome(counters: ServerCounters, outcome: Outcome): void {
  add(counters, counters.kinds + outcome.kind, 1);
  if (outcome.kind === OUTCOME.DROPPED) return;
  const { transport } = outcome;
  const qtype = qtypeSlots[outcome.qtype] ?? QTYPES.length;
  const rcode = rcodeSlots[outcome.rcode] ?? rcodeNames.length - 1;
  add(counters, counters.queries + (transport * (QTYPES.length + 1) + qtype) * rcodeNames.length + rcode, 1);
  if (outcome.truncated) add(counters, counters.truncated + transport, 1);
  if (outcome.cookie !== COOKIE.NONE) add(counters, counters.cookies + outcome.cookie - COOKIE.BAD, 1);
  if (outcome.prohibited) add(counters, counters.prohibited + transport, 1);
  if (outcome.kind === OUTCOME.STEERED && outcome.popIndex >= 0)
    add(
      counters,
      counters.popAnswers + outcome.popIndex * CLIENT_SOURCES.length + (outcome.usedEcs ? 0 : 1),
      1,
    );
}

/** Counts octets of messages read and written. */
export function countOctets(
  counters: ServerCounters,
  transport: Transport,
  read: number,
  written: number,
): void {
  const slot = counters.octets + transportValue(transport) * 2;
  add(counters, slot, read);
  add(counters, slot + 1, written);
}

/** Counts something dropped, or several of it. */
export function countDrop(
  counters: ServerCounters,
  transport: Transport,
  reason: DropReason,
  amount = 1,
): void {
  const first = transportValue(transport) * DROP_REASONS.length;
  add(counters, counters.drops + first + DROP_REASONS.indexOf(reason), amount);
}

/** Counts a batch of this many datagrams, at least one. */
export function countBatch(counters: ServerCounters, datagrams: number): void {
  // The bounds are powers of two.
  const bucket = Math.min(32 - Math.clz32(datagrams - 1), BATCH_BOUNDS.length);
  add(counters, counters.batches + bucket, 1);
  add(counters, counters.batches + BATCH_BOUNDS.length + 1, datagrams);
}

/** Counts one observed handling time. */
export function countHandling(counters: ServerCounters, seconds: number): void {
  let bucket = 0;
  while (bucket < HANDLING_BOUNDS.length && seconds > (HANDLING_BOUNDS[bucket] as number)) bucket++;
  add(counters, counters.handling + bucket, 1);
  add(counters, counters.handling + HANDLING_BOUNDS.length + 1, seconds);
}

/** Adds to a slot of the block. */
export function add(counters: ServerCounters, slot: number, amount: number): void {
  counters.block[slot] = (counters.block[slot] as number) + amount;
}
