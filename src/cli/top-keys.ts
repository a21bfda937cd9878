import type { Terminal } from './command.ts';

/** What rows are sorted by. */
export const SORTS = ['rate', 'name', 'load', 'used', 'price'] as const;
export type Sort = (typeof SORTS)[number];

/** What keys say while `top` runs on a terminal. */
export interface TopKeys {
  readonly sort: () => Sort;
  /** The line at the foot of the screen. */
  readonly help: () => string;
  /** Aborted by q and Ctrl-C. */
  readonly quit: AbortSignal;
  /** Waits so long, or until a key changes what is shown or ends it. Whether it was a key. */
  readonly wait: (ms: number) => Promise<boolean>;
  /** Gives the terminal back as it was. */
  readonly close: () => void;
}

/** Ctrl-C, which is no signal while keys are read one by one. */
const CTRL_C = '\u0003';

/** Reads keys from now on; undefined where there is no terminal to read from. */
export function watchKeys(terminal: Pick<Terminal, 'onKey' | 'stop'>, first: Sort): TopKeys | undefined {
  const quit = new AbortController();
  let sort = first;
  let isHelpShown = false;
  let wake: (isKey: boolean) => void = () => undefined;
  const close = terminal.onKey?.((key) => {
    const chosen = SORTS.find((one) => one[0] === key.toLowerCase());
    if (chosen !== undefined) sort = chosen;
    else if (key === '?') isHelpShown = !isHelpShown;
    else if (key === 'q' || key === CTRL_C) quit.abort();
    else return;
    wake(true);
  });
  if (close === undefined) return undefined;
  return {
    sort: () => sort,
    help: () => (isHelpShown ? HELP : `sorted by ${sort}; ? for keys`),
    quit: quit.signal,
    wait: (ms) =>
      new Promise((resolve) => {
        const stop = (): void => wake(false);
        const timer = setTimeout(stop, ms);
        wake = (isKey) => {
          clearTimeout(timer);
          terminal.stop.removeEventListener('abort', stop);
          resolve(isKey);
        };
        terminal.stop.addEventListener('abort', stop);
        if (terminal.stop.aborted || quit.signal.aborted) wake(false);
      }),
    close,
  };
}

const HELP = `sort by: ${SORTS.map((sort) => `${sort[0]} ${sort}`).join(', ')}; q: quit; ?: this line`;
