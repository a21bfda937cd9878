import type { Clock } from '../base/clock.ts';
import type { TableInUse } from './table-in-use.ts';
import type { World } from './world.ts';

const EVERY_MS = 1000;

/**
 * Has steered answers say that they are stale while the table is older than the configuration allows; looks
 * each second. Returns how to stop.
 */
export function watchStaleness(world: World, table: Pick<TableInUse, 'image'>, clock: Clock): () => void {
  const { staleAfterMs } = world.config.dns;
  const { stale } = world.answerData;
  if (staleAfterMs === 0 || stale === undefined) return () => undefined;
  const look = (): void => {
    const ageMs = clock.nowMs() - (table.image()?.madeAtMs ?? 0);
    Atomics.store(stale, 0, ageMs > staleAfterMs ? 1 : 0);
  };
  look();
  const timer = setInterval(look, EVERY_MS);
  return () => clearInterval(timer);
}
