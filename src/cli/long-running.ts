import type { Terminal } from './command.ts';

/** Takes what must be closed when the command ends. */
export type CloseLater = (close: () => Promise<void> | void) => void;

/**
 * Runs a command that goes on until it is stopped: `start` opens things and says how to close each; they
 * are closed last to first, also when it throws.
 */
export async function runUntilStopped(
  terminal: Pick<Terminal, 'stop'>,
  start: (closeLater: CloseLater) => Promise<void>,
): Promise<void> {
  const closers: (() => Promise<void> | void)[] = [];
  try {
    await start((close) => {
      closers.push(close);
      // Stopped while it starts: what is open is closed, and nothing more is opened.
      terminal.stop.throwIfAborted();
    });
    if (!terminal.stop.aborted)
      await new Promise((resolve) => terminal.stop.addEventListener('abort', resolve, { once: true }));
  } catch (error) {
    if (!terminal.stop.aborted || error !== terminal.stop.reason) throw error;
  } finally {
    for (const close of closers.reverse()) await close();
  }
}
