import type { ListenAddress } from './handler.ts';
import type { FromWorker, ToWorker } from './messages.ts';
import { endThread } from './native-threads.ts';
import type { Crew, CrewOptions, CrewPlace, Slot } from './supervisor-state.ts';
import { post, type ServingThread, startThread } from './supervisor-threads.ts';
import { STOP, WORD, workerWords } from './worker-memory.ts';

/**
 * A place whose threads die again is filled later each time: at once, then after this doubled, up to the
 * maximum.
 */
const RESTART_MS = 50;
const RESTART_MS_MAX = 1_000;
/**
 * A place that was served for so long by one thread starts with a clean record, ms. Short, for a place that
 * waits answers nobody: the delay is there for threads that die as soon as they begin.
 */
const RECORD_MS = 100;
/** Threads that stand by. */
const SPARES = 1;
const SPARES_OF_ONE = 2;
/** They begin so long after the start, ms: what else begins with the process has the processor first. */
const SPARES_AFTER_MS = 1_000;
/** Time that threads have to end by themselves, ms. */
const STOP_MS = 800;
/** Time that the runtime has to end those that did not, ms. */
const END_MS = 2_000;

/**
 * Starts a thread for each place; resolves when all answer, with the addresses. Rejects with the first
 * thread's reason if one cannot: then call `closeCrew`.
 */
export function startCrew(options: CrewOptions): {
  readonly crew: Crew;
  readonly started: Promise<readonly ListenAddress[]>;
} {
  const starting = Promise.withResolvers<readonly ListenAddress[]>();
  const crew: Crew = {
    options,
    slots: options.places.map(emptySlot),
    data: options.data,
    table: options.table,
    awaitsTable: options.awaitsTable,
    threads: new Set(),
    wanted: new Int32Array(new SharedArrayBuffer(4)),
    starting,
    sparesNotBeforeMs: 0,
    standingBy: 0,
    restarts: 0,
    imagesRefused: 0,
    bootDeaths: 0,
    bootNotBeforeMs: 0,
    closing: false,
  };
  fill(crew);
  return { crew, started: starting.promise };
}

/** Hands a message to every thread, those that still open their images too. */
export function tellAll(crew: Crew, message: ToWorker): void {
  for (const thread of crew.threads) post(thread, message);
  // After the messages are in the port: a thread that sees the word change finds them.
  for (const slot of crew.slots) Atomics.add(slot.words, WORD.MAIL, 1);
}

/** Ends every thread, in `STOP_MS` and what the runtime needs to end one at most. */
export async function closeCrew(crew: Crew): Promise<void> {
  crew.closing = true;
  const ends = [...crew.threads].map((thread) => endOf(thread));
  for (const slot of crew.slots) Atomics.store(slot.words, WORD.STOP, STOP.NOW);
  tellAll(crew, { kind: 'stop' });
  const late = setTimeout(() => {
    for (const thread of crew.threads) void endThread(thread.worker);
  }, STOP_MS);
  // A thread that even the runtime cannot end must not hold the process back.
  const over = new Promise((resolve) => setTimeout(resolve, STOP_MS + END_MS).unref());
  await Promise.race([Promise.all(ends), over]);
  clearTimeout(late);
}

/** Time that clients have to close their connections once another process has the sockets, ms. */
const DRAIN_MS = 5_000;

/**
 * Ends every thread once it has answered what it has read, and its clients have closed their connections;
 * after `DRAIN_MS` at most.
 */
export async function drainCrew(crew: Crew): Promise<void> {
  crew.closing = true;
  const ends = [...crew.threads].map((thread) => endOf(thread));
  for (const slot of crew.slots) Atomics.store(slot.words, WORD.STOP, STOP.DRAIN);
  for (const thread of crew.threads) {
    const place = crew.slots.find((slot) => slot.thread === thread);
    if (place === undefined) post(thread, { kind: 'stop' });
    else if (place.io.kind === 'secure') post(thread, { kind: 'drain' });
  }
  let late: NodeJS.Timeout | undefined;
  const over = new Promise((resolve) => {
    late = setTimeout(resolve, DRAIN_MS);
  });
  await Promise.race([Promise.all(ends), over]);
  clearTimeout(late);
}

function endOf(thread: ServingThread): Promise<void> {
  return new Promise((resolve) => thread.worker.once('exit', () => resolve()));
}

/** Puts waiting threads to work where a place is free, and starts as many as are missing. */
export function fill(crew: Crew): void {
  if (crew.closing) return;
  const nowMs = performance.now();
  const working = new Set(crew.slots.map((slot) => slot.thread));
  const waiting = [...crew.threads].filter((thread) => !working.has(thread));
  const ready = waiting.filter((thread) => thread.ready);
  const booting = waiting.length - ready.length;
  let empty = 0;
  for (const slot of crew.slots) {
    if (slot.thread !== undefined) continue;
    const thread = slot.notBeforeMs <= nowMs ? ready.shift() : undefined;
    if (thread !== undefined) putToWork(crew, slot, thread);
    else empty++;
  }
  const starting = crew.starting !== undefined;
  crew.standingBy = ready.length;
  crew.options.deaths.setCovered(ready.length > 0, nowMs);
  Atomics.store(crew.wanted, 0, starting ? 0 : empty);
  if (nowMs < crew.bootNotBeforeMs) return;
  // While it starts, the processor is for those that will answer. `watchCrew` comes back for the others.
  const spares = starting || nowMs < crew.sparesNotBeforeMs ? 0 : sparesOf(crew);
  const missing = empty + spares - ready.length - booting;
  // Those that stand by begin one after the other: the first is ready the sooner.
  const starts = Math.min(missing, Math.max(empty, 1) - booting);
  for (let started = 0; started < starts; started++) boot(crew);
}

