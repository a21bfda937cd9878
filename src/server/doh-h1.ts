import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { type Doh, type Reply, readBody, readRequest, replyTo } from './doh-exchange.ts';
import type { Connection } from './tcp-connection.ts';

/** Longest head of a request, octets. */
const HEAD_MAX = 16_384;

/** What speaks HTTP/1.1 on streams whose clients ask for that, or for nothing. */
export function createH1(doh: Doh, idleMs: number): (connection: Connection, stream: TLSSocket) => void {
  const connections = new WeakMap<object, Connection>();
  const server = createServer({ maxHeaderSize: HEAD_MAX, keepAliveTimeout: idleMs }, (request, response) => {
    const connection = connections.get(request.socket);
    if (connection === undefined) return void request.socket.destroy();
    const { method = '', url = '' } = request;
    const head = { method, target: url, contentType: request.headers['content-type'] };
    const query = readRequest(doh, head);
    if (query !== 'body') return send(request, response, replyTo(doh, connection, query));
    connection.partialSinceMs = performance.now();
    readBody(request, (body) => {
      connection.partialSinceMs = 0;
      send(request, response, replyTo(doh, connection, body));
    });
  });
  return (connection, stream) => {
    connections.set(stream, connection);
    stream.on('error', () => stream.destroy());
    server.emit('connection', stream);
  };
}

function send(request: IncomingMessage, response: ServerResponse, { status, headers, body }: Reply): void {
  // What is still to come of a body is not waited for.
  const isWhole = request.complete || (request.method !== 'POST' && !hasBody(request));
  response.writeHead(status, isWhole ? headers : { ...headers, connection: 'close' });
  response.end(body);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}
