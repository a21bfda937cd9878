import { Readable } from 'node:stream';
import { endToEnd, fromRawHeaders, type HeaderField, headerOf, withoutHeaders } from '../headers.ts';
import { SURROGATE_NAME } from '../l2/targeted.ts';
import type { OriginTarget, PopRequest, PopResponse, RequestContext } from '../request-path.ts';
import { type OriginConnections, originConnections } from './connections.ts';
import { createOriginPools, type OriginPoolOptions } from './origin-pools.ts';

/** L3 at one place: it fetches from origins, over connections that it keeps. */
export interface Origins {
  /**
   * Asks the behaviour's origins one after the other. What goes wrong is a response with a `fault`; it never
   * rejects.
   */
  readonly fetch: (request: PopRequest, context: RequestContext) => Promise<PopResponse>;
  /** By origin. */
  readonly counts: () => ReadonlyMap<string, ReturnType<OriginConnections['counts']>>;
  readonly close: () => Promise<void>;
}

/** These may be sent again where a connection breaks (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);
/** Only these go to the second origin of a group, as with CloudFront: the first may have acted already. */
const FAILS_OVER: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** No status is above it (RFC 9110 §15), and nobody could pass one on. */
const STATUS_MAX = 599;

/** What happened to one attempt. */
type Attempt =
  | { readonly kind: 'response'; readonly response: PopResponse }
  /** `isSent`: the origin may have seen it. */
  | { readonly kind: 'failed'; readonly fault: Fault; readonly isSent: boolean };

/** Details of CloudFront's access log. */
type Fault = 'OriginConnectError' | 'OriginCommError' | 'OriginTimeout' | 'OriginDnsError' | 'OriginOverload';

/** Opens nothing yet. `name` of this tier in `Via`. */
export function createOrigins(options: OriginPoolOptions & { readonly name: string }): Origins {
  const pools = createOriginPools(options);
  const tryTarget = async (
    target: OriginTarget,
    request: PopRequest,
    context: RequestContext,
  ): Promise<Attempt> => {
    let last: Attempt = { kind: 'failed', fault: 'OriginConnectError', isSent: false };
    for (let attempt = 0; attempt < target.attempts; attempt++) {
      const connections = context.opensAnew ? originConnections(target) : pools.of(target);
      if (connections === undefined) return { kind: 'failed', fault: 'OriginOverload', isSent: false };
      last = await attemptOnce({ target, connections, name: options.name }, request, context);
      if (context.opensAnew) void connections.finish();
      if (last.kind === 'response' || !mayRepeat(last, request)) return last;
      context.skips.push({ layer: 'l3', reason: `${target.name}: ${last.fault}, tried ${attempt + 1}` });
    }
    return last;
  };
  return {
    fetch: async (request, context) => {
      const { failoverStatuses } = context.behaviour;
      const origins = request.origin === undefined ? context.behaviour.origins : [request.origin];
      const canFailOver = FAILS_OVER.has(request.method);
      let last: Attempt = { kind: 'failed', fault: 'OriginConnectError', isSent: false };
      for (const [i, target] of origins.entries()) {
        context.logFields.set('origin', target.name);
        last = await tryTarget(target, request, context);
        const isLast = i === origins.length - 1 || !canFailOver;
        const failed = last.kind === 'failed' || failoverStatuses.has(last.response.status);
        if (!failed || isLast) break;
        context.skips.push({
          layer: 'l3',
          reason: `${target.name} failed, ${origins[i + 1]?.name} is asked`,
        });
      }
      return last.kind === 'response' ? last.response : failure(last.fault);
    },
    counts: pools.counts,
    close: pools.close,
  };
}

