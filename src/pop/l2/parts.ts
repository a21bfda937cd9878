import { must } from '../../base/assert.ts';
import { endToEnd, headerOf, listMembers, withoutHeaders } from '../headers.ts';
import type { PopRequest, PopResponse, RequestContext } from '../request-path.ts';
import { discard } from './body-feed.ts';
import type { CacheOptions } from './cache.ts';
import { CONDITIONAL_FIELDS } from './conditional.ts';
import type { ObjectStore, StoredObject } from './object-store.ts';
import { contentRange, type OctetRange } from './ranges.ts';
import { headFor } from './respond.ts';

/** What is asked of an object that is kept in parts. */
export interface PartAsk {
  readonly key: string;
  readonly request: PopRequest;
  readonly context: RequestContext;
}

/** A part as it was found or fetched, or the response that came in its place. */
type Part =
  | { readonly kind: 'part'; readonly octets: Uint8Array; readonly wasKept: boolean }
  | { readonly kind: 'changed' }
  | { readonly kind: 'failed'; readonly response: PopResponse };

/** Parts have so many octets, or a sixteenth of a small cache. */
const PART_OCTETS = 1 << 20;
/** Share of a cache that one request may fill: a download must not throw out what others ask for. */
const REQUEST_SHARE = 0.25;

/**
 * Objects that are too large to be kept whole, in parts of one length, of which those are fetched that are
 * asked for (RFC 9110 §14, RFC 9111 §3.4). A strong validator (RFC 9110 §8.8.1) says that parts belong
 * together; it is in their keys.
 */
export class PartCache {
  readonly #options: CacheOptions;
  readonly #store: ObjectStore;
  readonly #partOctets: number;
  readonly #flights = new Map<string, Promise<Part>>();

  constructor(options: CacheOptions, store: ObjectStore) {
    this.#options = options;
    this.#store = store;
    this.#partOctets = Math.min(PART_OCTETS, Math.floor(options.octetsMax / 16));
  }

  /** What a fetch that is under way brings is not kept. */
  forget(isMeant: (key: string) => boolean): void {
    for (const key of this.#flights.keys()) if (isMeant(key)) this.#flights.delete(key);
  }

  /**
   * Answers a request for such an object. One range comes out of its parts; all of it, or several ranges,
   * from upstream, as no cache has the room.
   */
  async give(stored: StoredObject, ask: PartAsk): Promise<PopResponse> {
    const { clock, layer: from, upstream } = this.#options;
    const { request, context } = ask;
    const whole = { ...stored, octets: must(stored.wholeOctets, 'length of an object in parts') };
    const given = { nowMs: clock.nowMs(), from, result: 'Hit' } as const;
    const { head, range } = headFor(whole, request, given);
    if (range === undefined) return head;
    if (head.status !== 206) return upstream(request, context);
    const first = await this.#part(stored, ask, { index: this.#indexOf(range.first), isKept: true });
    if (first.kind === 'part') {
      const body = this.#read(stored, ask, { range, first });
      return { ...head, result: first.wasKept ? 'Hit' : 'Miss', from: first.wasKept ? from : 'l3', body };
    }
    if (first.kind === 'failed') return first.response;
    this.#store.delete(ask.key);
    return upstream(request, context);
  }

  #indexOf(octet: number): number {
    return Math.floor(octet / this.#partOctets);
  }

  /** The octets of a range, while the next part is on its way. Throws where they break off. */
  async *#read(
    stored: StoredObject,
    ask: PartAsk,
    asked: { readonly range: OctetRange; readonly first: Part },
  ): AsyncGenerator<Uint8Array> {
    const { range, first } = asked;
    const last = this.#indexOf(range.last);
    let index = this.#indexOf(range.first);
    const keptUntil = index + (this.#options.octetsMax * REQUEST_SHARE) / this.#partOctets;
    let next: Part | Promise<Part> = first;
    while (true) {
      const part = await next;
      if (part.kind !== 'part') throw new Error(`${ask.request.target} changed or ended while it was read`);
      const beginsAt = index * this.#partOctets;
      index++;
      const isKept = index < keptUntil;
      if (index <= last) next = this.#part(stored, ask, { index, isKept });
      yield part.octets.subarray(Math.max(0, range.first - beginsAt), range.last + 1 - beginsAt);
      if (index > last) return;
    }
  }

  /** A part, found or fetched; those who want one that is on its way wait for it. Never rejects. */
  #part(
    stored: StoredObject,
    ask: PartAsk,
    which: { readonly index: number; readonly isKept: boolean },
  ): Promise<Part> {
    const { index, isKept } = which;
    const etag = headerOf(stored.headers, 'etag');
    const key = `${ask.key}\npart ${index} of ${etag} ${stored.varyKey}`;
    const found = this.#store.find(key, []);
    if (found !== undefined) return Promise.resolve({ kind: 'part', octets: found.body, wasKept: true });
    const joined = this.#flights.get(key);
    if (joined !== undefined) return joined;
    const flight = this.#fetch(stored, ask, index).then((part) => {
      const isCurrent = this.#flights.get(key) === flight;
      if (isCurrent) this.#flights.delete(key);
      if (part.kind === 'part' && isKept && isCurrent)
        this.#store.put(key, { ...NO_HEADERS, freshness: stored.freshness, body: part.octets });
      return part;
    });
    this.#flights.set(key, flight);
    return flight;
  }

  async #fetch(stored: StoredObject, { request, context }: PartAsk, index: number): Promise<Part> {
    const size = must(stored.wholeOctets, 'length of an object in parts');
    const first = index * this.#partOctets;
    const range = { first, last: Math.min(size, first + this.#partOctets) - 1 };
    const etag = headerOf(stored.headers, 'etag') ?? '';
    const headers = withoutHeaders(request.headers, ...CONDITIONAL_FIELDS);
    headers.push(['range', `bytes=${range.first}-${range.last}`], ['if-range', etag]);
    const response = await this.#options.upstream({ ...request, method: 'GET', headers }, context);
    if (response.fault !== undefined) return { kind: 'failed', response };
    const isThatPart =
      response.status === 206 &&
      headerOf(response.headers, 'etag') === etag &&
      headerOf(response.headers, 'content-range') === contentRange(range, size);
    if (!isThatPart) {
      await discard(response.body);
      return { kind: 'changed' };
    }
    const octets = await taken(response.body, range.last - range.first + 1);
    return octets === undefined ? { kind: 'changed' } : { kind: 'part', octets, wasKept: false };
  }
}

const NO_HEADERS = { status: 206, headers: [], varyNames: [], varyKey: '', encoded: new Map() };

/**
 * Octets of a representation that can be asked for in parts which belong together; undefined: it cannot.
 * RFC 9110 §14.3, §8.8.1.
 */
export function octetsInParts({
  status,
  headers,
}: Pick<PopResponse, 'status' | 'headers'>): number | undefined {
  const length = headerOf(endToEnd(headers), 'content-length') ?? '';
  const isOffered = listMembers(headerOf(headers, 'accept-ranges') ?? '').includes('bytes');
  const isStrong = headerOf(headers, 'etag')?.startsWith('"') === true;
  return status === 200 && isOffered && isStrong && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

/** A body of exactly so many octets; undefined: it has more or fewer, or breaks off. */
async function taken(body: PopResponse['body'], octets: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let sum = 0;
  try {
    for await (const chunk of body instanceof Uint8Array ? [body] : (body ?? [])) {
      sum += chunk.length;
      if (sum > octets) return undefined;
      chunks.push(chunk);
    }
  } catch {
    return undefined;
  }
  return sum === octets ? Buffer.concat(chunks, sum) : undefined;
}
