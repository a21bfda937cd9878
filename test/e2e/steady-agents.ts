import { setTimeout as sleep } from 'node:timers/promises';
import { openRedisStore } from '../../src/store/redis.ts';
import type { Sample, Store } from '../../src/store/store.ts';
import { demoNetworks } from '../helpers/answers.ts';
import { demoTruth } from '../helpers/demo-truth.ts';
import { capacitiesOf } from './feeder.ts';

const NETWORKS = 200;
/** POPs that each network is measured from: its nearest. */
const POPS_EACH = 5;
const EVERY_MS = 1000;

/**
 * Agents of every demo POP that say the same each second: so many networks, each as far as it is on a quiet
 * day, with no jitter; all POPs well and a fifth full. Whatever moves then moves for another reason. Returns
 * how to stop.
 */
export async function startSteadyAgents(url: string): Promise<() => Promise<void>> {
  const store = await openRedisStore({ url, cluster: 'isochrone' });
  const { samples, pops } = steadySamples();
  let isStopped = false;
  const running = (async () => {
    while (!isStopped) {
      await writeAll(store, samples, pops).catch(() => undefined);
      await sleep(EVERY_MS);
    }
  })();
  return async () => {
    isStopped = true;
    await running;
    await store.close();
  };
}

function steadySamples(): { samples: Map<string, Sample[]>; pops: readonly string[] } {
  const heaviest = demoNetworks.toSorted((one, other) => other.weight - one.weight).slice(0, NETWORKS);
  const samples = new Map<string, Sample[]>();
  let pops: readonly string[] = [];
  for (const { prefix } of heaviest) {
    const rttMs = [...(demoTruth().get(prefix)?.rttMs ?? [])];
    pops = rttMs.map(([pop]) => pop);
    for (const [pop, ms] of rttMs.toSorted(([, one], [, other]) => one - other).slice(0, POPS_EACH)) {
      const list = samples.get(pop) ?? [];
      samples.set(pop, list);
      list.push({ network: prefix, rttMs: ms, sent: 3, lost: 0 });
    }
  }
  return { samples, pops };
}

async function writeAll(
  store: Store,
  samples: ReadonlyMap<string, Sample[]>,
  pops: readonly string[],
): Promise<void> {
  const now = { atMs: Date.now(), source: 'modelled' } as const;
  await Promise.all(
    pops.map(async (pop) => {
      const [capacityRps = 0, ...capacitiesMbps] = capacitiesOf(pop);
      const links = capacitiesMbps.map((capacityMbps, i) => ({
        id: `${pop}-${'ab'[i]}`,
        capacityMbps,
        throughputMbps: 0.2 * capacityMbps,
        queueMs: 0,
        lossRate: 0,
      }));
      await store.putReport({
        ...now,
        pop,
        loadRps: 0.2 * capacityRps,
        capacityRps,
        healthy: true,
        links,
      });
      const list = samples.get(pop) ?? [];
      if (list.length > 0) await store.appendSamples({ ...now, pop, samples: list });
    }),
  );
}
