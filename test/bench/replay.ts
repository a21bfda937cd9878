import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { seededRandom } from '../../src/base/random.ts';
import { readGeoData } from '../../src/cli/geo-files.ts';
import { readClientNetworks } from '../../src/netmodel/networks.ts';

/**
 * Makes the query log of a synthetic day at the demo's name server, and replays it without a POP: how long
 * that takes, and the processor time. `npm run bench:replay -- --queries 5000000`; --keep FILE keeps the log.
 */

const { values } = parseArgs({
  options: {
    queries: { type: 'string', default: '5000000' },
    without: { type: 'string', default: 'FRA' },
    keep: { type: 'string' },
    state: { type: 'string' },
  },
});
const QUERIES = Number(values.queries);
const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 5);
const NAMES = ['www', 'shop', 'eu', 'static', 'mail', 'nowhere'];
const TYPES = ['A', 'A', 'A', 'AAAA', 'AAAA', 'HTTPS'];
const LINES_AT_ONCE = 4000;
const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const demo = fileURLToPath(new URL('../../geo-data/demo/demo.yaml', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'isochrone-replay-bench-'));
try {
  const log = values.keep ?? join(folder, 'day.json');
  await makeDay(log);
  console.log(`${log}: ${QUERIES} queries, ${(statSync(log).size / 2 ** 20).toFixed(0)} MiB of JSON lines`);
  await replayed(log);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** More is asked in the evening of each place: the hour is that of the longitude. */
async function makeDay(log: string): Promise<void> {
  const random = seededRandom(1);
  const { text, file } = readGeoData('networks.csv');
  const networks = readClientNetworks(text, file).map(({ prefixText, weight }) => ({
    network: prefixText,
    weight,
  }));
  const total = networks.reduce((sum, { weight }) => sum + weight, 0);
  let sum = 0;
  const bounds = Float64Array.from(networks, ({ weight }) => (sum += weight / total));
  const pick = (): string => {
    const at = random.next();
    let from = 0;
    let to = bounds.length - 1;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((bounds[middle] as number) < at) from = middle + 1;
      else to = middle;
    }
    return networks[from]?.network ?? '';
  };
  const out = createWriteStream(log);
  let lines: string[] = [];
  for (let i = 0; i < QUERIES; i++) {
    const at = new Date(START_MS + Math.floor((i * DAY_MS) / QUERIES)).toISOString();
    const network = pick();
    const name = NAMES[Math.floor(NAMES.length * random.next() ** 2)];
    const type = TYPES[Math.floor(TYPES.length * random.next())];
    const subnet = random.next() < 0.5 ? `"subnet":"${network}",` : '';
    const question = `"name":"${name}.cdn.example.","type":"${type}",${subnet}`;
    const asked = `"client":"${network}","transport":"udp",${question}`;
    lines.push(`{"at":"${at}",${asked}"rcode":"NOERROR","octets":[58,90],"addresses":["127.64.0.1"]}\n`);
    if (lines.length < LINES_AT_ONCE && i < QUERIES - 1) continue;
    if (!out.write(lines.join(''))) await once(out, 'drain');
    lines = [];
  }
  out.end();
  await once(out, 'finish');
}

async function replayed(log: string): Promise<void> {
  const state = values.state === undefined ? [] : ['--state', values.state];
  const scale = ['--requests-per-query', '10000'];
  const flags = ['replay', '--log', log, '--config', demo, '--without', values.without, ...scale, ...state];
  const child = spawn('sh', ['-c', 'time -p "$@"', 'sh', process.execPath, main, ...flags], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let err = '';
  child.stderr.on('data', (chunk) => (err += String(chunk)));
  const [code] = (await once(child, 'exit')) as [number];
  const time = (word: string): number =>
    Number(new RegExp(`^${word} ([\\d.]+)$`, 'm').exec(err)?.[1] ?? Number.NaN);
  console.log(err.replace(/^(?:real|user|sys) .*\n/gm, ''));
  const cpu = time('user') + time('sys');
  const rate = (seconds: number): string =>
    Math.round(QUERIES / seconds)
      .toLocaleString('en')
      .replaceAll(',', ' ');
  console.log(
    `exit ${code}; ${time('real')} s, ${rate(time('real'))} queries/s; ` +
      `processor ${cpu.toFixed(1)} s, ${rate(cpu)} queries/s`,
  );
}
