import type { HeaderField } from '../headers.ts';

/** A GET or HEAD without a body, as it was read. */
export interface Http1Request {
  readonly method: 'GET' | 'HEAD';
  /** In origin form. */
  readonly target: string;
  /** The value of `Host`. */
  readonly authority: string;
  /** Names in small letters. */
  readonly headers: HeaderField[];
  /** Where the next request begins. */
  readonly end: number;
}

/** Octets of a head that is read here. */
export const HEAD_MAX = 8_192;
const FIELDS_MAX = 100;

/**
 * A whole head and nothing but the plainest grammar of RFC 9112 §3 and §5: one space where one belongs, no
 * folded lines, no octets beyond ASCII. It is linear: no sign of a part can be one of what follows it.
 */
const HEAD = /(GET|HEAD) (\/[!"$-~]*) HTTP\/1\.1\r\n((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~]*\r\n)+)\r\n/y;

/** Fields that say something of the body, of this connection or of what comes after it. */
const NOT_HERE: ReadonlySet<string> = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'proxy-connection',
  'expect',
  'upgrade',
  'te',
  'trailer',
  'http2-settings',
]);

/** Fields that most clients send, as they write them and in small letters: one text for each name. */
const KNOWN = new Map(
  `Host Accept Accept-Encoding Accept-Language Authorization Cache-Control Connection Cookie DNT If-Match
  If-Modified-Since If-None-Match If-Range If-Unmodified-Since Origin Pragma Priority Range Referer
  Sec-CH-UA Sec-CH-UA-Mobile Sec-CH-UA-Platform Sec-Fetch-Dest Sec-Fetch-Mode Sec-Fetch-Site Sec-Fetch-User
  Upgrade-Insecure-Requests User-Agent Via X-Forwarded-For X-Isochrone-Client X-Isochrone-Trace`
    .split(/\s+/)
    .flatMap((name) => [name, name.toLowerCase()].map((form) => [form, name.toLowerCase()] as const)),
);

/**
 * Reads the request that begins at `start`. `more`: so far it is the beginning of one. `other`: it is none of
 * these, or not so plain that no two servers could read it in two ways; all from `start` on is for a complete
 * parser, which may yet find it well-formed.
 */
export function readHttp1(text: string, start: number): Http1Request | 'more' | 'other' {
  HEAD.lastIndex = start;
  const match = HEAD.exec(text);
  if (match === null) return mayBecome(text, start) ? 'more' : 'other';
  const end = HEAD.lastIndex;
  if (end - start > HEAD_MAX) return 'other';
  const [, method, target = '', lines = ''] = match;
  const headers = fieldsOf(lines);
  if (headers === undefined) return 'other';
  let authority: string | undefined;
  for (const [name, value] of headers) {
    if (name !== 'host') continue;
    if (authority !== undefined) return 'other';
    authority = value;
  }
  if (authority === undefined) return 'other';
  return { method: method === 'GET' ? 'GET' : 'HEAD', target, authority, headers, end };
}

/** Whether it is the beginning of a GET or HEAD of which the head is not there yet. */
function mayBecome(text: string, start: number): boolean {
  if (text.length - start > HEAD_MAX || text.includes('\r\n\r\n', start)) return false;
  const first = text.slice(start, start + 6);
  return 'GET /'.startsWith(first.slice(0, 5)) || 'HEAD /'.startsWith(first);
}

/** The fields of lines that keep to the grammar; undefined: one of them is not for here. */
function fieldsOf(lines: string): HeaderField[] | undefined {
  const headers: HeaderField[] = [];
  for (let at = 0; at < lines.length; ) {
    const colon = lines.indexOf(':', at);
    const end = lines.indexOf('\r\n', colon);
    const written = lines.slice(at, colon);
    const name = KNOWN.get(written) ?? written.toLowerCase();
    const value = trimmed(lines, colon + 1, end);
    // That it stays open is what is true without the field.
    const isNothing = name === 'connection' && value.toLowerCase() === 'keep-alive';
    if ((NOT_HERE.has(name) && !isNothing) || headers.length >= FIELDS_MAX) return undefined;
    headers.push([name, value]);
    at = end + 2;
  }
  return headers;
}

/** A value without the white space around it (RFC 9110 §5.5). */
function trimmed(lines: string, from: number, to: number): string {
  let [first, last] = [from, to];
  while (first < last && isSpace(lines.charCodeAt(first))) first++;
  while (last > first && isSpace(lines.charCodeAt(last - 1))) last--;
  return lines.slice(first, last);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
