/**
 * Room `answer`: query octets and a client's address in, response octets out. The hot path: nothing here
 * waits, allocates or throws for what a peer sends. May import `base wire zone`, `steering/image.ts` and
 * `geo/locator.ts`. Pure.
 */
import type { Address } from '../base/address.ts';
import type { Located, Locator } from '../geo/locator.ts';
import type { SteeringImage } from '../steering/image.ts';
import { TYPE } from '../wire/constants.ts';
import { emptyNameView, type NameView } from '../wire/name-view.ts';
import { emptyQueryView, type QueryView } from '../wire/query.ts';
import { createWriter, type Writer } from '../wire/writer.ts';
import { HIT, type Hit, type RRset, type Zones } from '../zone/zone.ts';
import type { Service } from './service.ts';

/** UDP payload that fits every path of the Internet in one piece (DNS flag day 2020). */
const UDP_SIZE_MAX_DEFAULT = 1232;
/** RRsets that one response may hold: chains and additional data end here. */
const RRSETS_MAX = 64;
/**
 * CNAME and DNAME steps that one response follows: more than sound zones need, and a bound on the work for
 * bad ones.
 */
export const CHAIN_MAX = 16;

/** Who asks. */
export interface Client {
  readonly address: Address;
  readonly port: number;
  readonly transport: 'udp' | 'tcp';
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

/** What was decided last: for counters and for `explain`. Mutable, reused. */
export interface Outcome {
  kind: number;
  /** The extended one where EDNS carries it (BADVERS is 16). */
  rcode: number;
  /** 0 where no question could be read. */
  qtype: number;
  transport: 'udp' | 'tcp';
  truncated: boolean;
  /** Position of the service that was steered to; -1 if none was, and then the rest means nothing. */
  serviceIndex: number;
  /** Row of the steering image; -1 if none. */
  row: number;
  /** Link and POP that were chosen; -1 if none. */
  linkIndex: number;
  popIndex: number;
  placeId: number;
  asn: number;
  /** Whether the client's own prefix was used, not its resolver's address. */
  usedEcs: boolean;
  /** Bits of the address that the decision depends on. */
  scopeLength: number;
  /** Seconds. */
  ttl: number;
}

/** A CNAME synthesised from a DNAME (RFC 6672 §3.1), with room for any target. Reused. */
interface Synthesis {
  readonly target: NameView;
  readonly rrset: RRset;
}

/** Everything that answering needs: tables to read, and room to work in. One per thread. */
export interface AnswerContext {
  /** Replaced by assignment when zones change. */
  zones: Zones;
  /** Replaced by assignment when a table arrives; undefined until the first. */
  steering: SteeringImage | undefined;
  /** Replaced by assignment when the geo databases change. */
  locator: Locator;
  /** One word per POP: see base/pop-state.ts. */
  readonly popState: Int32Array;
  /** POP index of each link. */
  readonly linkPop: Int32Array;
  /** In the order that the zones were compiled for. */
  readonly services: readonly Service[];
  /** Largest UDP response in octets, and the size that our OPT names. */
  readonly udpSizeMax: number;
  readonly outcome: Outcome;
  readonly query: QueryView;
  readonly writer: Writer;
  readonly hit: Hit;
  readonly located: Located;
  /** RRsets that the response has, so that none is put twice. */
  readonly written: (RRset | undefined)[];
  writtenCount: number;
  /** Two, so that one target can be the source of the next. */
  readonly syntheses: readonly [Synthesis, Synthesis];
  /** Hashes of the names that the response's chain of aliases went through. */
  readonly chain: Int32Array;
  /** AA of the response being made. */
  authoritative: boolean;
}

/** What a context is made of. */
interface AnswerParts {
  readonly zones: Zones;
  readonly services: readonly Service[];
  readonly locator: Locator;
  readonly popState: Int32Array;
  readonly linkPop: Int32Array;
  readonly steering?: SteeringImage;
  readonly udpSizeMax?: number;
}

/** A context for one thread. */
export function createAnswerContext(parts: AnswerParts): AnswerContext {
  return {
    zones: parts.zones,
    steering: parts.steering,
    locator: parts.locator,
    popState: parts.popState,
    linkPop: parts.linkPop,
    services: parts.services,
    udpSizeMax: parts.udpSizeMax ?? UDP_SIZE_MAX_DEFAULT,
    outcome: emptyOutcome(),
    query: emptyQueryView(),
    writer: createWriter(),
    hit: { kind: HIT.NXDOMAIN, node: undefined },
    located: { placeId: 0, asn: 0, scopeLength: 0, known: false },
    written: new Array<RRset | undefined>(RRSETS_MAX).fill(undefined),
    writtenCount: 0,
    syntheses: [emptySynthesis(), emptySynthesis()],
    chain: new Int32Array(CHAIN_MAX),
    authoritative: false,
  };
}

/** An outcome for `resolveSteered` to fill. */
export function emptyOutcome(): Outcome {
  return {
    kind: OUTCOME.DROPPED,
    rcode: 0,
    qtype: 0,
    transport: 'udp',
    truncated: false,
    serviceIndex: -1,
    row: -1,
    linkIndex: -1,
    popIndex: -1,
    placeId: 0,
    asn: 0,
    usedEcs: false,
    scopeLength: 0,
    ttl: 0,
  };
}

function emptySynthesis(): Synthesis {
  const target = emptyNameView();
  const head = Uint8Array.of(0, TYPE.CNAME, 0, 1, 0, 0, 0, 0, 0, 0);
  const records = [{ head, names: [target], tail: new Uint8Array(0) }];
  return { target, rrset: { type: TYPE.CNAME, ttl: 0, records, target, additional: [] } };
}
