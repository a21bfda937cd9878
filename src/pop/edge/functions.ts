import { oneChunk } from '../body.ts';
import { denial } from '../denial.ts';
import { discard } from '../l2/body-feed.ts';
import type { PopRequest, PopResponse, RequestContext, ResponseStage, Stage } from '../request-path.ts';
import type { Ended as Called } from '../security-counters.ts';
import { functionEvent, readRequest, readResponse } from './function-event.ts';
import type { FunctionSource } from './function-file.ts';
import type { FunctionReply, FunctionThreadData } from './function-thread.ts';
import { type EventType, headersAfter, visible } from './header-rules.ts';
import { createRests, REST_MS, type Rests } from './rests.ts';
import { type ThreadPool, threadPool } from './thread-pool.ts';

/** CloudFront Functions, ready to run at a viewer's request and at the response to it. */
export interface EdgeFunctions {
  readonly request: (name: string) => Stage;
  readonly response: (name: string) => ResponseStage;
  readonly close: () => Promise<void>;
}

/** What functions need, and what bounds them. */
export interface EdgeFunctionsOptions {
  /** By name. */
  readonly functions: ReadonlyMap<string, FunctionSource>;
  /** Memory of one call, octets. */
  readonly memoryOctets: number;
  /** Wall-clock time of one call, ms. */
  readonly limitMs: number;
  readonly threads: number;
  /** Told of each call that failed or wrote to the console. */
  readonly log: (message: string) => void;
  /** Told how each call ended: for metrics. */
  readonly count: (ended: Called) => void;
}

/** After this time beyond its limit a call's thread is ended, ms: QuickJS cannot stop all that it does. */
const GRACE_MS = 250;
const HEAP_MB = 128;

/** Where there are functions a thread starts at once; others start as they are needed. */
export function edgeFunctions(options: EdgeFunctionsOptions): EdgeFunctions {
  const { functions, memoryOctets, limitMs } = options;
  const data: FunctionThreadData = { functions: Object.fromEntries(functions), memoryOctets, limitMs };
  const pool = threadPool({
    file: new URL('./function-thread.ts', import.meta.url),
    data,
    threadsMax: options.threads,
    limitMs: limitMs + GRACE_MS,
    heapMb: HEAP_MB,
    log: options.log,
  });
  if (functions.size > 0) pool.warm();
  const parts = { pool, rests: createRests(() => performance.now()), options };
  return {
    request: (name) => ({
      name: 'function',
      run: async (request, context) => {
        const event = functionEvent({ request, distributionId: context.distribution.id });
        const ran = await call(parts, name, event);
        const ended = typeof ran === 'string' ? failed('Execution', ran) : applyRequest(ran.value, request);
        note(options, context, { name, event: 'viewer-request', ended });
        return typeof ended === 'object' && 'response' in ended ? ended.response : undefined;
      },
    }),
    response: (name) => ({
      name: 'function',
      run: async (response, request, context) => {
        // What failed is not for functions to dress up.
        if (response.status >= 400) return response;
        const event = functionEvent({ request, response, distributionId: context.distribution.id });
        const ran = await call(parts, name, event);
        const ended = typeof ran === 'string' ? failed('Execution', ran) : applyResponse(ran.value, response);
        note(options, context, { name, event: 'viewer-response', ended });
        if (ended.response !== undefined && ended.response.body !== response.body)
          await discard(response.body);
        return ended.response ?? response;
      },
    }),
    close: pool.close,
  };
}

/** How a call ended: with a response (an error's, where `error` says why), or undefined: go on. */
interface Ended {
  readonly response?: PopResponse;
  readonly error?: string;
}

function failed(kind: 'Execution' | 'Validation', error: string): Ended {
  const status = kind === 'Execution' ? 503 : 502;
  const message = 'The function of this distribution failed.';
  return { response: denial(status, `Function${kind}Error`, message), error };
}

const RESTING = `it rests for ${REST_MS} ms, as its last calls ran too long`;

