import { endToEnd, type HeaderList, headerLines, headerOf, withoutHeaders } from '../headers.ts';
import type { Layer, PopRequest, PopResponse, ResultType } from '../request-path.ts';
import { type BodyFeed, discard } from './body-feed.ts';
import { CONDITIONAL_FIELDS, freshened, headersOf304, isNotModified, validators } from './conditional.ts';
import { type Answered, type Freshness, freshnessOf, type TtlBounds } from './freshness.ts';
import type { StoredObject } from './object-store.ts';
import { varyKey, varyNames } from './vary.ts';

/** What came of a fetch: an object that all may have whose request fields match, or a response for one. */
export type Landed =
  | {
      readonly kind: 'shared';
      readonly object: Shared;
      readonly result: ResultType;
      /** The layer that had it. */
      readonly from: Layer;
      /** Fields that only the one who asked gets: those that may not be kept. */
      readonly own: HeaderList;
    }
  | { readonly kind: 'own'; readonly response: PopResponse };

/** A response that is being kept, or was: its body may still come in. */
export type Shared = Omit<StoredObject, 'body' | 'encoded'> & { readonly body: Uint8Array | BodyFeed };

/** The request for what is kept: whole, unconditional but for our own validators. */
export function forUpstream(request: PopRequest, stale: StoredObject | undefined): PopRequest {
  const headers = withoutHeaders(request.headers, ...CONDITIONAL_FIELDS);
  if (stale !== undefined && stale.status === 200) headers.push(...validators(stale.headers));
  return { ...request, headers };
}

/** How it failed; undefined: it did not. */
export function failureOf({ status, fault }: PopResponse): 'unreachable' | 'error' | undefined {
  if (fault !== undefined) return 'unreachable';
  return status === 500 || (status >= 502 && status <= 504) ? 'error' : undefined;
}

/** The stored object with what a 304 or a HEAD says anew (RFC 9111 §4.3.4); fresh again. */
export function renew(stored: StoredObject, answered: Answered, bounds: TtlBounds): void {
  const headers = freshened(stored.headers, endToEnd(answered.headers));
  // The new answer's own age counts, and what both say of how long.
  const ages = headerLines(answered.headers, 'age').map((age) => ['age', age] as const);
  const judged = {
    ...answered,
    status: stored.status,
    headers: [...withoutHeaders(headers, 'age'), ...ages],
  };
  const freshness = freshnessOf(judged, bounds);
  const atOnce = { atMs: answered.receivedAtMs, ageMs: 0, lifetimeMs: 0, alwaysValidate: true };
  const isKept = typeof freshness !== 'string';
  stored.headers = withoutHeaders(headers, 'age', ...(isKept ? freshness.omit : []));
  stored.freshness = isKept ? freshness : { ...stored.freshness, ...atOnce };
}

/** What is kept of a response, but for its body; and what of it is for the one who asked alone. */
export function keptOf(
  answered: Answered,
  freshness: Freshness,
  isCodedHere: boolean,
): { readonly object: Omit<Shared, 'body'>; readonly own: HeaderList } {
  // Whoever compresses by itself keeps one form for all.
  const names = varyNames(answered.headers).filter((name) => !isCodedHere || name !== 'accept-encoding');
  const headers = endToEnd(answered.headers);
  return {
    object: {
      status: answered.status,
      headers: withoutHeaders(headers, 'age', ...freshness.omit),
      freshness,
      varyNames: names,
      varyKey: varyKey(names, answered.requestHeaders),
    },
    own: headers.filter(([name]) => freshness.omit.includes(name)),
  };
}

/** Whether a request may have what another fetched. */
export function fits(object: Shared, request: PopRequest): boolean {
  if (!(object.body instanceof Uint8Array) && object.body.isPast()) return false;
  return varyKey(object.varyNames, request.headers) === object.varyKey;
}

/** 304 for a client that has it already, although it may not be kept. */
export function conditional(response: PopResponse, request: PopRequest, nowMs: number): PopResponse {
  if (response.status !== 200 || !isNotModified(request.headers, response.headers, nowMs)) return response;
  void discard(response.body);
  return { ...response, status: 304, headers: headersOf304(response.headers), body: undefined };
}

/** Whether a HEAD's answer is of what is stored (RFC 9111 §4.3.5). */
export function isSame(response: PopResponse, stored: StoredObject): boolean {
  return ['etag', 'last-modified', 'content-length'].every((name) => {
    const now = headerOf(response.headers, name);
    return now === undefined || now === headerOf(stored.headers, name);
  });
}
