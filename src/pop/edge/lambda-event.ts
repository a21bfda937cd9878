import type { HeaderList } from '../headers.ts';
import type { PopRequest, PopResponse } from '../request-path.ts';
import { pathOf, queryOf } from '../target.ts';
import { type EventType, visible } from './header-rules.ts';

/** What an event of Lambda@Edge is made of. */
export interface LambdaSource {
  readonly event: EventType;
  readonly request: PopRequest;
  readonly response?: PopResponse;
  readonly distributionId: string;
  /** The origin, at its events. */
  readonly origin?: LambdaOrigin;
  /** The first octets of the body, where the handler wants them. */
  readonly body?: { readonly octets: Uint8Array; readonly isWhole: boolean };
}

/** An origin as handlers see it: they may look, not change. */
export interface LambdaOrigin {
  readonly url: URL;
  readonly headers: HeaderList;
  readonly responseTimeoutMs: number;
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
      ...(origin === undefined ? {} : { origin: { custom: originOf(origin) } }),
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

function originOf({ url, headers, responseTimeoutMs }: LambdaOrigin): object {
  const isHttps = url.protocol === 'https:';
  return {
    customHeaders: headerMap(headers),
    domainName: url.hostname,
    keepaliveTimeout: 5,
    path: url.pathname === '/' ? '' : url.pathname,
    port: Number(url.port) || (isHttps ? 443 : 80),
    protocol: isHttps ? 'https' : 'http',
    readTimeout: Math.ceil(responseTimeoutMs / 1000),
    sslProtocols: ['TLSv1.2'],
  };
}

/** `{"user-agent": [{"key": "User-Agent", "value": "curl"}]}` */
function headerMap(headers: HeaderList): Record<string, { key: string; value: string }[]> {
  const map: Record<string, { key: string; value: string }[]> = {};
  for (const [name, value] of headers) (map[name] ??= []).push({ key: capitals(name), value });
  return map;
}

function capitals(name: string): string {
  return name.replace(/(?:^|-)[a-z]/g, (letter) => letter.toUpperCase());
}

/** A request as a handler returned it. */
export interface LambdaRequest {
  readonly target: string;
  readonly headers: HeaderList;
  /** In place of the body; undefined: it stays. */
  readonly body: Buffer | undefined;
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
  if (source.origin !== undefined && !isSame(mapping(origin)['custom'], originOf(source.origin)))
    return 'origin cannot be changed here: choose it by behaviours';
  const list = readHeaders(headers);
  if (typeof list === 'string') return list;
  const { action, data, encoding } = mapping(body);
  const replaced = action === 'replace' ? readBody({ body: data, encoding }, source.event) : undefined;
  if (typeof replaced === 'string') return replaced;
  return { target: querystring === '' ? uri : `${uri}?${querystring}`, headers: list, body: replaced };
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

function readHeaders(value: unknown): HeaderList | string {
  if (value === undefined || value === null) return [];
  const list: (readonly [string, string])[] = [];
  for (const [name, lines] of Object.entries(mapping(value))) {
    if (!Array.isArray(lines)) return `the header ${JSON.stringify(name)} must be a list`;
    for (const line of lines) {
      const { key = name, value: text } = mapping(line);
      if (typeof key !== 'string' || key.toLowerCase() !== name.toLowerCase() || typeof text !== 'string')
        return `the header ${JSON.stringify(name)} must have entries of key and value`;
      list.push([name.toLowerCase(), text]);
    }
  }
  return list;
}

function isSame(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || one === null || typeof other !== 'object' || other === null)
    return one === other;
  const keys = Object.keys(other);
  return (
    keys.length === Object.keys(one).length &&
    keys.every((key) =>
      isSame((one as Record<string, unknown>)[key], (other as Record<string, unknown>)[key]),
    )
  );
}

function mapping(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
