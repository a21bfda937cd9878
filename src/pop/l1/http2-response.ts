import { constants, type ServerHttp2Stream } from 'node:http2';
import { discard } from '../l2/body-feed.ts';
import type { PopResponse } from '../request-path.ts';
import { type Sent, streamBody } from './send.ts';

/** RFC 9113 §7. */
const { NGHTTP2_NO_ERROR: NO_ERROR } = constants;
const ENDS = { endStream: true };

/** Sends a response on a stream of HTTP/2 at the client's pace; a promise where it has to wait. */
export function sendHttp2(stream: ServerHttp2Stream, response: PopResponse): Sent | Promise<Sent> {
  const { status, body } = response;
  if (stream.destroyed || stream.closed) return discard(body).then(() => ({ octets: 0, isAborted: true }));
  if (body === undefined || status === 204 || status === 205 || status === 304) {
    stream.respond(fieldsOf(response), ENDS);
    leaveBody(stream);
    const sent = { octets: 0, isAborted: false };
    return body === undefined || body instanceof Uint8Array ? sent : discard(body).then(() => sent);
  }
  if (body instanceof Uint8Array) {
    stream.respond(fieldsOf(response, body.length));
    stream.end(body);
    leaveBody(stream);
    return { octets: body.length, isAborted: false };
  }
  stream.respond(fieldsOf(response));
  // `close` would end the body first, as if it were whole; this resets the stream with INTERNAL_ERROR.
  const breakOff = (): void => void stream.destroy(new Error('the body broke off'));
  return streamBody(stream, { ...response, body }, breakOff).then((sent) => {
    if (!sent.isAborted) leaveBody(stream);
    return sent;
  });
}

/** What is still to come of the request's body is not wanted once it is answered (RFC 9113 §8.1). */
function leaveBody(stream: ServerHttp2Stream): void {
  if (!stream.endAfterHeaders && !stream.readableEnded) stream.close(NO_ERROR);
}

/** Names and values in turn, as the library takes them; a length that is known is said here. */
function fieldsOf({ status, headers }: PopResponse, length?: number): string[] {
  const fields = [':status', String(status)];
  for (const [name, value] of headers)
    if (length === undefined || name !== 'content-length') fields.push(name, value);
  if (length !== undefined) fields.push('content-length', String(length));
  return fields;
}
