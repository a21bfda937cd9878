import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { formatAddress, parseAddress } from '../../base/address.ts';
import { must } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import type { Fleet } from '../../base/fleet.ts';
import { accessLogLine } from '../access-log.ts';
import { fromRawHeaders, hasHeader, headerOf } from '../headers.ts';
import { discard } from '../l2/body-feed.ts';
import {
  type Behaviour,
  type Distribution,
  type PopRequest,
  type PopResponse,
  type RequestContext,
  timed,
} from '../request-path.ts';
import { behaviourOf, type Router } from '../router.ts';
import { pathOf } from '../target.ts';
import type { Tier } from '../tier.ts';
import { octetsRead } from './connections.ts';
import type { ConnectionFacts, Exchange } from './crew.ts';
import { clientHeaders } from './finish.ts';
import { newRequestId } from './request-id.ts';
import { rfcFault } from './rfc-filter.ts';
import { type Sent, send } from './send.ts';

/** What exchanges need. */
export interface ExchangeOptions {
  readonly fleet: Fleet;
  readonly router: Router;
  readonly tier: Tier;
  readonly clock: Clock;
  /** What the POP itself answers, whatever is configured: health, the beacon's object; undefined: nothing. */
  readonly own: (request: PopRequest, context: RequestContext) => Promise<PopResponse> | undefined;
  /** Whether the POP is to be left: connections end with their answers. */
  readonly isDraining: (popIndex: number) => boolean;
  /** Whether clients of this machine may say in whose place they ask. */
  readonly believesClients: boolean;
  readonly onDone: (done: Done) => void;
  readonly log: (message: string) => void;
}

/** An exchange that is over. */
export interface Done {
  readonly popIndex: number;
  readonly linkIndex: number;
  readonly request: PopRequest;
  readonly response: PopResponse;
  readonly sent: Sent;
  readonly tookMs: number;
  /** Makes the line of the access log. */
  readonly logLine: () => string;
}

/**
 * Header with which a client on this machine asks for every part of the way in `Server-Timing`; `cold`: and
 * for a connection to the origin that nobody opened before.
 */
const TRACE_HEADER = 'x-isochrone-trace';

/** And in whose place it asks: so that a demo on one machine has clients everywhere. */
const CLIENT_HEADER = 'x-isochrone-client';

/** Makes the function that takes each request through L1 and back. */
export function createExchange(options: ExchangeOptions): Exchange {
  return (facts, request, response) => {
    const { connection } = facts;
    const nowMs = performance.now();
    connection.active++;
    connection.changedAtMs = nowMs;
    response.once('close', () => {
      connection.active--;
      connection.changedAtMs = performance.now();
      connection.mark = { octets: octetsRead(connection), atMs: connection.changedAtMs };
    });
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    void run(options, facts, { request, response, beganMs: nowMs }).catch((error) => {
      options.log(`a request failed: ${(error as Error).stack}`);
      response.stream?.close?.();
      connection.socket.destroy();
    });
  };
}

interface Node {
  readonly request: Http2ServerRequest;
  readonly response: Http2ServerResponse;
  readonly beganMs: number;
}

async function run(options: ExchangeOptions, facts: ConnectionFacts, node: Node): Promise<void> {
  const { link } = facts.connection;
  const pop = must(options.fleet.pops[link.popIndex], 'POP of a link');
  const request = requestOf(facts, node, options);
  const distribution = options.router.distributionOf(request.host);
  const behaviour = distribution && behaviourOf(distribution, pathOf(request.target));
  const trace = isHere(facts.connection.clientAddress) ? headerOf(request.headers, TRACE_HEADER) : undefined;
  const isTraced = trace !== undefined;
  const context: RequestContext = {
    pop,
    link,
    distribution: distribution ?? NO_DISTRIBUTION,
    behaviour: behaviour ?? NO_BEHAVIOUR,
    timings: [],
    skips: [],
    logFields: new Map(),
    labels: new Set(),
    clock: options.clock,
    opensAnew: trace === 'cold',
    monotonicMs: () => performance.now(),
  };
  let response: PopResponse;
  try {
    response = await answer(options, request, context);
  } catch (error) {
    // A stage that fails must not take the POP down, and lets nobody through.
    options.log(`${pop.code}: a stage failed: ${(error as Error).stack}`);
    response = refusal(500, 'a step of the POP failed', 'InternalError');
  }
  const firstOctetMs = performance.now() - node.beganMs;
  const edgeLocation = `${pop.code}1-C${facts.server + 1}`;
  const headers = clientHeaders(response, request, context, { edgeLocation, tookMs: firstOctetMs, isTraced });
  if (options.isDraining(pop.index) && request.httpVersion === '1.1') headers.push(['connection', 'close']);
  const isHead = request.method === 'HEAD';
  if (isHead) await discard(response.body);
  const sent = await send(node.response, { ...response, headers, body: isHead ? undefined : response.body });
  if (options.isDraining(pop.index)) node.request.stream?.session?.close();
  const tookMs = performance.now() - node.beganMs;
  options.onDone({
    popIndex: pop.index,
    linkIndex: link.index,
    request,
    response: { ...response, headers },
    sent,
    tookMs,
    logLine: () =>
      accessLogLine({
        request,
        response: { ...response, headers },
        context,
        edgeLocation,
        octetsSent: sent.octets,
        octetsReceived: request.headers.reduce(
          (sum, [name, value]) => sum + name.length + value.length + 4,
          0,
        ),
        tookMs,
        firstOctetMs,
        isAborted: sent.isAborted,
      }),
  });
}

