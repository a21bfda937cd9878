import type { Terminal } from './command.ts';

/** Something that is read again at SIGHUP. */
export interface Rereading {
  /** For people: `zones`. */
  readonly what: string;
  /** Says itself what came of it; what it throws is logged. */
  readonly again: () => Promise<unknown> | unknown;
}

/**
 * Reads things again at each SIGHUP, and says so. Returns how to stop.
 */
export function rereadAtHangup(
  { onHangup }: Pick<Terminal, 'onHangup'>,
  log: (message: string) => void,
  readings: readonly Rereading[],
): () => void {
  const names = readings.map(({ what }) => what).join(', ');
  const said =
    names === ''
      ? 'SIGHUP: nothing is read again here; a changed configuration needs a new process'
      : `SIGHUP: read again: ${names}; a changed configuration needs a new process`;
  return onHangup(() => {
    log(said);
    for (const { what, again } of readings)
      new Promise((done) => done(again())).catch((error: Error) => log(`${what}: ${error.message}`));
  });
}
