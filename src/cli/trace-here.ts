import { OperatorError } from '../base/errors.ts';
import type { ExplainQuestion, ExplainView } from '../console/api-explain.ts';
import type { PopsApi } from '../console/api-pops.ts';
import type { TraceView, TraceWish } from '../console/api-trace.ts';

/** What tracing in this process needs. */
interface TraceHereParts {
  readonly dns: readonly string[];
  readonly pops: () => PopsApi | undefined;
  readonly explain: (question: ExplainQuestion) => Promise<ExplainView>;
}

/** Requests that are traced at a time. */
const TRACES_MAX = 2;
/** A trace takes so long at most, ms: some ten requests. */
const TRACE_MS = 60_000;

/**
 * Traces requests to the POPs of this process; gives undefined while enough are traced. Of hosts that are not
 * steered here it asks nobody: an `OperatorError('bad-usage')`.
 */
export function traceHere(parts: TraceHereParts): (wish: TraceWish) => Promise<TraceView | undefined> {
  let running = 0;
  return async (wish) => {
    if (running >= TRACES_MAX) return undefined;
    running++;
    try {
      return await trace(parts, wish);
    } finally {
      running--;
    }
  };
}

async function trace({ dns, pops, explain }: TraceHereParts, wish: TraceWish): Promise<TraceView> {
  // What asks other servers is loaded when somebody traces.
  const { traceRequest } = await import('./trace-run.ts');
  const here = pops();
  if (here === undefined) throw new OperatorError('not-found', [{ file: 'POPs', message: 'none run here' }]);
  const question = { name: wish.url.hostname, type: 'A', client: wish.client };
  const explained = await explain(question).catch((error: unknown) => {
    if (!(error instanceof OperatorError) || error.code !== 'not-found') throw error;
    throw new OperatorError('bad-usage', error.problems);
  });
  const process = {
    paths: here.paths,
    explain: async () => explained,
    dns: async () => dns,
    invalidate: async (pattern: string) => here.invalidate({ pattern }),
    stop: AbortSignal.timeout(TRACE_MS),
  };
  return traceRequest(process, wish);
}