async function attemptOnce(
  to: { readonly target: OriginTarget; readonly connections: OriginConnections; readonly name: string },
  request: PopRequest,
  context: RequestContext,
): Promise<Attempt> {
  const { target, connections } = to;
  if (connections.isFull()) return { kind: 'failed', fault: 'OriginOverload', isSent: false };
  const beganMs = context.monotonicMs();
  const { response, facts } = connections.send({
    method: request.method as 'GET',
    path: target.url.pathname.replace(/\/$/, '') + request.target,
    headers: headersFor(request, to),
    body: request.body === undefined ? null : Readable.from(request.body, { objectMode: false }),
    responseHeaders: 'raw',
  });
  try {
    const { statusCode, headers, body } = await response;
    const tookMs = context.monotonicMs() - beganMs;
    const connection = facts();
    const connectMs = connection?.requests === 1 ? Math.min(connection.connectMs, tookMs) : 0;
    if (connectMs > 0) context.timings.push({ layer: 'l3', name: 'connect', ms: connectMs });
    context.timings.push({ layer: 'l3', name: 'origin', ms: tookMs - connectMs });
    if (statusCode > STATUS_MAX) {
      body.on('error', () => undefined).destroy();
      return { kind: 'response', response: failure('OriginCommError') };
    }
    // With `raw` undici gives names and values in turn, which its types do not say.
    const fields = fromRawHeaders(headers as unknown as string[]);
    const hasBody = request.method !== 'HEAD' && statusCode !== 204 && statusCode !== 304;
    if (!hasBody) await body.dump();
    return {
      kind: 'response',
      response: {
        status: statusCode,
        headers: fields,
        body: hasBody ? body : undefined,
        from: 'l3',
        result: 'Miss',
      },
    };
  } catch (error) {
    const { code } = error as { code?: string };
    context.timings.push({ layer: 'l3', name: 'origin', ms: context.monotonicMs() - beganMs });
    return { kind: 'failed', fault: faultOf(code), isSent: facts() !== undefined };
  }
}

/** What the origin gets: nothing of this hop, who asks, and by whom it is asked. */
function headersFor(
  request: PopRequest,
  { target, name }: { readonly target: OriginTarget; readonly name: string },
): string[] {
  const own = [
    'host',
    'x-amz-cf-id',
    'x-forwarded-for',
    'via',
    'surrogate-capability',
    'content-length',
    'expect',
  ];
  const fields: HeaderField[] = withoutHeaders(endToEnd(request.headers), ...own);
  const before = headerOf(request.headers, 'x-forwarded-for');
  const via = headerOf(request.headers, 'via');
  const length = request.body === undefined ? undefined : headerOf(request.headers, 'content-length');
  fields.push(
    ['host', target.hostHeader ?? request.host],
    ['x-amz-cf-id', request.requestId],
    ['x-forwarded-for', before === undefined ? request.clientAddress : `${before}, ${request.clientAddress}`],
    ['via', `${via === undefined ? '' : `${via}, `}${request.httpVersion} ${name} (Isochrone)`],
    ['surrogate-capability', `${SURROGATE_NAME}="Surrogate/1.0"`],
    ...target.headers,
  );
  if (length !== undefined) fields.push(['content-length', length]);
  return fields.flat();
}

function mayRepeat(
  attempt: { readonly isSent: boolean; readonly fault: Fault },
  request: PopRequest,
): boolean {
  if (attempt.fault === 'OriginTimeout' || attempt.fault === 'OriginOverload') return false;
  // A body that went out, or part of it, is gone.
  if (attempt.isSent) return IDEMPOTENT.has(request.method) && request.body === undefined;
  return request.body === undefined;
}

function faultOf(code: string | undefined): Fault {
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') return 'OriginTimeout';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'OriginDnsError';
  if (
    code === 'UND_ERR_CONNECT_TIMEOUT' ||
    code === 'ECONNREFUSED' ||
    code === 'EHOSTUNREACH' ||
    code === 'ENETUNREACH'
  )
    return 'OriginConnectError';
  return 'OriginCommError';
}

function failure(fault: Fault): PopResponse {
  const status = fault === 'OriginTimeout' ? 504 : fault === 'OriginOverload' ? 503 : 502;
  const body = Buffer.from(`The origin gave no answer: ${fault}.\n`);
  const headers = [
    ['content-type', 'text/plain; charset=utf-8'],
    ['content-length', String(body.length)],
    ['cache-control', 'no-store'],
  ] as const;
  return { status, headers, body, from: 'l3', result: 'Error', fault };
}
