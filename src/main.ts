/**
 * The composition root: the only place that reads arguments, environment and signals. Everything else is
 * handed what it needs.
 */
import { closeSync, openSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// What Node made of the sources is kept beside the packages, for all threads and the next start; where
// nothing can be written there, it is made anew each time. It must be open before other modules are loaded.
const cacheFolder = fileURLToPath(new URL('../node_modules/.cache/isochrone', import.meta.url));
enableCompileCache(cacheFolder);
process.env['NODE_COMPILE_CACHE'] ??= cacheFolder;
const { runCommandLine } = await import('./cli/run.ts');
const { processTerminal } = await import('./cli/terminal.ts');

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    // A second signal means that stopping took too long for whoever sent it.
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  });

// A service reads things again at SIGHUP (`rereadAtHangup`). A terminal that was closed sends it too, and
// takes with it what was started there.
if (process.stdout.isTTY)
  process.on('SIGHUP', () => {
    if (!hasTerminal()) stop.abort();
    else if (process.listenerCount('SIGHUP') === 1) process.exit(129);
  });

// The reader of a pipe may have seen enough, as in `isochrone status | head`, or a terminal may be gone: a
// server goes on unheard, other commands end by themselves. Everything else is a fault.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
  });

process.exitCode = await runCommandLine(process.argv.slice(2), processTerminal(process, stop.signal));

/** Whether the terminal that this was started in is still there. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
