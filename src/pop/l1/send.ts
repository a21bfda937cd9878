import type { Http2ServerResponse } from 'node:http2';
import type { PopResponse } from '../request-path.ts';

/** What went out of a response. */
export interface Sent {
  /** Of the body. */
  readonly octets: number;
  /** It did not go out whole: the client left, or the body broke off. */
  readonly isAborted: boolean;
}

/** Sends a response at the client's pace. Resolves when it is over, however it ended. */
export async function send(to: Http2ServerResponse, response: PopResponse): Promise<Sent> {
  const { status, body } = response;
  const headers = fieldsOf(response);
  if (to.destroyed || to.stream?.destroyed) return { octets: 0, isAborted: true };
  to.writeHead(status, headers);
  if (body === undefined || body instanceof Uint8Array) {
    if (body === undefined || body.length === 0) to.end();
    else to.end(body);
    return { octets: body?.length ?? 0, isAborted: false };
  }
  let octets = 0;
  let isClosed = false;
  const closed = new Promise<void>((resolve) =>
    to.once('close', () => {
      isClosed = true;
      resolve();
    }),
  );
  try {
    for await (const chunk of body) {
      if (isClosed) break;
      octets += chunk.length;
      if (to.write(chunk)) continue;
      await Promise.race([new Promise((resolve) => to.once('drain', resolve)), closed]);
    }
    if (!isClosed) to.end();
    return { octets, isAborted: isClosed };
  } catch {
    // The client must not take half of it for the whole.
    if (to.stream?.session === undefined) to.socket?.destroy();
    else to.stream.close(INTERNAL_ERROR);
    return { octets, isAborted: true };
  }
}

/** RFC 9113 §7. */
const INTERNAL_ERROR = 2;

/** Fields that stand several times become lists, as both versions of HTTP take them. */
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
