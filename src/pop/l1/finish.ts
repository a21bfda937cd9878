import { endToEnd, type HeaderField } from '../headers.ts';
import { TARGETED_FIELDS } from '../l2/targeted.ts';
import {
  LAYERS,
  type Layer,
  type PopRequest,
  type PopResponse,
  type RequestContext,
  type Skip,
  type Timing,
} from '../request-path.ts';

/** Where and how long, for the headers of a response. */
export interface Told {
  /** `FRA1-C2`: POP and L1 server. */
  readonly edgeLocation: string;
  /** From the request's first octet to now, ms. */
  readonly tookMs: number;
  /** All that is known of the way: for those who trace. */
  readonly isTraced: boolean;
}

/** Fields that are said here, whatever an origin says. */
const OWN: ReadonlySet<string> = new Set([
  'x-cache',
  'x-amz-cf-pop',
  'x-amz-cf-id',
  'x-isochrone-pop',
  'x-isochrone-link',
  ...TARGETED_FIELDS,
]);

/** What a name is, and what a value may not hold (RFC 9110 §5): a line's end would begin another field. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const NO_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
/** Names that were found well-formed: the same come again and again. */
const soundNames = new Set<string>();
const SOUND_NAMES_MAX = 1_000;

/** The headers that a client gets. Throws where one cannot be written. */
export function clientHeaders(
  response: PopResponse,
  request: PopRequest,
  context: RequestContext,
  told: Told,
): HeaderField[] {
  const headers: HeaderField[] = [];
  let via = '';
  let hasTiming = false;
  for (const field of endToEnd(response.headers)) {
    const [name, value] = field;
    if (OWN.has(name)) continue;
    check(field);
    if (name === 'server-timing') hasTiming = true;
    if (name === 'via') via += `${value}, `;
    else headers.push(field);
  }
  headers.push(
    ['via', `${via}1.1 ${context.pop.code.toLowerCase()} (Isochrone)`],
    ['x-cache', `${response.result} from isochrone`],
    ['x-amz-cf-pop', told.edgeLocation],
    ['x-amz-cf-id', request.requestId],
    ['x-isochrone-pop', context.pop.code],
    ['x-isochrone-link', context.link.id],
  );
  // The POP's own page tells its own.
  if (response.from !== 'l1' || told.isTraced || !hasTiming)
    headers.push(['server-timing', serverTiming(response, request, context, told)]);
  return headers;
}

/** Throws where a field that came from elsewhere is none. */
function check([name, value]: HeaderField): void {
  if ((!soundNames.has(name) && !TOKEN.test(name)) || NO_VALUE.test(value))
    throw new Error(`a response has a field that cannot be written: ${JSON.stringify(name)}`);
  if (soundNames.size < SOUND_NAMES_MAX) soundNames.add(name);
}

const LAYER_NAMES: Readonly<Record<Layer, string>> = {
  l1: 'EDGE',
  l2: 'EDGE',
  rec: 'REC',
  shield: 'Origin Shield',
  l3: 'Origin',
};

/** CloudFront's metrics, all measured; with `isTraced` also each part of the way and each layer left out. */
function serverTiming(
  response: PopResponse,
  request: PopRequest,
  context: RequestContext,
  told: Told,
): string {
  const { result, from } = response;
  const isHit = result === 'Hit' || result === 'RefreshHit';
  let said = '';
  if (result === 'Hit') said = 'cdn-cache-hit, ';
  else if (result === 'RefreshHit') said = 'cdn-cache-refresh, ';
  else if (result === 'Miss') said = 'cdn-cache-miss, ';
  said += `cdn-pop;desc="${told.edgeLocation}", cdn-rid;desc="${request.requestId}", `;
  if (isHit) said += `cdn-hit-layer;desc="${LAYER_NAMES[from]}", `;
  const origin = sum(context.timings, 'origin');
  if (origin !== undefined) {
    const connect = sum(context.timings, 'connect') ?? 0;
    said += `cdn-upstream-layer;desc="${LAYER_NAMES[from]}", `;
    said += `cdn-upstream-connect;dur=${connect.toFixed(3)}, `;
    said += `cdn-upstream-fbl;dur=${(connect + origin).toFixed(3)}, `;
  }
  said += `cdn-downstream-fbl;dur=${told.tookMs.toFixed(3)}`;
  return told.isTraced ? said + waySaid(response, context) : said;
}

/** Each part of the way, each layer that was left out, and where the others were. */
function waySaid(response: PopResponse, { timings, skips, logFields }: RequestContext): string {
  let said = '';
  for (const { layer, name, ms } of timings) said += `, iso-${layer}-${name};dur=${ms.toFixed(3)}`;
  for (const { layer, reason } of [...skips, ...notAsked(response, skips)])
    said += `, iso-skip-${layer};desc="${quotable(reason)}"`;
  for (const place of ['rec', 'shield', 'l3', 'origin'])
    if (logFields.has(place)) said += `, iso-at-${place};desc="${logFields.get(place)}"`;
  return said;
}

/** As the documentation calls them. */
const OUR_NAMES: Readonly<Record<Layer, string>> = {
  l1: 'L1',
  l2: 'L2',
  rec: 'REC',
  shield: 'the shield',
  l3: 'L3',
};

/** Layers behind the one that had the answer, but those that were left out for a reason of their own. */
function notAsked({ from, result, fault }: PopResponse, skips: readonly Skip[]): Skip[] {
  if (from !== 'l1' && result !== 'Hit') return [];
  const reason = from === 'l1' ? `L1 answered, ${fault ?? result}` : `${OUR_NAMES[from]} had the object`;
  return LAYERS.slice(LAYERS.indexOf(from) + 1)
    .filter((layer) => skips.every((skip) => skip.layer !== layer))
    .map((layer) => ({ layer, reason }));
}

function sum(timings: readonly Timing[], wanted: string): number | undefined {
  let ms: number | undefined;
  for (const { layer, name, ms: own } of timings) if (layer === 'l3' && name === wanted) ms = (ms ?? 0) + own;
  return ms;
}

function quotable(text: string): string {
  return text.replace(/["\\]|[^\x20-\x7e]/g, '?');
}
