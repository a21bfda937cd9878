import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Gives back shared memory that this thread no longer refers to. The engine does not know how large it is,
 * and a thread that allocates nothing never comes to collect by itself: each replaced table would stay for
 * good. `young` looks only at what came since the last two calls, which takes a tenth of a millisecond: enough for
 * tables, which do not grow old in a thread that allocates nothing else. `all` takes some milliseconds.
 */
export function collectGarbage(what: 'young' | 'all'): void {
  collector ??= openCollector();
  collector({ type: what === 'young' ? 'minor' : 'major' });
}

type Collector = (options: { readonly type: 'minor' | 'major' }) => void;

let collector: Collector | undefined;

/** The engine shows its collector to scripts that are made after this flag is set. */
function openCollector(): Collector {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as Collector; // The engine's own function of that type.
}
