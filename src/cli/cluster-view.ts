import type { ControllerView, PopView, StatusView } from '../console/api.ts';
import type { ControlMetrics } from '../console/metrics-view.ts';
import type { HealthWatch } from '../control/health-watch.ts';
import { type PopReport, type Store, StoreError } from '../store/store.ts';
import { proberStatus } from './pop-views.ts';

/** What of the cluster a process learns from the store when it is asked for its status. */
export type ClusterView = Pick<StatusView, 'controller' | 'pops' | 'probers'>;

/**
 * Who decides, who checks, and how old the POPs' last reports are. What the store cannot say is left out;
 * waits for it 1 s at most. `election`: this process takes part.
 */
export async function clusterView(parts: {
  readonly store: Store;
  readonly watch: Pick<HealthWatch, 'views'>;
  readonly pops: readonly PopView[];
  readonly nowMs: number;
  readonly election: ControlMetrics['election'] | undefined;
}): Promise<ClusterView> {
  const { store, watch, pops, nowMs, election } = parts;
  const [controller, reports] = await Promise.all([controllerOf(store, election), reportsOf(store)]);
  const views = viewCounts(watch);
  return {
    ...(controller === undefined ? {} : { controller }),
    probers: proberStatus(watch.views(), nowMs),
    pops: pops.map((pop) => {
      const atMs = reports.get(pop.code)?.atMs;
      const seen = views.get(pop.code);
      return {
        ...pop,
        ...(atMs === undefined ? {} : { reportAgeMs: Math.max(0, nowMs - atMs) }),
        ...(seen === undefined ? {} : { views: seen }),
      };
    }),
  };
}

async function controllerOf(
  store: Store,
  election: ControlMetrics['election'] | undefined,
): Promise<ControllerView | undefined> {
  const here = election === undefined ? {} : { here: election.standing };
  try {
    const lease = await ask(store, () => store.lease());
    return lease === undefined
      ? { leader: '', token: 0, leftMs: 0, ...here }
      : { leader: lease.holder, token: lease.token, leftMs: Math.round(lease.leftMs), ...here };
  } catch (error) {
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}

async function reportsOf(store: Store): Promise<ReadonlyMap<string, PopReport>> {
  try {
    return new Map((await ask(store, () => store.reports())).map((report) => [report.pop, report]));
  } catch (error) {
    if (error instanceof StoreError) return new Map();
    throw error;
  }
}

/** Who asks how things are must not wait for a store that is known to be away. */
async function ask<T>(store: Store, call: () => Promise<T>): Promise<T> {
  if (!store.state().connected) throw new StoreError('not connected');
  return call();
}

function viewCounts(watch: Pick<HealthWatch, 'views'>): Map<string, { up: number; down: number }> {
  const counts = new Map<string, { up: number; down: number }>();
  for (const { views } of watch.views())
    for (const { pop, state } of views) {
      const count = counts.get(pop) ?? { up: 0, down: 0 };
      counts.set(pop, count);
      count[state]++;
    }
  return counts;
}
