import { Worker } from 'node:worker_threads';
import {
  type CounterBlock,
  type CounterSnapshot,
  counterBlock,
  type FamilySnapshot,
  readCounters,
} from '../base/counters.ts';
import { OperatorError } from '../base/errors.ts';
import type { AnswerData } from './answering.ts';
import { serverLayout } from './counters.ts';
import type { ListenAddress } from './handler.ts';
import { freePorts } from './listeners.ts';
import type { FromWorker, ToWorker, WorkerSetup } from './messages.ts';
import { TCP_LIMITS, type TcpLimits } from './tcp.ts';

export interface NameServerOptions {
  readonly listen: readonly ListenAddress[];
  readonly data: AnswerData;
  /** Steering image to start with; without one, steered names wait for `setImage`. */
  readonly image?: Uint8Array;
  /** Threads that answer. */
  readonly workers?: number;
  readonly tcp?: Partial<TcpLimits>;
  /** UDP receive buffer asked of the kernel, octets. */
  readonly recvBufferOctets?: number;
  /** Told what an operator should know; called on the main thread. */
  readonly onEvent?: (event: NameServerEvent) => void;
  /** The thread's entry, where it is not `worker.ts`. */
  readonly workerFile?: URL;
}

/** What happened to a name server's threads. */
export type NameServerEvent =
  /** A thread died; another starts after `restartInMs`. `error` is its stack. */
  | {
      readonly kind: 'worker-died';
      readonly worker: number;
      readonly error: string;
      readonly restartInMs: number;
    }
  | { readonly kind: 'worker-restarted'; readonly worker: number }
  /** A thread keeps its old image. */
  | { readonly kind: 'image-refused'; readonly worker: number; readonly reason: string };

/** A running name server. */
export interface NameServer {
  /** Where it listens, in the order asked for, with real ports. */
  readonly addresses: readonly ListenAddress[];
  /** Hands an image to every thread; a thread that starts later gets the last one. */
  readonly setImage: (bytes: Uint8Array) => void;
  /** Hands other geo databases to every thread, known to be good; threads that start later get them too. */
  readonly setGeo: (geo: AnswerData['geo']) => void;
  /** Epoch of the image that every thread answers from: the oldest among them, 0 while one has none. */
  readonly imageEpoch: () => number;
  /** Whether every thread is answering. */
  readonly serving: () => boolean;
  readonly counters: () => CounterSnapshot;
  /** Stops within `STOP_MS`, whatever the threads do. */
  readonly close: () => Promise<void>;
}

const RECV_BUFFER_OCTETS = 4 << 20;
/** Time that a thread has to close its sockets, ms. */
const STOP_MS = 800;
/**
 * A thread that dies again is restarted later each time: at once, then after this doubled, up to the maximum.
 */
const RESTART_MS = 50;
const RESTART_MS_MAX = 5_000;
/** A thread that lived this long starts with a clean record, ms. */
const RECORD_MS = 60_000;

interface Slot {
  readonly index: number;
  readonly counters: CounterBlock;
  worker: Worker | undefined;
  serving: boolean;
  epoch: number;
  startedMs: number;
  /** Deaths in a row, none of a thread that had lived for `RECORD_MS`. */
  deaths: number;
  restart: NodeJS.Timeout | undefined;
}

interface Supervisor {
  readonly options: NameServerOptions;
  readonly slots: readonly Slot[];
  listen: readonly ListenAddress[];
  image: Uint8Array | undefined;
  data: AnswerData;
  restarts: number;
  imagesRefused: number;
  closing: boolean;
}

/**
 * Starts the threads that answer, and keeps them alive: one that dies is replaced, while others go on.
 * Resolves when all listen. Throws `OperatorError` (`port-in-use`, `not-permitted`, `bad-zone` …) if they
 * cannot start, having closed all.
 */
export async function startNameServer(options: NameServerOptions): Promise<NameServer> {
  const { workers = 1, listen, data } = options;
  const layout = serverLayout(data.fleet.pops.map((pop) => pop.code));
  const supervisor: Supervisor = {
    options,
    slots: Array.from({ length: workers }, (_, index) => emptySlot(index, counterBlock(layout))),
    // Sockets that share a port would share it with another program's as well: find out first.
    listen: workers > 1 ? await freePorts(listen) : listen,
    image: options.image,
    data,
    restarts: 0,
    imagesRefused: 0,
    closing: false,
  };
  const { slots } = supervisor;
  try {
    const started = await Promise.all(slots.map((slot) => start(supervisor, slot)));
    supervisor.listen = started[0] ?? listen;
  } catch (error) {
    await closeAll(supervisor);
    throw error;
  }
  return {
    addresses: supervisor.listen,
    setGeo: (geo) => {
      supervisor.data = { ...supervisor.data, geo };
      for (const slot of slots) tell(slot, { kind: 'geo', geo });
    },
    setImage: (bytes) => {
      supervisor.image = bytes;
      for (const slot of slots) tell(slot, { kind: 'image', bytes });
    },
    imageEpoch: () => Math.min(...slots.map((slot) => slot.epoch)),
    serving: () => slots.every((slot) => slot.serving),
    counters: () => {
      const read = readCounters(
        layout,
        slots.map((slot) => slot.counters),
      );
      return { ...read, families: [...read.families, ...ownFamilies(supervisor)] };
    },
    close: () => closeAll(supervisor),
  };
}

