import type { IncomingMessage } from 'node:http';
import type { Upload } from './api-replay.ts';

/** The body is longer than is taken. */
export class UploadTooLong extends Error {}

/** The body of a request, piece by piece, of at most so many octets: more throw `UploadTooLong`. */
export function createUpload(request: IncomingMessage, octetsMax: number): Upload {
  // No encoding was set: chunks are octets.
  const chunks = (request as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  let left = new Uint8Array(0);
  let taken = 0;
  const next = async (): Promise<Uint8Array | undefined> => {
    const { value, done } = await chunks.next();
    if (done === true) return undefined;
    taken += value.length;
    if (taken > octetsMax) throw new UploadTooLong();
    return value;
  };
  const said = Number(request.headers['content-length']);
  return {
    octets: Number.isSafeInteger(said) ? said : undefined,
    take: async (octets) => {
      while (left.length < octets) {
        const chunk = await next();
        if (chunk === undefined) break;
        left = Buffer.concat([left, chunk]);
      }
      const first = left.subarray(0, octets);
      left = left.subarray(octets);
      return first;
    },
    rest: async function* () {
      if (left.length > 0) yield left;
      for (let chunk = await next(); chunk !== undefined; chunk = await next()) yield chunk;
    },
  };
}
