import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type FuzzReport, fuzz } from './fuzz.ts';

/**
 * `npm run fuzz -- --count 10000000 --seed 1`: sends mutated messages; exit code 1 if anything was wrong.
 * Where the system allows, it all happens in a network of its own that has nothing but a loopback interface,
 * so that the server can listen on all addresses; elsewhere on 127.0.0.1 alone.
 */

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '1000000' },
    seed: { type: 'string' },
    alone: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
const count = Number(values.count);
if (values.alone || !hasOwnNetwork()) await run();
else process.exitCode = runInOwnNetwork();

async function run(): Promise<void> {
  console.log(`${count} messages, --seed ${seed}`);
  const startMs = performance.now();
  const onProgress = (now: FuzzReport): void => void process.stdout.write(`\r${line(now)}`);
  const report = await fuzz({ count, seed, wildcard: values.alone, onProgress });
  console.log(`\r${line(report)}, ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  console.log(
    `asked: ${report.hosts.join(', ')}${values.alone ? ', on wildcard listeners' : ''}; ${report.io}`,
  );
  for (const failure of report.failures) console.error(failure);
  process.exitCode = report.failures.length === 0 ? 0 : 1;
}

function hasOwnNetwork(): boolean {
  return spawnSync('unshare', ['-rn', 'ip', 'link', 'set', 'lo', 'up']).status === 0;
}

function runInOwnNetwork(): number {
  const script = 'ip link set lo up && exec "$0" "$@"';
  const self = fileURLToPath(import.meta.url);
  const words = [process.execPath, self, '--alone', '--count', `${count}`, '--seed', `${seed}`];
  return spawnSync('unshare', ['-rn', 'sh', '-c', script, ...words], { stdio: 'inherit' }).status ?? 1;
}

function line({ sent, answered, mustBeSilent, overTcp, rssOctets }: FuzzReport): string {
  const mib = (octets: number): string => (octets / 2 ** 20).toFixed(0);
  const { start, warm, now } = rssOctets;
  return (
    `${sent} sent, ${overTcp} over TCP; ${answered} answered over UDP, ${mustBeSilent} must not be; ` +
    `server's memory ${mib(start)} MiB at start, ${mib(warm)} warm, ${mib(now)} now`
  );
}
