import { readFileSync } from 'node:fs';
import { openRedisStore } from '../../src/store/redis.ts';
import type { PopReport, Sample, Store } from '../../src/store/store.ts';
import { demoNetworks } from '../helpers/answers.ts';
import type { Client, Terms } from './steps.ts';

/** What can go wrong with a POP: `link` one of its links is full, `links` all of them are. */
export type Input = 'latency' | 'loss' | 'link' | 'links' | 'load' | 'health';

/** More often than the demo's own agents, whose word on the same POP is replaced each time. */
const EVERY_MS = 25;
const NETWORKS_MAX = 60;
const WORSE_MS = 80;

/**
 * Writes reports or samples into the store that say something bad of a POP, as a POP's own agent would, until
 * stopped. The demo's agents go on contradicting once a second.
 */
export async function feed(options: {
  readonly url: string;
  readonly input: Input;
  readonly client: Client;
  readonly terms: Terms;
}): Promise<() => Promise<void>> {
  const { input, client } = options;
  const store = await openRedisStore({ url: options.url, cluster: 'isochrone' });
  const write = input === 'latency' || input === 'loss' ? writeSamples : writeReport;
  let underWay = Promise.resolve();
  const timer = setInterval(() => {
    underWay = write(store, options).catch(() => undefined);
  }, EVERY_MS);
  await write(store, { input, client, terms: options.terms });
  return async () => {
    clearInterval(timer);
    await underWay;
    await store.close();
  };
}

interface What {
  readonly input: Input;
  readonly client: Client;
  readonly terms: Terms;
}

let turn = 0;

/** Bursts to networks around the client. */
function writeSamples(store: Store, { input, client, terms }: What): Promise<void> {
  const country = demoNetworks.find(({ prefix }) => prefix === client.subnet)?.country;
  const near = demoNetworks.filter((network) => network.country === country).slice(0, NETWORKS_MAX);
  const others = [near[turn++ % near.length]?.prefix ?? '', near[turn++ % near.length]?.prefix ?? ''];
  const rttMs = (terms?.rttMs ?? 0) + (input === 'latency' ? WORSE_MS : 0);
  const lost = input === 'loss' ? 1 : 0;
  const samples = [client.subnet, ...others].map((network): Sample => ({ network, rttMs, sent: 3, lost }));
  return store.appendSamples({ pop: client.pop, atMs: Date.now(), source: 'measured', samples });
}

function writeReport(store: Store, { input, client }: What): Promise<void> {
  const [capacityRps, ...capacitiesMbps] = capacitiesOf(client.pop);
  const links = capacitiesMbps.map((capacityMbps, i) => {
    const id = `${client.pop}-${'ab'[i]}`;
    const isFull = input === 'links' || (input === 'link' && id === client.link);
    const [queueMs, lossRate] = isFull ? [40, 0.03] : [0, 0];
    return {
      id,
      capacityMbps,
      throughputMbps: isFull ? capacityMbps : 0.2 * capacityMbps,
      queueMs,
      lossRate,
    };
  });
  const report: PopReport = {
    pop: client.pop,
    atMs: Date.now(),
    source: 'measured',
    loadRps: (input === 'load' ? 2 : 0.2) * (capacityRps ?? 0),
    capacityRps: capacityRps ?? 0,
    healthy: input !== 'health',
    links,
  };
  return store.putReport(report);
}

/** Of a demo POP: requests a second, then Mbit/s of each link. */
function capacitiesOf(pop: string): number[] {
  const file = readFileSync(new URL('../../geo-data/pops.csv', import.meta.url), 'utf8');
  const line = file.split('\n').find((one) => one.startsWith(`${pop},`)) ?? '';
  const cells = line.split(',');
  return [cells[6], cells[8], cells[10]].map(Number);
}
