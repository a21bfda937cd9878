import { Worker } from 'node:worker_threads';
import type { Address } from '../base/address.ts';
import type { Description } from '../geo/describe.ts';
import type { GeoConfig } from './geo-files.ts';

/** Says in words where addresses are. */
export interface Describer {
  /** Never rejects: where the databases cannot be read, the source says so. */
  readonly describe: (address: Address) => Promise<Description>;
  /** The databases changed: they are opened anew when next asked. */
  readonly reopen: () => void;
  readonly close: () => Promise<void>;
}

/** To the thread. */
export interface DescribeQuestion {
  readonly id: number;
  readonly address: Address;
}

/** From the thread. */
export interface DescribeAnswer {
  readonly id: number;
  readonly description: Description;
}

/** The databases are in memory so long after the last question, ms. */
const IDLE_MS = 60_000;
/** An answer takes so long at most, ms; the first waits for the databases to be opened. */
const ANSWER_MS = 10_000;
/** Questions that wait at a time. */
const WAITING_MAX = 1000;

interface Thread {
  readonly worker: Worker;
  readonly waiting: Map<number, (description: Description) => void>;
}

interface Running {
  readonly config: GeoConfig;
  thread: Thread | undefined;
  nextId: number;
  idle: NodeJS.Timeout | undefined;
}

/**
 * Opens the geo databases only when somebody asks, in a thread that ends when nobody asks any more: a name
 * server needs none of them to answer.
 */
export function createDescriber(config: GeoConfig): Describer {
  const running: Running = { config, thread: undefined, nextId: 0, idle: undefined };
  const end = async (): Promise<void> => {
    clearTimeout(running.idle);
    const { thread } = running;
    running.thread = undefined;
    await thread?.worker.terminate();
  };
  return {
    describe: (address) => ask(running, address, end),
    reopen: () => void end(),
    close: end,
  };
}

function ask(running: Running, address: Address, end: () => Promise<void>): Promise<Description> {
  running.thread ??= start(running);
  const { worker, waiting } = running.thread;
  if (waiting.size >= WAITING_MAX) return Promise.resolve(nobodyKnows('too many questions at a time'));
  clearTimeout(running.idle);
  running.idle = setTimeout(() => void end(), IDLE_MS).unref();
  const id = running.nextId++;
  worker.postMessage({ id, address } satisfies DescribeQuestion);
  return new Promise((resolve) => {
    const late = setTimeout(() => settle(nobodyKnows('the databases take too long')), ANSWER_MS);
    const settle = (description: Description): void => {
      clearTimeout(late);
      waiting.delete(id);
      resolve(description);
    };
    waiting.set(id, settle);
  });
}

function start(running: Running): Thread {
  const url = new URL('describe-thread.ts', import.meta.url);
  const { geo, networks } = running.config;
  const worker = new Worker(url, { workerData: { geo, networks } satisfies GeoConfig, name: 'describe' });
  const thread: Thread = { worker, waiting: new Map() };
  let why = 'the thread that reads the databases ended';
  worker.on('message', ({ id, description }: DescribeAnswer) => thread.waiting.get(id)?.(description));
  worker.on('error', (error) => {
    why = error.message;
  });
  worker.on('exit', () => {
    if (running.thread === thread) running.thread = undefined;
    for (const settle of [...thread.waiting.values()]) settle(nobodyKnows(why));
  });
  return thread;
}

function nobodyKnows(source: string): Description {
  return { city: '', country: '', asn: 0, asName: '', source };
}
