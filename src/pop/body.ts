/** The beginning of a body, and all of it still to be had. */
export interface Peeked {
  /** As many octets as were asked for, or all. */
  readonly start: Uint8Array;
  /** Nothing comes after `start`. */
  readonly isWhole: boolean;
  /** The body from its first octet on; undefined: it is empty. */
  readonly body: AsyncIterable<Uint8Array> | undefined;
}

/** Reads the first octets of a body, up to `octetsMax`, without taking them from those that come after. */
export async function peekBody(
  body: AsyncIterable<Uint8Array> | undefined,
  octetsMax: number,
): Promise<Peeked> {
  if (body === undefined) return { start: new Uint8Array(0), isWhole: true, body };
  const iterator = body[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let octets = 0;
  let isWhole = false;
  // One octet more tells whether that was all.
  while (octets <= octetsMax) {
    const { done, value } = await iterator.next();
    if (done === true) {
      isWhole = true;
      break;
    }
    chunks.push(value);
    octets += value.length;
  }
  const start = Buffer.concat(chunks);
  return {
    start: start.subarray(0, octetsMax),
    isWhole,
    body: isWhole ? (octets === 0 ? undefined : oneChunk(start)) : rest(chunks, iterator),
  };
}

/** A body of the octets given. */
export async function* oneChunk(octets: Uint8Array): AsyncGenerator<Uint8Array> {
  yield octets;
}

async function* rest(
  chunks: readonly Uint8Array[],
  iterator: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  } finally {
    await iterator.return?.();
  }
}
