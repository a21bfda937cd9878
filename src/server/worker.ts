import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { Address } from '../base/address.ts';
import { hasAddress } from '../base/address-set.ts';
import { must } from '../base/assert.ts';
import { OperatorError } from '../base/errors.ts';
import { type Answering, countingHandler, createAnswering, foreseerOf } from './answering.ts';
import { openCounters, serverLayout } from './counters.ts';
import { openDemand } from './demand-table.ts';
import { openDropSamples } from './drop-samples.ts';
import { collectGarbage, tuneOptimiser } from './engine.ts';
import type { Handler } from './handler.ts';
import { type Listeners, openListeners } from './listeners.ts';
import type { FromWorker, ToWorker, WorkerPlace, WorkerSetup } from './messages.ts';
import { loadLibc } from './native-libc.ts';
import { type NativeLoopOptions, runNativeLoop } from './native-loop.ts';
import { openQuerySamples } from './query-samples.ts';
import { openLimiter } from './rate-limit.ts';
import { openSecureListeners, type SecureListeners } from './secure-listeners.ts';
import type { Credentials } from './tls.ts';
import { transferKey } from './transfer-book.ts';
import { withTransfers } from './transfers.ts';
import { warmUp } from './warm-up.ts';
import { TURN_MS, WORD } from './worker-memory.ts';

/**
 * The thread that answers. It opens all that answers are made from, waits for its place, and works there
 * until it is stopped. It is started by the supervisor. An exception that nobody caught ends it, on purpose:
 * the supervisor reports it and puts another in its place.
 */

const port = must(parentPort, "a parent: this file is a thread's entry");
// The supervisor, its only starter, sends this type.
const setup = workerData as WorkerSetup;
const { data } = setup;
const tell = (message: FromWorker): void => port.postMessage(message);
let listeners: Pick<Listeners, 'close'> | undefined;
let secure: SecureListeners | undefined;
/** That came last, perhaps while the listeners were being opened. */
let credentials: Credentials | undefined;
/** In the loop that allocates nothing. */
let worksNatively = false;
// All that takes time is done before the thread has a place: who waits for it waits for milliseconds.
const loaded = await loadLibc();

try {
  const answering = createAnswering(data);
  const { table } = setup;
  if (table !== undefined) take(answering, { kind: 'table', image: table.image, rows: table.rows });
  let awaitsTable = table === undefined && setup.awaitsTable;
  port.on('message', (message: ToWorker) => {
    if (message.kind === 'work') void work(answering, message).catch(end);
    else if (message.kind === 'stop') void stop();
    else if (message.kind === 'drain') void secure?.drain().then(stop);
    else if (message.kind === 'credentials') {
      credentials = message.credentials;
      secure?.setCredentials(credentials);
    } else if (isImage(message)) take(answering, message);
    if (!awaitsTable || (message.kind !== 'table' && message.kind !== 'no-table')) return;
    awaitsTable = false;
    getReady(answering);
  });
  if (!awaitsTable) getReady(answering);
} catch (error) {
  end(error);
}

/** All is there that it answers from. */
function getReady(answering: Answering): void {
  tuneOptimiser();
  const isWanted = (): boolean => Atomics.load(setup.wanted, 0) > 0;
  if ('libc' in loaded) warmUp({ libc: loaded.libc, answering, data, isWanted });
  tell({ kind: 'ready' });
}

/** Ends the thread: for an operator's error with a word, for any other by throwing it on. */
function end(error: unknown): void {
  // From outside any promise, so that the stack arrives whole.
  if (!(error instanceof OperatorError))
    process.nextTick(() => {
      throw error;
    });
  else tell({ kind: 'refused', code: error.code, problems: error.problems });
  port.close();
}

const IMAGES = ['table', 'zones', 'clients', 'drops', 'transfer-zone', 'drop-transfer-zone'] as const;
type ImageMessage = Extract<ToWorker, { kind: (typeof IMAGES)[number] }>;

function isImage(message: ToWorker): message is ImageMessage {
  return IMAGES.some((kind) => kind === message.kind);
}

