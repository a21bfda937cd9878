import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { AccessList } from '../base/access-list.ts';
import type { AddressSet } from '../base/address-set.ts';
import { type CounterSnapshot, readCounters } from '../base/counters.ts';
import type { AnswerData } from './answering.ts';
import { serverLayout } from './counters.ts';
import { createDeaths } from './deaths.ts';
import { createDemandReader, DEMAND_PERIOD_MS, type Demand } from './demand.ts';
import { createDropReader } from './drop-samples.ts';
import type { ListenAddress } from './handler.ts';
import { type MappedTable, type Mapper, startMapper } from './mapper.ts';
import type { MapperSetup } from './messages.ts';
import type { NativeSocket } from './native-sockets.ts';
import { placeWith } from './place-memory.ts';
import { type QueryReader, readQueries } from './query-samples.ts';
import { type RateLimitOptions, rateLimitData } from './rate-limit.ts';
import { closeCrew, drainCrew, startCrew, tellAll } from './supervisor-crew.ts';
import { createLoadReader, crewFamilies } from './supervisor-families.ts';
import { type IoMode, openServerIo, type ServerIo } from './supervisor-io.ts';
import {
  addressesOf,
  type CertificateAndKey,
  type SecureServerOptions,
  securePlaces,
  setCredentials,
} from './supervisor-secure.ts';
import type { Crew, CrewEvent, CrewPlace } from './supervisor-state.ts';
import { WATCH_MS, watchCrew } from './supervisor-watch.ts';
import { dropZone, giveZone } from './supervisor-zones.ts';
import { TCP_LIMITS, type TcpLimits } from './tcp-limits.ts';
import type { TransferZone } from './transfer-book.ts';

export interface NameServerOptions {
  readonly listen: readonly ListenAddress[];
  readonly data: AnswerData;
  /** Steering image to start with; without one, steered names wait for `setImage`. */
  readonly image?: Uint8Array | undefined;
  /** Threads that answer; by default one a core. */
  readonly workers?: number | undefined;
  readonly tcp?: Partial<TcpLimits>;
  /** How responses over UDP are limited. Absent: they are not. */
  readonly rateLimit?: RateLimitOptions | undefined;
  /** Dropped queries told of, each second at most; by default none. */
  readonly dropsToldPerSecond?: number | undefined;
  /** Peers that say for whom they ask, with PROXY headers (wire/proxy.ts). */
  readonly proxies?: AccessList | undefined;
  /** Absent: TLS is not spoken. */
  readonly secure?: SecureServerOptions | undefined;
  /** UDP receive buffer asked of the kernel, octets. */
  readonly recvBufferOctets?: number;
  /** `auto`, the default: system calls in batches where they can be had, else node:dgram and node:net. */
  readonly io?: 'auto' | 'native' | 'portable';
  /**
   * Sockets of the process that this one replaces (handover-take.ts); native only. They are closed with it.
   */
  readonly inherit?: readonly NativeSocket[] | undefined;
  /** Told what an operator should know; called on the main thread. */
  readonly onEvent?: (event: NameServerEvent) => void;
  /**
   * Told of every table when it goes to the threads; called on the main thread, the first time before the
   * start.
   */
  readonly onTable?: (table: MappedTable) => void;
}

/** What happened to a name server's threads. */
export type NameServerEvent =
  | CrewEvent
  /** The thread that builds tables died; another starts after `restartInMs`. */
  | { readonly kind: 'mapper-died'; readonly error: string; readonly restartInMs: number }
  /** A steering image will not be used: the table before stays. */
  | { readonly kind: 'table-refused'; readonly reason: string }
  /** One of the queries that were dropped for whom they came from. */
  | { readonly kind: 'dropped'; readonly sample: string };

