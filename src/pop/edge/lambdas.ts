import { pathToFileURL } from 'node:url';
import { must } from '../../base/assert.ts';
import { oneChunk, peekBody } from '../body.ts';
import { denial } from '../denial.ts';
import { withHeader } from '../headers.ts';
import { discard } from '../l2/body-feed.ts';
import type { PopResponse, RequestContext, ResponseStage, Stage } from '../request-path.ts';
import type { Ended as Called } from '../security-counters.ts';
import { type EventType, headersAfter, visible } from './header-rules.ts';
import {
  LAMBDA_BODY_MAX,
  type LambdaSource,
  lambdaEvent,
  readLambdaRequest,
  readLambdaResponse,
} from './lambda-event.ts';
import type { LambdaReply, LambdaThreadData } from './lambda-thread.ts';
import { threadPool } from './thread-pool.ts';

/** A Lambda@Edge handler, as the configuration names it. */
export interface LambdaModule {
  readonly name: string;
  /** Path of the module. */
  readonly file: string;
  /** Time of one event, ms. */
  readonly limitMs: number;
  /** Heap of each thread, MiB. */
  readonly memoryMb: number;
  /** Events at a time. */
  readonly threads: number;
}

/** Handlers by their names, ready for each of the four events. */
export interface EdgeLambdas {
  readonly request: (name: string, event: RequestEvent, includeBody: boolean) => Stage;
  readonly response: (name: string, event: ResponseEvent) => ResponseStage;
  readonly close: () => Promise<void>;
}

type RequestEvent = 'viewer-request' | 'origin-request';
type ResponseEvent = 'origin-response' | 'viewer-response';

/** What they need. */
export interface EdgeLambdasOptions {
  readonly lambdas: readonly LambdaModule[];
  readonly log: (message: string) => void;
  /** Told how each event ended: for metrics. */
  readonly count: (ended: Called) => void;
}

type Run = (source: LambdaSource) => Promise<{ readonly value: unknown } | string>;

/** Starts nothing: threads start with the first event. */
export function edgeLambdas(options: EdgeLambdasOptions): EdgeLambdas {
  const pools = new Map(options.lambdas.map((lambda) => [lambda.name, poolOf(lambda, options)]));
  const run = (name: string): Run => {
    const pool = must(pools.get(name), 'a lambda that the configuration has');
    return async (source) => {
      const outcome = await pool.run(JSON.stringify(lambdaEvent(source)));
      if (outcome.kind === 'late') return 'it took too long';
      if (outcome.kind === 'busy') return 'too many events wait';
      if (outcome.kind === 'died') return `its thread ended: ${outcome.why}`;
      // Our own thread's reply.
      const { result, error } = outcome.reply as LambdaReply;
      return result === undefined
        ? (error ?? 'it returns nothing')
        : { value: JSON.parse(result) as unknown };
    };
  };
  return {
    request: (name, event, includeBody) =>
      requestStage({ name, event, includeBody, run: run(name), options }),
    response: (name, event) => responseStage({ name, event, run: run(name), options }),
    close: async () => {
      await Promise.all(Array.from(pools.values(), (pool) => pool.close()));
    },
  };
}

function poolOf(lambda: LambdaModule, { log }: EdgeLambdasOptions) {
  const { name, limitMs, memoryMb } = lambda;
  const data: LambdaThreadData = { module: pathToFileURL(lambda.file).href, name, limitMs, memoryMb };
  return threadPool({
    file: new URL('./lambda-thread.ts', import.meta.url),
    data,
    threadsMax: lambda.threads,
    limitMs,
    heapMb: memoryMb,
    log: (message) => log(`lambda ${name}: ${message}`),
  });
}

interface Part<Event> {
  readonly name: string;
  readonly event: Event;
  readonly run: Run;
  readonly options: EdgeLambdasOptions;
}

function requestStage(part: Part<RequestEvent> & { readonly includeBody: boolean }): Stage {
  const { event, includeBody, run } = part;
  const chosen = new Set<string>();
  return {
    name: 'lambda',
    run: async (request, context) => {
      const peeked = includeBody ? await peekBody(request.body, LAMBDA_BODY_MAX[event]) : undefined;
      if (peeked !== undefined) request.body = peeked.body;
      const source: LambdaSource = {
        event,
        request,
        distributionId: context.distribution.id,
        ...originPart(event, context),
        ...(peeked === undefined ? {} : { body: { octets: peeked.start, isWhole: peeked.isWhole } }),
      };
      const ran = await run(source);
      const { body } = request;
      const ended =
        typeof ran === 'string' ? failed('Execution', ran) : applyRequest(ran.value, source, chosen);
      if (request.body !== body) await discard(body);
      note(part, context, ended);
      return ended.response;
    },
  };
}

