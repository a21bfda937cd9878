import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Lets the engine's optimiser put the whole way of a query into one function: with its default budget six
 * calls stay calls, and an answer takes a fifth longer. Holds for code that is optimised from now on, in
 * every thread of the process: to be called when the way of a query is about to be compiled, and not before,
 * for what else runs at the start takes three times as long to compile with it.
 */
export function tuneOptimiser(): void {
  setFlagsFromString('--max-inlined-bytecode-size=1500');
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=5000');
}

/**
 * Gives back shared memory that this thread no longer refers to. The engine does not know how large it is,
 * and a thread that allocates nothing never comes to collect by itself: each replaced table would stay for
 * good. `young` looks only at what came since the last two calls, which takes a tenth of a millisecond:
 * enough for tables, which do not grow old in a thread that allocates nothing else. `all` takes some
 * milliseconds.
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
