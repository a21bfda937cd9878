import type { QueryReader, QuerySample } from '../server/query-samples.ts';

/** Samples that wait for one reader at most. */
const WAITING_MAX = 2_000;

interface Tap {
  every: number;
  /** Part of the next sample that is this reader's due. */
  due: number;
  waiting: QuerySample[];
  lost: number;
}

/**
 * Shares a name server's samples among two readers: each gets as many as it wants, of the rate of whoever
 * wants most. What one does not read in time is lost to it alone.
 */
export function shareQueries(source: QueryReader): readonly [QueryReader, QueryReader] {
  const taps = [emptyTap(), emptyTap()] as const;
  let every = 0;
  const pull = (): void => {
    for (const sample of source.read())
      for (const tap of taps) {
        if (tap.every === 0) continue;
        tap.due += every / tap.every;
        if (tap.due < 1) continue;
        tap.due -= 1;
        if (tap.waiting.length < WAITING_MAX) tap.waiting.push(sample);
        else tap.lost++;
      }
  };
  const readerOf = (tap: Tap): QueryReader => ({
    want: (wanted) => {
      pull();
      tap.every = wanted;
      tap.due = 0;
      const all = taps.map((one) => one.every).filter((one) => one > 0);
      every = all.length === 0 ? 0 : Math.min(...all);
      source.want(every);
    },
    read: () => {
      pull();
      const { waiting } = tap;
      tap.waiting = [];
      return waiting;
    },
    lost: () => tap.lost + source.lost(),
  });
  return [readerOf(taps[0]), readerOf(taps[1])];
}

function emptyTap(): Tap {
  return { every: 0, due: 0, waiting: [], lost: 0 };
}