function responseStage(part: Part<ResponseEvent>): ResponseStage {
  const { event, run } = part;
  return {
    name: 'lambda',
    run: async (response, request, context) => {
      if (event === 'viewer-response' && response.status >= 400) return response;
      const id = context.distribution.id;
      const source = { event, request, response, distributionId: id, ...originPart(event, context) };
      const ran = await run(source);
      const ended =
        typeof ran === 'string' ? failed('Execution', ran) : applyResponse(ran.value, event, response);
      note(part, context, ended);
      if (ended.response !== undefined && ended.response.body !== response.body) await discard(response.body);
      return ended.response ?? response;
    },
  };
}

function originPart(event: EventType, { behaviour }: RequestContext): Pick<LambdaSource, 'origin'> {
  const [origin] = behaviour.origins ?? [];
  return event.startsWith('viewer') || origin === undefined ? {} : { origin };
}

/** How an event ended: with a response (an error's, where `error` says why), or undefined: go on. */
interface Ended {
  readonly response?: PopResponse;
  readonly error?: string;
}

function failed(kind: 'Execution' | 'Validation', error: string): Ended {
  const status = kind === 'Execution' ? 503 : 502;
  const message = 'The Lambda function of this distribution failed.';
  return { response: denial(status, `Lambda${kind}Error`, message), error };
}

/** Origins that one handler may choose in all: connections are kept for each. */
const ORIGINS_MAX = 32;

function applyRequest(value: unknown, source: LambdaSource, chosen: Set<string>): Ended {
  const { event, request } = source;
  if (typeof value !== 'object' || value === null)
    return failed('Validation', 'it returns neither a request nor a response');
  if ('status' in value) return answered(value, event);
  const returned = readLambdaRequest(value, source);
  if (typeof returned === 'string') return failed('Validation', returned);
  const headers = headersAfter(returned.headers, { event, before: request.headers });
  if (typeof headers === 'string') return failed('Validation', headers);
  const { origin } = returned;
  if (origin !== undefined && chosen.add(origin.name).size > ORIGINS_MAX) {
    chosen.delete(origin.name);
    return failed('Validation', `it chose more than ${ORIGINS_MAX} origins`);
  }
  request.target = returned.target;
  request.origin = origin;
  request.headers = headers;
  if (returned.body !== undefined) {
    request.body = returned.body.length === 0 ? undefined : oneChunk(returned.body);
    request.headers = withHeader(headers, 'content-length', String(returned.body.length));
  }
  return {};
}

function answered(value: object, event: EventType): Ended {
  const returned = readLambdaResponse(value, event);
  if (typeof returned === 'string') return failed('Validation', returned);
  const headers = headersAfter(returned.headers, { event, before: undefined });
  if (typeof headers === 'string') return failed('Validation', headers);
  const { status, body = Buffer.alloc(0) } = returned;
  const from = event === 'viewer-request' ? 'l1' : 'l3';
  const length = withHeader(headers, 'content-length', String(body.length));
  return { response: { status, headers: length, body, from, result: 'LambdaGeneratedResponse' } };
}

function applyResponse(value: unknown, event: ResponseEvent, response: PopResponse): Ended {
  const returned = readLambdaResponse(value, event);
  if (typeof returned === 'string') return failed('Validation', returned);
  const before = visible(response.headers);
  const headers = headersAfter(returned.headers, { event, before });
  if (typeof headers === 'string') return failed('Validation', headers);
  const all = [...headers, ...response.headers.filter((one) => !before.includes(one))];
  const { status, body } = returned;
  if (body === undefined) return { response: { ...response, status, headers: all } };
  const others = all.filter(([name]) => name !== 'content-encoding');
  const length = withHeader(others, 'content-length', String(body.length));
  return { response: { ...response, status, headers: length, body } };
}

function note<Event>(part: Part<Event>, context: RequestContext, ended: Ended): void {
  const { name, options } = part;
  if (ended.error !== undefined) {
    options.log(`lambda ${name}, ${String(part.event)}: ${ended.error}`);
    context.logFields.set('function-error', `${name}: ${ended.error}`);
  }
  const isAnswer = ended.response?.result === 'LambdaGeneratedResponse';
  options.count(ended.error !== undefined ? 'failed' : isAnswer ? 'answered' : 'passed');
}
