import { headerOf } from './headers.ts';
import type { PopRequest, PopResponse, RequestContext } from './request-path.ts';
import { pathOf, queryOf } from './target.ts';

/** What is known when an exchange is over. */
export interface Finished {
  readonly request: PopRequest;
  readonly response: PopResponse;
  readonly context: Pick<RequestContext, 'logFields'>;
  /** `X-Amz-Cf-Pop`. */
  readonly edgeLocation: string;
  readonly octetsSent: number;
  readonly octetsReceived: number;
  readonly tookMs: number;
  readonly firstOctetMs: number;
  /** The client was gone before the end. */
  readonly isAborted: boolean;
}

/** The 33 fields of CloudFront's standard log, in its order. */
export const ACCESS_LOG_FIELDS = [
  'date',
  'time',
  'x-edge-location',
  'sc-bytes',
  'c-ip',
  'cs-method',
  'cs(Host)',
  'cs-uri-stem',
  'sc-status',
  'cs(Referer)',
  'cs(User-Agent)',
  'cs-uri-query',
  'cs(Cookie)',
  'x-edge-result-type',
  'x-edge-request-id',
  'x-host-header',
  'cs-protocol',
  'cs-bytes',
  'time-taken',
  'x-forwarded-for',
  'ssl-protocol',
  'ssl-cipher',
  'x-edge-response-result-type',
  'cs-protocol-version',
  'fle-status',
  'fle-encrypted-fields',
  'c-port',
  'time-to-first-byte',
  'x-edge-detailed-result-type',
  'sc-content-type',
  'sc-content-len',
  'sc-range-start',
  'sc-range-end',
] as const;

/** The two lines that a log file begins with. */
export const ACCESS_LOG_HEAD = `#Version: 1.0\n#Fields: ${ACCESS_LOG_FIELDS.join(' ')}\n`;

/** One line of the log, without its end; what a field holds cannot break out of it. */
export function accessLogLine(finished: Finished): string {
  const { request, response, context, edgeLocation } = finished;
  const { headers, tls } = request;
  const [date = '', time = ''] = new Date(request.receivedAtMs).toISOString().split(/[TZ.]/);
  const result = finished.isAborted ? 'Error' : response.result;
  const range = /^bytes (\d+)-(\d+)\//.exec(headerOf(response.headers, 'content-range') ?? '');
  const detail = finished.isAborted ? 'ClientCommError' : (response.fault ?? detailOf(response));
  const fields: readonly (string | number | undefined)[] = [
    date,
    time,
    edgeLocation,
    finished.octetsSent,
    request.clientAddress,
    request.method,
    request.host,
    pathOf(request.receivedTarget),
    response.status,
    headerOf(headers, 'referer'),
    headerOf(headers, 'user-agent'),
    queryOf(request.receivedTarget),
    headerOf(headers, 'cookie'),
    result,
    request.requestId,
    headerOf(headers, 'host') ?? request.host,
    tls === undefined ? 'http' : 'https',
    finished.octetsReceived,
    (finished.tookMs / 1000).toFixed(3),
    headerOf(headers, 'x-forwarded-for'),
    tls?.version,
    tls?.cipher,
    result,
    request.httpVersion === '2' ? 'HTTP/2.0' : 'HTTP/1.1',
    context.logFields.get('fle-status'),
    context.logFields.get('fle-encrypted-fields'),
    request.clientPort,
    (finished.firstOctetMs / 1000).toFixed(3),
    detail,
    headerOf(response.headers, 'content-type'),
    headerOf(response.headers, 'content-length'),
    range?.[1],
    range?.[2],
  ];
  return fields.map(logged).join('\t');
}

/** Where it was answered from, in the words of the detailed result. */
function detailOf({ result, from }: PopResponse): string {
  return result === 'Hit' && (from === 'rec' || from === 'shield') ? 'OriginShieldHit' : result;
}

/** CloudFront encodes what would break a line, and non-ASCII, by percent signs. */
function logged(value: string | number | undefined): string {
  if (value === undefined || value === '') return '-';
  if (typeof value === 'number') return String(value);
  return value.replace(/[^\x21-\x7e]|["<>\\^`{|}]/g, (sign) => encodeURIComponent(sign.toWellFormed()));
}
