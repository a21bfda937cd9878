import type { ControlMetrics } from '../console/metrics-view.ts';
import type { Control } from '../control/loop.ts';
import type { Ground } from './ground.ts';

/** The control loop's figures as the console shows them; none until the loop runs. */
export function controlMetrics({ places }: Pick<Ground, 'places'>): {
  readonly observe: (control: Pick<Control, 'stats' | 'election'>) => void;
  readonly read: () => ControlMetrics | undefined;
} {
  let source: Pick<Control, 'stats' | 'election'> | undefined;
  return {
    observe: (control) => {
      source = control;
    },
    read: () => {
      if (source === undefined) return undefined;
      const stats = source.stats();
      const { standing, token, changes, fenced } = source.election();
      const { takeovers, lastTakeoverMs } = stats;
      return {
        ticks: stats.ticks,
        lastTickMs: stats.lastTickMs,
        totalTickMs: stats.totalTickMs,
        failedTicks: stats.failedTicks + stats.keptBack + stats.missedTicks,
        totalPlanMs: stats.totalPlanMs,
        plannedBursts: stats.plannedBursts,
        lostBursts: stats.lostBursts,
        samples: stats.samples,
        reportedAtMs: stats.reportedAtMs,
        refusedSamples: stats.refusedSamples,
        moves: stats.movesByReason,
        cells: places.count + stats.networkCells,
        cellsByDepth: { place: places.count, network: stats.networkCells, single: stats.leafCells },
        estimates: stats.estimates,
        alarms: stats.alarms,
        keptBack: stats.keptBack,
        failOpen: stats.failOpen.length,
        shortRps: stats.shortRps,
        regretMs: stats.regretMs,
        election: { standing, token, changes, fenced, takeovers, lastTakeoverMs },
      };
    },
  };
}
