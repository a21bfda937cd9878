import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Clock } from '../base/clock.ts';
import { OperatorError, type OperatorErrorCode, type Problem } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import type { ReplayAsked, ReplayLog, ReplayOutcome, RunningReplay, Upload } from '../console/api-replay.ts';
import type { AnswerData } from '../server/answering.ts';
import type { SteeringImage } from '../steering/image.ts';
import type { Store } from '../store/store.ts';
import { createTurns } from './turns.ts';
import type { World } from './world.ts';

/** What the thread of a replay starts from. */
export interface ReplayJob {
  readonly asked: ReplayAsked;
  /** Octets of the log, if that was said. */
  readonly octets: number;
  /** The configuration to try; undefined: what runs. */
  readonly proposal: string | undefined;
  readonly running: Pick<
    Config,
    'file' | 'said' | 'fleet' | 'services' | 'steering' | 'networks' | 'geo' | 'policyNetworks'
  >;
  /** As the process answers now. */
  readonly answerData: Omit<AnswerData, 'transfers' | 'cookies' | 'drops'>;
  /** The table in use. */
  readonly imageBytes: Uint8Array | undefined;
  /** Codes of POPs that are out now. */
  readonly out: readonly string[];
  /** Queries that one of the process's own log stands for. */
  readonly loggedOneOf: number;
  readonly nowMs: number;
}

/** To the thread of a replay. */
export type ToReplay =
  | { readonly kind: 'chunk'; readonly octets: Uint8Array }
  /** The log was sent whole. */
  | { readonly kind: 'end' }
  /** It is not wanted any more, while it compiles. */
  | { readonly kind: 'stop' }
  /** Those of the cells asked for that there are. */
  | { readonly kind: 'estimates'; readonly entries: readonly (readonly [key: string, packed: Uint8Array])[] };

/** From the thread of a replay; `done` and `failed` are its last. */
export type FromReplay =
  /** A chunk was read. */
  | { readonly kind: 'taken' }
  /** The whole log was. */
  | { readonly kind: 'read' }
  /** It needs the estimates of these cells. */
  | { readonly kind: 'wanted'; readonly keys: readonly string[] }
  /** It waits for a thread of its own, which may not be ended at any moment. */
  | { readonly kind: 'compiling'; readonly isOn: boolean }
  | { readonly kind: 'progress'; readonly words: string }
  | { readonly kind: 'failed'; readonly code: OperatorErrorCode; readonly problems: readonly Problem[] }
  | ({ readonly kind: 'done' } & ReplayOutcome);

/** What the process knows. */
export interface ReplaySources {
  readonly world: World;
  readonly store: Pick<Store, 'allEstimates'>;
  readonly image: () => SteeringImage | undefined;
  readonly clock: Clock;
}

/** Replays that wait for their turn at a time. */
const WAITING_MAX = 4;
/** One takes so long at most, ms: its log's way here included. */
const REPLAY_MS = 15 * 60_000;
/** Its heap, MiB; the log itself and counts of its questions, which are bounded, come on top. */
const HEAP_MIB = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 64 } as const;
/** Chunks on their way to the thread. */
const UNREAD_MAX = 8;
/** Estimates looked at before others get their turn. */
const SLICE = 2_000;

/** Replays logs one after the other, each in a thread of its own that ends with it. */
export function createReplays(sources: ReplaySources): ReplayLog {
  const turns = createTurns(WAITING_MAX);
  return async (asked, upload, stop) => {
    const endTurn = await turns.take(stop);
    if (endTurn === undefined) return undefined;
    try {
      const job = await jobOf(sources, asked, upload);
      const thread = startThread(sources, job, stop);
      thread.done.then(endTurn, endTurn);
      await sendLog(thread, upload);
      return thread;
    } catch (error) {
      endTurn();
      throw error;
    }
  };
}

async function jobOf(
  { world, image, clock }: ReplaySources,
  asked: ReplayAsked,
  upload: Upload,
): Promise<ReplayJob> {
  const { config, popState, images } = world;
  const { transfers: _, cookies: _cookies, drops: _drops, ...answerData } = world.answerData;
  const { file, said, fleet, services, steering, networks, geo, policyNetworks } = config;
  const octets = asked.config?.octets ?? 0;
  const text = await upload.take(octets);
  return {
    asked,
    octets: Math.max(0, (upload.octets ?? 0) - octets),
    proposal: asked.config === undefined ? undefined : textOf(text, asked.config),
    running: { file, said, fleet, services, steering, networks, geo, policyNetworks },
    // Zones and databases are read again while the process runs.
    answerData: {
      ...answerData,
      zones: images.zones.bytes,
      clients: images.clients.bytes,
      insistsOnCookies: false,
    },
    imageBytes: image()?.bytes,
    out: fleet.pops.filter(({ index }) => Atomics.load(popState, index) !== 0).map(({ code }) => code),
    loggedOneOf: config.log.queries?.oneOf ?? 1,
    nowMs: clock.nowMs(),
  };
}

