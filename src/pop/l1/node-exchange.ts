import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { fromRawHeaders, hasHeader, headerOf } from '../headers.ts';
import { began, ended, octetsRead } from './connections.ts';
import type { ConnectionFacts } from './crew.ts';
import type { Exchange } from './exchange.ts';
import { send } from './send.ts';

/** Takes a request that Node's own servers read, of HTTP/2 or HTTP/1.1, through the POP. */
export function nodeExchange(
  exchange: Exchange,
  facts: ConnectionFacts,
  node: { readonly request: Http2ServerRequest; readonly response: Http2ServerResponse },
): void {
  const { request, response } = node;
  const { connection } = facts;
  const beganMs = performance.now();
  began(connection, beganMs);
  response.once('close', () => ended(connection));
  request.on('error', () => undefined);
  response.on('error', () => undefined);
  const isH2 = request.httpVersionMajor === 2;
  const headers = fromRawHeaders(request.rawHeaders).filter(([name]) => !name.startsWith(':'));
  const authority = isH2 ? request.authority : (headerOf(headers, 'host') ?? '');
  if (isH2 && authority !== '' && !hasHeader(headers, 'host')) headers.push(['host', authority]);
  const length = headerOf(headers, 'content-length');
  const hasBody = isH2
    ? !request.stream.endAfterHeaders
    : (length !== undefined && length !== '0') || hasHeader(headers, 'transfer-encoding');
  if (hasBody) watchBody(facts, request);
  void exchange(facts, {
    method: request.method,
    target: request.url,
    authority,
    headers,
    httpVersion: isH2 ? '2' : '1.1',
    body: hasBody ? request : undefined,
    beganMs,
    send: (answer) => send(response, answer),
    // Of HTTP/1.1 the answer says that it ends.
    end: () => request.stream?.session?.close(),
  });
}

/** Counts it as coming in until it is over. */
function watchBody({ connection }: ConnectionFacts, request: Http2ServerRequest): void {
  connection.receiving++;
  connection.mark = { octets: octetsRead(connection), atMs: performance.now() };
  let isComing = true;
  const end = (): void => {
    if (isComing) connection.receiving--;
    isComing = false;
  };
  request.once('end', end);
  request.once('close', end);
}
