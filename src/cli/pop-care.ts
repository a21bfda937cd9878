import type { Worker } from 'node:worker_threads';
import type { CounterSnapshot } from '../base/counters.ts';
import { OperatorError } from '../base/errors.ts';
import { IDLE, type PopLoad } from '../pop/load.ts';
import { endThread, startNativeThread } from '../server/native-threads.ts';
import type {
  FromPopThread,
  PopAnswer,
  PopFigures,
  PopOrder,
  PopQuestion,
  PopThreadData,
  ToPopThread,
} from './pop-messages.ts';
import { createQuestions, type Questions } from './questions.ts';

/** A thread of POPs, started again where it dies: its POPs are then up again, with empty caches. */
export interface PopThread {
  /** Resolves when its POPs listen. Throws `OperatorError` where they cannot. */
  readonly opened: Promise<Opened>;
  readonly order: (what: PopOrder) => Promise<number>;
  readonly setClients: (bytes: Uint8Array) => void;
  /** As told last. */
  readonly counters: () => CounterSnapshot;
  readonly load: (popIndex: number) => PopLoad;
  readonly connections: (popIndex: number) => number;
  readonly close: () => Promise<void>;
}

type Opened = Extract<FromPopThread, { kind: 'open' }>;

/** What a thread of POPs asks, and tells. */
export interface PopThreadHooks {
  readonly answer: (question: PopQuestion) => PopAnswer;
  readonly log: (line: string) => void;
}

const ENTRY = new URL('./pop-thread.ts', import.meta.url);
/** A thread that died starts again after this, ms, and after twice as long each time it does not come up. */
const RESTART_MS = 250;
const RESTART_MAX_MS = 10_000;
/** Longest time that a thread may take for an order, ms. */
const ORDER_MS = 15_000;
/** It ends by itself so long after it was told to, ms. */
const ENDS_MS = 2_000;

export function startPopThread(first: PopThreadData, hooks: PopThreadHooks): PopThread {
  return new CaredThread(first, hooks);
}

class CaredThread implements PopThread {
  readonly #hooks: PopThreadHooks;
  readonly #opening = Promise.withResolvers<Opened>();
  /** POPs that are to refuse connections. */
  readonly #shut = new Set<number>();
  readonly #figures = new Map<number, Required<PopFigures>>();
  #data: PopThreadData;
  #counters: CounterSnapshot = { families: [], histograms: [] };
  #worker!: Worker;
  #questions!: Questions<PopOrder, number>;
  #isOpen = false;
  #wasOpen = false;
  #isClosed = false;
  #pauseMs = RESTART_MS;
  #restart: NodeJS.Timeout | undefined;

  constructor(data: PopThreadData, hooks: PopThreadHooks) {
    this.#data = data;
    this.#hooks = hooks;
    this.#opening.promise.catch(() => undefined);
    this.#start();
  }

  get opened(): Promise<Opened> {
    return this.#opening.promise;
  }

  order(what: PopOrder): Promise<number> {
    if (what.name === 'set-up') {
      if (what.up) this.#shut.delete(what.popIndex);
      else this.#shut.add(what.popIndex);
    }
    if (!this.#isOpen) return Promise.reject(new Error('the thread of the POPs is starting again'));
    return this.#questions.ask(what, ORDER_MS);
  }

  setClients(bytes: Uint8Array): void {
    const { where } = this.#data;
    if (where === undefined) return;
    this.#data = { ...this.#data, where: { ...where, clients: bytes } };
    this.#post({ kind: 'clients', bytes });
  }

  counters(): CounterSnapshot {
    return this.#counters;
  }

  load(popIndex: number): PopLoad {
    return this.#figures.get(popIndex)?.load ?? IDLE;
  }

  connections(popIndex: number): number {
    return this.#figures.get(popIndex)?.connections ?? 0;
  }

  async close(): Promise<void> {
    const wasOpen = this.#isOpen;
    const worker = this.#worker;
    this.#isClosed = true;
    clearTimeout(this.#restart);
    const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    if (wasOpen) {
      await this.order({ name: 'close' }).catch(() => undefined);
      await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, ENDS_MS).unref())]);
    }
    await endThread(worker);
  }

  #start(): void {
    const worker = startNativeThread(ENTRY, this.#data, { name: 'pops' });
    this.#worker = worker;
    this.#questions = createQuestions((id, what) => this.#post({ kind: 'ask', id, what }));
    let why = 'it ended';
    worker.on('message', (message: FromPopThread) => this.#take(message));
    worker.on('error', (error) => {
      why = error.stack ?? error.message;
    });
    worker.on('exit', () => this.#ended(why));
  }

  #ended(why: string): void {
    this.#isOpen = false;
    this.#figures.clear();
    this.#questions.end('the thread of the POPs ended');
    this.#opening.reject(new Error(`a thread of POPs did not start: ${why}`));
    // What does not come up in the first place is for whoever starts it to tell.
    if (this.#isClosed || !this.#wasOpen) return;
    this.#hooks.log(`a thread of POPs ended, and starts again: ${why}`);
    this.#restart = setTimeout(() => this.#start(), this.#pauseMs);
    this.#pauseMs = Math.min(RESTART_MAX_MS, 2 * this.#pauseMs);
  }

  #take(message: FromPopThread): void {
    switch (message.kind) {
      case 'open':
        this.#opened(message);
        break;
      case 'refused':
        this.#refused(new OperatorError(message.code, message.problems));
        break;
      case 'ask':
        this.#answer(message.id, message.what);
        break;
      case 'answer':
        this.#questions.answered(message.id, message.value);
        break;
      case 'failed':
        this.#questions.failed(message.id, message.message);
        break;
      case 'log':
        this.#hooks.log(message.line);
        break;
      case 'figures':
        this.#counters = message.counters;
        for (const one of message.pops)
          this.#figures.set(one.popIndex, { load: this.load(one.popIndex), ...one });
    }
  }

  #opened(message: Opened): void {
    this.#isOpen = true;
    this.#wasOpen = true;
    this.#pauseMs = RESTART_MS;
    this.#opening.resolve(message);
    for (const popIndex of this.#shut)
      this.order({ name: 'set-up', popIndex, up: false }).catch((error: Error) =>
        this.#hooks.log(`a POP that is down is open: ${error.message}`),
      );
  }

  #refused(error: OperatorError): void {
    this.#opening.reject(error);
    if (this.#wasOpen) this.#hooks.log(`a thread of POPs cannot serve: ${error.message}`);
  }

  #answer(id: number, question: PopQuestion): void {
    try {
      this.#post({ kind: 'answer', id, value: this.#hooks.answer(question) });
    } catch (error) {
      // The page is a window on the name server, and must not take it down.
      this.#post({ kind: 'failed', id, message: (error as Error).message });
    }
  }

  #post(message: ToPopThread): void {
    this.#worker.postMessage(message);
  }
}