/** L1's steps in order, then the tier, then the steps on the way back. */
async function answer(
  options: ExchangeOptions,
  request: PopRequest,
  context: RequestContext,
): Promise<PopResponse> {
  const beganMs = context.monotonicMs();
  const fault = rfcFault(request);
  context.timings.push({ layer: 'l1', name: 'rfc', ms: context.monotonicMs() - beganMs });
  if (fault !== undefined) return refusal(fault.status, fault.why, 'InvalidRequest');
  // What a body asks for is in no key: one client could choose what others get.
  if (request.body !== undefined && (request.method === 'GET' || request.method === 'HEAD'))
    return refusal(403, `${request.method} has no body`, 'InvalidRequest');
  const own = options.own(request, context);
  if (own !== undefined) return own;
  const { distribution, behaviour } = context;
  if (distribution === NO_DISTRIBUTION)
    return refusal(404, `no distribution has the domain ${request.host}`, 'InvalidRequest');
  if (behaviour === NO_BEHAVIOUR) return refusal(404, 'no behaviour has this path', 'InvalidRequest');
  if (!behaviour.allowedMethods.has(request.method))
    return refusal(405, `${request.method} is not allowed here`, 'InvalidRequestMethod', [
      ['allow', [...behaviour.allowedMethods].join(', ')],
    ]);
  if (behaviour.viewerRequest.length === 0)
    context.skips.push({ layer: 'l1', reason: 'no security feature is configured for this behaviour' });
  let early: PopResponse | undefined;
  for (const stage of behaviour.viewerRequest) {
    early = await timed(context, { layer: 'l1', name: stage.name }, () => stage.run(request, context));
    if (early !== undefined) break;
  }
  let response = early ?? (await options.tier.serve(request, context));
  for (const stage of behaviour.viewerResponse) {
    const before: PopResponse = response;
    const part = { layer: 'l1', name: stage.name } as const;
    response = await timed<PopResponse>(context, part, () => stage.run(before, request, context));
  }
  return response;
}

function requestOf(facts: ConnectionFacts, { request }: Node, options: ExchangeOptions): PopRequest {
  const { clock, believesClients } = options;
  const { connection, tls, clientPort } = facts;
  const isH2 = request.httpVersionMajor === 2;
  const headers = fromRawHeaders(request.rawHeaders).filter(([name]) => !name.startsWith(':'));
  const authority = isH2 ? request.authority : (headerOf(headers, 'host') ?? '');
  if (isH2 && authority !== '' && !hasHeader(headers, 'host')) headers.push(['host', authority]);
  const length = headerOf(headers, 'content-length');
  const hasBody = isH2
    ? !request.stream.endAfterHeaders
    : (length !== undefined && length !== '0') || hasHeader(headers, 'transfer-encoding');
  if (hasBody) {
    connection.receiving++;
    connection.mark = { octets: octetsRead(connection), atMs: performance.now() };
    let isComing = true;
    const end = (): void => {
      if (isComing) connection.receiving--;
      isComing = false;
    };
    request.once('end', end);
    request.once('close', end);
  }
  const peer = connection.clientAddress.replace(/^::ffff:/, '');
  const said = believesClients && isHere(peer) ? headerOf(headers, CLIENT_HEADER) : undefined;
  const client = said === undefined ? undefined : parseAddress(said);
  return {
    method: request.method,
    receivedTarget: request.url,
    target: request.url,
    host: authority.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase(),
    headers,
    clientAddress: client === undefined ? peer : formatAddress(client),
    clientPort,
    httpVersion: isH2 ? '2' : '1.1',
    tls,
    body: hasBody ? request : undefined,
    requestId: newRequestId(),
    receivedAtMs: clock.nowMs(),
  };
}

/** What L1 itself answers where something may not go on. */
export function refusal(
  status: number,
  why: string,
  fault: string,
  headers: readonly (readonly [string, string])[] = [],
): PopResponse {
  const body = Buffer.from(`${status}: ${why}\n`);
  const said = [
    ['content-type', 'text/plain; charset=utf-8'],
    ['content-length', String(body.length)],
    ['cache-control', 'no-store'],
  ] as const;
  return { status, headers: [...said, ...headers], body, from: 'l1', result: 'Error', fault };
}

function isHere(address: string): boolean {
  const plain = address.replace(/^::ffff:/, '');
  return plain.startsWith('127.') || plain === '::1';
}

const NO_BEHAVIOUR: Behaviour = {
  pathPattern: '',
  index: -1,
  origins: [],
  failoverStatuses: new Set(),
  allowedMethods: new Set(),
  caching: 'off',
  compress: false,
  originHeaders: 'all',
  viewerRequest: [],
  originRequest: [],
  originResponse: [],
  viewerResponse: [],
};
const NO_DISTRIBUTION: Distribution = { id: '', domains: [], behaviours: [], shieldRegion: undefined };
