import { OperatorError } from '../base/errors.ts';
import { type HistoryView, type LiveApi, type LiveState, livePop } from '../console/api-live.ts';
import type { SteeringTerms } from '../steering/terms.ts';
import { type CatchmentSources, createCatchments } from './catchments.ts';
import { createHistory, HISTORY_STEP_MS } from './history.ts';
import type { Past } from './past.ts';
import { popViews } from './pop-views.ts';

/** What the console's live part is made from, in any role. */
export interface LiveSources extends CatchmentSources {
  readonly terms: () => SteeringTerms | undefined;
  readonly rates: () => Readonly<Record<string, number>>;
  /** Why the process is not ready; undefined when it is. */
  readonly notReady: () => string | undefined;
  readonly log: (message: string) => void;
  /** What explanations are made from, where queries are answered. */
  readonly past?: Pick<Past, 'keep' | 'octets'>;
}

/** Now and the last hour, from the start on; `close` ends the keeping of it. */
export function createLiveViews(sources: LiveSources): LiveApi & { readonly close: () => void } {
  const { ground, clock, image, past } = sources;
  const codes = ground.config.fleet.pops.map(({ code }) => code);
  const history = createHistory(codes);
  const catchments = createCatchments(sources);
  const state = (): LiveState => {
    const table = image();
    const atMs = clock.nowMs();
    return {
      atMs,
      epoch: table?.epoch ?? 0,
      tableAgeMs: table === undefined ? 0 : Math.max(0, atMs - table.madeAtMs),
      ready: sources.notReady() === undefined,
      queryRates: sources.rates(),
      pops: popViews(ground, sources.terms()).map(livePop),
    };
  };
  const keep = (): void => {
    history.add(state());
    // Each keeping ends before the next begins.
    catchments.keep().catch((error: unknown) => sources.log(`catchments are not kept: ${String(error)}`));
    past?.keep().catch((error: unknown) => sources.log(`explanations are not kept: ${String(error)}`));
  };
  history.add(state());
  const view = (): HistoryView => ({
    ...history.view(clock.nowMs()),
    octets: history.octets + catchments.octets() + (past?.octets() ?? 0),
  });
  const timer = setInterval(keep, HISTORY_STEP_MS);
  return {
    state,
    catchments: ({ service, atMs }) => {
      const { services } = ground.config;
      const index = service === undefined ? 0 : services.findIndex(({ name }) => name === service);
      if (services[index] !== undefined) return catchments.view(index, atMs);
      const known = services.map(({ name }) => name).join(', ') || 'none';
      const message = `there is no service ${JSON.stringify(service ?? '')}: there are ${known}`;
      return Promise.reject(new OperatorError('not-found', [{ file: 'service', message }]));
    },
    history: view,
    popHistory: (code) => ({ ...view(), series: history.series(code) }),
    historyAt: history.at,
    close: () => clearInterval(timer),
  };
}
