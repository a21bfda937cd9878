import { createHash, createHmac } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import {
  getQuickJS,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSRuntime,
  type QuickJSWASMModule,
} from 'quickjs-emscripten';
import { must } from '../../base/assert.ts';
import { type FunctionSource, isModule } from './function-file.ts';
import { CALL, EXPOSE, moduleCode, PRELUDE } from './function-prelude.ts';

/**
 * A thread that runs CloudFront Functions in QuickJS: each call in a context of its own, made ready before
 * it is asked for, so that nothing of one request is there for the next.
 */

/** What the thread is started with. */
export interface FunctionThreadData {
  /** By name. */
  readonly functions: Readonly<Record<string, FunctionSource>>;
  readonly memoryOctets: number;
  readonly limitMs: number;
}

/** A call: the function's name, and the event as JSON. */
export interface FunctionCall {
  readonly name: string;
  readonly event: string;
}

/** What a call gives: the result as JSON, or the error. */
export interface FunctionReply {
  readonly result?: string;
  readonly error?: string;
  /** It was stopped because its time was over. */
  readonly isLate?: boolean;
  /** What it wrote to the console. */
  readonly log: readonly string[];
}

interface Prepared {
  readonly runtime: QuickJSRuntime;
  readonly context: QuickJSContext;
  readonly log: string[];
  /** Wall-clock time at which it is stopped, ms. */
  deadlineMs: number;
  /** What its own code did when it was read. */
  readonly error: string | undefined;
}

const NONE: FunctionSource = { code: '' };
const STACK_OCTETS_MAX = 256 * 1024;
const RESULT_CHARACTERS_MAX = 131_072;
const LOG_LINES_MAX = 20;
const LOG_CHARACTERS_MAX = 256;
/** Jobs of promises that one call may have. */
const JOBS_MAX = 10_000;

const { functions, memoryOctets, limitMs } = workerData as FunctionThreadData;
const port = must(parentPort, 'port of the thread');
const OVERRUN = `it ran longer than ${limitMs} ms`;
const engine = await getQuickJS();
const ready = new Map<string, Prepared>();

port.on('message', ({ name, event }: FunctionCall) => {
  const kept = ready.get(name);
  ready.delete(name);
  // What went wrong ahead of time may have been a machine that stood still: the call gets its own chance.
  if (kept?.error !== undefined) dispose(kept);
  const isGood = kept !== undefined && kept.error === undefined;
  const prepared = isGood ? kept : prepare(engine, functions[name] ?? NONE);
  const reply = call(prepared, event);
  port.postMessage({ ...reply, isLate: reply.error === OVERRUN });
  dispose(prepared);
  ready.set(name, prepare(engine, functions[name] ?? NONE));
});
for (const [name, source] of Object.entries(functions)) ready.set(name, prepare(engine, source));
port.postMessage('ready');

function prepare(quickjs: QuickJSWASMModule, { code, store }: FunctionSource): Prepared {
  const runtime = quickjs.newRuntime({ memoryLimitBytes: memoryOctets, maxStackSizeBytes: STACK_OCTETS_MAX });
  const prepared = { runtime, context: runtime.newContext(), log: [], deadlineMs: Number.POSITIVE_INFINITY };
  runtime.setInterruptHandler(() => Date.now() > prepared.deadlineMs);
  runtime.setModuleLoader((name) => moduleCode(name) ?? { error: new Error(`no such module: ${name}`) });
  const fault = furnish(prepared, store);
  prepared.deadlineMs = Date.now() + limitMs;
  const error = fault ?? run(prepared, code);
  return Object.assign(prepared, { error });
}

/** Hands in what the prelude needs. */
function furnish(prepared: Omit<Prepared, 'error'>, store: FunctionSource['store']): string | undefined {
  const { context, log } = prepared;
  const result = context.evalCode(PRELUDE, 'prelude.js');
  if (result.error !== undefined) return errorOf(context, result.error);
  const host = context.newObject();
  const add = (name: string, work: (...parts: string[]) => string): void => {
    const fn = context.newFunction(name, (...handles) => {
      const parts = handles.map((handle) => context.getString(handle));
      return context.newString(work(...parts));
    });
    context.setProp(host, name, fn);
    fn.dispose();
  };
  add('bytes', (text = '', encoding = '') => Buffer.from(text, encodingOf(encoding)).toString('hex'));
  add('text', (hex = '', encoding = '') => Buffer.from(hex, 'hex').toString(encodingOf(encoding)));
  add('digest', (name = '', key = '', hex = '') => digest(name, key, Buffer.from(hex, 'hex')));
  add('value', (key = '') => {
    const value = store?.values.get(key);
    return value === undefined ? '' : `=${value}`;
  });
  add('facts', () => (store === undefined ? '' : factsOf(store)));
  add('log', (line = '') => {
    if (log.length < LOG_LINES_MAX) log.push(line.slice(0, LOG_CHARACTERS_MAX));
    return '';
  });
  const called = context.callFunction(result.value, context.undefined, host);
  host.dispose();
  result.value.dispose();
  if (called.error !== undefined) return errorOf(context, called.error);
  called.value.dispose();
  return undefined;
}

