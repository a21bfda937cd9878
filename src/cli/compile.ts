import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { OperatorError, type OperatorErrorCode, type Problem } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import type { ZoneSource } from '../config/zone-sources.ts';
import type { ClientPart } from '../geo/client-build.ts';
import { endThread, startNativeThread } from '../server/native-threads.ts';
import type { SigningGround } from './candidate-sources.ts';
import type { ImageFile } from './image-file.ts';
import type { ZoneOutcome } from './zone-outcome.ts';

/** What a compile thread is to make, and when. */
export type CompileJob = {
  /** Queries are answered meanwhile, here or by the process that this one replaces: they go first. */
  readonly othersAnswer: boolean;
} & CompileTask;

type CompileTask =
  | {
      readonly kind: 'zones';
      readonly zones: readonly (ZoneSource & {
        /** It has no data to serve: it never came from its primary, or expired. */
        readonly withheld?: boolean;
      })[];
      /** Some zones are read again while the others stay. Absent: all are read. */
      readonly reload?: ZoneReload;
      /** The configuration's file, for problems with files that it names. */
      readonly configFile: string;
      /** Names of the services, in order. */
      readonly services: readonly string[];
      /** What zones are signed with, where any is. */
      readonly signing: SigningGround | undefined;
      readonly programVersion: string;
      /** Where to save the image. */
      readonly path: string;
    }
  | {
      readonly kind: 'clients';
      readonly geo: Config['geo'];
      readonly networks: Config['networks'];
      readonly programVersion: string;
      readonly path: string;
      /** One family after the other: it takes longer, and less memory. */
      readonly isFrugal: boolean;
    }
  /** One family of the client image: its thread makes the other meanwhile. */
  | {
      readonly kind: 'client-part';
      readonly family: 4 | 6;
      readonly geo: Config['geo'];
      readonly networks: Config['networks'];
    };

/** A job that makes zones. */
export type ZoneJob = CompileJob & { readonly kind: 'zones' };

/** Which zones are read again, and how. */
export interface ZoneReload {
  /** The image in use. */
  readonly base: Uint8Array<SharedArrayBuffer>;
  /** Origins of the zones to read. */
  readonly read: readonly string[];
  /** Origins of the zones that others have copies of: their serials must rise with each change. */
  readonly strict: readonly string[];
  /** A serial need not be newer. */
  readonly force: boolean;
  /** Nobody will serve it: nothing that signing keeps is saved. */
  readonly dry: boolean;
}

/** Compile thread to its starter. After `made` it saves the image, and ends. */
export type FromCompiler =
  /** How far it is, in words. */
  | { readonly kind: 'progress'; readonly text: string }
  | { readonly kind: 'made'; readonly made: MadeFile | ClientPart }
  | { readonly kind: 'unsaved'; readonly reason: string }
  | { readonly kind: 'failed'; readonly code: OperatorErrorCode; readonly problems: readonly Problem[] };

/** An image that was just made. */
export interface MadeFile extends ImageFile {
  /** Things in the sources that an operator should see, though they are no errors. */
  readonly warnings: readonly Problem[];
  /** What became of each zone that was read. */
  readonly outcomes?: readonly ZoneOutcome[];
}

/** What is heard of a compile thread besides its result. */
interface CompileEvents {
  readonly onProgress?: (text: string) => void;
  /** The image is as good, but could not be written to its file. */
  readonly onUnsaved?: (reason: string) => void;
}

/** Time that writing an image has once the process is to end, ms. */
const SAVING_MS = 3000;

/** What a job yields. */
type MadeBy<Job extends CompileJob> = Job['kind'] extends 'client-part' ? ClientPart : MadeFile;

/** An image that is being made. */
export interface Compiling<Made = MadeFile> {
  /**
   * Rejects with an `OperatorError` that has every problem of the sources; with an `AbortError` once
   * cancelled.
   */
  readonly made: Promise<Made>;
  /** Resolves once the thread has ended, and its memory is free. */
  readonly ended: Promise<unknown>;
  /** Ends the thread; one that saves what it made is waited for, but not for long. */
  readonly cancel: () => Promise<void>;
}

/**
 * Makes an image in a thread of its own: what parsing leaves behind goes away with the thread, and nobody
 * waits for it who answers queries.
 */
export function startCompiling<Job extends CompileJob>(
  job: Job,
  tell: CompileEvents = {},
): Compiling<MadeBy<Job>> {
  const file = new URL('compile-thread.ts', import.meta.url);
  const isPart = job.kind === 'client-part';
  const thread = isPart ? new Worker(file, { workerData: job }) : startNativeThread(file, job);
  const exited = once(thread, 'exit').catch(() => undefined);
  let cancelled = false;
  let isMade = false;
  const made = new Promise<MadeBy<Job>>((resolve, reject) => {
    thread.on('message', (message: FromCompiler) => {
      if (message.kind === 'progress') tell.onProgress?.(message.text);
      else if (message.kind === 'unsaved') tell.onUnsaved?.(message.reason);
      // Each job has one kind of result: see `MadeBy`.
      else if (message.kind === 'made') {
        isMade = true;
        resolve(message.made as MadeBy<Job>);
      } else {
        reject(new OperatorError(message.code, message.problems));
        void endThread(thread);
      }
    });
    thread.once('error', reject);
    thread.once('exit', (code) => {
      if (cancelled) reject(new DOMException('no longer wanted', 'AbortError'));
      else reject(new Error(`the thread that makes the ${job.kind} image ended with ${code}`));
    });
  });
  // Who starts several looks at one after the other; until then a failure is nobody's.
  made.catch(() => undefined);
  return {
    made,
    ended: exited,
    cancel: async () => {
      cancelled = true;
      if (isMade) await Promise.race([exited, setTimeout(SAVING_MS, undefined, { ref: false })]);
      await endThread(thread);
    },
  };
}
