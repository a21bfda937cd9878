import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cookieWords } from '../../src/answer/cookies.ts';
import type { RateLimitOptions } from '../../src/server/rate-limit.ts';
import { type NameServer, startNameServer } from '../../src/server/supervisor.ts';
import { loadEdge } from '../helpers/edge.ts';
import { offer } from './loads.ts';
import { compile, machineText, temporaryFolder } from './machine.ts';
import { measureCalls } from './rate-limit-call.ts';

/**
 * What limiting responses costs: CPU time of the serving thread for each query, steered by client subnet, in
 * servers of this process without a bound, with one that nobody reaches, in a dry run, and with one that
 * nearly all are above; in turns, as ratios; and the handler alone.
 * `npm run bench:rate-limit [-- --rounds 5 --seconds 2]`
 */

const option = (name: string, otherwise: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
};
const ROUNDS = option('rounds', 5);
const SECONDS = option('seconds', 2);
const RATE = option('rate', 50_000);
const HIGH = 1_000_000;
const all = (rate: number) => ({
  responses: rate,
  referrals: rate,
  nodata: rate,
  nxdomains: rate,
  errors: rate,
});
const LIMIT: RateLimitOptions = {
  perSecond: all(HIGH),
  burstMs: 1000,
  slip: 2,
  dryRun: false,
  prefixes: 131_072,
};
const SETTINGS: readonly (readonly [what: string, rateLimit: RateLimitOptions | undefined])[] = [
  ['without a bound', undefined],
  ['below a bound', LIMIT],
  ['above one, dry run', { ...LIMIT, perSecond: all(200), dryRun: true }],
  ['above one', { ...LIMIT, perSecond: all(200) }],
];

const { data, image } = loadEdge();
const folder = temporaryFolder();
const compiled = compile('load', folder);
if (typeof compiled === 'string') throw new Error(compiled);
const names = join(folder, 'names');
writeFileSync(names, 'www.edge.test A\n');

/** CPU seconds of its thread so far. */
function cpuSeconds(server: NameServer): number {
  const family = server
    .counters()
    .families.find(({ name }) => name === 'isochrone_dns_worker_cpu_seconds_total');
  return family?.samples[0]?.value ?? Number.NaN;
}

/** CPU time for each query of one load, microseconds. */
async function measure(program: string, server: NameServer): Promise<number> {
  const port = server.addresses[0]?.port ?? 0;
  const before = cpuSeconds(server);
  const offering = offer({ program, port, names, rate: RATE, seconds: SECONDS, clients: '4' });
  const { sent } = await offering.figures;
  return ((cpuSeconds(server) - before) * 1e6) / sent;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] as number;
}

const servers: NameServer[] = [];
for (const [, rateLimit] of SETTINGS)
  servers.push(
    await startNameServer({
      listen: [{ host: '127.0.0.1', port: 0 }],
      data: { ...data, cookies: cookieWords() },
      image,
      workers: 1,
      rateLimit,
    }),
  );
const found: number[][] = SETTINGS.map(() => []);
for (let round = 0; round <= ROUNDS; round++)
  for (const [i, server] of servers.entries()) {
    const us = await measure(compiled.path, server);
    // The first round only warms up.
    if (round > 0) found[i]?.push(us);
  }
console.log(`CPU time for each of ${RATE} queries a second: medians of ${ROUNDS} rounds in turns\n`);
console.log('| | µs | to that without |\n| --- | --- | --- |');
const base = median(found[0] ?? []);
for (const [i, [what]] of SETTINGS.entries()) {
  const us = median(found[i] ?? []);
  const ratios = (found[i] ?? []).map((one, round) => one / (found[0]?.[round] as number));
  console.log(
    `| ${what} | ${us.toFixed(2)} | ${(us / base).toFixed(3)} (by round: ${median(ratios).toFixed(3)}) |`,
  );
}
console.log('\nOne call of the handler alone, steered by client subnet: the least of 14 rounds in turns\n');
console.log('| clients | without, ns | with, ns | ratio |\n| --- | --- | --- | --- |');
for (const clients of [1, 1000, 100_000]) {
  const { without, with: limited } = measureCalls(LIMIT, clients);
  const ratio = (limited / without).toFixed(3);
  console.log(`| ${clients} | ${without.toFixed(0)} | ${limited.toFixed(0)} | ${ratio} |`);
}
console.log(`\n${machineText()}`);
await Promise.all(servers.map((server) => server.close()));