/** A running name server. */
export interface NameServer {
  /** Where it listens, in the order asked for, with real ports. */
  readonly addresses: readonly ListenAddress[];
  /** Where it speaks TLS, with real ports. */
  readonly secure: Pick<SecureServerOptions, 'dot' | 'doh'>;
  /** Connections for TLS that begin from now on are given this certificate. */
  readonly setCredentials: (pair: CertificateAndKey) => void;
  readonly io: IoMode;
  /** Threads that answer over UDP and TCP, when all do. */
  readonly workers: number;
  /**
   * Has a table built from a steering image and handed to every thread. Returns at once; of images that come
   * faster than tables are built, only the newest is kept.
   */
  readonly setImage: (bytes: Uint8Array) => void;
  /** Serves these zones from now on: a zone image that the caller has opened. */
  readonly setZones: (bytes: Uint8Array<SharedArrayBuffer>) => void;
  /** Gives those who transfer the zone this from now on. */
  readonly setTransferZone: (zone: TransferZone) => void;
  /** Gives the zone at this apex to nobody any more, and takes no word of its changes. */
  readonly dropTransferZone: (origin: Uint8Array) => void;
  /** Locates clients with this client image, that the caller has opened, once a table is built for it. */
  readonly setClients: (bytes: Uint8Array<SharedArrayBuffer>) => void;
  /** Drops what comes from these addresses from now on. */
  readonly setDrops: (drops: AddressSet | undefined) => void;
  /** Epoch of the table that every thread answers from: the oldest among them, 0 while one has none. */
  readonly imageEpoch: () => number;
  /** Whether every place has a thread that answers. */
  readonly serving: () => boolean;
  readonly counters: () => CounterSnapshot;
  /** Who asks for what, the busiest first, as of the last ten seconds. */
  readonly demand: (max: number) => Demand;
  /** Some of the queries, with their answers. */
  readonly queries: QueryReader;
  /** Its open sockets, to be handed to another process; none where they belong to the threads. */
  readonly sockets: () => readonly NativeSocket[];
  /**
   * Reads no more queries over UDP and accepts no more connections; resolves when all that was read is
   * answered and every connection closed, by the client or after `DRAIN_MS`. Another process has the sockets.
   */
  readonly drain: () => Promise<void>;
  /** Stops within seconds, whatever the threads do. */
  readonly close: () => Promise<void>;
}

const RECV_BUFFER_OCTETS = 4 << 20;

/**
 * Starts the threads that answer, and keeps them alive: one that dies is replaced, while others go on.
 * Resolves when all answer. Throws `OperatorError` (`port-in-use`, `not-permitted`, `bad-image` …) if they
 * cannot start, having closed all.
 */
export async function startNameServer(options: NameServerOptions): Promise<NameServer> {
  const parts: Parts = {
    options,
    onEvent: options.onEvent ?? (() => undefined),
    timers: [],
    awaitsTable: false,
  };
  try {
    parts.mapper = startMapper(mapperSetup(options), {
      onMapped: (table) => takeTable(parts, table),
      onRefused: (reason) => {
        parts.onEvent({ kind: 'table-refused', reason });
        endFirstTable(parts);
      },
      onDied: (error, restartInMs) => parts.onEvent({ kind: 'mapper-died', error, restartInMs }),
    });
    beginFirstTable(parts);
    return await startAnswering(parts);
  } catch (error) {
    await closeAll(parts);
    throw error;
  }
}

/** All that a name server has open. */
interface Parts {
  readonly options: NameServerOptions;
  readonly onEvent: (event: NameServerEvent) => void;
  readonly timers: NodeJS.Timeout[];
  mapper?: Mapper;
  /** The table to start with is being made. */
  awaitsTable: boolean;
  table?: MappedTable;
  io?: ServerIo;
  crew?: Crew;
}

/**
 * Nobody answers before the first table is there: a client would be told SERVFAIL. The threads start
 * meanwhile.
 */
function beginFirstTable(parts: Parts): void {
  const { image } = parts.options;
  if (image === undefined) return;
  parts.awaitsTable = true;
  parts.mapper?.map(image);
}

/** No table will come of the image to start with: the threads wait no longer. */
function endFirstTable(parts: Parts): void {
  if (!parts.awaitsTable) return;
  parts.awaitsTable = false;
  if (parts.crew === undefined) return;
  parts.crew.awaitsTable = false;
  tellAll(parts.crew, { kind: 'no-table' });
}

function takeTable(parts: Parts, table: MappedTable): void {
  parts.table = table;
  parts.awaitsTable = false;
  if (parts.crew !== undefined) {
    parts.crew.table = table;
    parts.crew.awaitsTable = false;
    tellAll(parts.crew, { kind: 'table', image: table.image, rows: table.rows });
  }
  parts.options.onTable?.(table);
}

