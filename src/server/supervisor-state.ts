import type { CounterBlock } from '../base/counters.ts';
import type { AnswerData } from './answering.ts';
import type { BannedQuery, Deaths } from './deaths.ts';
import type { ListenAddress } from './handler.ts';
import type { TableBytes, WorkerIo, WorkerPlace } from './messages.ts';
import type { ServingThread } from './supervisor-threads.ts';

/**
 * The threads that answer, and the places they work in. A place has sockets, memory and counters, and
 * outlives its threads; more threads than there are places stand by with everything open and compiled, so
 * that a place is filled again within milliseconds.
 */

/** What happened to threads. */
export type CrewEvent =
  /** A thread died; its place is filled after `restartInMs`. `error` is its stack. */
  | {
      readonly kind: 'worker-died';
      readonly worker: number;
      readonly error: string;
      readonly restartInMs: number;
    }
  | { readonly kind: 'worker-restarted'; readonly worker: number }
  /** A thread does not end although it was told to: it waits in the kernel. Its place is filled anyway. */
  | { readonly kind: 'worker-stuck'; readonly worker: number }
  /** The thread that stands by died, or could not open the images. */
  | { readonly kind: 'spare-died'; readonly error: string; readonly restartInMs: number }
  | ({ readonly kind: 'query-of-death' } & BannedQuery)
  /** Somebody who may says that a zone changed elsewhere: its key in the book of transfers. */
  | { readonly kind: 'notified'; readonly zone: string }
  /** A thread keeps its old image. */
  | { readonly kind: 'image-refused'; readonly worker: number; readonly reason: string };

/** A place to work in. */
export interface Slot {
  readonly index: number;
  readonly counters: CounterBlock;
  readonly demand: Uint32Array<SharedArrayBuffer>;
  readonly samples: SharedArrayBuffer;
  readonly queries: SharedArrayBuffer;
  words: Int32Array<SharedArrayBuffer>;
  io: WorkerIo;
  thread: ServingThread | undefined;
  serving: boolean;
  /** When its thread was put to work, ms. */
  sinceMs: number;
  /** Deaths in a row, none of a thread that had lived for `RECORD_MS`. */
  deaths: number;
  /** Not filled before this time, ms. */
  notBeforeMs: number;
  heartbeat: number;
  stillLooks: number;
}

/** What a crew is made of. */
export interface CrewOptions {
  readonly data: AnswerData;
  readonly table: TableBytes | undefined;
  /** Without a table: whether one is being made for the start. */
  readonly awaitsTable: boolean;
  readonly tcpLimits: WorkerPlace['tcpLimits'];
  readonly proxies: WorkerPlace['proxies'];
  readonly deaths: Deaths;
  readonly rateLimit: WorkerPlace['rateLimit'];
  readonly places: readonly CrewPlace[];
  /** Memory for a place whose old memory a stuck thread may still write. */
  readonly newArena: () => SharedArrayBuffer;
  readonly onEvent: (event: CrewEvent) => void;
}

/** What a place has of its own. */
export interface CrewPlace {
  readonly io: WorkerIo;
  readonly counters: CounterBlock;
  readonly demand: Uint32Array<SharedArrayBuffer>;
  readonly samples: SharedArrayBuffer;
  readonly queries: SharedArrayBuffer;
}

/** Threads at work. */
export interface Crew {
  readonly options: CrewOptions;
  readonly slots: readonly Slot[];
  data: AnswerData;
  table: TableBytes | undefined;
  /** See `WorkerSetup.awaitsTable`. */
  awaitsTable: boolean;
  /** Those in a place, those that stand by, and those that are opening their images. */
  readonly threads: Set<ServingThread>;
  /** See `WorkerSetup.wanted`. */
  readonly wanted: Int32Array<SharedArrayBuffer>;
  /** Settles when every place is served for the first time. */
  starting: PromiseWithResolvers<readonly ListenAddress[]> | undefined;
  /** Threads that stand by begin then, ms. */
  sparesNotBeforeMs: number;
  /** Threads that are ready and have no place. */
  standingBy: number;
  restarts: number;
  imagesRefused: number;
  /** Threads in a row that died before they had a place. */
  bootDeaths: number;
  bootNotBeforeMs: number;
  closing: boolean;
}
