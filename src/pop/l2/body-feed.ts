/** A body that is still coming in, read by any number of readers, each from its beginning. */
export interface BodyFeed {
  /**
   * A reader; throws where the body breaks off. Whoever takes one reads it to its end or calls `return` on
   * its iterator, as leaving a loop does.
   */
  readonly read: () => AsyncIterable<Uint8Array>;
  /** The whole of it; undefined where it grew too large, or broke off. */
  readonly whole: Promise<Uint8Array | undefined>;
  /** Nobody may begin to read any more: the beginning is gone. */
  readonly isPast: () => boolean;
}

/** Octets that the source may be ahead of the slowest reader once the body is too large to be kept. */
const WINDOW_OCTETS = 1 << 20;

/**
 * Takes in a body at the source's pace and keeps up to `keepMax` octets of it. What is larger goes on at the
 * pace of the slowest reader and is forgotten behind it; when the last of its readers leaves it ends.
 */
export function createBodyFeed(source: AsyncIterable<Uint8Array>, keepMax: number): BodyFeed {
  const feed = new Feed();
  return { read: () => feed.read(), whole: feed.pump(source, keepMax), isPast: () => feed.isPast };
}

class Feed {
  readonly #chunks: Uint8Array[] = [];
  readonly #readers = new Set<{ position: number }>();
  #dropped = 0;
  #isKept = true;
  #end: { readonly error?: unknown } | undefined;
  #change = Promise.withResolvers<void>();

  get isPast(): boolean {
    return this.#dropped > 0;
  }

  async pump(source: AsyncIterable<Uint8Array>, keepMax: number): Promise<Uint8Array | undefined> {
    let total = 0;
    try {
      for await (const chunk of source) {
        this.#chunks.push(chunk);
        total += chunk.length;
        this.#wake();
        if (total <= keepMax) continue;
        this.#isKept = false;
        while (this.#readers.size > 0 && this.#ahead() > WINDOW_OCTETS) {
          await this.#change.promise;
          this.#forget();
        }
        if (this.#readers.size === 0) throw new Error('nobody reads it any more');
      }
      this.#end = {};
    } catch (error) {
      this.#end = { error };
    }
    this.#wake();
    return this.#isKept && this.#end.error === undefined ? Buffer.concat(this.#chunks) : undefined;
  }

  read(): AsyncIterable<Uint8Array> {
    const reader = { position: 0 };
    this.#readers.add(reader);
    const leave = (): IteratorResult<Uint8Array> => {
      if (this.#readers.delete(reader)) this.#wake();
      return { done: true, value: undefined };
    };
    const next = async (): Promise<IteratorResult<Uint8Array>> => {
      while (this.#readers.has(reader)) {
        const chunk = this.#chunks[reader.position - this.#dropped];
        if (chunk !== undefined) {
          reader.position++;
          if (!this.#isKept) this.#wake();
          return { done: false, value: chunk };
        }
        if (this.#end === undefined) await this.#change.promise;
        else if (this.#end.error === undefined) return leave();
        else {
          leave();
          throw this.#end.error;
        }
      }
      return leave();
    };
    const iterator = { next, return: async () => leave() };
    return { [Symbol.asyncIterator]: () => iterator };
  }

  #wake(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }

  #slowest(): number {
    return Math.min(...Array.from(this.#readers, ({ position }) => position));
  }

  /** Octets that somebody has yet to read. */
  #ahead(): number {
    return this.#chunks.slice(this.#slowest() - this.#dropped).reduce((sum, { length }) => sum + length, 0);
  }

  #forget(): void {
    const gone = Math.max(0, Math.min(this.#chunks.length, this.#slowest() - this.#dropped));
    this.#chunks.splice(0, gone);
    this.#dropped += gone;
  }
}

/** Lets go of a body that nobody will read. */
export async function discard(body: Uint8Array | AsyncIterable<Uint8Array> | undefined): Promise<void> {
  if (body === undefined || body instanceof Uint8Array) return;
  await body[Symbol.asyncIterator]().return?.();
}
