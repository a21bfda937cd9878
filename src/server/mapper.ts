import type { Worker } from 'node:worker_threads';
import type { FromMapper, MapperSetup, TableBytes, ToMapper } from './messages.ts';
import { endThread, startNativeThread } from './native-threads.ts';

/** A steering image made ready for threads that answer. */
export interface MappedTable extends TableBytes {
  readonly epoch: number;
  /** What checking the image and building its row map took, ms. */
  readonly buildMs: number;
}

/** What a mapper tells; called on the main thread. */
export interface MapperEvents {
  readonly onMapped: (table: MappedTable) => void;
  /** An image will not be used; the table before stays. */
  readonly onRefused: (reason: string) => void;
  /** The thread died; another starts after `restartInMs`. */
  readonly onDied: (error: string, restartInMs: number) => void;
}

/** A thread that turns steering images into tables, one at a time. */
export interface Mapper {
  /** Maps this image next: one that was waiting is forgotten. Returns at once. */
  readonly map: (image: Uint8Array) => void;
  /** Maps for these clients from now on, the last image again first. */
  readonly setClients: (bytes: Uint8Array<SharedArrayBuffer>) => void;
  readonly close: () => Promise<void>;
}

/** Time that one image may take, ms; then the thread is taken for dead. */
const MAP_MS_MAX = 60_000;
/** Threads that one image may cost before it is refused. */
const TRIES_MAX = 2;
const RESTART_MS = 50;
const RESTART_MS_MAX = 5_000;

interface State {
  setup: MapperSetup;
  readonly events: MapperEvents;
  worker: Worker | undefined;
  /** The image being mapped; undefined when idle. */
  current: { readonly image: Uint8Array; readonly tries: number; readonly late: NodeJS.Timeout } | undefined;
  /** The newest image not begun; there is never more than one. */
  waiting: { readonly image: Uint8Array; readonly tries: number } | undefined;
  /** The last image that was mapped, for other clients to be mapped again. */
  last: Uint8Array | undefined;
  /** Deaths since the last success. */
  deaths: number;
  restart: NodeJS.Timeout | undefined;
  closing: boolean;
}

/** Starts the thread; what it makes is told through `events`. */
export function startMapper(setup: MapperSetup, events: MapperEvents): Mapper {
  const idle = { worker: undefined, current: undefined, waiting: undefined, last: undefined };
  const state: State = { setup, events, ...idle, deaths: 0, restart: undefined, closing: false };
  start(state);
  return {
    map: (image) => {
      state.waiting = { image, tries: 0 };
      next(state);
    },
    setClients: (bytes) => {
      state.setup = { ...state.setup, clients: bytes };
      tell(state, { kind: 'clients', bytes });
      const again = state.waiting?.image ?? state.current?.image ?? state.last;
      if (again === undefined) return;
      state.waiting = { image: again, tries: 0 };
      next(state);
    },
    close: async () => {
      state.closing = true;
      clearTimeout(state.restart);
      clearTimeout(state.current?.late);
      if (state.worker !== undefined) await endThread(state.worker);
    },
  };
}

function start(state: State): void {
  const file = new URL('mapper-thread.ts', import.meta.url);
  const worker = startNativeThread(file, state.setup, { name: 'mapper' });
  state.worker = worker;
  let error: unknown;
  worker.on('message', (message: FromMapper) => hear(state, message));
  worker.on('error', (thrown) => {
    error = thrown;
  });
  worker.on('exit', (code) => {
    state.worker = undefined;
    die(state, error ?? new Error(`the thread ended with code ${code}`));
  });
  next(state);
}

/** Gives the thread the newest image if it is idle. */
function next(state: State): void {
  const { waiting, worker } = state;
  if (waiting === undefined || worker === undefined || state.current !== undefined) return;
  state.waiting = undefined;
  const late = setTimeout(() => void worker.terminate(), MAP_MS_MAX);
  state.current = { image: waiting.image, tries: waiting.tries + 1, late };
  tell(state, { kind: 'map', image: waiting.image });
}

function hear(state: State, message: FromMapper): void {
  const { current, events } = state;
  clearTimeout(current?.late);
  state.current = undefined;
  state.deaths = 0;
  if (message.kind === 'refused') events.onRefused(message.reason);
  else {
    state.last = message.image;
    state.setup = { ...state.setup, othersAnswer: true };
    events.onMapped(message);
  }
  next(state);
}

function die(state: State, error: unknown): void {
  if (state.closing) return;
  const { current, events } = state;
  clearTimeout(current?.late);
  state.current = undefined;
  // The newest image counts: the one that was in work is tried again only if none came after it.
  if (current !== undefined && state.waiting === undefined) {
    if (current.tries < TRIES_MAX) state.waiting = current;
    else events.onRefused(`building its table ended ${TRIES_MAX} threads`);
  }
  const restartInMs = state.deaths === 0 ? 0 : Math.min(RESTART_MS * 2 ** (state.deaths - 1), RESTART_MS_MAX);
  state.deaths++;
  events.onDied(error instanceof Error ? (error.stack ?? error.message) : String(error), restartInMs);
  state.restart = setTimeout(() => start(state), restartInMs);
}

function tell(state: State, message: ToMapper): void {
  state.worker?.postMessage(message);
}
