import type { IncomingMessage, ServerResponse } from 'node:http';
import { fromRawHeaders, hasHeader, headerOf } from '../headers.ts';
import { receives } from './body-watch.ts';
import { began, ended } from './connections.ts';
import type { ConnectionFacts } from './crew.ts';
import type { Exchange } from './exchange.ts';
import { send } from './send.ts';

/** Takes a request that Node's own server of HTTP/1.1 read through the POP. */
export function nodeExchange(
  exchange: Exchange,
  facts: ConnectionFacts,
  node: { readonly request: IncomingMessage; readonly response: ServerResponse },
): void {
  const { request, response } = node;
  const { connection } = facts;
  const beganMs = performance.now();
  began(connection, beganMs);
  response.once('close', () => ended(connection));
  request.on('error', () => undefined);
  response.on('error', () => undefined);
  const headers = fromRawHeaders(request.rawHeaders);
  // Nobody upgrades here, and the parser reads nothing that came behind such a request.
  if (hasHeader(headers, 'upgrade')) response.shouldKeepAlive = false;
  const length = headerOf(headers, 'content-length');
  const hasBody = (length !== undefined && length !== '0') || hasHeader(headers, 'transfer-encoding');
  if (hasBody) receives(connection, request);
  void exchange(facts, {
    method: request.method ?? '',
    target: request.url ?? '',
    authority: headerOf(headers, 'host') ?? '',
    headers,
    httpVersion: '1.1',
    body: hasBody ? request : undefined,
    beganMs,
    send: (answer) => send(response, answer),
    // The answer says that it ends.
    end: () => undefined,
  });
}
