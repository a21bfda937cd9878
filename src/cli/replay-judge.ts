import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Outcome } from '../answer/context.ts';
import type { Address } from '../base/address.ts';
import { networkKey } from '../base/network-key.ts';
import { emptyLocated, type Located, locate } from '../geo/client-image.ts';
import type { Counts } from '../replay/counts.ts';
import type { Given, Ledger } from '../replay/ledger.ts';
import type { LoggedQuestion } from '../replay/questions.ts';
import { cellKeysOf } from '../replay/rtt.ts';
import { type Answering, createAnswering } from '../server/answering.ts';
import { describeCell, type LocatedNetwork } from '../steering/cells.ts';
import type { LocatedDemand } from '../steering/decider-state.ts';
import { leafSlot } from '../steering/image.ts';
import { typeName } from '../wire/constants.ts';
import { formatName } from '../wire/name.ts';
import { emptyQueryView, HEADER_SIZE, readQuery } from '../wire/query.ts';
import type { Terminal } from './command.ts';
import { formatCount } from './format.ts';
import { answerAs, type Ground, type ReplayWorld, type Side } from './replay-side.ts';

/** A response of any length. */
const MESSAGE_MAX = 65_535;
const first = new Uint8Array(MESSAGE_MAX);
const second = new Uint8Array(MESSAGE_MAX);
/** Questions answered before others get their turn. */
const SLICE = 2_000;

/** What a log's queries are told apart by, and how often each was asked. */
export interface Asked {
  readonly questions: readonly LoggedQuestion[];
  readonly counts: Counts;
  /** Queries that one of the log stands for. */
  readonly oneOf: number;
}

/** Keys of the cells that the clients of the questions are in, with those around them. */
export function cellsOf(
  { answerData, places }: ReplayWorld,
  questions: readonly LoggedQuestion[],
): Set<string> {
  const answering = createAnswering(answerData);
  const keys = new Set<string>();
  const located = emptyLocated();
  for (const question of questions) {
    answerAs(answering, question, first);
    const at = placeOf(answering, { question }, located);
    for (const key of cellKeysOf(places, at)) keys.add(key);
  }
  return keys;
}

/** The demand of one window of the log, by client network and service group: requests a second. */
export function demandOf(
  { world, image, estimates }: Ground,
  { questions, counts, oneOf }: Asked,
  of: { readonly window: number; readonly requestsPerQuery: number },
): LocatedDemand[] {
  const { groupOf, places } = world;
  const answering = createAnswering(world.answerData);
  const rps = (oneOf * of.requestsPerQuery) / counts.windowSeconds();
  const found = new Map<string, LocatedDemand>();
  const located = emptyLocated();
  for (const question of questions) {
    const times = counts.of(question.id, of.window);
    if (times === 0) continue;
    const { outcome } = answerAs(answering, question, first);
    const group = groupOf[outcome.serviceIndex];
    if (group === undefined) continue;
    const at = placeOf(answering, { question }, located);
    const keys = cellKeysOf(places, at);
    // Only a network that something is known of has a cell of its own.
    const isKnown =
      estimates.has(keys.at(-1) ?? '') || (image !== undefined && leafSlot(image, at.network) >= 0);
    const network = isKnown ? at.network : -1;
    const key = `${network} ${at.placeId} ${at.asn} ${group}`;
    const before = found.get(key)?.rps ?? 0;
    found.set(key, { ...at, network, group, rps: before + times * rps });
  }
  return [...found.values()];
}

/** Where the client of a query is, for whom it was answered. */
function placeOf(
  answering: Answering,
  asked: { readonly question: LoggedQuestion },
  located: Located,
): LocatedNetwork {
  const address = clientOf(answering, asked);
  locate(answering.clients(), address, located);
  return { placeId: located.placeId, asn: located.asn, network: networkKey(address) };
}

/** The client subnet that the query named, else its sender; right after it was answered. */
function clientOf({ context }: Answering, { question }: { readonly question: LoggedQuestion }): Address {
  const { edns } = context.query;
  return edns.ecs && edns.ecsSourceLength > 0 ? edns.ecsAddress : question.client;
}

/** Answers each question in both worlds, and adds up what differs; shows how far it is. */
export async function judgeAll(
  ledger: Ledger,
  sides: { readonly before: Side; readonly after: Side },
  { questions, counts, oneOf }: Asked,
  terminal: Pick<Terminal, 'passing' | 'stop'>,
): Promise<void> {
  const windows = counts.windows();
  for (const [i, question] of questions.entries()) {
    if (i % SLICE === SLICE - 1) {
      terminal.passing(`answering: question ${formatCount(i)} of ${formatCount(questions.length)}`);
      await nextTurn();
      terminal.stop.throwIfAborted();
    }
    const queries = Array.from({ length: windows }, (_, window) => oneOf * counts.of(question.id, window));
    judge(ledger, sides, { question, queries });
  }
  terminal.passing('');
}

/** Answers one question in both worlds. */
export function judge(
  ledger: Ledger,
  { before, after }: { readonly before: Side; readonly after: Side },
  { question, queries }: { readonly question: LoggedQuestion; readonly queries: readonly number[] },
): void {
  const one = answerAs(before.answering, question, first);
  const was = givenBy(before, one.outcome);
  const other = answerAs(after.answering, question, second);
  const is = givenBy(after, other.outcome);
  const isSame = isEqual(first, one.length, second, other.length);
  const isMoved = !isSame && was.pop !== '' && is.pop !== '' && was.pop !== is.pop;
  const at = placeOf(after.answering, { question }, room);
  ledger.add({
    before: isMoved ? withRtt(before, was, at) : was,
    after: isMoved ? withRtt(after, is, at) : is,
    isSame,
    queries,
    cell: () => describeCell(after.world.places, at.placeId, at.asn).label,
    question: () => questionText(question),
  });
}

const room = emptyLocated();

function givenBy({ world }: Side, outcome: Readonly<Outcome>): Given {
  const { kind, rcode, ttl, scopeLength, linkIndex, serviceIndex } = outcome;
  const link = serviceIndex < 0 || linkIndex < 0 ? undefined : world.config.fleet.links[linkIndex];
  const pop = link === undefined ? '' : (world.config.fleet.pops[link.popIndex]?.code ?? '');
  // Of other answers the outcome does not tell them.
  const holds = link === undefined ? { ttl: 0, scopeLength: 0 } : { ttl, scopeLength };
  return { kind, rcode, pop, link: link?.id ?? '', ...holds, rttMs: Number.NaN };
}

/** Worlds may differ in their databases: each side's own says where the client is, but to one reader. */
function withRtt({ rtt, world }: Side, given: Given, at: LocatedNetwork): Given {
  const pop = world.config.fleet.pops.find(({ code }) => code === given.pop);
  return { ...given, rttMs: pop === undefined ? Number.NaN : (rtt.of(at)[pop.index] ?? Number.NaN) };
}

/** Ids are 0 in both. */
function isEqual(one: Uint8Array, length: number, other: Uint8Array, otherLength: number): boolean {
  return length === otherLength && Buffer.compare(one.subarray(0, length), other.subarray(0, length)) === 0;
}

const view = emptyQueryView();

function questionText({ octets }: LoggedQuestion): string {
  readQuery(view, new DataView(octets.buffer, octets.byteOffset, octets.length), octets.length);
  if (view.questionEnd <= HEADER_SIZE) return 'no question';
  return `${formatName(octets.slice(HEADER_SIZE, view.questionEnd - 4))} ${typeName(view.qtype)}`;
}