/** Where there is a single place, nobody answers while it is empty. */
function sparesOf({ slots }: Crew): number {
  return slots.length === 1 ? SPARES_OF_ONE : SPARES;
}

function boot(crew: Crew): void {
  const { data, table, awaitsTable, wanted } = crew;
  const thread = startThread(
    { data, table, awaitsTable, wanted },
    {
      onMessage: (from, message) => hear(crew, from, message),
      onExit: (gone) => lose(crew, gone),
    },
  );
  crew.threads.add(thread);
}

function putToWork(crew: Crew, slot: Slot, thread: ServingThread): void {
  const { tcpLimits, proxies, deaths, rateLimit } = crew.options;
  const { io, words, counters, demand, samples, queries } = slot;
  Object.assign(slot, { thread, serving: false, sinceMs: performance.now(), stillLooks: 0 });
  const memory = { words, counters, deaths: deaths.block, demand, samples, queries };
  post(thread, { kind: 'work', io, tcpLimits, proxies, rateLimit, ...memory });
}

function hear(crew: Crew, thread: ServingThread, message: FromWorker): void {
  const slot = crew.slots.find((one) => one.thread === thread);
  if (message.kind === 'ready') {
    crew.bootDeaths = 0;
    fill(crew);
  } else if (message.kind === 'notified') crew.options.onEvent(message);
  else if (message.kind === 'image-refused') {
    crew.imagesRefused++;
    crew.options.onEvent({ kind: 'image-refused', worker: slot?.index ?? -1, reason: message.reason });
  } else if (message.kind === 'serving' && slot !== undefined) {
    slot.serving = true;
    // Where any port would do, a successor must have the same.
    if (slot.io.kind === 'portable') slot.io = { ...slot.io, listen: message.addresses };
    const { starting } = crew;
    if (starting === undefined) {
      crew.restarts++;
      crew.options.onEvent({ kind: 'worker-restarted', worker: slot.index });
    } else if (crew.slots.every((one) => one.serving)) {
      crew.starting = undefined;
      crew.sparesNotBeforeMs = performance.now() + SPARES_AFTER_MS;
      const portable = crew.slots.find(({ io }) => io.kind === 'portable')?.io;
      starting.resolve(portable?.kind === 'portable' ? portable.listen : []);
    }
    fill(crew);
  }
}

/** A thread is gone: its place is to be filled, and what it had in hand looked at. */
function lose(crew: Crew, thread: ServingThread): void {
  // One that was given up while it was stuck has been replaced already.
  if (!crew.threads.delete(thread) || crew.closing) return;
  if (crew.starting !== undefined) {
    const { error } = thread;
    crew.starting.reject(error instanceof Error ? error : new Error(String(error)));
    return;
  }
  const slot = crew.slots.find((one) => one.thread === thread);
  if (slot !== undefined) empty(crew, slot, thread);
  else {
    const restartInMs = delayOf(++crew.bootDeaths);
    crew.bootNotBeforeMs = performance.now() + restartInMs;
    crew.options.onEvent({ kind: 'spare-died', error: errorText(thread.error), restartInMs });
    fillIn(crew, restartInMs);
  }
}

/** A place has lost its thread: another will fill it, after a delay if that happens often. */
export function empty(crew: Crew, slot: Slot, thread: ServingThread): void {
  const { onEvent, deaths } = crew.options;
  const nowMs = performance.now();
  if (nowMs - slot.sinceMs > RECORD_MS) slot.deaths = 0;
  const restartInMs = delayOf(++slot.deaths);
  Object.assign(slot, { thread: undefined, serving: false, notBeforeMs: nowMs + restartInMs });
  const culprit = thread.failed ? queryInHand(slot) : undefined;
  slot.io = { ...slot.io, skipInHand: culprit !== undefined };
  const banned = culprit === undefined ? undefined : deaths.note(culprit, nowMs);
  onEvent({ kind: 'worker-died', worker: slot.index, error: errorText(thread.error), restartInMs });
  if (banned !== undefined) onEvent({ kind: 'query-of-death', ...banned });
  fillIn(crew, restartInMs);
}

/** The query that the place's thread was working on when it ended, if there was one. */
function queryInHand({ words, io }: Slot): Uint8Array | undefined {
  const at = Atomics.load(words, WORD.IN_HAND_AT);
  const length = Atomics.load(words, WORD.IN_HAND_LENGTH);
  return length <= 0 ? undefined : new Uint8Array(io.arena, at, length).slice();
}

function fillIn(crew: Crew, delayMs: number): void {
  if (delayMs === 0) fill(crew);
  else setTimeout(() => fill(crew), delayMs);
}

function delayOf(deaths: number): number {
  return deaths === 1 ? 0 : Math.min(RESTART_MS * 2 ** (deaths - 2), RESTART_MS_MAX);
}

function errorText(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function emptySlot(place: CrewPlace, index: number): Slot {
  return {
    index,
    ...place,
    words: workerWords(),
    thread: undefined,
    serving: false,
    sinceMs: 0,
    deaths: 0,
    notBeforeMs: 0,
    heartbeat: 0,
    stillLooks: 0,
  };
}
