import { endToEnd, type HeaderField, hasHeader, headerOf, withoutHeaders } from '../headers.ts';
import { TARGETED_FIELDS } from '../l2/targeted.ts';
import type { Layer, PopRequest, PopResponse, RequestContext, Timing } from '../request-path.ts';

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
const OWN = [
  'x-cache',
  'x-amz-cf-pop',
  'x-amz-cf-id',
  'x-isochrone-pop',
  'x-isochrone-link',
  ...TARGETED_FIELDS,
];

/** The headers that a client gets. */
export function clientHeaders(
  response: PopResponse,
  request: PopRequest,
  context: RequestContext,
  told: Told,
): HeaderField[] {
  const headers = withoutHeaders(endToEnd(response.headers), ...OWN);
  const via = headerOf(headers, 'via');
  const others = via === undefined ? headers : withoutHeaders(headers, 'via');
  const name = `1.1 ${context.pop.code.toLowerCase()} (Isochrone)`;
  others.push(
    ['via', via === undefined ? name : `${via}, ${name}`],
    ['x-cache', `${response.result} from isochrone`],
    ['x-amz-cf-pop', told.edgeLocation],
    ['x-amz-cf-id', request.requestId],
    ['x-isochrone-pop', context.pop.code],
    ['x-isochrone-link', context.link.id],
  );
  // The POP's own page tells its own.
  if (response.from !== 'l1' || told.isTraced || !hasHeader(others, 'server-timing'))
    others.push(['server-timing', serverTiming(response, request, context, told)]);
  return others;
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
  const metrics: string[] = [];
  if (result === 'Hit') metrics.push('cdn-cache-hit');
  else if (result === 'RefreshHit') metrics.push('cdn-cache-refresh');
  else if (result === 'Miss') metrics.push('cdn-cache-miss');
  metrics.push(`cdn-pop;desc="${told.edgeLocation}"`, `cdn-rid;desc="${request.requestId}"`);
  if (result === 'Hit' || result === 'RefreshHit') metrics.push(`cdn-hit-layer;desc="${LAYER_NAMES[from]}"`);
  const connect = sum(context.timings, 'connect');
  const origin = sum(context.timings, 'origin');
  if (origin !== undefined) {
    metrics.push(`cdn-upstream-layer;desc="${LAYER_NAMES[from]}"`);
    metrics.push(`cdn-upstream-connect;dur=${(connect ?? 0).toFixed(3)}`);
    metrics.push(`cdn-upstream-fbl;dur=${((connect ?? 0) + origin).toFixed(3)}`);
  }
  metrics.push(`cdn-downstream-fbl;dur=${told.tookMs.toFixed(3)}`);
  if (told.isTraced) {
    for (const { layer, name, ms } of context.timings)
      metrics.push(`iso-${layer}-${name};dur=${ms.toFixed(3)}`);
    for (const { layer, reason } of context.skips)
      metrics.push(`iso-skip-${layer};desc="${quotable(reason)}"`);
    for (const place of ['rec', 'shield', 'l3', 'origin'])
      if (context.logFields.has(place))
        metrics.push(`iso-at-${place};desc="${context.logFields.get(place)}"`);
  }
  return metrics.join(', ');
}

function sum(timings: readonly Timing[], wanted: string): number | undefined {
  let ms: number | undefined;
  for (const { layer, name, ms: own } of timings) if (layer === 'l3' && name === wanted) ms = (ms ?? 0) + own;
  return ms;
}

function quotable(text: string): string {
  return text.replace(/["\\]|[^\x20-\x7e]/g, '?');
}
