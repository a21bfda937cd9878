import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ModelChange, Override } from '../store/store.ts';
import type { AdminApi } from './api.ts';
import type { Assets } from './assets.ts';
import { type Events, LISTENERS_MAX } from './events.ts';
import type { MetricsPage } from './metrics.ts';
import { replay } from './replay-route.ts';
import { jsonReply, problemReply, type Reply, readJson, textReply } from './reply.ts';
import {
  readCatchmentsWish,
  readDrain,
  readHistoryWish,
  readInvalidation,
  readModel,
  readMoment,
  readQuestion,
  readReload,
  readTraceWish,
  unknownPop,
  WITHOUT_MAX,
} from './requests.ts';

/** What a route may use. */
interface RouteContext {
  readonly api: AdminApi;
  readonly metrics: MetricsPage;
  readonly events: Events;
  readonly assets: Assets;
  readonly request: IncomingMessage;
  readonly query: URLSearchParams;
  /** Why this request may change nothing; undefined: it may. */
  readonly mayNotChange: () => Reply | undefined;
}

type Handler = (context: RouteContext, ...captures: readonly string[]) => Promise<Reply> | Reply;

/** Every path and method; the captures of the pattern are the handler's further arguments. */
const ROUTES: readonly (readonly [method: 'GET' | 'POST', pattern: RegExp, handler: Handler])[] = [
  ['GET', /^(\/|\/assets\/.{1,200}|\/licenses\.md)$/, page],
  ['GET', /^\/metrics$/, ({ metrics, api }) => metrics.render(api)],
  ['GET', /^\/healthz$/, () => textReply('alive')],
  ['GET', /^\/readyz$/, readiness],
  ['GET', /^\/api\/status$/, async ({ api }) => jsonReply(await api.status())],
  ['GET', /^\/api\/pops$/, async ({ api }) => jsonReply({ pops: (await api.status()).pops })],
  ['GET', /^\/api\/demand$/, demand],
  ['GET', /^\/api\/top$/, top],
  ['GET', /^\/api\/events$/, listen],
  ['GET', /^\/api\/catchments$/, catchments],
  ['GET', /^\/api\/history$/, history],
  ['GET', /^\/api\/history\/at$/, historyAt],
  ['GET', /^\/api\/explain$/, explain],
  ['GET', /^\/api\/whatif$/, whatIf],
  ['GET', /^\/api\/whatif\/ahead$/, whatIfAhead],
  ['POST', /^\/api\/replay$/, replay],
  ['GET', /^\/api\/zones$/, ({ api }) => jsonReply({ secondaries: api.secondaries() })],
  ['POST', /^\/api\/zones\/reload$/, reloadZones],
  ['GET', /^\/api\/model$/, listModel],
  ['POST', /^\/api\/model$/, changeModel],
  ['GET', /^\/api\/paths$/, paths],
  ['GET', /^\/api\/trace$/, trace],
  ['POST', /^\/api\/invalidations$/, invalidate],
  ['POST', /^\/api\/pops\/([^/]{1,64})\/drain$/, drain],
  ['POST', /^\/api\/pops\/([^/]{1,64})\/restore$/, restore],
];

/** Answers a request that the guard let in. */
export async function answerRoute(path: string, context: RouteContext): Promise<Reply> {
  const method = context.request.method === 'HEAD' ? 'GET' : context.request.method;
  const allowed: string[] = [];
  for (const [wanted, pattern, handler] of ROUTES) {
    const match = pattern.exec(path);
    if (match === null) continue;
    if (wanted === method) return handler(context, ...match.slice(1));
    allowed.push(...(wanted === 'GET' ? ['GET', 'HEAD'] : [wanted]));
  }
  if (allowed.length === 0) return problemReply(404, [`there is nothing at ${path}`], 'not-found');
  const reply = problemReply(405, [`${path} knows ${allowed.join(', ')}, not ${context.request.method}`]);
  return { ...reply, headers: { allow: allowed.join(', ') } };
}

function page({ assets, request }: RouteContext, path = '/'): Reply {
  return assets.reply(path, request);
}

