import { useEffect, useState } from 'preact/hooks';
import { type Answer, ask } from './ask.ts';

/** A reply that is fetched again and again. */
export interface Polled<T> {
  /** The last good one for this path; absent before it. */
  readonly value: T | undefined;
  /** Why the last try failed. */
  readonly failure: { readonly status: number; readonly words: string } | undefined;
  /** The value is of before what was last wished for, which is on its way. */
  readonly isOld: boolean;
}

interface Kept<T> extends Polled<T> {
  readonly path: string | undefined;
  readonly nth: number;
}

const NOTHING = { value: undefined, failure: undefined, isOld: false };

/** Whether the value of another path stays until that of this one is there. */
type Keeps = boolean | ((before: string | undefined, path: string | undefined) => boolean);

/**
 * GETs a path at once and then every so often while the page is seen; `everyMs` 0: once. The last value of
 * another path stays only where `keeps` says so (a function: the same at each call), so that nothing jumps
 * while the next comes. Another `nth` is a wish to have it at once.
 */
export function usePolled<T>(
  path: string | undefined,
  options: {
    readonly everyMs: number;
    readonly keeps?: Keeps;
    readonly delayMs?: number;
    readonly nth?: number;
  },
): Polled<T> {
  const { everyMs, keeps = false, delayMs = 0, nth = 0 } = options;
  const [kept, setKept] = useState<Kept<T>>({ ...NOTHING, path, nth });
  useEffect(() => {
    if (path === undefined) return undefined;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const next = async (): Promise<void> => {
      if (!document.hidden) {
        const answer: Answer<T> = await ask<T>(path, abort.signal);
        if (abort.signal.aborted) return;
        setKept((before) => {
          if (answer.ok) return { ...NOTHING, path, nth, value: answer.value };
          const { status, words } = answer;
          const value = staysFrom(keeps, before.path, path) ? before.value : undefined;
          return { ...NOTHING, path, nth, value, failure: { status, words } };
        });
      }
      if (everyMs > 0) timer = setTimeout(next, everyMs);
    };
    timer = setTimeout(next, delayMs);
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [path, everyMs, keeps, delayMs, nth]);
  if (path === undefined) return NOTHING;
  if (kept.path === path) return kept.nth === nth ? kept : { ...kept, isOld: true };
  const value = staysFrom(keeps, kept.path, path) ? kept.value : undefined;
  return { value, failure: undefined, isOld: value !== undefined };
}

const staysFrom = (keeps: Keeps, before: string | undefined, path: string | undefined): boolean =>
  before === path || (typeof keeps === 'function' ? keeps(before, path) : keeps);
