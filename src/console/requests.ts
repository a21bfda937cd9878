import { z } from 'zod';
import { parsePrefix } from '../base/address.ts';
import { nearest } from '../base/nearest.ts';
import type { ModelChange } from '../store/store.ts';
import { parseName } from '../wire/name.ts';
import type { AdminApi } from './api.ts';
import type { ExplainQuestion } from './api-explain.ts';
import type { ReplayAsked } from './api-replay.ts';
import type { TraceWish } from './api-trace.ts';

/** A value, or everything that is wrong with what should have been it. */
type Read<T> = { readonly value: T } | { readonly wrong: readonly string[] };

const YEAR_SECONDS = 365 * 86_400;

const drainSchema = z.strictObject({
  reason: z.string().max(200).default(''),
  forSeconds: z.number().min(1).max(YEAR_SECONDS).optional(),
});

const reloadSchema = z.strictObject({
  zone: z.string().min(1).max(255).optional(),
  force: z.boolean().default(false),
  dry: z.boolean().default(false),
});

/** Ranges are those of the command `model`. */
const modelSchema = z.strictObject({
  pop: z.string().optional(),
  reset: z.literal(true).optional(),
  rttMs: z.number().min(0).max(10_000).optional(),
  lossRate: z.number().min(0).max(1).optional(),
  congestion: z.number().min(0).max(10).optional(),
  link: z.string().optional(),
  load: z.number().min(0).max(10).optional(),
  outage: z.boolean().optional(),
});

const invalidationSchema = z.strictObject({
  pattern: z.string().regex(/^\/[\x21-\x7e]{0,2047}$/, { error: 'is not a path such as /static/*' }),
  distribution: z.string().optional(),
});

/** Body of an invalidation, checked against the names of distributions. */
export function readInvalidation(
  body: unknown,
  distributions: readonly string[],
): Read<{ readonly pattern: string; readonly distribution?: string }> {
  const parsed = read(invalidationSchema, body);
  if ('wrong' in parsed) return parsed;
  const { pattern, distribution } = parsed.value;
  if (distribution === undefined) return { value: { pattern } };
  if (distributions.includes(distribution)) return { value: { pattern, distribution } };
  const meant = nearest(distribution, distributions);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  return { wrong: [`distribution: there is no ${JSON.stringify(distribution)}${hint}`] };
}

/** Body of `drain`: a reason, and for how long. */
export function readDrain(body: unknown): Read<z.output<typeof drainSchema>> {
  return read(drainSchema, body);
}

/** Body of `zones/reload`: which zone, and how. */
export function readReload(body: unknown): Read<z.output<typeof reloadSchema>> {
  return read(reloadSchema, body);
}

/** What `model` asks for: all POPs reset, one reset, or changes of one. */
type ModelRequest =
  | { readonly kind: 'reset-all' }
  | { readonly kind: 'reset'; readonly pop: string }
  | { readonly kind: 'change'; readonly pop: string; readonly change: Omit<ModelChange, 'pop'> };

/** Body of `model`, checked against the fleet. */
export function readModel(body: unknown, api: Pick<AdminApi, 'popCodes' | 'linkIds'>): Read<ModelRequest> {
  const parsed = read(modelSchema, body);
  if ('wrong' in parsed) return parsed;
  const { pop, reset, ...fields } = parsed.value;
  const change = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  const wrong: string[] = [];
  const changed = Object.keys(change).length > 0;
  if (pop !== undefined) wrong.push(...unknownPop(pop, api.popCodes));
  if (pop === undefined && reset !== true) wrong.push('pop: is missing');
  if (reset === true && changed) wrong.push('reset: stands alone, or with pop');
  if (reset !== true && !changed) wrong.push('nothing is to change');
  const { link } = fields;
  if (link !== undefined && fields.congestion === undefined) wrong.push('link: needs congestion');
  if (
    link !== undefined &&
    pop !== undefined &&
    api.popCodes.includes(pop) &&
    !api.linkIds(pop).includes(link)
  )
    wrong.push(`link: ${pop} has no link ${JSON.stringify(link)}: it has ${api.linkIds(pop).join(', ')}`);
  if (wrong.length > 0) return { wrong };
  if (pop === undefined) return { value: { kind: 'reset-all' } };
  return { value: reset === true ? { kind: 'reset', pop } : { kind: 'change', pop, change } };
}