/** Rows of /api/demand: without `max`, and at most. */
const DEMAND_ROWS = { DEFAULT: 50, MAX: 1000 } as const;

function demand({ api, query }: RouteContext): Reply {
  const max = maxOf(query, DEMAND_ROWS);
  return typeof max === 'number' ? jsonReply(api.demand(max)) : max;
}

/** Rows of each part of /api/top: without `max`, and at most. */
const TOP_ROWS = { DEFAULT: 20, MAX: 200 } as const;

async function top({ api, query }: RouteContext): Promise<Reply> {
  const max = maxOf(query, TOP_ROWS);
  return typeof max === 'number' ? jsonReply(await api.top(max)) : max;
}

function maxOf(
  query: URLSearchParams,
  bounds: { readonly DEFAULT: number; readonly MAX: number },
): number | Reply {
  const text = query.get('max') ?? String(bounds.DEFAULT);
  const max = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (max >= 1 && max <= bounds.MAX) return max;
  return problemReply(400, [`max=${JSON.stringify(text)} is not a whole number from 1 to ${bounds.MAX}`]);
}

function listen({ events }: RouteContext): Reply {
  if (!events.hasRoom()) return problemReply(503, [`${LISTENERS_MAX} listen already: try again later`]);
  const stream = (response: ServerResponse): void => {
    // Another may have come in between: who finds no room then comes back by itself.
    if (!events.add(response)) response.end();
  };
  return { status: 200, type: 'text/event-stream', body: '', stream };
}

async function catchments({ api, query }: RouteContext): Promise<Reply> {
  const read = readCatchmentsWish(query);
  return 'wrong' in read ? problemReply(400, read.wrong) : jsonReply(await api.live.catchments(read.value));
}

function history({ api, query }: RouteContext): Reply {
  const read = readHistoryWish(query);
  if ('wrong' in read) return problemReply(400, read.wrong);
  const { pop } = read.value;
  if (pop === undefined) return jsonReply(api.live.history());
  const unknown = unknownPop(pop, api.popCodes);
  return unknown.length > 0 ? problemReply(404, unknown, 'not-found') : jsonReply(api.live.popHistory(pop));
}

function historyAt({ api, query }: RouteContext): Reply {
  const read = readMoment(query);
  return 'wrong' in read ? problemReply(400, read.wrong) : jsonReply(api.live.historyAt(read.value));
}

function readiness({ api }: RouteContext): Reply {
  const why = api.notReady();
  return why === undefined ? textReply('ready') : textReply(`not ready: ${why}`, 503);
}

async function explain({ api, query }: RouteContext): Promise<Reply> {
  const question = readQuestion(query);
  if ('wrong' in question) return problemReply(400, question.wrong);
  return jsonReply(await api.explain(question.value));
}

async function whatIf({ api, query }: RouteContext): Promise<Reply> {
  const without = query.getAll('without');
  if (without.length === 0) return problemReply(400, ['without: is missing: the code of a POP']);
  if (without.length > WITHOUT_MAX) return problemReply(400, [`without: at most ${WITHOUT_MAX} POPs`]);
  const unknown = without.flatMap((code) => unknownPop(code, api.popCodes));
  if (unknown.length > 0) return problemReply(404, unknown, 'not-found');
  const ranges = query.get('ranges') ?? 'true';
  if (ranges !== 'true' && ranges !== 'false')
    return problemReply(400, [`ranges: ${JSON.stringify(ranges)} is neither true nor false`]);
  return orBusy(await api.whatIf(without, ranges === 'false'), 'others ask the same kind of question');
}

function whatIfAhead({ api }: RouteContext): Reply {
  api.whatIfAhead();
  return jsonReply({ asked: true });
}

async function reloadZones({ api, request }: RouteContext): Promise<Reply> {
  const body = await readJson(request);
  if ('status' in body) return body;
  const read = readReload(body.value);
  if ('wrong' in read) return problemReply(400, read.wrong);
  return jsonReply({ zones: await api.reloadZones(read.value) });
}

