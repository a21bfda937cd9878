import { type HeaderField, type HeaderList, headerOf, withoutHeaders } from '../headers.ts';
import type { Layer, PopRequest, PopResponse, ResultType } from '../request-path.ts';
import { headersOf304, isNotModified, rangeApplies } from './conditional.ts';
import { currentAgeMs, type Freshness } from './freshness.ts';
import { contentRange, multipart, parseRanges } from './ranges.ts';

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
  const wanted = request.method === 'GET' && status === 200 ? headerOf(request.headers, 'range') : undefined;
  const isWhole = wanted === undefined || !rangeApplies(request.headers, headers);
  const ranges = isWhole ? undefined : parseRanges(wanted, body.length);
  if (ranges !== undefined)
    return partOf({ ...kept, headers }, ranges, { from, result, id: request.requestId });
  if (status !== 204) headers.push(['content-length', String(body.length)]);
  return { status, headers, body: request.method === 'HEAD' ? undefined : body, from, result };
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
  if (range === undefined) {
    const none: HeaderField[] = [
      ['content-range', `bytes */${body.length}`],
      ['content-length', '0'],
    ];
    return { status: 416, headers: none, body: undefined, from, result };
  }
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

function withLength(headers: HeaderList, length: number | undefined): HeaderField[] {
  const others = withoutHeaders(headers, 'content-length');
  if (length !== undefined) others.push(['content-length', String(length)]);
  return others;
}