interface Parts {
  readonly pool: ThreadPool;
  readonly rests: Rests;
  readonly options: EdgeFunctionsOptions;
}

async function call(parts: Parts, name: string, event: object): Promise<{ value: unknown } | string> {
  const { pool, rests, options } = parts;
  const { log, limitMs } = options;
  const isWanted = (): boolean => !rests.isResting(name);
  if (!isWanted()) return RESTING;
  const job = { name, event: JSON.stringify(event) };
  const first = await pool.run(job, isWanted);
  // A thread may end because of the call before this one; a call changes nothing, so it may be made again.
  const outcome = first.kind === 'died' ? await pool.run(job, isWanted) : first;
  if (outcome.kind === 'late') {
    rests.ended(name, true);
    return `it ran longer than ${limitMs} ms and could not be stopped`;
  }
  if (outcome.kind === 'busy') return isWanted() ? 'too many calls wait' : RESTING;
  if (outcome.kind === 'died') return `its thread ended: ${outcome.why}`;
  // Our own thread's reply.
  const { result, error, isLate, log: lines } = outcome.reply as FunctionReply;
  rests.ended(name, isLate === true);
  for (const line of lines) log(`function ${name}: ${line}`);
  if (error !== undefined || result === undefined) return error ?? 'it returns nothing';
  try {
    return { value: JSON.parse(result) as unknown };
  } catch {
    return 'what it returns is no JSON';
  }
}

function applyRequest(value: unknown, request: PopRequest): Ended {
  if (typeof value !== 'object' || value === null)
    return failed('Validation', 'it returns neither a request nor a response');
  if ('statusCode' in value) return answered(value);
  const returned = readRequest(value);
  if (typeof returned === 'string') return failed('Validation', returned);
  const headers = headersAfter(returned.headers, { event: 'viewer-request', before: request.headers });
  if (typeof headers === 'string') return failed('Validation', headers);
  request.target = returned.target;
  request.headers = headers;
  return {};
}

function answered(value: object): Ended {
  const returned = readResponse(value);
  if (typeof returned === 'string') return failed('Validation', returned);
  const { status, body = Buffer.alloc(0) } = returned;
  const headers = headersAfter(returned.headers, { event: 'viewer-response', before: undefined });
  if (typeof headers === 'string') return failed('Validation', headers);
  const others = headers.filter(([name]) => name !== 'content-length');
  return {
    response: {
      status,
      headers: [...others, ['content-length', String(body.length)]],
      body,
      from: 'l1',
      result: 'FunctionGeneratedResponse',
    },
  };
}

function applyResponse(value: unknown, response: PopResponse): Ended {
  const returned = readResponse(value);
  if (typeof returned === 'string') return failed('Validation', returned);
  const before = visible(response.headers);
  const headers = headersAfter(returned.headers, { event: 'viewer-response', before });
  if (typeof headers === 'string') return failed('Validation', headers);
  const hidden = response.headers.filter((one) => !before.includes(one));
  const { status, body } = returned;
  if (body === undefined) return { response: { ...response, status, headers: [...headers, ...hidden] } };
  const others = headers.filter(([name]) => name !== 'content-length' && name !== 'content-encoding');
  const length = ['content-length', String(body.length)] as const;
  return {
    response: { ...response, status, headers: [...others, ...hidden, length], body: oneChunk(body) },
  };
}

function note(
  { log, count }: EdgeFunctionsOptions,
  context: RequestContext,
  what: { readonly name: string; readonly event: EventType; readonly ended: Ended },
): void {
  const { name, event, ended } = what;
  if (ended.error !== undefined) {
    log(`function ${name}, ${event}: ${ended.error}`);
    context.logFields.set('function-error', `${name}: ${ended.error}`);
  }
  const isAnswer = ended.response !== undefined && event === 'viewer-request';
  count(ended.error !== undefined ? 'failed' : isAnswer ? 'answered' : 'passed');
}