/** Whether the fleet has the POP: an empty list, or what is wrong. */
export function unknownPop(code: string, codes: readonly string[]): readonly string[] {
  if (codes.includes(code)) return [];
  const meant = nearest(code, codes);
  return [`there is no POP ${JSON.stringify(code)}${meant === undefined ? '' : `; did you mean ${meant}?`}`];
}

/** The question in the query string of `explain`: also of which moment. */
export function readQuestion(query: URLSearchParams): Read<ExplainQuestion> {
  const wrong = wrongParameters(query, ['name', 'type', 'client', 'atMs']);
  const atMs = query.has('atMs') ? timeOf(query, wrong) : undefined;
  const name = query.get('name') ?? '';
  const type = query.get('type') ?? 'A';
  const client = query.get('client') ?? '';
  const prefix = parsePrefix(client);
  const parsed = parseName(name);
  if (typeof parsed === 'string') wrong.push(`name: ${parsed}`);
  if (!/^[A-Z][A-Z0-9-]{0,15}$/i.test(type)) wrong.push(`type: ${JSON.stringify(type)} is not a record type`);
  if (client === '') wrong.push('client: is missing: an IP address or a prefix');
  else if (typeof prefix === 'string') wrong.push(`client: ${prefix}`);
  if (wrong.length > 0) return { wrong };
  const asked = { name, type: type.toUpperCase(), client };
  return { value: atMs === undefined ? asked : { ...asked, atMs } };
}

/** The query string of `catchments`: which service, and when. */
export function readCatchmentsWish(query: URLSearchParams): Read<{ service?: string; atMs?: number }> {
  const wrong = wrongParameters(query, ['service', 'atMs']);
  const service = query.get('service');
  const atMs = query.has('atMs') ? timeOf(query, wrong) : undefined;
  if (wrong.length > 0) return { wrong };
  return { value: { ...(service === null ? {} : { service }), ...(atMs === undefined ? {} : { atMs }) } };
}

/** The query string of `history`: of which POP besides. */
export function readHistoryWish(query: URLSearchParams): Read<{ readonly pop?: string }> {
  const wrong = wrongParameters(query, ['pop']);
  const pop = query.get('pop');
  return wrong.length > 0 ? { wrong } : { value: pop === null ? {} : { pop } };
}

/** The query string of `history/at`: when, ms since 1970 UTC. */
export function readMoment(query: URLSearchParams): Read<number> {
  const wrong = wrongParameters(query, ['atMs']);
  const atMs = timeOf(query, wrong);
  return wrong.length > 0 ? { wrong } : { value: atMs };
}

function timeOf(query: URLSearchParams, wrong: string[]): number {
  const text = query.get('atMs');
  if (text === null) wrong.push('atMs: is missing: a time in ms since 1970 UTC');
  else if (!/^\d{1,15}$/.test(text))
    wrong.push(`atMs: ${JSON.stringify(text)} is no time in ms since 1970 UTC`);
  return Number(text);
}

