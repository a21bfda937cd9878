import type { HeaderList } from '../headers.ts';

/** The four moments at which edge code runs. */
export const EVENT_TYPES = [
  'viewer-request',
  'origin-request',
  'origin-response',
  'viewer-response',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/**
 * Headers that edge code neither sees nor sets: CloudFront developer guide, "Restrictions on edge
 * functions".
 */
const FORBIDDEN = new Set(
  `client-cert client-cert-chain cloudfront-viewer-cert-pem connection expect keep-alive proxy-authenticate
  proxy-authorization proxy-connection trailer upgrade x-accel-buffering x-accel-charset x-accel-limit-rate
  x-accel-redirect x-amzn-auth x-amzn-cf-billing x-amzn-cf-id x-amzn-cf-xff x-amzn-errortype
  x-amzn-fle-profile x-amzn-header-count x-amzn-header-order x-amzn-lambda-integration-tag x-amzn-requestid
  x-cache x-forwarded-proto x-real-ip`.split(/\s+/),
);
const FORBIDDEN_BEGINNINGS = ['x-amz-cf-', 'x-edge-'];

/** Headers that edge code sees and must leave as they are, by moment. */
const READ_ONLY: Readonly<Record<EventType, ReadonlySet<string>>> = {
  'viewer-request': new Set(['cdn-loop', 'content-length', 'host', 'transfer-encoding', 'via']),
  'origin-request': new Set([
    'accept-encoding',
    'cdn-loop',
    'content-length',
    'if-modified-since',
    'if-none-match',
    'if-range',
    'if-unmodified-since',
    'transfer-encoding',
    'via',
  ]),
  'origin-response': new Set(['transfer-encoding', 'via']),
  'viewer-response': new Set(['content-encoding', 'content-length', 'transfer-encoding', 'warning', 'via']),
};

/** Octets of all headers that edge code may return. */
const HEADERS_OCTETS_MAX = 10_240;

export function isForbidden(name: string): boolean {
  return FORBIDDEN.has(name) || FORBIDDEN_BEGINNINGS.some((beginning) => name.startsWith(beginning));
}

/** The headers that edge code sees. */
export function visible(headers: HeaderList): HeaderList {
  return headers.filter(([name]) => !isForbidden(name) && !name.startsWith(':'));
}

/**
 * The headers after edge code had them: those it returned, and those that it never saw. A text says which it
 * must not have touched, or what is no header. A response that it made itself has no `before`.
 */
export function headersAfter(
  returned: HeaderList,
  how: { readonly event: EventType; readonly before: HeaderList | undefined },
): HeaderList | string {
  const { event, before } = how;
  let octets = 0;
  for (const [name, value] of returned) {
    if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) return `${JSON.stringify(name)} is no name of a header`;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be sent
    if (/[\0-\x08\x0a-\x1f\x7f]|[^\0-\xff]/.test(value)) return `the value of ${name} cannot be sent`;
    if (isForbidden(name)) return `${name} is a header that it must not set`;
    octets += name.length + value.length;
  }
  if (octets > HEADERS_OCTETS_MAX) return `its headers have more than ${HEADERS_OCTETS_MAX} octets`;
  if (before === undefined) {
    const wrong = returned.find(([name]) => name === 'transfer-encoding' || name === 'via');
    return wrong === undefined ? returned : `${wrong[0]} is a header that it must not set`;
  }
  for (const name of READ_ONLY[event])
    if (linesOf(returned, name) !== linesOf(before, name)) return `${name} is read-only`;
  return [...returned, ...before.filter(([name]) => isForbidden(name) || name.startsWith(':'))];
}

function linesOf(headers: HeaderList, name: string): string {
  return headers
    .filter(([one]) => one === name)
    .map(([, value]) => value)
    .join('\n');
}
