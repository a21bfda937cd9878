/** Places in a line: one after the other. */
export interface Turns {
  /**
   * Waits until all who came before are done, and gives what ends the turn. Undefined: as many wait as may.
   * Rejects with the reason of `stop` where that comes first.
   */
  readonly take: (stop?: AbortSignal) => Promise<(() => void) | undefined>;
}

/** An empty line, in which at most so many wait. */
export function createTurns(waitingMax: number): Turns {
  let last: Promise<void> = Promise.resolve();
  let present = 0;
  return {
    take: async (stop) => {
      // One has its turn.
      if (present > waitingMax) return undefined;
      present++;
      const own = Promise.withResolvers<void>();
      const before = last;
      last = before.then(() => own.promise);
      let hasEnded = false;
      const end = (): void => {
        if (!hasEnded) present--;
        hasEnded = true;
        own.resolve();
      };
      const gone = Promise.withResolvers<never>();
      const onAbort = (): void => gone.reject(stop?.reason);
      stop?.addEventListener('abort', onAbort, { once: true });
      try {
        stop?.throwIfAborted();
        await Promise.race([before, gone.promise]);
      } catch (error) {
        end();
        throw error;
      } finally {
        stop?.removeEventListener('abort', onAbort);
      }
      return end;
    },
  };
}