async function listModel({ api }: RouteContext): Promise<Reply> {
  return jsonReply({ changes: await api.modelChanges() });
}

async function changeModel(context: RouteContext): Promise<Reply> {
  const { api, request } = context;
  const body = await readJson(request);
  if ('status' in body) return body;
  const read = readModel(body.value, api);
  if ('wrong' in read) return problemReply(400, read.wrong);
  const wanted = read.value;
  const changes = await api.modelChanges();
  if (wanted.kind === 'reset-all') for (const { pop } of changes) await api.setModelChange(pop, undefined);
  else if (wanted.kind === 'reset') await api.setModelChange(wanted.pop, undefined);
  else await api.setModelChange(wanted.pop, merged(wanted.pop, changes, wanted.change));
  return listModel(context);
}

/** Changes of one POP add up; congestion of all links takes the place of that of one. */
function merged(pop: string, changes: readonly ModelChange[], change: Omit<ModelChange, 'pop'>): ModelChange {
  const { link, ...before } = changes.find((one) => one.pop === pop) ?? { pop };
  const keepsLink = change.congestion === undefined && link !== undefined;
  return { ...before, ...(keepsLink ? { link } : {}), ...change };
}

const NO_POPS = 'no POPs run in this process: ask the one that runs `up`';

async function paths({ api, query }: RouteContext): Promise<Reply> {
  const pathsFor = api.pops?.()?.paths ?? api.paths;
  if (pathsFor === undefined) return problemReply(404, [NO_POPS], 'not-found');
  const client = query.get('client');
  return client === null
    ? problemReply(400, ['client: is missing: an IP address or a prefix'])
    : jsonReply(await pathsFor(client));
}

async function trace({ api, query, mayNotChange }: RouteContext): Promise<Reply> {
  if (api.trace === undefined || api.pops?.() === undefined) return problemReply(404, [NO_POPS], 'not-found');
  const read = readTraceWish(query);
  if ('wrong' in read) return problemReply(400, read.wrong);
  // Dropping what caches hold is a change, also here.
  const refused = read.value.isCold ? mayNotChange() : undefined;
  return refused ?? orBusy(await api.trace(read.value), 'other requests are traced');
}

/** A view, or that nobody had time to make it. */
function orBusy(view: object | undefined, why: string): Reply {
  if (view !== undefined) return jsonReply(view);
  return { ...problemReply(503, [`${why}: ask again in a few seconds`]), headers: { 'retry-after': '5' } };
}

async function invalidate({ api, request }: RouteContext): Promise<Reply> {
  const body = await readJson(request);
  if ('status' in body) return body;
  const invalidations = api.pops?.() ?? api.invalidations;
  if (invalidations === undefined) return problemReply(404, [NO_POPS], 'not-found');
  const read = readInvalidation(body.value, invalidations.distributions);
  if ('wrong' in read) return problemReply(400, read.wrong);
  return jsonReply(await invalidations.invalidate(read.value));
}

async function drain({ api, request }: RouteContext, code = ''): Promise<Reply> {
  const body = await readJson(request);
  if ('status' in body) return body;
  const unknown = unknownPop(code, api.popCodes);
  if (unknown.length > 0) return problemReply(404, unknown, 'not-found');
  const read = readDrain(body.value);
  if ('wrong' in read) return problemReply(400, read.wrong);
  const { reason, forSeconds } = read.value;
  const sinceMs = api.nowMs();
  const until = forSeconds === undefined ? {} : { untilMs: sinceMs + forSeconds * 1000 };
  const override: Override = { pop: code, state: 'drain', reason, sinceMs, ...until };
  await api.setOverride(code, override);
  return jsonReply({ override });
}

async function restore({ api, request }: RouteContext, code = ''): Promise<Reply> {
  const body = await readJson(request);
  if ('status' in body) return body;
  const unknown = unknownPop(code, api.popCodes);
  if (unknown.length > 0) return problemReply(404, unknown, 'not-found');
  await api.setOverride(code, undefined);
  return jsonReply({ restored: code });
}
