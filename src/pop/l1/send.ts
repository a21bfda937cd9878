import type { ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';
import { lengthOf } from '../headers.ts';
import { discard } from '../l2/body-feed.ts';
import type { PopResponse } from '../request-path.ts';

/** What went out of a response. */
export interface Sent {
  /** Of the body. */
  readonly octets: number;
  /** It did not go out whole: the client left, or the body broke off. */
  readonly isAborted: boolean;
}

/** Sends a response by Node's own server of HTTP/1.1. Resolves when it is over, however it ended. */
export async function send(to: ServerResponse, response: PopResponse): Promise<Sent> {
  const { status, body } = response;
  if (to.destroyed) {
    await discard(body);
    return { octets: 0, isAborted: true };
  }
  to.writeHead(status, fieldsOf(response));
  if (body === undefined || body instanceof Uint8Array) {
    to.end(body);
    return { octets: body?.length ?? 0, isAborted: false };
  }
  return streamBody(to, { ...response, body }, () => to.destroy());
}

/**
 * Sends a body that comes in pieces, at the client's pace, and ends it. One that breaks off, or has not the
 * length that was said, is cut by `breakOff`: the client must not take half of it for the whole.
 */
export async function streamBody(
  to: Writable,
  { headers, body }: PopResponse & { readonly body: AsyncIterable<Uint8Array> },
  breakOff: () => void,
): Promise<Sent> {
  const length = lengthOf(headers);
  let octets = 0;
  try {
    for await (const chunk of body) {
      if (to.destroyed) break;
      octets += chunk.length;
      if (octets > (length ?? Number.POSITIVE_INFINITY)) throw new Error('the body is longer than it says');
      if (!to.write(chunk)) await writableAgain(to);
    }
    if (to.destroyed) return { octets, isAborted: true };
    if (octets < (length ?? 0)) throw new Error('the body is shorter than it says');
    to.end();
    return { octets, isAborted: false };
  } catch {
    breakOff();
    return { octets, isAborted: true };
  }
}

/** Resolves when the client took what was written, or is gone. */
export function writableAgain(to: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (!to.writableNeedDrain || to.destroyed) return resolve();
    const end = (): void => {
      to.off('drain', end);
      to.off('close', end);
      resolve();
    };
    to.on('drain', end);
    to.on('close', end);
  });
}

/** Fields that stand several times become lists, as Node takes them. */
function fieldsOf({ headers }: PopResponse): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of headers) {
    const before = fields[name];
    if (before === undefined) fields[name] = value;
    else if (typeof before === 'string') fields[name] = [before, value];
    else before.push(value);
  }
  return fields;
}
