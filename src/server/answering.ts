import { answer } from '../answer/answer.ts';
import { type AnswerContext, createAnswerContext, type SteeringTable } from '../answer/context.ts';
import type { ServerFacts } from '../answer/facts.ts';
import { createForesight, expectQuery, foresee, isLarge } from '../answer/foresee.ts';
import { openRowMap } from '../answer/row-map.ts';
import { compileService, type ServiceSpec } from '../answer/service.ts';
import { type AddressSet, hasAddress } from '../base/address-set.ts';
import { OperatorError, type Problem } from '../base/errors.ts';
import type { Fleet } from '../base/fleet.ts';
import { type ClientImage, openClientImage } from '../geo/client-image.ts';
import { openImage } from '../steering/image.ts';
import { HEADER_SIZE } from '../wire/query.ts';
import { openZoneImage, type ZoneImage } from '../zone/image.ts';
import { countDrop, countOutcome, type ServerCounters } from './counters.ts';
import { countSubnet } from './counters-subnet.ts';
import { isQueryOfDeath } from './deaths-block.ts';
import { type DemandTable, sampleDemand } from './demand-table.ts';
import { type DropSamples, noteDrop, SAMPLED } from './drop-samples.ts';
import { DROPPED, type Foreseer, type Handler } from './handler.ts';
import { BATCH_MAX } from './native-arena.ts';
import { isQueryWanted, noteQuery, type QuerySamples } from './query-samples.ts';
import { type Limiter, limitRate } from './rate-limit.ts';
import { openTransferBook, type TransferBook, type TransferData } from './transfer-book.ts';

/**
 * Everything that answering is made from, in a form that can be posted to a thread: plain data, the bulk of
 * it in shared memory.
 */
export interface AnswerData {
  /** All zones: a zone image made for `services`. */
  readonly zones: Uint8Array<SharedArrayBuffer>;
  /**
   * Where every address is: a client image made for the places of `placesDigest`, whole: whoever read or made
   * it has seen to that, for it is long and every thread opens it.
   */
  readonly clients: Uint8Array<SharedArrayBuffer>;
  /** What STEER records name, in the order of the zone image. */
  readonly services: readonly ServiceSpec[];
  readonly fleet: Fleet;
  /** Of places.csv: images made for other places are refused. */
  readonly placesDigest: number;
  /** One word per POP (base/pop-state.ts), written by the control side. */
  readonly popState: Int32Array<SharedArrayBuffer>;
  /** One word: not 0 while steered answers are to say that the table is old. Absent: they never do. */
  readonly stale?: Int32Array<SharedArrayBuffer>;
  /** Whose queries are dropped. Absent: nobody's. */
  readonly drops?: AddressSet | undefined;
  /** Longest UDP response, octets. */
  readonly udpSizeMax: number;
  /** Zones that go to others or come from them, and the keys for it. Absent: none do. */
  readonly transfers?: TransferData;
  /** Shared words of answer/cookies.ts; absent: cookies are off. */
  readonly cookies?: Int32Array<SharedArrayBuffer>;
  /** Whether UDP queries with a cookie that is not good get BADCOOKIE. */
  readonly insistsOnCookies?: boolean;
  /** What the server says of itself. */
  readonly facts?: ServerFacts;
}

/** A context for `answer`, and how to give it other images. One per thread. */
export interface Answering {
  readonly context: AnswerContext;
  readonly transfers: TransferBook;
  /** Where clients are, for people and for counting demand; answers need the row map alone. */
  readonly clients: () => ClientImage;
  /**
   * Answers from this steering image from now on, with the row map that was built from it; or says what is
   * wrong with either and keeps the table before.
   */
  readonly setTable: (image: Uint8Array, rowMap: Uint8Array<SharedArrayBuffer>) => SteeringTable | string;
  /** Serves these zones from now on; or says what is wrong and keeps those before. */
  readonly setZones: (bytes: Uint8Array) => ZoneImage | string;
  /** Locates clients with this image, which is whole, from now on; or as `setZones`. */
  readonly setClients: (bytes: Uint8Array) => ClientImage | string;
  /** Whose queries are dropped: replaced by assignment. */
  drops: AddressSet | undefined;
}

/**
 * Opens what one thread answers from. Throws `OperatorError` (`bad-image`) with everything that is wrong with
 * the images. Steered names wait for `setTable`.
 */
