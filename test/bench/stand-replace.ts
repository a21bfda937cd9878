import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { offer } from './loads.ts';
import { median, progress, type Running, root, sleep, start } from './machine.ts';
import { percent, whole } from './report.ts';
import type { Stand } from './stand.ts';

const RATE = 50_000;
const READY_MS = 30_000;
const LOOK_EVERY_MS = 2;
const BETWEEN_MS = 200;

/** A new process takes the port over from the old one, again and again, under load. */
export async function measureReplace(stand: Stand): Promise<string> {
  const { load: program, names, port, rounds } = stand;
  let current = await startServe(stand, []);
  const offering = offer({ program, port, names, rate: RATE, seconds: 600, clients: '4' });
  await offering.started;
  await sleep(1000);
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const startMs = performance.now();
    const next = await startServe(stand, ['--replace']);
    await endOf(current);
    times.push(performance.now() - startMs);
    current = next;
    progress(`replaced ${round + 1} times, ${times.at(-1)?.toFixed(0)} ms`);
    await sleep(BETWEEN_MS);
  }
  offering.stop();
  const { sent, lost, latencyUs, wrongSource, unmatched, slices } = await offering.figures;
  await current.stop();
  const slow = slices.filter(([worstUs]) => worstUs > 20_000).length;
  return (
    `--replace ${rounds} times at ${whole(RATE)} queries/s, new and old process on core ${stand.cores}:\n` +
    `  ${lost} of ${whole(sent)} queries lost (${percent(lost, sent)}); the slowest answer ` +
    `${(latencyUs.max / 1000).toFixed(1)} ms, p99.9 ${(latencyUs.p999 / 1000).toFixed(2)} ms; ` +
    `${slow} of ${slices.length} tenths of a second had one over 20 ms;\n` +
    `  ${median(times).toFixed(0)} ms (median) from the start of the new process to the end of the old; ` +
    `${wrongSource} answers from a wrong address, ${unmatched} twice or late`
  );
}

async function startServe(stand: Stand, flags: readonly string[]): Promise<Running> {
  const { config, state, port, folder, cores } = stand;
  const listen = ['--config', config, '--state', state, '--port', `${port}`, '--admin-port', '0'];
  const command = [
    process.execPath,
    join(root, 'src/main.ts'),
    'serve',
    ...listen,
    '--workers',
    '1',
    '--json',
  ];
  const log = join(mkdtempSync(join(folder, 'serve-')), 'log');
  const running = start([...command, ...flags], { core: cores, log });
  const endMs = performance.now() + READY_MS;
  while (!running.output().includes('{"ready"')) {
    if (running.ended() || performance.now() > endMs)
      throw new Error(`it did not start: ${running.output()}`);
    await sleep(LOOK_EVERY_MS);
  }
  return running;
}

async function endOf(running: Running): Promise<void> {
  const endMs = performance.now() + READY_MS;
  while (!running.ended()) {
    if (performance.now() > endMs) throw new Error('the process that was replaced does not end');
    await sleep(LOOK_EVERY_MS);
  }
}
