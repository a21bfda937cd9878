import type { ControlMetrics } from '../console/api.ts';
import type { ControlStats } from '../control/stats.ts';
import type { World } from './world.ts';

/** The control loop's figures as the console shows them; none until the loop runs. */
export function controlMetrics(world: World): {
  readonly observe: (stats: () => ControlStats) => void;
  readonly read: () => ControlMetrics | undefined;
} {
  let source: (() => ControlStats) | undefined;
  return {
    observe: (stats) => {
      source = stats;
    },
    read: () => {
      if (source === undefined) return undefined;
      const stats = source();
      return {
        ticks: stats.ticks,
        lastTickMs: stats.lastTickMs,
        totalTickMs: stats.totalTickMs,
        failedTicks: stats.failedTicks + stats.keptBack + stats.missedTicks,
        totalPlanMs: stats.totalPlanMs,
        plannedBursts: stats.plannedBursts,
        lostBursts: stats.lostBursts,
        samples: stats.samples,
        refusedSamples: stats.refusedSamples,
        moves: stats.movesByReason,
        cells: world.places.count + stats.networkCells,
      };
    },
  };
}