/** Replaces an image, and tells how that went: what is bad is not used, and what was before stays. */
function take(answering: Answering, message: ImageMessage): void {
  if (message.kind === 'table') {
    const table = answering.setTable(message.image, message.rows);
    if (typeof table === 'string') tell({ kind: 'image-refused', reason: table });
    else tell({ kind: 'table-taken', epoch: table.image.epoch });
    collectGarbage(worksNatively ? 'young' : 'all');
    return;
  }
  if (message.kind === 'transfer-zone') {
    answering.transfers.zones.set(transferKey(message.zone.origin), message.zone);
    collectGarbage('all');
    return;
  }
  if (message.kind === 'drop-transfer-zone') {
    answering.transfers.zones.delete(transferKey(message.origin));
    return;
  }
  if (message.kind === 'drops') {
    answering.drops = message.drops;
    return;
  }
  const image =
    message.kind === 'zones' ? answering.setZones(message.bytes) : answering.setClients(message.bytes);
  if (typeof image === 'string') tell({ kind: 'image-refused', reason: image });
  collectGarbage('all');
}

/**
 * Serves the process's sockets until it is stopped. The thread does not come back to its event loop before
 * that: messages are looked for when the supervisor raises the MAIL word.
 */
function workNative(
  answering: Answering,
  place: WorkerPlace,
  parts: Pick<
    NativeLoopOptions,
    'sockets' | 'handle' | 'transferOf' | 'foreseer' | 'counters' | 'now' | 'refuses'
  >,
): void {
  if (!('libc' in loaded)) throw new Error(loaded.reason);
  const { io, words, tcpLimits, proxies } = place;
  tell({ kind: 'serving', addresses: [] });
  worksNatively = true;
  runNativeLoop({
    ...parts,
    libc: loaded.libc,
    words,
    arena: io.arena,
    skipInHand: io.skipInHand,
    limits: tcpLimits,
    proxies,
    udpResponseMax: data.udpSizeMax,
    onMail: () => {
      for (let mail = receiveMessageOnPort(port); mail !== undefined; mail = receiveMessageOnPort(port)) {
        const message = mail.message as ToWorker; // The supervisor sends nothing else.
        if (isImage(message)) take(answering, message);
      }
    },
  });
  port.close();
}

async function work(answering: Answering, place: WorkerPlace): Promise<void> {
  const layout = serverLayout(data.fleet.pops.map((pop) => pop.code));
  const counters = openCounters(layout, place.counters);
  const now = new Float64Array(1);
  const samples = openDropSamples(place.samples);
  const limiter = place.rateLimit && openLimiter(place.rateLimit, { counters, samples, now });
  const queries = openQuerySamples(place.queries);
  const demand = openDemand(place.demand);
  const parts = { counters, demand, deaths: place.deaths, limiter, samples, queries };
  const refuses = (address: Address): boolean =>
    answering.drops !== undefined && hasAddress(answering.drops, address);
  const { context, transfers } = answering;
  const onNotify = (zone: string): void => tell({ kind: 'notified', zone });
  const transferring = { context, book: transfers, counters, onNotify };
  const { handle, transferOf } = withTransfers(countingHandler(answering, parts), transferring);
  answering.context.tcpIdleTenths = Math.min(65_535, Math.floor(place.tcpLimits.idleMs / 100));
  const { io } = place;
  if (io.kind === 'native') {
    const foreseer = foreseerOf(answering, parts);
    const work = { sockets: io.sockets, handle, transferOf, foreseer, counters, now, refuses };
    return workNative(answering, place, work);
  }
  const beat = setInterval(() => Atomics.add(place.words, WORD.HEARTBEAT, 1), TURN_MS);
  beat.unref();
  const { tcpLimits, proxies } = place;
  const shared = { handle: inHand(handle, place), transferOf, counters, refuses, proxies };
  if (io.kind === 'secure') {
    const { outcome } = answering.context;
    listeners = secure = await openSecureListeners({ ...shared, ...io, limits: tcpLimits, outcome });
    if (credentials !== undefined) secure.setCredentials(credentials);
    return tell({ kind: 'serving', addresses: [] });
  }
  const open = await openListeners({ ...shared, ...io, tcpLimits, now, udpResponseMax: data.udpSizeMax });
  listeners = open;
  tell({ kind: 'serving', addresses: open.addresses });
}

/** A handler that leaves word of what it works on, should that be its end. */
function inHand(handle: Handler, { io, words }: WorkerPlace): Handler {
  const arena = new Uint8Array(io.arena);
  return (query, length, client, out) => {
    for (let i = 0; i < length; i++) arena[i] = query[i] as number;
    words[WORD.IN_HAND_LENGTH] = length;
    const written = handle(query, length, client, out);
    words[WORD.IN_HAND_LENGTH] = 0;
    return written;
  };
}

async function stop(): Promise<void> {
  await listeners?.close();
  port.close();
}
