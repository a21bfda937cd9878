/**
 * Bursts a second on their whole way: `npm run bench:through [-- --seconds N --rates 100000,200000,…]`.
 * This process writes batches of all demo POPs for all demo networks into a real Redis, at one rate after
 * another; a real `isochrone control` reads them, puts them into its estimates and decides as usual. Printed:
 * how many a second were written and taken, how long ticks took, and the controller's share of a core.
 */
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { BATCH_SAMPLES_MAX } from '../../src/store/bounds.ts';
import { openRedisStore } from '../../src/store/redis.ts';
import type { Sample, Store } from '../../src/store/store.ts';
import { demoTruth } from '../helpers/demo-truth.ts';
import { type Program, startProgram } from '../helpers/program.ts';
import { startRedis } from '../helpers/redis.ts';
import { cpuSeconds, machineText, progress, root, temporaryFolder } from './machine.ts';
import { textTable, whole } from './report.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    rates: { type: 'string', default: '100000,200000,250000' },
  },
});
const SECONDS = Number(values.seconds);
/** The controller may take so many at a tick: the bound is not what is measured. */
const PER_TICK_MAX = 1_000_000;
/** POPs that measure one network, as the planner has it: the best, and those that may be better. */
const POPS_EACH = 8;
const CALLS_UNDER_WAY = 8;
const WAIT_MS = 2;

await main();

async function main(): Promise<void> {
  const redis = await startRedis();
  const store = await openRedisStore({ url: redis.url, cluster: 'isochrone' });
  const control = await startProgram(['control', '--config', writeConfig(), '--store', redis.url]);
  try {
    const batches = demoBatches();
    await sleep(5_000);
    const rows = [];
    for (const rate of values.rates.split(',').map(Number)) {
      progress(`${whole(rate)} a second`);
      rows.push(await measure(store, control, { batches, rate }));
    }
    console.log(`${machineText()}\n`);
    console.log(textTable(['written a second', 'taken a second', 'ticks, mean', 'core of control'], rows));
  } finally {
    await control.end();
    await store.close();
    await redis.stop();
  }
}

type Batch = readonly [pop: string, samples: readonly Sample[]];

async function measure(
  store: Store,
  control: Program,
  { batches, rate }: { readonly batches: readonly Batch[]; readonly rate: number },
): Promise<[string, string, string, string]> {
  const writing = new AbortController();
  const done = write(store, { batches, rate, stop: writing.signal });
  done.catch(() => writing.abort());
  await sleep(5_000);
  const [from, begunMs] = [await figures(control), performance.now()];
  await sleep(1_000 * SECONDS);
  const to = await figures(control);
  const seconds = (performance.now() - begunMs) / 1000;
  writing.abort();
  const written = await done;
  const per = (key: keyof Figures): number => (to[key] - from[key]) / seconds;
  const tickMs = (1000 * (to.tickSeconds - from.tickSeconds)) / Math.max(1, to.ticks - from.ticks);
  return [
    whole(written),
    whole(per('samples')),
    `${whole(tickMs)} ms`,
    `${whole(100 * per('cpuSeconds'))} %`,
  ];
}

/** Writes at that rate until stopped; gives the rate that came of it. */
async function write(
  store: Store,
  options: { readonly batches: readonly Batch[]; readonly rate: number; readonly stop: AbortSignal },
): Promise<number> {
  const { batches, rate, stop } = options;
  const begunMs = performance.now();
  let [sent, next] = [0, 0];
  const one = async (): Promise<void> => {
    while (!stop.aborted) {
      const dueMs = (1000 * sent) / rate;
      if (performance.now() - begunMs < dueMs) {
        await sleep(WAIT_MS);
        continue;
      }
      const [pop, samples] = batches[next++ % batches.length] as Batch;
      sent += samples.length;
      await store.appendSamples({ pop, atMs: Date.now(), source: 'modelled', samples: [...samples] });
    }
  };
  await Promise.all(Array.from({ length: CALLS_UNDER_WAY }, one));
  return (1000 * sent) / (performance.now() - begunMs);
}

/** Every network as its nearest POPs see it, in batches by POP. */
function demoBatches(): Batch[] {
  const byPop = new Map<string, Sample[]>();
  for (const [network, { rttMs }] of demoTruth())
    for (const [pop, ms] of [...rttMs].sort(([, one], [, other]) => one - other).slice(0, POPS_EACH)) {
      const list = byPop.get(pop) ?? [];
      byPop.set(pop, list);
      list.push({ network, rttMs: Math.round(1000 * ms) / 1000, jitterMs: 0.25, sent: 3, lost: 0 });
    }
  const batches: Batch[] = [];
  for (const [pop, list] of byPop)
    for (let at = 0; at < list.length; at += BATCH_SAMPLES_MAX)
      batches.push([pop, list.slice(at, at + BATCH_SAMPLES_MAX)]);
  return batches;
}

interface Figures {
  readonly samples: number;
  readonly ticks: number;
  readonly tickSeconds: number;
  readonly cpuSeconds: number;
}

async function figures(control: Program): Promise<Figures> {
  const text = await (await fetch(`${control.admin}/metrics`)).text();
  const value = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  return {
    samples: value('isochrone_samples_total'),
    ticks: value('isochrone_control_tick_seconds_count'),
    tickSeconds: value('isochrone_control_tick_seconds_sum'),
    cpuSeconds: cpuSeconds(control.pid),
  };
}

/** The demo's configuration, but for the bound of a tick. */
function writeConfig(): string {
  const folder = temporaryFolder();
  const demo = join(root, 'geo-data/demo');
  for (const file of readdirSync(demo)) copyFileSync(join(demo, file), join(folder, file));
  const path = join(folder, 'demo.yaml');
  const text = readFileSync(path, 'utf8').replaceAll('../', `${join(root, 'geo-data')}/`);
  writeFileSync(path, text.replace(/samplesPerTickMax: \d+/, `samplesPerTickMax: ${PER_TICK_MAX}`));
  return path;
}
