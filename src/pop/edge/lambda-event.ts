import type { HeaderList } from '../headers.ts';
import type { OriginTarget, PopRequest, PopResponse } from '../request-path.ts';
import { pathOf, queryOf } from '../target.ts';
import { type EventType, visible } from './header-rules.ts';
import { headerMap, readHeaders } from './lambda-headers.ts';
import { chosenOrigin, originEvent } from './lambda-origin.ts';

/** What an event of Lambda@Edge is made of. */
export interface LambdaSource {
  readonly event: EventType;
  readonly request: PopRequest;
  readonly response?: PopResponse;
  readonly distributionId: string;
  /** The origin, at its events. */
  readonly origin?: OriginTarget;
  /** The first octets of the body, where the handler wants them. */
  readonly body?: { readonly octets: Uint8Array; readonly isWhole: boolean };
}

/** The event, as the documentation of Lambda@Edge has it. */
export function lambdaEvent(source: LambdaSource): object {
  const { event, request, response, distributionId, origin, body } = source;
  const cf = {
    config: {
      distributionDomainName: request.host,
      distributionId,
      eventType: event,
      requestId: request.requestId,
    },
    request: {
      clientIp: request.clientAddress,
      headers: headerMap(visible(request.headers)),
      method: request.method,
      querystring: queryOf(request.target),
      uri: pathOf(request.target),
      ...(body === undefined ? {} : { body: bodyOf(body) }),
      ...(origin === undefined ? {} : { origin: originEvent(origin) }),
    },
    ...(response === undefined
      ? {}
      : {
          response: {
            status: String(response.status),
            statusDescription: '',
            headers: headerMap(visible(response.headers)),
          },
        }),
  };
  return { Records: [{ cf }] };
}

function bodyOf({ octets, isWhole }: NonNullable<LambdaSource['body']>): object {
  return {
    inputTruncated: !isWhole,
    action: 'read-only',
    encoding: 'base64',
    data: Buffer.from(octets).toString('base64'),
  };
}

/** A request as a handler returned it. */
export interface LambdaRequest {
  readonly target: string;
  readonly headers: HeaderList;
  /** In place of the body; undefined: it stays. */
  readonly body: Buffer | undefined;
  /** In place of the behaviour's origins; undefined: these stay. */
  readonly origin: OriginTarget | undefined;
}

/** A response as a handler returned it. */
export interface LambdaResponse {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Buffer | undefined;
}

/** Octets of bodies that handlers see and return. */
export const LAMBDA_BODY_MAX: Readonly<Record<EventType, number>> = {
  'viewer-request': 40_960,
  'viewer-response': 40_960,
  'origin-request': 1_048_576,
  'origin-response': 1_048_576,
};

/** Reads what a handler returned; a text says what is wrong with it. */
export function readLambdaRequest(value: unknown, source: LambdaSource): LambdaRequest | string {
  const { uri, querystring, headers, body, method, origin } = mapping(value);
  if (typeof uri !== 'string' || !/^\/[\x21-\x7e\x80-\xff]*$/.test(uri) || /[?#]/.test(uri))
    return 'uri must be a path that begins with /';
  if (typeof querystring !== 'string' || /[\s#]/.test(querystring)) return 'querystring must be a text';
  if (method !== source.request.method) return 'method is read-only';
  const list = readHeaders(headers);
  if (typeof list === 'string') return list;
  const { action, data, encoding } = mapping(body);
  const replaced = action === 'replace' ? readBody({ body: data, encoding }, source.event) : undefined;
  if (typeof replaced === 'string') return replaced;
  const before = source.request.headers;
  const chosen = source.origin && chosenOrigin(origin, source.origin, { before, after: list });
  if (typeof chosen === 'string') return chosen;
  const target = querystring === '' ? uri : `${uri}?${querystring}`;
  return { target, headers: list, body: replaced, origin: chosen };
}

/** Reads what a handler returned; a text says what is wrong with it. */
export function readLambdaResponse(value: unknown, event: EventType): LambdaResponse | string {
  const { status, headers, body, bodyEncoding } = mapping(value);
  const code = typeof status === 'number' ? status : Number(status);
  if (!Number.isInteger(code) || code < 200 || code > 599) return 'status must be from 200 to 599';
  const list = readHeaders(headers);
  if (typeof list === 'string') return list;
  const octets = readBody({ body, encoding: bodyEncoding }, event);
  return typeof octets === 'string' ? octets : { status: code, headers: list, body: octets };
}

function readBody(
  { body, encoding = 'text' }: { body: unknown; encoding: unknown },
  event: EventType,
): Buffer | string | undefined {
  if (body === undefined || body === null) return undefined;
  if (typeof body !== 'string' || (encoding !== 'text' && encoding !== 'base64'))
    return 'body must be a text, and its encoding text or base64';
  const octets = Buffer.from(body, encoding === 'text' ? 'utf8' : 'base64');
  const most = LAMBDA_BODY_MAX[event];
  return octets.length > most ? `body has more than ${most} octets` : octets;
}

function mapping(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
