/** Chunks that come while they are read, kept so that they can be read again. */
export interface Inbox {
  readonly add: (octets: Uint8Array) => void;
  /** No more come. */
  readonly end: () => void;
  /** All chunks from the first on, each time; waits for those that have not come yet. */
  readonly open: () => AsyncGenerator<Uint8Array>;
}

/** An empty inbox; `onTaken` is told of each chunk when it is first read. */
export function createInbox(onTaken: () => void): Inbox {
  const chunks: Uint8Array[] = [];
  let isWhole = false;
  let taken = 0;
  let wake = (): void => undefined;
  return {
    add: (octets) => {
      chunks.push(octets);
      wake();
    },
    end: () => {
      isWhole = true;
      wake();
    },
    open: async function* () {
      for (let i = 0; ; i++) {
        while (i >= chunks.length) {
          if (isWhole) return;
          const { promise, resolve } = Promise.withResolvers<void>();
          wake = resolve;
          await promise;
        }
        if (i >= taken) {
          taken = i + 1;
          onTaken();
        }
        yield chunks[i] as Uint8Array;
      }
    },
  };
}
