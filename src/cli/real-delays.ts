import type { Worker } from 'node:worker_threads';
import { type Prefix, parsePrefix } from '../base/address.ts';
import { type CounterSnapshot, counterBlock, readCounters } from '../base/counters.ts';
import { OperatorError } from '../base/errors.ts';
import type { Fleet } from '../base/fleet.ts';
import { joinedTables, type NetworkOverride, networkTable } from '../base/network-table.ts';
import type { Config } from '../config/config.ts';
import { DELAY_LAYOUT } from '../delays/counters.ts';
import { openQueue } from '../delays/queue.ts';
import { addressWord } from '../delays/ways.ts';
import type { Places } from '../geo/places.ts';
import { TILE_DEGREES } from '../geo/places.ts';
import { readClientNetworks } from '../netmodel/networks.ts';
import { networkOfStandIn, STAND_INS, type StandIn, standInsOf } from '../netmodel/stand-ins.ts';
import { watchWeather } from '../probe/weather.ts';
import { endThread, startNativeThread } from '../server/native-threads.ts';
import type { Store } from '../store/store.ts';
import { type Command, type Flags, hasFlag, textFlag } from './command.ts';
import type { DelayJob, FromDelays } from './delays-thread.ts';
import { readGeoData } from './geo-files.ts';
import type { CloseLater } from './long-running.ts';
import type { ValueReader } from './values.ts';

/** Flags of the commands that can make modelled delays real. */
export const DELAY_OPTIONS: Command['options'] = {
  'real-delays': {
    type: 'boolean',
    help: 'hold packets of `isochrone clients` for the modelled time (Linux, as root)',
  },
  here: {
    type: 'string',
    value: 'ADDR',
    help: 'with --real-delays: programs that bind no address stand for the client at ADDR',
  },
};

/** Seed of the modelled internet without --seed. */
export const DEMO_SEED = 1;

/** `--seed`, of commands that have a modelled internet. */
export const SEED_OPTION: Command['options'][string] = {
  type: 'string',
  value: 'N',
  help: `seed of the modelled internet (default ${DEMO_SEED})`,
};

/** The seed of --seed, checked. */
export function seedOf(flags: Flags, reader: ValueReader): number {
  const bounds = { min: 0, max: 2 ** 32 - 1, what: 'a seed' };
  return reader.whole('seed', textFlag(flags, 'seed'), bounds) ?? DEMO_SEED;
}

/** Delays that are to be real. */
export interface WantedDelays {
  readonly standIns: readonly StandIn[];
  /** Number of the network that programs without an address of their own stand for; -1: none. */
  readonly here: number;
}

/** Where programs are that bind no address. */
const LOCALHOST = '127.0.0.1';
/** How often changes of the modelled internet are read without a nudge, ms. */
const CHANGES_EVERY_MS = 2_000;

/** What the flags ask for; undefined: delays stay modelled. */
export function wantedDelays(flags: Flags, reader: ValueReader): WantedDelays | undefined {
  const text = textFlag(flags, 'here');
  if (!hasFlag(flags, 'real-delays')) {
    if (text !== undefined) reader.wrong('--here needs --real-delays');
    return undefined;
  }
  const standIns = readStandIns();
  const here = text === undefined ? -1 : networkAtHere(text, standIns);
  if (text !== undefined && here < 0)
    reader.wrong(`--here ${JSON.stringify(text)} is no address or network of \`isochrone clients\``);
  return { standIns, here };
}

/**
 * Tries what making delays real needs, and takes it back: before all that takes time. Throws
 * `OperatorError('not-permitted')` with the reason where it cannot be had.
 */
export async function tryDelays(wanted: WantedDelays | undefined): Promise<void> {
  if (wanted === undefined) return;
  const opened = await openQueue({ clients: STAND_INS, lengthMax: 1 });
  if (typeof opened === 'string') throw notHere(opened);
  opened.close();
}

function notHere(reason: string): OperatorError {
  const message = `delays cannot be made real here: ${reason}`;
  return new OperatorError('not-permitted', [{ file: '--real-delays', message }]);
}

/** The client networks of the modelled internet, with the addresses that stand for them. */
export function readStandIns(): StandIn[] {
  const { text, file } = readGeoData('networks.csv');
  return standInsOf(readClientNetworks(text, file));
}

function networkAtHere(text: string, standIns: readonly StandIn[]): number {
  const prefix = parsePrefix(text);
  if (typeof prefix === 'string' || prefix.address.family !== 4) return -1;
  const stands = networkOfStandIn(addressWord(text.replace(/\/.*/, '')));
  if (stands >= 0) return stands < standIns.length ? stands : -1;
  return standIns.findIndex(({ network }) => network.prefixText === text);
}

