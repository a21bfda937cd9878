import { startDataServer } from './data-client.ts';
import { type Offer, type OfferedFigures, offer } from './loads.ts';
import { cpuSeconds, median, progress, SERVER_CORE, sleep } from './machine.ts';
import { percent, textTable, whole } from './report.ts';
import type { Stand } from './stand.ts';

const KILL_RATE = 50_000;
const SETTLE_MS = 2_000;

/** Threads that answer are ended one after the other under load, some time apart and close together. */
export async function measureKills(stand: Stand): Promise<string> {
  const lines: string[] = [];
  for (const everyMs of stand.everyMs) {
    const often = `${stand.rounds} times, one each ${everyMs / 1000} s`;
    lines.push(`A worker killed ${often}, at ${whole(KILL_RATE)} queries/s:`);
    for (const workers of [1, 2]) lines.push(await killWorkers(stand, { workers, everyMs }));
  }
  return lines.join('\n');
}

async function killWorkers(
  stand: Stand,
  { workers, everyMs }: { readonly workers: number; readonly everyMs: number },
): Promise<string> {
  const { config, state, port, load: program, names, rounds } = stand;
  const cores = workers === 1 ? stand.cores : '0,1';
  const server = await startDataServer({ config, state, port, workers }, { cores });
  const offering = offer({ program, port, names, rate: KILL_RATE, seconds: 600, clients: '4' });
  await offering.started;
  // The threads that stand by have opened their images.
  await sleep(SETTLE_MS);
  const back: number[] = [];
  const startMs = performance.now();
  for (let round = 0; round < rounds; round++) {
    back.push((await server.order({ kind: 'kill' }, 'killed')).backMs);
    await sleep(Math.max(0, startMs + (round + 1) * everyMs - performance.now()));
  }
  offering.stop();
  const { sent, lost, latencyUs, wrongSource, unmatched } = await offering.figures;
  await server.stop();
  return (
    `  ${workers} worker${workers === 1 ? '' : 's'}: ` +
    `${lost} of ${whole(sent)} queries lost (${percent(lost, sent)}), ` +
    `${(lost / rounds).toFixed(1)} a kill; ` +
    `p99 ${(latencyUs.p99 / 1000).toFixed(1)} ms, ` +
    `the slowest answer ${(latencyUs.max / 1000).toFixed(1)} ms; ` +
    `another thread at work after ${median(back).toFixed(0)} ms (median), ` +
    `${Math.max(...back).toFixed(0)} ms at most; ` +
    `${wrongSource} answers from a wrong address, ${unmatched} twice or late`
  );
}

const CORES_SECONDS = 4;
const CORES_ROUNDS = 3;
const CORES_WINDOW = 500;

/**
 * What a second worker on a second core brings. The machine that this was written for has two cores, so that
 * the load must share them: one core that serves and loads is set beside two cores of which each serves and
 * loads.
 */
export async function measureCores(stand: Stand): Promise<string> {
  const { config, state, port, load: program, names } = stand;
  const rates: Record<1 | 2, number[]> = { 1: [], 2: [] };
  const costs: Record<1 | 2, number[]> = { 1: [], 2: [] };
  const one: Offer = {
    program,
    port,
    names,
    rate: 0,
    window: CORES_WINDOW,
    seconds: CORES_SECONDS,
    clients: '4',
  };
  for (let round = 0; round < CORES_ROUNDS; round++)
    for (const workers of [1, 2] as const) {
      const cores = workers === 1 ? SERVER_CORE : '0,1';
      const server = await startDataServer({ config, state, port, workers }, { cores });
      const load = (seconds: number): Promise<OfferedFigures[]> =>
        Promise.all(
          Array.from({ length: workers }, (_, index) => offer({ ...one, seconds, core: `${index}` }).figures),
        );
      await load(1);
      const before = cpuSeconds(server.pid);
      const figures = await load(CORES_SECONDS);
      const answered = figures.reduce((sum, figure) => sum + figure.answered, 0);
      costs[workers].push(((cpuSeconds(server.pid) - before) * 1e6) / answered);
      rates[workers].push(answered / CORES_SECONDS);
      await server.stop();
      progress(`${workers} on ${cores}: ${whole(answered / CORES_SECONDS)} queries/s`);
    }
  const row = (what: string, workers: 1 | 2): string[] => [
    what,
    whole(median(rates[workers])),
    (median(rates[workers]) / median(rates[1])).toFixed(2),
    median(costs[workers]).toFixed(2),
  ];
  return textTable(
    ['load on the same cores', 'queries/s', 'times', 'CPU us/query'],
    [row('1 worker, 1 core', 1), row('2 workers, 2 cores', 2)],
  );
}
