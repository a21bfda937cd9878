import { STATUS_CODES } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { lengthOf } from '../headers.ts';
import { discard } from '../l2/body-feed.ts';
import type { PopResponse } from '../request-path.ts';
import { type Sent, writableAgain } from './send.ts';

/** Bodies up to this length go out in one piece with their head, octets. */
const ONE_PIECE_MAX = 65_536;

const LAST_CHUNK = '0\r\n\r\n';

/** Who is answered, and how. */
export interface AnswerTo {
  readonly isHead: boolean;
  readonly nowMs: number;
}

/**
 * Writes a response of HTTP/1.1 (RFC 9112 §4, §6) at the client's pace. The length, or that there are chunks,
 * is said here, whatever the headers say; the headers are well-formed, `clientHeaders` sees to that.
 */
export function sendHttp1(socket: TLSSocket, response: PopResponse, to: AnswerTo): Sent | Promise<Sent> {
  const { body, status } = response;
  if (!socket.writable) return discard(body).then(() => ({ octets: 0, isAborted: true }));
  if (to.isHead || status === 204 || status === 304) return sendHead(socket, response, to.nowMs);
  if (body !== undefined && !(body instanceof Uint8Array))
    return stream(socket, { ...response, body }, to.nowMs);
  const octets = body?.length ?? 0;
  const head = `${headOf(response, to.nowMs)}content-length: ${octets}\r\n\r\n`;
  if (body === undefined || octets > ONE_PIECE_MAX) {
    socket.write(head, 'latin1');
    if (body !== undefined) socket.write(body);
  } else {
    const piece = Buffer.allocUnsafe(head.length + octets);
    piece.write(head, 0, 'latin1');
    piece.set(body, head.length);
    socket.write(piece);
  }
  return { octets, isAborted: false };
}

/** A response without its body: HEAD's tells of that which GET has, 204 has none to tell of. */
function sendHead(socket: TLSSocket, response: PopResponse, nowMs: number): Sent | Promise<Sent> {
  const length = response.status === 204 ? undefined : lengthOf(response.headers);
  const said = length === undefined ? '' : `content-length: ${length}\r\n`;
  socket.write(`${headOf(response, nowMs)}${said}\r\n`, 'latin1');
  const sent = { octets: 0, isAborted: false };
  const { body } = response;
  return body === undefined || body instanceof Uint8Array ? sent : discard(body).then(() => sent);
}

/** The status line and the fields, without the empty line, and without what says how long the body is. */
function headOf({ status, headers }: PopResponse, nowMs: number): string {
  let text = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  let hasDate = false;
  for (const [name, value] of headers) {
    if (name === 'content-length' || name === 'transfer-encoding') continue;
    if (name === 'date') hasDate = true;
    text += `${name}: ${value}\r\n`;
  }
  return hasDate ? text : `${text}date: ${dateText(nowMs)}\r\n`;
}

async function stream(
  socket: TLSSocket,
  response: PopResponse & { readonly body: AsyncIterable<Uint8Array> },
  nowMs: number,
): Promise<Sent> {
  const length = lengthOf(response.headers);
  const how = length === undefined ? 'transfer-encoding: chunked' : `content-length: ${length}`;
  socket.write(`${headOf(response, nowMs)}${how}\r\n\r\n`, 'latin1');
  let octets = 0;
  try {
    for await (const chunk of response.body) {
      if (!socket.writable) break;
      if (chunk.length === 0) continue;
      octets += chunk.length;
      // What is too long would be read as the beginning of the next response.
      if (octets > (length ?? Number.POSITIVE_INFINITY)) throw new Error('the body is longer than it says');
      if (!write(socket, chunk, length === undefined)) await writableAgain(socket);
    }
    if (length !== undefined && octets < length) throw new Error('the body is shorter than it says');
    if (!socket.writable) return { octets, isAborted: true };
    if (length === undefined) socket.write(LAST_CHUNK, 'latin1');
    return { octets, isAborted: false };
  } catch {
    // The client must not take half of it for the whole.
    socket.destroy();
    return { octets, isAborted: true };
  }
}

function write(socket: TLSSocket, chunk: Uint8Array, isChunked: boolean): boolean {
  if (!isChunked) return socket.write(chunk);
  socket.cork();
  socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
  socket.write(chunk);
  const hasRoom = socket.write('\r\n', 'latin1');
  socket.uncork();
  return hasRoom;
}

let dateSecond = -1;
let date = '';

/** RFC 9110 §5.6.7; made once a second. */
function dateText(nowMs: number): string {
  const second = Math.floor(nowMs / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    date = new Date(nowMs).toUTCString();
  }
  return date;
}
