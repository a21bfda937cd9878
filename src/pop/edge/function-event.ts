import { STATUS_CODES } from 'node:http';
import { type HeaderList, headerLines } from '../headers.ts';
import type { PopRequest, PopResponse } from '../request-path.ts';
import { pathOf, queryOf } from '../target.ts';
import { visible } from './header-rules.ts';

/** A value, or several of one name. */
interface Valued {
  readonly value: string;
  readonly attributes?: string;
  readonly multiValue?: readonly { readonly value: string; readonly attributes?: string }[];
}
type ValuedMap = Record<string, Valued>;

/** What an event is made of. */
export interface EventSource {
  readonly request: PopRequest;
  readonly response?: PopResponse;
  readonly distributionId: string;
}

/** An event of CloudFront Functions, structure version 1.0. Nothing in it is decoded. */
export function functionEvent({ request, response, distributionId }: EventSource): object {
  return {
    version: '1.0',
    context: {
      distributionDomainName: request.host,
      distributionId,
      eventType: response === undefined ? 'viewer-request' : 'viewer-response',
      requestId: request.requestId,
    },
    viewer: { ip: request.clientAddress },
    request: {
      method: request.method,
      uri: pathOf(request.target),
      querystring: valued(splitPairs(queryOf(request.target), '&')),
      headers: headerMap(visible(request.headers), 'cookie'),
      cookies: valued(headerLines(request.headers, 'cookie').flatMap((line) => splitPairs(line, ';'))),
    },
    ...(response === undefined ? {} : { response: responseOf(response) }),
  };
}

function responseOf(response: PopResponse): object {
  return {
    statusCode: response.status,
    statusDescription: STATUS_CODES[response.status] ?? '',
    headers: headerMap(visible(response.headers), 'set-cookie'),
    cookies: valued(headerLines(response.headers, 'set-cookie').map(setCookie)),
  };
}

interface Named extends Omit<Valued, 'multiValue'> {
  readonly name: string;
}

function headerMap(headers: HeaderList, without: string): ValuedMap {
  return valued(headers.filter(([name]) => name !== without).map(([name, value]) => ({ name, value })));
}

function valued(all: readonly Named[]): ValuedMap {
  const groups = Map.groupBy(all, ({ name }) => name);
  const pairs = Array.from(groups, ([name, group]): [string, Valued] => {
    const [first, ...others] = group.map(({ name: _, ...rest }) => rest);
    const one = first ?? { value: '' };
    return [name, others.length === 0 ? one : { ...one, multiValue: [one, ...others] }];
  });
  return Object.fromEntries(pairs);
}

function splitPairs(text: string, separator: '&' | ';'): Named[] {
  return text
    .split(separator)
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=');
      return at < 0 ? { name: pair, value: '' } : { name: pair.slice(0, at), value: pair.slice(at + 1) };
    });
}

function setCookie(line: string): Named {
  const [pair = '', ...attributes] = line.split(';');
  const [named = { name: '', value: '' }] = splitPairs(pair, ';');
  return attributes.length === 0 ? named : { ...named, attributes: attributes.join(';').trim() };
}

/** A request as a function returned it; a text says what is wrong with it. */
export interface ReturnedRequest {
  readonly target: string;
  readonly headers: HeaderList;
}

/** Reads the request that a function returned. */
export function readRequest(value: unknown): ReturnedRequest | string {
  const { uri, querystring, headers, cookies } = mapping(value);
  if (typeof uri !== 'string' || !/^\/[\x21-\x7e\x80-\xff]*$/.test(uri) || /[?#]/.test(uri))
    return 'uri must be a path that begins with /';
  const query = typeof querystring === 'string' ? querystring : joinPairs(querystring, '&');
  if (query === undefined || /[\s#]/.test(query)) return 'querystring cannot be read';
  const cookie = joinPairs(cookies, '; ');
  const list = readHeaders(headers);
  if (typeof list === 'string') return list;
  if (cookie === undefined) return 'cookies cannot be read';
  return {
    target: query === '' ? uri : `${uri}?${query}`,
    headers: cookie === '' ? list : [...list, ['cookie', cookie]],
  };
}

/** A response as a function returned it. */
export interface ReturnedResponse {
  readonly status: number;
  readonly headers: HeaderList;
  /** undefined: the body stays. */
  readonly body: Buffer | undefined;
}

const BODY_OCTETS_MAX = 40_960;

/** Reads the response that a function returned; a text says what is wrong with it. */
export function readResponse(value: unknown): ReturnedResponse | string {
  const { statusCode, headers, cookies, body } = mapping(value);
  if (!Number.isInteger(statusCode) || (statusCode as number) < 200 || (statusCode as number) > 599)
    return 'statusCode must be a status from 200 to 599';
  const list = readHeaders(headers);
  if (typeof list === 'string') return list;
  const lines = entries(cookies)?.flatMap(([name, one]) =>
    one.map(({ value: text, attributes }) => {
      const rest = attributes === undefined ? '' : `; ${attributes}`;
      return ['set-cookie', `${name}=${text}${rest}`] as const;
    }),
  );
  if (lines === undefined) return 'cookies cannot be read';
  const octets = readBody(body);
  if (typeof octets === 'string') return octets;
  return { status: statusCode as number, headers: [...list, ...lines], body: octets };
}

function readBody(body: unknown): Buffer | string | undefined {
  if (body === undefined || body === null) return undefined;
  const { encoding = 'text', data } = typeof body === 'string' ? { data: body } : mapping(body);
  if (typeof data !== 'string' || (encoding !== 'text' && encoding !== 'base64'))
    return 'body must have encoding text or base64, and data';
  const octets = Buffer.from(data, encoding === 'text' ? 'utf8' : 'base64');
  return octets.length > BODY_OCTETS_MAX ? `body has more than ${BODY_OCTETS_MAX} octets` : octets;
}

function readHeaders(value: unknown): HeaderList | string {
  const all = entries(value);
  if (all === undefined) return 'headers cannot be read';
  const wrong = all.find(([name]) => name !== name.toLowerCase());
  if (wrong !== undefined) return `the header ${JSON.stringify(wrong[0])} must be in lower case`;
  return all.flatMap(([name, values]) => values.map(({ value: text }) => [name, text] as const));
}

function joinPairs(value: unknown, separator: string): string | undefined {
  const all = entries(value)?.flatMap(([name, values]) =>
    values.map(({ value: text }) => (text === '' && separator === '&' ? name : `${name}=${text}`)),
  );
  return all?.join(separator);
}

/** `{name: {value, multiValue}}`; undefined where it is not that. */
function entries(value: unknown): (readonly [name: string, values: Valued[]])[] | undefined {
  if (value === undefined || value === null) return [];
  if (typeof value !== 'object' || Array.isArray(value)) return undefined;
  const all = Object.entries(value).map(([name, one]) => {
    const { multiValue } = mapping(one);
    const values = Array.isArray(multiValue) ? multiValue : [one];
    const read = values
      .map((each) => mapping(each))
      .map(({ value: text, attributes }) => ({
        value: typeof text === 'number' ? String(text) : text,
        ...(typeof attributes === 'string' && attributes !== '' ? { attributes } : {}),
      }));
    return [name, read as Valued[]] as const;
  });
  return all.every(([, values]) => values.every(({ value: text }) => typeof text === 'string'))
    ? all
    : undefined;
}

function mapping(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
