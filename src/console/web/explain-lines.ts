import type { ClientLines } from './paint-map.ts';
import type { ExplainView, PopView } from './replies.ts';

/** Where an explained client is, with the POP it gets and the runner-up; undefined: nowhere known. */
export function clientLines(
  view: ExplainView | undefined,
  pops: readonly PopView[],
): ClientLines | undefined {
  // The key of a cell ends in its tile: `AS3320/DE/51.0,6.5`.
  const [, latitude, longitude] = /(-?[\d.]+),(-?[\d.]+)$/.exec(view?.cell.key ?? '') ?? [];
  if (view === undefined || latitude === undefined || longitude === undefined) return undefined;
  const to = [view.chosen.pop, view.runnerUp?.pop]
    .map((code) => pops.find((pop) => pop.code === code))
    .filter((pop) => pop !== undefined)
    .map((pop) => [pop.longitude, pop.latitude] as const);
  return { at: [Number(longitude), Number(latitude)], to };
}
