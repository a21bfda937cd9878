import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import {
  type HeaderField,
  type HeaderList,
  hasHeader,
  headerOf,
  listMembers,
  withHeader,
  withoutHeaders,
} from '../headers.ts';
import type { StoredObject } from './object-store.ts';

/** Codings that are made here, best first. */
const CODINGS = ['br', 'gzip'] as const;
export type Coding = (typeof CODINGS)[number];

/** Objects from and to so many octets are compressed: CloudFront's bounds. */
const OCTETS_MIN = 1_000;
const OCTETS_MAX = 10_000_000;
/** A level that takes about as long as gzip, and gains more. */
const BROTLI_QUALITY = 5;

/** Types of which the text gets shorter. */
const TEXTUAL = new RegExp(
  [
    '^text/(?!event-stream)',
    '^application/(?:javascript|json|xml|wasm|manifest\\+json|vnd\\.ms-fontobject)',
    '^image/svg\\+xml',
    '^font/(?:ttf|otf)',
    '^[^;]*\\+(?:json|xml)',
  ].join('|'),
  'i',
);

/** Whether a response is one of those that are compressed, for whoever takes that. */
export function isCompressible({
  status,
  headers,
  body,
}: Pick<StoredObject, 'status' | 'headers' | 'body'>): boolean {
  if (status !== 200 || body.length < OCTETS_MIN || body.length > OCTETS_MAX) return false;
  if (hasHeader(headers, 'content-encoding') || hasHeader(headers, 'content-range')) return false;
  const control = headerOf(headers, 'cache-control');
  if (control !== undefined && /\bno-transform\b/i.test(control)) return false;
  return TEXTUAL.test(headerOf(headers, 'content-type') ?? '');
}

/** The best coding that a client takes (RFC 9110 §12.5.3); undefined: none of ours. */
export function codingFor(requestHeaders: HeaderList): Coding | undefined {
  const accept = headerOf(requestHeaders, 'accept-encoding');
  if (accept === undefined) return undefined;
  const weights = new Map<string, number>();
  for (const member of listMembers(accept.toLowerCase())) {
    const [coding = '', ...parameters] = member.split(';').map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    weights.set(coding, weight === undefined ? 1 : Number(weight.slice(2)) || 0);
  }
  const weightOf = (coding: string): number => weights.get(coding) ?? weights.get('*') ?? 0;
  const best = CODINGS.toSorted((one, other) => weightOf(other) - weightOf(one))[0];
  return best !== undefined && weightOf(best) > 0 ? best : undefined;
}

/** The body in a coding; undefined where that is no shorter. */
export async function encode(body: Uint8Array, coding: Coding): Promise<Uint8Array | undefined> {
  const params = { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY };
  const coded =
    coding === 'br' ? await promisify(brotliCompress)(body, { params }) : await promisify(gzip)(body);
  return coded.length < body.length ? coded : undefined;
}

/** The headers of a coded form: what was strong is weak now, as the octets differ (RFC 9110 §8.8.1). */
export function headersOfCoded(headers: HeaderList, coding: Coding | undefined): HeaderField[] {
  const vary = headerOf(headers, 'vary');
  const names = vary === undefined ? [] : listMembers(vary.toLowerCase());
  const told = names.includes('accept-encoding')
    ? [...headers]
    : withHeader(headers, 'vary', vary === undefined ? 'accept-encoding' : `${vary}, accept-encoding`);
  if (coding === undefined) return told;
  const etag = headerOf(headers, 'etag');
  const coded = withoutHeaders(told, 'content-md5', 'etag', 'accept-ranges');
  if (etag !== undefined) coded.push(['etag', etag.startsWith('W/') ? etag : `W/${etag}`]);
  coded.push(['content-encoding', coding]);
  return coded;
}
