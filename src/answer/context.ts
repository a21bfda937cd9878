/**
 * Room `answer`: query octets and a client's address in, response octets out. The hot path: nothing here
 * waits, allocates or throws for what a peer sends. May import `base wire zone`, `steering/image.ts` and
 * `geo/client-image.ts`. Pure.
 */
import type { AccessList } from '../base/access-list.ts';
import type { Address } from '../base/address.ts';
import { ROW_CANDIDATES, type SteeringImage } from '../steering/image.ts';
import { createPacketViews, type PacketViews } from '../wire/packet.ts';
import { emptyQueryView, type QueryView } from '../wire/query.ts';
import { ADDITIONAL, type ZoneImage } from '../zone/image.ts';
import { emptyHit, type Hit } from '../zone/image-find.ts';
import { COOKIE, type Cookies, cookieWords, createCookies } from './cookies.ts';
import { type CompiledFacts, compileFacts, type ServerFacts } from './facts.ts';
import { createMessage, type Message } from './message.ts';
import type { RowHit, RowMap } from './row-map.ts';
import type { Service } from './service.ts';

/** UDP payload that fits every path of the Internet in one piece (DNS flag day 2020). */
const UDP_SIZE_MAX_DEFAULT = 1232;
/**
 * CNAME and DNAME steps that one response follows: more than sound zones need, and a bound on the work for
 * bad ones.
 */
export const CHAIN_MAX = 16;
/** Denials in one response: two for each step of a chain, and those of its end. */
const PROOFS_MAX = 2 * CHAIN_MAX + 4;

/** How a query can come, in the order of `TRANSPORT`: over TLS is RFC 7858, over HTTPS RFC 8484. */
export const TRANSPORTS = ['udp', 'tcp', 'tls', 'https'] as const;
export type Transport = (typeof TRANSPORTS)[number];

/** Who asks. */
export interface Client {
  readonly address: Address;
  readonly port: number;
  /** Who may ask where this client asks. Absent: everybody. */
  readonly access?: AccessList | undefined;
  readonly transport: Transport;
}

/** How a query came, as outcomes hold it. */
export const TRANSPORT = { UDP: 0, TCP: 1, TLS: 2, HTTPS: 3 } as const;

/** The `TRANSPORT` value of a transport. */
export function transportValue(transport: Transport): number {
  if (transport === 'udp') return TRANSPORT.UDP;
  if (transport === 'tcp') return TRANSPORT.TCP;
  return transport === 'tls' ? TRANSPORT.TLS : TRANSPORT.HTTPS;
}

/** What kind of response was given. */
export const OUTCOME = {
  /** None: the message was dropped. */
  DROPPED: 0,
  /** No question was looked up: FORMERR, NOTIMP, BADVERS. */
  REJECTED: 1,
  REFUSED: 2,
  ANSWER: 3,
  STEERED: 4,
  REFERRAL: 5,
  NODATA: 6,
  NXDOMAIN: 7,
  /** SERVFAIL or YXDOMAIN. */
  FAILED: 8,
} as const;

/** What an answer says of itself in extended errors (RFC 8914), as bits of `notes`. */
export const NOTE = {
  /** The table is older than the configuration allows. */
  STALE: 1,
  /** Every POP is out of service: answered as if all served. */
  FAIL_OPEN: 2,
  /** No table has arrived yet. */
  NOT_READY: 4,
  /** Not allowed to this client, or to anyone. */
  PROHIBITED: 8,
  /** No zone here holds the name. */
  NOT_AUTHORITATIVE: 16,
} as const;

/** What was decided last: for counters and for `explain`. Mutable, reused. */
export interface Outcome {
  kind: number;
  /** The extended one where EDNS carries it (BADVERS is 16). */
  rcode: number;
  /** 0 where no question could be read. */
  qtype: number;
  /** A `TRANSPORT` value. */
  transport: number;
  truncated: boolean;
  /** Refused for who asks: `Client.access`. */
  prohibited: boolean;
  /** A `COOKIE` value: whether the query shows that its source address is not forged (RFC 7873). */
  cookie: number;
  /** `NOTE` bits. */
  notes: number;
  /** Position of the service that was steered to; -1 if none was, and then the rest means nothing. */
  serviceIndex: number;
  /** Row of the steering image; -1 if none. */
  row: number;
  /** Link and POP that were chosen; -1 if none. */
  linkIndex: number;
  popIndex: number;
  /** Additional data were chosen for the client. */
  steeredBeside: boolean;
  /** Whether the client's own prefix was used, not its resolver's address. */
  usedEcs: boolean;
  /** Bits of the address that the decision depends on. */
  scopeLength: number;
  /** Seconds. */
  ttl: number;
}

