import { type HeaderField, type HeaderList, headerOf, withoutHeaders } from '../headers.ts';
import type { Layer, PopRequest, PopResponse, ResultType } from '../request-path.ts';
import { headersOf304, isNotModified, rangeApplies } from './conditional.ts';
import { currentAgeMs, type Freshness } from './freshness.ts';
import { contentRange, multipart, type OctetRange, parseRanges } from './ranges.ts';

/** A response that a cache can give: complete. */
export interface Kept {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Uint8Array;
  readonly freshness: Freshness;
}

/**
 * What a request gets of a stored response: 304 where the client has it, parts of it where it asks for those,
 * else all of it; with its age (RFC 9111 §4).
 */
export function respondWith(
  kept: Kept,
  request: Pick<PopRequest, 'method' | 'headers' | 'requestId'>,
  given: { readonly nowMs: number; readonly from: Layer; readonly result: ResultType },
): PopResponse {
  const { nowMs, from, result } = given;
  const headers = withAge(kept, nowMs, 'content-length');
  const { status, body } = kept;
  if (status === 200 && isNotModified(request.headers, headers, nowMs))
    return { status: 304, headers: headersOf304(headers), body: undefined, from, result };
  const ranges = rangesOf({ status, headers }, request, body.length);
  if (ranges !== undefined)
    return partOf({ ...kept, headers }, ranges, { from, result, id: request.requestId });
  if (status !== 204) headers.push(['content-length', String(body.length)]);
  return { status, headers, body: request.method === 'HEAD' ? undefined : body, from, result };
}

/** A response without its body, and which octets that is; undefined: it has none. */
export interface Headed {
  readonly head: PopResponse;
  readonly range: OctetRange | undefined;
}

/** The same of a response of which only the length is known. Who asks for several ranges gets all of it. */
export function headFor(
  kept: Omit<Kept, 'body'> & { readonly octets: number },
  request: Pick<PopRequest, 'method' | 'headers'>,
  given: { readonly nowMs: number; readonly from: Layer; readonly result: ResultType },
): Headed {
  const { nowMs, ...by } = given;
  const { status, octets } = kept;
  const headers = withAge(kept, nowMs, 'content-length');
  const body = undefined;
  if (status === 200 && isNotModified(request.headers, headers, nowMs))
    return { head: { status: 304, headers: headersOf304(headers), body, ...by }, range: undefined };
  const ranges = rangesOf({ status, headers }, request, octets);
  if (ranges?.length === 0) return { head: noneOf(octets, by), range: undefined };
  const part = ranges?.length === 1 ? ranges[0] : undefined;
  if (part === undefined) {
    const range = request.method === 'HEAD' ? undefined : { first: 0, last: octets - 1 };
    return { head: { status, headers: withLength(headers, octets), body, ...by }, range };
  }
  const told = withLength(headers, part.last - part.first + 1);
  told.push(['content-range', contentRange(part, octets)]);
  return { head: { status: 206, headers: told, body, ...by }, range: part };
}

/** One range of a response that is still coming in; undefined: it is none, or how long all is nobody said. */
export function comingRange(
  kept: Omit<Kept, 'body'>,
  request: Pick<PopRequest, 'method' | 'headers'>,
  given: { readonly nowMs: number; readonly from: Layer; readonly result: ResultType },
): Headed | undefined {
  const wanted = headerOf(request.headers, 'range') ?? ',';
  const length = headerOf(kept.headers, 'content-length') ?? '';
  if (wanted.includes(',') || kept.status !== 200 || !/^\d{1,15}$/.test(length)) return undefined;
  return headFor({ ...kept, octets: Number(length) }, request, given);
}

/** Ranges that a request asks for; undefined: it gets all. */
function rangesOf(
  kept: Pick<Kept, 'status' | 'headers'>,
  request: Pick<PopRequest, 'method' | 'headers'>,
  octets: number,
): OctetRange[] | undefined {
  const wanted =
    request.method === 'GET' && kept.status === 200 ? headerOf(request.headers, 'range') : undefined;
  const isWhole = wanted === undefined || !rangeApplies(request.headers, kept.headers);
  return isWhole ? undefined : parseRanges(wanted, octets);
}

/** The headers with the age of now in place of that which came, and without another field. */
export function withAge(
  { headers, freshness }: Pick<Kept, 'headers' | 'freshness'>,
  nowMs: number,
  without?: string,
): HeaderField[] {
  const aged: HeaderField[] = [];
  for (const field of headers) if (field[0] !== 'age' && field[0] !== without) aged.push(field);
  const ageMs = currentAgeMs(freshness, nowMs);
  aged.push(['age', String(Number.isFinite(ageMs) ? Math.floor(ageMs / 1000) : AGE_UNKNOWN)]);
  return aged;
}

/** RFC 9111 §1.2.2: what cannot be said is said as this. */
const AGE_UNKNOWN = 2 ** 31;

function partOf(
  kept: Kept,
  ranges: readonly { first: number; last: number }[],
  given: { readonly from: Layer; readonly result: ResultType; readonly id: string },
): PopResponse {
  const { body, headers } = kept;
  const { from, result, id } = given;
  const [range] = ranges;
  if (range === undefined) return noneOf(body.length, { from, result });
  if (ranges.length === 1) {
    const part = body.subarray(range.first, range.last + 1);
    const told = [
      ...withLength(headers, part.length),
      ['content-range', contentRange(range, body.length)],
    ] as const;
    return { status: 206, headers: told, body: part, from, result };
  }
  const type = headerOf(headers, 'content-type') ?? 'application/octet-stream';
  const parts = multipart(ranges, body, { type, boundary: id.replace(/[^A-Za-z0-9]/g, '') });
  const told = withLength(withoutHeaders(headers, 'content-type'), parts.body.length);
  told.push(['content-type', parts.type]);
  return { status: 206, headers: told, body: parts.body, from, result };
}

function noneOf(octets: number, given: { readonly from: Layer; readonly result: ResultType }): PopResponse {
  const headers: HeaderField[] = [
    ['content-range', `bytes */${octets}`],
    ['content-length', '0'],
  ];
  return { status: 416, headers, body: undefined, ...given };
}

function withLength(headers: HeaderList, length: number | undefined): HeaderField[] {
  const others = withoutHeaders(headers, 'content-length');
  if (length !== undefined) others.push(['content-length', String(length)]);
  return others;
}