function emptySlot(index: number, counters: CounterBlock): Slot {
  const fresh = { worker: undefined, serving: false, epoch: 0, startedMs: 0, deaths: 0, restart: undefined };
  return { index, counters, ...fresh };
}

/** Starts the slot's thread; resolves when it listens, rejects if it says it cannot or dies before. */
function start(supervisor: Supervisor, slot: Slot): Promise<readonly ListenAddress[]> {
  const { data } = supervisor;
  const { tcp, recvBufferOctets = RECV_BUFFER_OCTETS, workerFile } = supervisor.options;
  const setup: WorkerSetup = {
    data,
    listen: supervisor.listen,
    reusePort: supervisor.slots.length > 1,
    tcpLimits: { ...TCP_LIMITS, ...tcp },
    recvBufferOctets,
    counters: slot.counters,
    image: supervisor.image,
  };
  const worker = new Worker(workerFile ?? new URL('worker.ts', import.meta.url), {
    workerData: setup,
    name: `dns-${slot.index}`,
  });
  slot.worker = worker;
  slot.startedMs = performance.now();
  return new Promise((resolve, reject) => {
    let error: unknown;
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'listening') {
        slot.serving = true;
        resolve(message.addresses);
      } else if (message.kind === 'refused') error = new OperatorError(message.code, message.problems);
      else hear(supervisor, slot, message);
    });
    worker.on('error', (thrown) => {
      error = thrown;
    });
    worker.on('exit', (code) => {
      const listened = slot.serving;
      Object.assign(slot, { worker: undefined, serving: false, epoch: 0 });
      error ??= new Error(`the thread ended with code ${code}`);
      if (listened) die(supervisor, slot, error);
      else reject(error);
    });
  });
}

function hear(supervisor: Supervisor, slot: Slot, message: FromWorker): void {
  if (message.kind === 'image-taken') slot.epoch = message.epoch;
  else if (message.kind === 'image-refused') {
    supervisor.imagesRefused++;
    supervisor.options.onEvent?.({ kind: 'image-refused', worker: slot.index, reason: message.reason });
  }
}

/** A thread is gone: reports it and plans another. */
function die(supervisor: Supervisor, slot: Slot, error: unknown): void {
  if (supervisor.closing) return;
  if (performance.now() - slot.startedMs > RECORD_MS) slot.deaths = 0;
  slot.deaths++;
  const restartInMs = slot.deaths === 1 ? 0 : Math.min(RESTART_MS * 2 ** (slot.deaths - 2), RESTART_MS_MAX);
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  supervisor.options.onEvent?.({ kind: 'worker-died', worker: slot.index, error: text, restartInMs });
  slot.restart = setTimeout(() => {
    supervisor.restarts++;
    start(supervisor, slot).then(
      () => supervisor.options.onEvent?.({ kind: 'worker-restarted', worker: slot.index }),
      (reason) => die(supervisor, slot, reason),
    );
  }, restartInMs);
}

function tell(slot: Slot, message: ToWorker): void {
  slot.worker?.postMessage(message);
}

async function closeAll(supervisor: Supervisor): Promise<void> {
  supervisor.closing = true;
  await Promise.all(supervisor.slots.map(stop));
}

/** Asks the thread to end, and ends it if it does not. */
function stop(slot: Slot): Promise<void> {
  clearTimeout(slot.restart);
  const { worker } = slot;
  if (worker === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    const late = setTimeout(() => void worker.terminate(), STOP_MS);
    worker.once('exit', () => {
      clearTimeout(late);
      resolve();
    });
    tell(slot, { kind: 'stop' });
  });
}

function ownFamilies(supervisor: Supervisor): FamilySnapshot[] {
  const { slots, restarts, imagesRefused } = supervisor;
  const single = (name: string, kind: 'counter' | 'gauge', value: number, help: string): FamilySnapshot => ({
    name,
    help,
    kind,
    labels: [],
    samples: [{ values: [], value }],
  });
  const serving = slots.filter((slot) => slot.serving).length;
  return [
    single('isochrone_dns_workers', 'gauge', serving, 'Threads that are answering.'),
    single(
      'isochrone_dns_worker_restarts_total',
      'counter',
      restarts,
      'Threads started in place of dead ones.',
    ),
    single(
      'isochrone_dns_images_refused_total',
      'counter',
      imagesRefused,
      'Steering images that a thread refused.',
    ),
  ];
}
