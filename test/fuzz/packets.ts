import { parseArgs } from 'node:util';
import { type FuzzReport, fuzz } from './fuzz.ts';

/**
 * `node test/fuzz/packets.ts --count 1000000 --seed 1`: sends mutated messages; exit code 1 if anything was
 * wrong.
 */

const { values } = parseArgs({
  options: { count: { type: 'string', default: '1000000' }, seed: { type: 'string' } },
});
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
const count = Number(values.count);
console.log(`${count} messages, --seed ${seed}`);
const startMs = performance.now();
const report = await fuzz({ count, seed, onProgress: (now) => process.stdout.write(`\r${line(now)}`) });
console.log(`\r${line(report)}, ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
for (const failure of report.failures) console.error(failure);
process.exitCode = report.failures.length === 0 ? 0 : 1;

function line({ sent, answered, mustBeSilent, overTcp, rssOctets }: FuzzReport): string {
  const mib = (octets: number): string => (octets / 2 ** 20).toFixed(0);
  const { start, warm, now } = rssOctets;
  return (
    `${sent} sent, ${overTcp} over TCP; ${answered} answered over UDP, ${mustBeSilent} must not be; ` +
    `server's memory ${mib(start)} MiB at start, ${mib(warm)} warm, ${mib(now)} now`
  );
}
