import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { openRedisStore } from '../../src/store/redis.ts';
import type { PopReport, Sample, Store } from '../../src/store/store.ts';
import { demoNetworks } from '../helpers/answers.ts';
import { demoTruth } from '../helpers/demo-truth.ts';
import type { Client } from './steps.ts';

/** What can go wrong with a POP: `link` one of its links is full, `links` all of them are. */
export type Input = 'latency' | 'loss' | 'link' | 'links' | 'load' | 'health';

/** What is written: the bad news, or after them the good. */
type News = Input | 'well';

/** More often than the demo's own agents, whose word on the same POP is replaced each time. */
const EVERY_MS = 10;
/**
 * Every so many writes are news, which bring a tick at once. The demo's own agents share a clock with the
 * ticks of each second: ticks that come just behind their word would never see ours.
 */
const NEWS_EVERY = 13;
const NETWORKS_MAX = 60;
const WORSE_MS = 80;
/**
 * Networks in each batch besides the client: the POP's own agent says otherwise a hundred times a second, and
 * what most bursts say of a POP counts.
 */
const OTHERS = 8;

/** For so long the store is told that all is well again, before the feeder falls silent, ms. */
const WELL_MS = 1000;

/**
 * Writes reports or samples into the store that say something bad of a POP, as a POP's own agent would, until
 * stopped; then for a second that all is well. The demo's agents go on contradicting once a second.
 */
export async function feed(options: {
  readonly url: string;
  readonly input: Input;
  readonly client: Client;
}): Promise<() => Promise<void>> {
  const { input, client } = options;
  const store = await openRedisStore({ url: options.url, cluster: 'isochrone' });
  const write = input === 'latency' || input === 'loss' ? writeSamples : writeReport;
  let news: News = input;
  let writes = 0;
  let underWay = Promise.resolve();
  let stopped: Promise<void> | undefined;
  const timer = setInterval(() => {
    underWay = write(store, { news, client, isNews: writes++ % NEWS_EVERY === 0 }).catch(() => undefined);
  }, EVERY_MS);
  const stop = async (): Promise<void> => {
    news = 'well';
    await sleep(WELL_MS);
    clearInterval(timer);
    await underWay;
    await store.close();
  };
  return () => {
    stopped ??= stop();
    return stopped;
  };
}

interface What {
  readonly news: News;
  readonly client: Client;
  readonly isNews: boolean;
}

let turn = 0;

/** Bursts to networks around the client, each at its own distance. */
function writeSamples(store: Store, { news, client, isNews }: What): Promise<void> {
  const country = demoNetworks.find(({ prefix }) => prefix === client.subnet)?.country;
  const near = demoNetworks.filter((network) => network.country === country).slice(0, NETWORKS_MAX);
  const others = Array.from({ length: OTHERS }, () => near[turn++ % near.length]?.prefix ?? '');
  const worseMs = news === 'latency' ? WORSE_MS : 0;
  const lost = news === 'loss' ? 1 : 0;
  const samples = [client.subnet, ...others].map((network): Sample => {
    const rttMs = (demoTruth().get(network)?.rttMs.get(client.pop) ?? 0) + worseMs;
    return { network, rttMs, sent: 3, lost };
  });
  return store.appendSamples({ pop: client.pop, atMs: Date.now(), source: 'measured', samples }, isNews);
}

function writeReport(store: Store, { news, client, isNews }: What): Promise<void> {
  const [capacityRps, ...capacitiesMbps] = capacitiesOf(client.pop);
  const links = capacitiesMbps.map((capacityMbps, i) => {
    const id = `${client.pop}-${'ab'[i]}`;
    const isFull = news === 'links' || (news === 'link' && id === client.link);
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
    loadRps: (news === 'load' ? 2 : 0.2) * (capacityRps ?? 0),
    capacityRps: capacityRps ?? 0,
    healthy: news !== 'health',
    links,
  };
  return store.putReport(report, isNews);
}

/** Of a demo POP: requests a second, then Mbit/s of each link. */
export function capacitiesOf(pop: string): number[] {
  const file = readFileSync(new URL('../../geo-data/pops.csv', import.meta.url), 'utf8');
  const line = file.split('\n').find((one) => one.startsWith(`${pop},`)) ?? '';
  const cells = line.split(',');
  return [cells[6], cells[8], cells[10]].map(Number);
}
