import { formatAddress, parseAddress } from '../../base/address.ts';
import { must } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import type { Fleet } from '../../base/fleet.ts';
import { accessLogLine } from '../access-log.ts';
import { type HeaderField, headerOf } from '../headers.ts';
import { discard } from '../l2/body-feed.ts';
import type { PopRequest, PopResponse, RequestContext } from '../request-path.ts';
import { behaviourOf, type Router } from '../router.ts';
import { pathOf } from '../target.ts';
import type { Tier } from '../tier.ts';
import type { ConnectionFacts } from './crew.ts';
import { clientHeaders } from './finish.ts';
import { newRequestId } from './request-id.ts';
import type { Sent } from './send.ts';
import { answer, NO_BEHAVIOUR, NO_DISTRIBUTION, refusal } from './steps.ts';

/** A request as it came off the wire, and the way back. */
export interface Asked {
  readonly method: string;
  readonly target: string;
  /** The host that is asked for, as the client says it, perhaps with a port. */
  readonly authority: string;
  /** Names in small letters. */
  readonly headers: HeaderField[];
  readonly httpVersion: '1.1' | '2';
  readonly body: AsyncIterable<Uint8Array> | undefined;
  /** Monotonic, ms. */
  readonly beganMs: number;
  /** Sends the answer at the client's pace; a promise where it has to wait for anything. */
  readonly send: (response: PopResponse, nowMs: number) => Sent | Promise<Sent>;
  /** Ends the connection once what was sent has gone out. */
  readonly end: () => void;
}

/** Takes a request through L1 and back. undefined: it is answered already. Never rejects. */
export type Exchange = (facts: ConnectionFacts, asked: Asked) => Promise<void> | undefined;

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
  return (facts, asked) => {
    const failed = (error: unknown): void => {
      options.log(`a request failed: ${(error as Error).stack}`);
      facts.connection.socket.destroy();
    };
    // What needs nothing that is not here is answered at once.
    try {
      return run(options, facts, asked)?.catch(failed);
    } catch (error) {
      failed(error);
      return undefined;
    }
  };
}

function run(options: ExchangeOptions, facts: ConnectionFacts, asked: Asked): Promise<void> | undefined {
  const { link } = facts.connection;
  const pop = must(options.fleet.pops[link.popIndex], 'POP of a link');
  const request = requestOf(facts, asked, options);
  const distribution = options.router.distributionOf(request.host);
  const behaviour = distribution && behaviourOf(distribution, pathOf(request.target));
  const said = headerOf(request.headers, TRACE_HEADER);
  const trace = said !== undefined && isHere(facts.connection.clientAddress) ? said : undefined;
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
    monotonicMs,
  };
  const way: Way = { options, facts, asked, request, context, isTraced: trace !== undefined };
  const failed = (error: unknown): PopResponse => {
    // A stage that fails must not take the POP down, and lets nobody through.
    options.log(`${pop.code}: a stage failed: ${(error as Error).stack}`);
    return refusal(500, 'a step of the POP failed', 'InternalError');
  };
  let response: PopResponse | Promise<PopResponse>;
  try {
    response = answer(options, request, context);
  } catch (error) {
    response = failed(error);
  }
  if (response instanceof Promise) return response.catch(failed).then((made) => giveBack(way, made));
  return giveBack(way, response);
}

const monotonicMs = (): number => performance.now();

/** A request with all that belongs to it. */
interface Way {
  readonly options: ExchangeOptions;
  readonly facts: ConnectionFacts;
  readonly asked: Asked;
  readonly request: PopRequest;
  readonly context: RequestContext;
  readonly isTraced: boolean;
}

/** Sends the answer, and tells of the exchange when it is over. */
function giveBack(way: Way, response: PopResponse): Promise<void> | undefined {
  const { options, facts, asked, request, context, isTraced } = way;
  const { pop } = context;
  const firstOctetMs = performance.now() - asked.beganMs;
  const { edgeLocation } = facts;
  const headers = clientHeaders(response, request, context, { edgeLocation, tookMs: firstOctetMs, isTraced });
  const isDraining = options.isDraining(pop.index);
  if (isDraining && request.httpVersion === '1.1') headers.push(['connection', 'close']);
  const { body } = response;
  const isHead = request.method === 'HEAD';
  const told: PopResponse = { ...response, headers, body: isHead ? undefined : body };
  const over = (sent: Sent): void => {
    if (isDraining) asked.end();
    tell(way, told, { sent, firstOctetMs });
  };
  if (isHead && body !== undefined && !(body instanceof Uint8Array))
    return discard(body).then(async () => over(await asked.send(told, request.receivedAtMs)));
  const sent = asked.send(told, request.receivedAtMs);
  if (sent instanceof Promise) return sent.then(over);
  over(sent);
  return undefined;
}

function tell(
  { options, facts, asked, request, context }: Way,
  response: PopResponse,
  { sent, firstOctetMs }: { readonly sent: Sent; readonly firstOctetMs: number },
): void {
  const tookMs = performance.now() - asked.beganMs;
  options.onDone({
    popIndex: context.pop.index,
    linkIndex: context.link.index,
    request,
    response,
    sent,
    tookMs,
    logLine: () =>
      accessLogLine({
        request,
        response,
        context,
        edgeLocation: facts.edgeLocation,
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

function requestOf(facts: ConnectionFacts, asked: Asked, options: ExchangeOptions): PopRequest {
  const { connection, tls, clientPort } = facts;
  const { method, target, authority, headers, httpVersion, body } = asked;
  const { clientAddress } = connection;
  const said = options.believesClients ? headerOf(headers, CLIENT_HEADER) : undefined;
  const client = said === undefined || !isHere(clientAddress) ? undefined : parseAddress(said);
  return {
    method,
    receivedTarget: target,
    target,
    host: hostOf(authority),
    headers,
    clientAddress: client === undefined ? clientAddress : formatAddress(client),
    clientPort,
    httpVersion,
    tls,
    body,
    requestId: newRequestId(),
    receivedAtMs: options.clock.nowMs(),
  };
}

/** In small letters, without port and without the root's dot. */
function hostOf(authority: string): string {
  return PLAIN_HOST.test(authority)
    ? authority
    : authority.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
}

const PLAIN_HOST = /^[a-z0-9.-]*[a-z]$/;

function isHere(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}