export function createAnswering(data: AnswerData): Answering {
  const { fleet, placesDigest } = data;
  const services = data.services.map((service) => service.name);
  const problems: Problem[] = [];
  const opened = <T extends object>(file: string, image: T | string): T => {
    if (typeof image !== 'string') return image;
    problems.push({ file, message: image });
    return {} as T; // Never used: the problem is thrown below.
  };
  const zones = opened('zone image', openZoneImage(data.zones, { services }));
  let clients = opened('client image', openClientImage(data.clients, { placesDigest, isSummed: true }));
  if (problems.length > 0) throw new OperatorError('bad-image', problems);
  const context = createAnswerContext({
    zones,
    services: data.services.map((service) => compileService(service, fleet)),
    popState: data.popState,
    stale: data.stale,
    linkPop: Int32Array.from(fleet.links, (link) => link.popIndex),
    udpSizeMax: data.udpSizeMax,
    cookies: data.cookies,
    insistsOnCookies: data.insistsOnCookies,
    facts: data.facts,
  });
  const expected = { fleetDigest: fleet.digest, placesDigest, isSummed: true };
  return {
    context,
    transfers: openTransferBook(data.transfers ?? { keys: [], zones: [] }),
    clients: () => clients,
    drops: data.drops,
    setTable: (bytes, rowMap) => {
      // The mapper has checked it; the sum of a large one would keep clients waiting for milliseconds.
      const image = openImage(bytes, expected);
      if (typeof image === 'string') return image;
      const rows = openRowMap(rowMap);
      if (typeof rows === 'string') return rows;
      context.table = { image, rows };
      return context.table;
    },
    setZones: (bytes) => {
      const image = openZoneImage(bytes, { services });
      if (typeof image !== 'string') context.zones = image;
      return image;
    },
    setClients: (bytes) => {
      const image = openClientImage(bytes, expected);
      if (typeof image !== 'string') clients = image;
      return image;
    },
  };
}

/** What the handler keeps account in, and the queries that it may not touch. */
export interface HandlerParts {
  readonly counters: ServerCounters;
  readonly demand: DemandTable;
  /** Shared block of queries of death (deaths-block.ts). */
  readonly deaths: Int32Array;
  /** Absent: nobody is sent too much. */
  readonly limiter?: Limiter | undefined;
  /** Where some queries and answers are noted. Absent: nowhere. */
  readonly queries?: QuerySamples | undefined;
  /** Where dropped queries are noted. Absent: nowhere. */
  readonly samples?: DropSamples | undefined;
}

/** The handler that answers, and counts what was decided and for whom. */
export function countingHandler(answering: Answering, parts: HandlerParts): Handler {
  const { context } = answering;
  const { counters, demand, deaths, limiter, samples, queries } = parts;
  return (query, length, client, out) => {
    // One load for the common case: nothing is banned.
    if (deaths[0] !== 0 && isQueryOfDeath(deaths, query, length)) {
      countDrop(counters, client.transport, 'query-of-death');
      return DROPPED;
    }
    const { drops } = answering;
    if (drops !== undefined && hasAddress(drops, client.address)) {
      countDrop(counters, client.transport, 'drop-list');
      if (samples !== undefined) noteDrop(samples, SAMPLED.DROP_LIST, client, query, HEADER_SIZE);
      return DROPPED;
    }
    const written = answer(context, query, length, client, out);
    countOutcome(counters, context.outcome);
    if (context.query.edns.ecs) countSubnet(counters, context.outcome, context.query.edns);
    if (--demand.untilSample === 0) sampleDemand(demand, answering.clients(), context, client);
    const isFree = limiter === undefined || written <= 0 || client.transport !== 'udp';
    const sent = isFree ? written : limitRate(limiter, context, client, out, written);
    if (queries !== undefined && --queries.untilNext <= 0 && isQueryWanted(queries) && sent > 0)
      noteQuery(queries, context, { query, length, out, written: sent }, client);
    return sent;
  };
}

/** What has the processor fetch what answers will take, where images are large. */
export function foreseerOf({ context }: Answering, { deaths }: Pick<HandlerParts, 'deaths'>): Foreseer {
  const foresight = createForesight(BATCH_MAX);
  return {
    // A query of death would end the thread here too.
    wanted: () => deaths[0] === 0 && isLarge(context),
    expect: (query, length, { address }) => expectQuery(foresight, context, query, length, address),
    fetch: () => foresee(foresight, context),
  };
}