/** What steering decided, and what it means for the clients of this process's databases. Replaced as one. */
export interface SteeringTable {
  readonly image: SteeringImage;
  readonly rows: RowMap;
}

/** Everything that answering needs: tables to read, and room to work in. One per thread. */
export interface AnswerContext {
  /** Replaced by assignment when zones change. */
  zones: ZoneImage;
  /** Replaced by assignment when a table arrives; undefined until the first. */
  table: SteeringTable | undefined;
  /** One word per POP: see base/pop-state.ts. */
  readonly popState: Int32Array;
  /** One word, shared: not 0 while steered answers are to say that the table is old. */
  readonly stale: Int32Array;
  /** POP index of each link. */
  readonly linkPop: Int32Array;
  /** In the order that the zones were compiled for. */
  readonly services: readonly Service[];
  /** Largest UDP response in octets, and the size that our OPT names. */
  readonly udpSizeMax: number;
  /** How long a TCP connection may be idle, in tenths of a second; for clients that ask (RFC 7828). */
  tcpIdleTenths: number;
  readonly cookies: Cookies;
  /** Whether UDP queries with a cookie, but no good one, get BADCOOKIE and a good one (RFC 7873 §5.2.3). */
  readonly insistsOnCookies: boolean;
  readonly facts: CompiledFacts;
  readonly outcome: Outcome;
  /** What was decided for additional data. */
  readonly beside: Outcome;
  /** Links whose records stand beside that of the chosen one. */
  readonly company: Int32Array;
  /** By target of additional data: where the run of its further RRset was put, -1 if it was not. */
  readonly furtherAt: Int32Array;
  readonly views: PacketViews;
  readonly query: QueryView;
  readonly message: Message;
  readonly hit: Hit;
  readonly found: RowHit;
  /** Hashes of the names that the response's chain of aliases went through. */
  readonly chain: Int32Array;
  /** DNAMEs that the response has, so that none is put twice. */
  readonly redirects: Int32Array;
  redirectCount: number;
  /** AA of the response being made. */
  authoritative: boolean;
  /** Whether the zone in hand is signed, and the query asks for signatures. */
  secure: boolean;
  /** Denials to be put: the words at which they begin, and where in the message their zone's apex stands. */
  readonly proofs: Int32Array;
  readonly proofApexes: Int32Array;
  proofCount: number;
}

/** What a context is made of. */
interface AnswerParts {
  readonly zones: ZoneImage;
  readonly services: readonly Service[];
  readonly popState: Int32Array;
  readonly linkPop: Int32Array;
  readonly table?: SteeringTable;
  readonly stale?: Int32Array | undefined;
  readonly udpSizeMax?: number;
  /** Shared words of `cookieWords`; absent: cookies are off. */
  readonly cookies?: Int32Array | undefined;
  readonly insistsOnCookies?: boolean | undefined;
  readonly facts?: ServerFacts | undefined;
}

/** A context for one thread. */
export function createAnswerContext(parts: AnswerParts): AnswerContext {
  return {
    zones: parts.zones,
    table: parts.table,
    popState: parts.popState,
    stale: parts.stale ?? new Int32Array(1),
    linkPop: parts.linkPop,
    services: parts.services,
    udpSizeMax: parts.udpSizeMax ?? UDP_SIZE_MAX_DEFAULT,
    tcpIdleTenths: 100,
    cookies: createCookies(parts.cookies ?? cookieWords()),
    insistsOnCookies: parts.insistsOnCookies ?? false,
    facts: compileFacts(parts.facts ?? {}),
    outcome: emptyOutcome(),
    beside: emptyOutcome(),
    company: new Int32Array(ROW_CANDIDATES),
    furtherAt: new Int32Array(ADDITIONAL.TARGETS_MAX),
    views: createPacketViews(),
    query: emptyQueryView(),
    message: createMessage(),
    hit: emptyHit(),
    found: { row: 0, scopeLength: 0 },
    chain: new Int32Array(CHAIN_MAX),
    redirects: new Int32Array(CHAIN_MAX + 1),
    redirectCount: 0,
    authoritative: false,
    secure: false,
    proofs: new Int32Array(PROOFS_MAX),
    proofApexes: new Int32Array(PROOFS_MAX),
    proofCount: 0,
  };
}

/** An outcome for `resolveSteered` to fill. */
export function emptyOutcome(): Outcome {
  return {
    kind: OUTCOME.DROPPED,
    rcode: 0,
    qtype: 0,
    transport: TRANSPORT.UDP,
    truncated: false,
    prohibited: false,
    cookie: COOKIE.NONE,
    notes: 0,
    serviceIndex: -1,
    row: -1,
    linkIndex: -1,
    popIndex: -1,
    steeredBeside: false,
    usedEcs: false,
    scopeLength: 0,
    ttl: 0,
  };
}