function textOf(octets: Uint8Array, { name, octets: wanted }: { name: string; octets: number }): string {
  const wrong = (message: string): OperatorError =>
    new OperatorError('bad-config', [{ file: name, message }]);
  if (octets.length < wanted) throw wrong(`${wanted} octets were to come, and ${octets.length} did`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(octets);
  } catch {
    throw wrong('is no text in UTF-8');
  }
}

interface ReplayThread extends RunningReplay {
  readonly post: (message: ToReplay) => void;
  /** Resolves when there is room for one more chunk, and when the thread has ended. */
  readonly room: () => Promise<void>;
  readonly isOver: () => boolean;
  readonly cancel: (error: unknown) => void;
  /** Resolves when the log was read whole. */
  readonly read: Promise<void>;
}

/** Whatever ends it ends the thread. */
function startThread({ store }: ReplaySources, job: ReplayJob, stop: AbortSignal): ReplayThread {
  const worker = new Worker(new URL('console-replay-thread.ts', import.meta.url), {
    workerData: job,
    name: 'replay',
    resourceLimits: HEAP_MIB,
  });
  worker.unref();
  const post = (message: ToReplay): void => worker.postMessage(message);
  const read = Promise.withResolvers<void>();
  const done = Promise.withResolvers<ReplayOutcome>();
  let tell: (words: string) => void = () => undefined;
  let unread = 0;
  let isOver = false;
  let isCompiling = false;
  let wake = (): void => undefined;
  const end = (error: unknown, outcome?: ReplayOutcome): void => {
    if (isOver) return;
    isOver = true;
    clearTimeout(late);
    stop.removeEventListener('abort', onStop);
    if (outcome === undefined) {
      read.reject(error);
      done.reject(error);
    } else done.resolve(outcome);
    wake();
    if (isCompiling) post({ kind: 'stop' });
    else void worker.terminate();
  };
  const onStop = (): void => end(new DOMException('nobody waits for it any more', 'AbortError'));
  const late = setTimeout(() => end(unfinished(`took longer than ${REPLAY_MS / 60_000} minutes`)), REPLAY_MS);
  late.unref();
  worker.on('message', (message: FromReplay) => {
    if (message.kind === 'taken') {
      unread--;
      wake();
    } else if (message.kind === 'read') read.resolve();
    else if (message.kind === 'compiling') isCompiling = message.isOn;
    else if (message.kind === 'progress') tell(message.words);
    else if (message.kind === 'wanted') estimatesOf(store, message.keys).then(post, end);
    else if (message.kind === 'failed') end(new OperatorError(message.code, message.problems));
    else end(undefined, { report: message.report, html: message.html });
  });
  worker.once('error', (error: NodeJS.ErrnoException) => end(threadFault(error)));
  worker.once('exit', () => end(new Error('the thread of a replay ended without an answer')));
  if (stop.aborted) onStop();
  else stop.addEventListener('abort', onStop, { once: true });
  // Whoever looks at one only sees the other's failure there too.
  for (const one of [read.promise, done.promise]) one.catch(() => undefined);
  return {
    post: (message) => {
      if (message.kind === 'chunk') unread++;
      post(message);
    },
    room: async () => {
      while (!isOver && unread >= UNREAD_MAX) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
    },
    isOver: () => isOver,
    cancel: end,
    read: read.promise,
    onProgress: (next) => {
      tell = next;
    },
    done: done.promise,
  };
}

function threadFault(error: NodeJS.ErrnoException): Error {
  if (error.code !== 'ERR_WORKER_OUT_OF_MEMORY') return error;
  return unfinished('takes more memory than a replay may have here');
}

function unfinished(why: string): OperatorError {
  const message = `${why}: take a part of the log, or use \`isochrone replay\``;
  return new OperatorError('bad-data', [{ file: 'replay', message }]);
}

/** Sends the log as the thread reads it. Rejects when the thread has ended before it was whole. */
async function sendLog(thread: ReplayThread, upload: Upload): Promise<void> {
  try {
    for await (const chunk of upload.rest()) {
      await thread.room();
      if (thread.isOver()) break;
      thread.post({ kind: 'chunk', octets: Uint8Array.from(chunk) });
    }
  } catch (error) {
    thread.cancel(error);
    throw error;
  }
  thread.post({ kind: 'end' });
  await thread.read;
}

/** Those of the cells that something was measured of. */
async function estimatesOf(
  store: ReplaySources['store'],
  keys: readonly string[],
): Promise<ToReplay & { kind: 'estimates' }> {
  const wanted = new Set(keys);
  const entries: (readonly [string, Uint8Array])[] = [];
  let looked = 0;
  for await (const [key, packed] of store.allEstimates()) {
    if (++looked % SLICE === 0) await nextTurn();
    if (wanted.has(key)) entries.push([key, packed]);
  }
  return { kind: 'estimates', entries };
}