/** The query string of `trace`: what is asked for, by whom, and what knows it already. */
export function readTraceWish(query: URLSearchParams): Read<TraceWish> {
  const wrong = wrongParameters(query, ['url', 'client', 'mode', 'alone']);
  const text = query.get('url') ?? '';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const client = query.get('client') ?? '';
  const prefix = parsePrefix(client);
  const mode = query.get('mode');
  if (url?.protocol !== 'https:')
    wrong.push(`url: ${JSON.stringify(text)} is not a URL such as https://www.cdn.example/`);
  if (client === '') wrong.push('client: is missing: an IP address or a prefix');
  else if (typeof prefix === 'string') wrong.push(`client: ${prefix}`);
  if (mode !== null && mode !== 'cold' && mode !== 'warm')
    wrong.push(`mode: ${JSON.stringify(mode)} is neither cold nor warm`);
  const alone = query.get('alone') ?? 'false';
  if (alone !== 'true' && alone !== 'false')
    wrong.push(`alone: ${JSON.stringify(alone)} is neither true nor false`);
  if (wrong.length > 0 || url === undefined) return { wrong };
  const isWarm = mode === 'warm';
  const manner = { isCold: mode === 'cold', isWarm, tls12: false, resume: isWarm, fastOpen: isWarm };
  return { value: { url, client, ...manner, isAlone: alone === 'true' } };
}

/** POPs that may be taken away in one question. */
export const WITHOUT_MAX = 20;
/** Octets of a configuration to try. */
const CONFIG_OCTETS_MAX = 1 << 20;
const NAME_MAX = 200;

/** The query string of `replay`; ranges are those of the command. */
export function readReplayAsked(query: URLSearchParams): Read<ReplayAsked> {
  const once = new URLSearchParams([...query].filter(([key]) => key !== 'without'));
  const wrong = wrongParameters(once, [
    ...['oneOf', 'requestsPerQuery', 'port', 'log', 'config', 'configOctets'],
  ]);
  const number = (key: string, bounds: { min: number; max: number; whole: boolean }): number | undefined => {
    const text = query.get(key);
    if (text === null) return undefined;
    const value = text.trim() === '' ? Number.NaN : Number(text);
    const fits = value >= bounds.min && value <= bounds.max && (!bounds.whole || Number.isInteger(value));
    const kind = bounds.whole ? 'whole number' : 'number';
    if (!fits)
      wrong.push(`${key}: ${JSON.stringify(text)} is no ${kind} from ${bounds.min} to ${bounds.max}`);
    return value;
  };
  const without = [...new Set(query.getAll('without').map((code) => code.toUpperCase()))];
  const octets = number('configOctets', { min: 1, max: CONFIG_OCTETS_MAX, whole: true });
  const asked = {
    without,
    oneOf: number('oneOf', { min: 1, max: 1_000_000, whole: true }),
    requestsPerQuery: number('requestsPerQuery', { min: 0.001, max: 1_000_000, whole: false }) ?? 1,
    port: number('port', { min: 1, max: 65_535, whole: true }) ?? 53,
    log: query.get('log') ?? 'log',
    config: octets === undefined ? undefined : { name: query.get('config') ?? 'configuration', octets },
  };
  if (without.length > WITHOUT_MAX) wrong.push(`without: at most ${WITHOUT_MAX} POPs`);
  if (without.length === 0 && octets === undefined && !query.has('configOctets'))
    wrong.push('there is nothing to compare: without (the code of a POP) or configOctets (a configuration)');
  for (const key of ['log', 'config'])
    if ((query.get(key) ?? '').length > NAME_MAX) wrong.push(`${key}: is longer than ${NAME_MAX} letters`);
  return wrong.length > 0 ? { wrong } : { value: asked };
}

/** Parameters that nobody knows, or that are given twice. */
function wrongParameters(query: URLSearchParams, known: readonly string[]): string[] {
  return [...new Set(query.keys())].flatMap((key) => {
    if (!known.includes(key)) return [`no such parameter: ${JSON.stringify(key)}`];
    return query.getAll(key).length > 1 ? [`${key}: is given twice`] : [];
  });
}

function read<T>(schema: z.ZodType<T>, body: unknown): Read<T> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return { value: parsed.data };
  return {
    wrong: parsed.error.issues.map(({ path, message }) =>
      path.length === 0 ? message : `${path.join('.')}: ${message}`,
    ),
  };
}
