import type { Terminal } from './command.ts';

/** Takes what must be closed when the command ends. */
export type CloseLater = (close: () => Promise<void> | void) => void;

/**
 * Runs a command that goes on until it is stopped: `start` opens things and says how to close each; they
 * are closed last to first, also when it throws. Stopped while it starts: what is open is closed at once, and
 * what it opens after that as soon as it says so. SIGHUP does not end it: what is to be read again then says
 * so itself (`rereadAtHangup`).
 */
export async function runUntilStopped(
  terminal: Pick<Terminal, 'stop' | 'onHangup'>,
  start: (closeLater: CloseLater) => Promise<void>,
): Promise<void> {
  const { stop } = terminal;
  const forgetHangups = terminal.onHangup(() => undefined);
  const closers: (() => Promise<void> | void)[] = [];
  const late: Promise<void>[] = [];
  let isClosing = false;
  const stopped = new Promise<void>((resolve) => {
    if (stop.aborted) resolve();
    else stop.addEventListener('abort', () => resolve(), { once: true });
  });
  const starting = start((close) => {
    if (isClosing) late.push(Promise.resolve(close()));
    else closers.push(close);
    stop.throwIfAborted();
  });
  try {
    await Promise.race([starting, stopped]);
    await stopped;
  } catch (error) {
    if (!stop.aborted || error !== stop.reason) throw error;
  } finally {
    isClosing = true;
    for (const close of closers.reverse()) await close();
    // It ends at the next thing that it opens; what fails because of the closing is no news.
    await starting.catch(() => {});
    await Promise.all(late);
    forgetHangups();
  }
}