async function startAnswering(parts: Parts): Promise<NameServer> {
  const { options, onEvent, timers } = parts;
  const { data, listen, tcp, recvBufferOctets = RECV_BUFFER_OCTETS, io: wanted = 'auto', inherit } = options;
  const workers = options.workers ?? availableParallelism();
  const layout = serverLayout(data.fleet.pops.map((pop) => pop.code));
  const udpResponseMax = data.udpSizeMax;
  const limits = { ...TCP_LIMITS, ...tcp };
  const asked = { listen, workers, recvBufferOctets, udpResponseMax, limits, io: wanted, inherit };
  const io = await openServerIo(asked);
  parts.io = io;
  const secure =
    options.secure === undefined ? [] : await securePlaces(options.secure, inherit !== undefined);
  const places = [...io.places, ...secure].map((place) => placeWith(place, layout));
  const deaths = createDeaths();
  const { crew, started } = startCrew({
    data,
    table: parts.table,
    awaitsTable: parts.awaitsTable,
    tcpLimits: limits,
    proxies: options.proxies,
    deaths,
    rateLimit: options.rateLimit && rateLimitData(options.rateLimit, randomBytes(4).readInt32LE()),
    places,
    newArena: io.newArena,
    onEvent,
  });
  parts.crew = crew;
  timers.push(setInterval(() => watchCrew(crew), WATCH_MS));
  const demands = places.map((place) => place.demand);
  const demand = createDemandReader(demands, performance.now());
  timers.push(setInterval(() => demand.turn(performance.now()), DEMAND_PERIOD_MS));
  timers.push(tellOfDrops(places, options));
  const reported = await started;
  const blocks = places.map((place) => place.counters);
  const load = createLoadReader(crew, blocks);
  return {
    addresses: io.addresses ?? reported,
    secure: addressesOf(secure),
    setCredentials: (pair) => setCredentials(crew, pair),
    io: io.mode,
    workers,
    setImage: (bytes) => parts.mapper?.map(bytes),
    setZones: (bytes) => {
      crew.data = { ...crew.data, zones: bytes };
      tellAll(crew, { kind: 'zones', bytes });
    },
    setTransferZone: (zone) => giveZone(crew, zone),
    dropTransferZone: (origin) => dropZone(crew, origin),
    setClients: (bytes) => {
      crew.data = { ...crew.data, clients: bytes };
      tellAll(crew, { kind: 'clients', bytes });
      parts.mapper?.setClients(bytes);
    },
    setDrops: (drops) => {
      crew.data = { ...crew.data, drops };
      tellAll(crew, { kind: 'drops', drops });
    },
    imageEpoch: () => Math.min(...crew.slots.map((slot) => slot.thread?.epoch ?? 0)),
    serving: () => crew.slots.every((slot) => slot.serving),
    counters: () => {
      const read = readCounters(layout, blocks);
      return { ...read, families: [...read.families, ...crewFamilies(crew, io.mode), ...load(layout)] };
    },
    demand: demand.read,
    queries: readQueries(places.map(({ queries }) => queries)),
    sockets: () => io.sockets,
    drain: () => drainCrew(crew),
    close: () => closeAll(parts),
  };
}

const DROPS_EVERY_MS = 1000;

function tellOfDrops(places: readonly CrewPlace[], options: NameServerOptions): NodeJS.Timeout {
  const { dropsToldPerSecond: perSecond = 0, onEvent } = options;
  const readers = places.map(({ samples }) => createDropReader(samples));
  const tell = (): void => {
    const lines = readers.flatMap((read) => read(perSecond));
    for (const sample of lines.slice(0, perSecond)) onEvent?.({ kind: 'dropped', sample });
  };
  tell();
  return setInterval(tell, DROPS_EVERY_MS);
}

async function closeAll({ timers, mapper, crew, io }: Parts): Promise<void> {
  for (const timer of timers) clearInterval(timer);
  await Promise.all([mapper?.close(), crew === undefined ? undefined : closeCrew(crew)]);
  io?.close();
}

function mapperSetup({ data, inherit }: NameServerOptions): MapperSetup {
  const { clients, fleet, placesDigest, services } = data;
  const groups = Math.max(0, ...services.map((service) => service.groupIndex + 1));
  const othersAnswer = inherit !== undefined;
  return { clients, fleetDigest: fleet.digest, placesDigest, groups, othersAnswer };
}