/** What `meta()` tells: a store is read as a whole. */
function factsOf({ values, readAt }: NonNullable<FunctionSource['store']>): string {
  return JSON.stringify({
    creationDateTime: readAt,
    lastUpdatedDateTime: readAt,
    keyCount: values.size,
  });
}

const ENCODINGS = ['utf8', 'hex', 'base64', 'base64url', 'latin1', 'ascii'] as const;

function encodingOf(name: string): BufferEncoding {
  const plain = name === 'utf-8' ? 'utf8' : name === 'binary' ? 'latin1' : name;
  const known = ENCODINGS.find((one) => one === plain);
  if (known === undefined) throw new TypeError(`no such encoding: ${name}`);
  return known;
}

function digest(name: string, key: string, data: Buffer): string {
  if (!['md5', 'sha1', 'sha256'].includes(name)) throw new TypeError(`no such hash: ${name}`);
  const hash = key === '' ? createHash(name) : createHmac(name, Buffer.from(key.slice(1), 'hex'));
  return hash.update(data).digest('hex');
}

/** Reads a function's code: what is wrong with it, or with what it did meanwhile. */
function run({ context, runtime }: Omit<Prepared, 'error'>, code: string): string | undefined {
  if (!isModule(code)) {
    const result = context.evalCode(code, 'function.js');
    if (result.error !== undefined) return errorOf(context, result.error);
    result.value.dispose();
    return undefined;
  }
  const result = context.evalCode(code + EXPOSE, 'function.js', { type: 'module' });
  if (result.error !== undefined) return errorOf(context, result.error);
  const jobs = runtime.executePendingJobs(JOBS_MAX);
  if (jobs.error !== undefined) jobs.error.dispose();
  const state = context.getPromiseState(result.value);
  if (state.type === 'rejected') return errorOf(context, state.error);
  if (state.type === 'fulfilled' && state.notAPromise !== true) state.value.dispose();
  result.value.dispose();
  return undefined;
}

function call(prepared: Prepared, event: string): FunctionReply {
  const { runtime, context, log, error } = prepared;
  if (error !== undefined) return { error, log };
  prepared.deadlineMs = Date.now() + limitMs;
  const caller = context.evalCode(CALL, 'call.js');
  if (caller.error !== undefined) return { error: errorOf(context, caller.error), log };
  const text = context.newString(event);
  const called = context.callFunction(caller.value, context.undefined, text);
  text.dispose();
  caller.value.dispose();
  if (called.error !== undefined) return { error: errorOf(context, called.error), log };
  const jobs = runtime.executePendingJobs(JOBS_MAX);
  if (jobs.error !== undefined) jobs.error.dispose();
  const reply = settled(context, called.value);
  called.value.dispose();
  return { ...reply, log };
}

function settled(context: QuickJSContext, promise: QuickJSHandle): Omit<FunctionReply, 'log'> {
  const state = context.getPromiseState(promise);
  if (state.type === 'pending') return { error: 'it waits for something that never comes' };
  if (state.type === 'rejected') return { error: errorOf(context, state.error) };
  const result = context.typeof(state.value) === 'string' ? context.getString(state.value) : undefined;
  if (state.notAPromise !== true) state.value.dispose();
  if (result === undefined) return { error: 'it returns neither a request nor a response' };
  return result.length > RESULT_CHARACTERS_MAX ? { error: 'what it returns is too large' } : { result };
}

function errorOf(context: QuickJSContext, handle: QuickJSHandle): string {
  const dumped: unknown = context.dump(handle);
  handle.dispose();
  if (typeof dumped !== 'object' || dumped === null) return String(dumped);
  const { name, message } = dumped as { name?: unknown; message?: unknown };
  if (message === 'interrupted') return OVERRUN;
  return `${String(name)}: ${String(message)}`.slice(0, LOG_CHARACTERS_MAX);
}

function dispose({ runtime, context }: Prepared): void {
  try {
    context.dispose();
    runtime.dispose();
  } catch {
    // After running out of memory the engine may hold on to things: this thread is of no use any more.
    process.exit(1);
  }
}
