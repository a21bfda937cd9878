import { headerLines, headerOf } from '../headers.ts';
import type { PopRequest } from '../request-path.ts';

/** CloudFront's bounds. */
const TARGET_MAX = 8_192;
const HEADERS_OCTETS_MAX = 20_480;
const FIELDS_MAX = 100;

/** What is wrong with a request: a status and a few words. */
export interface Refusal {
  readonly status: number;
  readonly why: string;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/;
const HOST = /^(?:[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?|\[[0-9a-f:.]+\])$/;

/**
 * Whether a request keeps to what RFC 9110 and RFC 9112 demand beyond what the parser saw to; what does not
 * is refused before anybody behind can take it differently (request smuggling). undefined: it does.
 */
export function rfcFault(request: PopRequest): Refusal | undefined {
  const { method, target, headers, httpVersion, host } = request;
  if (!TOKEN.test(method) || method === 'CONNECT' || method === 'TRACE')
    return { status: 405, why: 'the method is not served' };
  if (target.length > TARGET_MAX)
    return { status: 414, why: `the target has more than ${TARGET_MAX} octets` };
  if (!target.startsWith('/') && !(method === 'OPTIONS' && target === '*'))
    return { status: 400, why: 'the target is no path' };
  if (hasControls(target) || target.includes('#'))
    return { status: 400, why: 'the target has signs that none has' };
  let octets = 0;
  for (const [name, value] of headers) octets += name.length + value.length + 4;
  if (octets > HEADERS_OCTETS_MAX || headers.length > FIELDS_MAX)
    return {
      status: 431,
      why: `the headers have more than ${HEADERS_OCTETS_MAX} octets or ${FIELDS_MAX} fields`,
    };
  if (headerLines(headers, 'host').length > 1 || !HOST.test(host))
    return { status: 400, why: 'not one valid host' };
  for (const [name] of headers) if (FRAMING.has(name)) return framingFault(request, httpVersion);
  return undefined;
}

const FRAMING: ReadonlySet<string> = new Set(['transfer-encoding', 'content-length', 'expect']);

/** RFC 9112 §6.3: how long the body is must be said once and in one way. */
function framingFault({ headers }: PopRequest, httpVersion: string): Refusal | undefined {
  const coding = headerOf(headers, 'transfer-encoding');
  const lengths = headerLines(headers, 'content-length');
  if (coding !== undefined && httpVersion === '2')
    return { status: 400, why: 'HTTP/2 has no transfer coding' };
  if (coding !== undefined && (coding.trim().toLowerCase() !== 'chunked' || lengths.length > 0))
    return { status: 400, why: 'the length of the body is said in two ways' };
  if (lengths.length > 1 || !/^\d{1,15}$/.test(lengths[0] ?? '0'))
    return { status: 400, why: 'the length of the body is not one number' };
  const expected = headerOf(headers, 'expect');
  if (expected !== undefined && expected.toLowerCase() !== '100-continue')
    return { status: 417, why: 'only 100-continue is expected of a server' };
  return undefined;
}

/** Space, controls, and what is not ASCII: none may stand in a target (RFC 3986 §2). */
function hasControls(target: string): boolean {
  for (let i = 0; i < target.length; i++) {
    const code = target.charCodeAt(i);
    if (code <= 0x20 || code >= 0x7f) return true;
  }
  return false;
}