/** The configuration in which the stand-ins are where their networks are, so that DNS and POPs know them. */
export function withStandIns(config: Config, { standIns, here }: WantedDelays): Config {
  const told = standIns.map(({ address, network }) => overrideOf(address.replace(/1$/, '0/24'), network));
  const local = standIns[here];
  const own = local === undefined ? [] : [overrideOf(`${LOCALHOST}/32`, local.network)];
  return { ...config, networks: joinedTables(config.networks, networkTable([...told, ...own])) };
}

function overrideOf(prefixText: string, { placeKey, asn, asName }: StandIn['network']): NetworkOverride {
  const [country = '', corner] = placeKey.split('/');
  const [south, west] = (corner ?? '').split(',').map(Number);
  const middle = TILE_DEGREES / 2;
  return {
    // Written by this program: it is a prefix.
    prefix: parsePrefix(prefixText) as Prefix,
    ...(country.length === 2 && { country }),
    ...(south !== undefined && west !== undefined && { latitude: south + middle, longitude: west + middle }),
    ...(asn > 0 && { asn }),
    label: `stands for ${asName}`,
  };
}

/** What `startDelays` needs. */
export interface DelayOptions {
  /** undefined: delays stay modelled. */
  readonly wanted: WantedDelays | undefined;
  readonly fleet: Fleet;
  readonly places: Places;
  readonly seed: number;
  /** POPs whose packets are held, by index. */
  readonly pops: ReadonlySet<number>;
  readonly popPort: number;
  /** Ports of the name server of this process. */
  readonly dnsPorts: readonly number[];
  readonly store: Store;
  readonly log: (message: string) => void;
  readonly closeLater: CloseLater;
}

/**
 * Holds packets from now on. Gives what `/metrics` shows of it; nothing where none are
 * wanted. Throws `OperatorError('not-permitted')`, with
 * the reason, where that cannot be done.
 */
export async function startDelays(options: DelayOptions): Promise<(() => CounterSnapshot) | undefined> {
  const { fleet, places, seed, pops, popPort, wanted, store, log, closeLater } = options;
  if (wanted === undefined) return undefined;
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const counts = counterBlock(DELAY_LAYOUT);
  const { latitude, longitude, country } = places;
  const job: DelayJob = {
    fleet,
    places: { latitude, longitude, country },
    seed,
    clients: {
      placeIds: Int32Array.from(wanted.standIns, ({ network }) => places.idOf(network.placeKey)),
      asns: Uint32Array.from(wanted.standIns, ({ network }) => network.asn),
    },
    pops,
    popPort,
    dnsPorts: new Set(options.dnsPorts),
    here: { address: addressWord(LOCALHOST), network: wanted.here },
    stop,
    counts,
  };
  const url = new URL('delays-thread.ts', import.meta.url);
  const worker = startNativeThread(url, job, { name: 'delays' });
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  closeLater(async () => {
    Atomics.store(stop, 0, 1);
    await ended;
  });
  const reason = await firstWord(worker);
  if (reason !== undefined) {
    await endThread(worker);
    throw notHere(reason);
  }
  worker.on('error', (error) => log(`delays are modelled again, their thread failed: ${error.stack}`));
  closeLater(tellWeather(store, worker));
  return () => readCounters(DELAY_LAYOUT, [counts]);
}

/** What a process counts, and what `startDelays` gave. */
export function withDelays(
  counters: () => CounterSnapshot,
  delays: (() => CounterSnapshot) | undefined,
): () => CounterSnapshot {
  return () => {
    const [own, its] = [counters(), delays?.()];
    return { ...own, families: [...own.families, ...(its?.families ?? [])] };
  };
}

/** Why the thread cannot; undefined: it can. */
function firstWord(worker: Worker): Promise<string | undefined> {
  return new Promise((resolve) => {
    worker.once('message', (said: FromDelays) => resolve(said.kind === 'ready' ? undefined : said.reason));
    worker.once('error', (error) => resolve(error.message));
  });
}

/** Tells the thread of changes in the modelled internet. */
function tellWeather(store: Store, worker: Worker): () => void {
  const watch = watchWeather(store, () => worker.postMessage(watch.now()));
  const timer = setInterval(() => void watch.read(), CHANGES_EVERY_MS);
  const stop = store.onChange((topic) => {
    if (topic === 'model') void watch.read();
  });
  void watch.read();
  return () => {
    clearInterval(timer);
    stop();
  };
}
