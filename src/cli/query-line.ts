import { type Address, formatAddress, formatPrefix, maskedAddress, type Prefix } from '../base/address.ts';
import { must } from '../base/assert.ts';
import type { ExplainQuestion, ExplainView } from '../console/api-explain.ts';
import type { QuerySample } from '../server/query-samples.ts';
import { RCODE, TYPE, typeName } from '../wire/constants.ts';
import { formatName } from '../wire/name.ts';
import { emptyQueryView, HEADER_SIZE, readQuery } from '../wire/query.ts';
import { readSections } from '../wire/records.ts';
import { readResponseOpt } from '../wire/response-opt.ts';

/** What a line of the query log says. */
export interface QueryLine {
  /** RFC 3339, to the millisecond. */
  readonly at: string;
  /** Address that it came from, or its /24 or /48. */
  readonly client: string;
  readonly transport: QuerySample['transport'];
  /** Absent where the question could not be read. */
  readonly name?: string;
  readonly type?: string;
  /** The client subnet that it named (RFC 7871). */
  readonly subnet?: string;
  readonly rcode: string;
  readonly truncated?: true;
  /** Octets of query and response. */
  readonly octets: readonly [query: number, response: number];
  /** Addresses among the answers. */
  readonly addresses?: readonly string[];
  /** Of a steered answer: why. A text says why there is none. */
  readonly why?: QueryReason | string;
}

/** Why a client got its POP: what `explain` says at that epoch, shortened to whom it was between. */
export interface QueryReason {
  readonly epoch: number;
  readonly service: string;
  readonly cell: string;
  readonly chosen: { readonly pop: string; readonly link: string };
  readonly runnerUp?: { readonly pop: string; readonly marginMs: number };
  /** Bits of the address that the answer holds for. */
  readonly scopeLength: number;
  readonly ttlSeconds: number;
  /** Terms in ms of the chosen POP and of the runner-up; their sum is the score. */
  readonly terms: readonly PopTermsOf[];
}

/** The score of one POP, in ms. */
type PopTermsOf = Pick<
  ExplainView['pops'][number],
  'pop' | 'rttMs' | 'rttSource' | 'lossMs' | 'congestionMs' | 'priceMs' | 'biasMs' | 'scoreMs'
>;

/** Bits of clients' addresses that are logged, unless all are. */
const KEPT_BITS = { 4: 24, 6: 48 } as const;

/** What a query asked, and for whom; undefined where no question could be read. */
export function questionOf(
  sample: QuerySample,
): (ExplainQuestion & { readonly subnet?: string }) | undefined {
  const { query } = sample;
  const view = emptyQueryView();
  readQuery(view, new DataView(query.buffer, query.byteOffset, query.length), query.length);
  if (view.questionEnd <= HEADER_SIZE) return undefined;
  const name = formatName(query.slice(HEADER_SIZE, view.questionEnd - 4));
  const { edns } = view;
  const address = { ...edns.ecsAddress, octets: Uint8Array.from(edns.ecsAddress.octets) };
  const subnet = edns.ecs ? formatPrefix({ address, length: edns.ecsSourceLength }) : undefined;
  const named = edns.ecs && edns.ecsSourceLength > 0 ? formatAddress(address) : formatAddress(sample.client);
  return { name, type: typeName(view.qtype), client: named, ...(subnet === undefined ? {} : { subnet }) };
}

/** A line without its reason. */
export function lineOf(sample: QuerySample, addresses: 'truncated' | 'full'): QueryLine {
  const { atMs, client, transport, response, responseOctets, queryOctets } = sample;
  const question = questionOf(sample);
  const sections = readSections(response);
  const isWhole = typeof sections !== 'string';
  const opt = isWhole ? sections.additional.find(({ type }) => type === TYPE.OPT) : undefined;
  const high = opt === undefined ? 0 : readResponseOpt(opt).rcodeHigh;
  const answers = isWhole ? sections.answer.flatMap(({ type, rdata }) => addressOf(type, rdata)) : [];
  return {
    at: new Date(atMs).toISOString(),
    client: addresses === 'full' ? formatAddress(client) : formatPrefix(keptOf(client)),
    transport,
    ...(question === undefined ? {} : { name: question.name, type: question.type }),
    ...(question?.subnet === undefined ? {} : { subnet: question.subnet }),
    rcode: rcodeName((high << 4) | ((response[3] ?? 0) & 15)),
    ...(((response[2] ?? 0) & 2) === 0 ? {} : { truncated: true as const }),
    octets: [queryOctets, responseOctets],
    ...(answers.length === 0 ? {} : { addresses: answers }),
  };
}

/** The reason of a steered answer, out of its explanation. */
export function reasonOf(view: ExplainView): QueryReason {
  const { chosen, runnerUp } = view;
  const between = view.pops.filter(({ pop }) => pop === chosen.pop || pop === runnerUp?.pop);
  return {
    epoch: view.table.epoch,
    service: view.service,
    cell: view.cell.key,
    chosen: { pop: chosen.pop, link: chosen.link },
    ...(runnerUp === undefined ? {} : { runnerUp }),
    scopeLength: must(view.scopeLength, 'scope of an answer of now'),
    ttlSeconds: view.ttl.seconds,
    terms: between.map(({ pop, rttMs, rttSource, lossMs, congestionMs, priceMs, biasMs, scoreMs }) => {
      return { pop, rttMs, rttSource, lossMs, congestionMs, priceMs, biasMs, scoreMs };
    }),
  };
}

/** The network of an address that is logged in its place. */
export function keptOf(address: Address): Prefix {
  const length = KEPT_BITS[address.family];
  return { address: maskedAddress(address, length), length };
}

function rcodeName(rcode: number): string {
  return Object.entries(RCODE).find(([, value]) => value === rcode)?.[0] ?? `RCODE${rcode}`;
}

function addressOf(type: number, rdata: Uint8Array): string[] {
  if (type !== TYPE.A && type !== TYPE.AAAA) return [];
  const octets = new Uint8Array(16);
  octets.set(rdata);
  return [formatAddress({ family: type === TYPE.A ? 4 : 6, octets })];
}
