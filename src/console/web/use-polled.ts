import { useEffect, useState } from 'preact/hooks';
import { type Answer, ask } from './ask.ts';

/** A reply that is fetched again and again. */
export interface Polled<T> {
  /** The last good one for this path; absent before it. */
  readonly value: T | undefined;
  /** Why the last try failed. */
  readonly failure: { readonly status: number; readonly words: string } | undefined;
}

interface Kept<T> extends Polled<T> {
  readonly path: string | undefined;
}

/** Whether the value of another path stays until that of this one is there. */
type Keeps = boolean | ((before: string | undefined, path: string | undefined) => boolean);

/**
 * GETs a path at once and then every so often while the page is seen; `everyMs` 0: once. The last value of
 * another path stays only where `keeps` says so (a function: the same at each call), so that nothing jumps
 * while the next comes.
 */
export function usePolled<T>(
  path: string | undefined,
  options: { readonly everyMs: number; readonly keeps?: Keeps; readonly delayMs?: number },
): Polled<T> {
  const { everyMs, keeps = false, delayMs = 0 } = options;
  const [kept, setKept] = useState<Kept<T>>({ path, value: undefined, failure: undefined });
  useEffect(() => {
    if (path === undefined) return undefined;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const next = async (): Promise<void> => {
      if (!document.hidden) {
        const answer: Answer<T> = await ask<T>(path, abort.signal);
        if (abort.signal.aborted) return;
        setKept((before) => {
          if (answer.ok) return { path, value: answer.value, failure: undefined };
          const { status, words } = answer;
          const value = staysFrom(keeps, before.path, path) ? before.value : undefined;
          return { path, value, failure: { status, words } };
        });
      }
      if (everyMs > 0) timer = setTimeout(next, everyMs);
    };
    timer = setTimeout(next, delayMs);
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [path, everyMs, keeps, delayMs]);
  if (path === undefined) return { value: undefined, failure: undefined };
  if (kept.path === path) return kept;
  return { value: staysFrom(keeps, kept.path, path) ? kept.value : undefined, failure: undefined };
}

const staysFrom = (keeps: Keeps, before: string | undefined, path: string | undefined): boolean =>
  before === path || (typeof keeps === 'function' ? keeps(before, path) : keeps);
