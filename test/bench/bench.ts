import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { measureDemo } from './demo.ts';
import { measureAnswer } from './in-process.ts';
import { canLoad, measureLoad, startEdgeProcess } from './load.ts';

/**
 * `npm run bench`: what an answer costs in the process, over the sockets, and what the demo costs. With
 * `--peers SCRIPT` other name servers are measured in the same run: the script is called as `SCRIPT udp|tcp
 * isochrone:PORT`, zone edge.test.
 */

const { values } = parseArgs({ options: { peers: { type: 'string' } } });
console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}\n`);

table(
  ['answer()', 'ns', 'min..max'],
  measureAnswer().map(({ what, ns, nsMin, nsMax }) => [what, whole(ns), `${whole(nsMin)}..${whole(nsMax)}`]),
);

if (canLoad()) {
  const server = await startEdgeProcess();
  const rows = await measureLoad(server);
  table(
    ['one thread, dgram and net', 'queries/s', 'CPU us/query', 'lost'],
    rows.map((row) => [row.what, whole(row.queriesPerSecond), row.cpuUs.toFixed(2), whole(row.lost)]),
  );
  if (values.peers !== undefined)
    for (const transport of ['udp', 'tcp']) {
      console.log(`beside its peers, ${transport.toUpperCase()}, steered:`);
      spawnSync(values.peers, [transport, `isochrone:${server.port}`], { stdio: 'inherit' });
      console.log('');
    }
  await server.close();
} else
  console.log(
    'queries a second: not measured, for it needs Linux and dnsperf (Debian: apt install dnsperf)\n',
  );

const demo = await measureDemo();
if (typeof demo === 'string') console.log(`the demo was not measured: ${demo}`);
else
  table(
    ['isochrone up', 'figure'],
    [
      ['time from process start to first steered answer', `${whole(demo.firstAnswerMs)} ms`],
      ['resident memory', `${whole(demo.rssOctets / 2 ** 20)} MiB`],
      ['resident memory, peak', `${whole(demo.peakOctets / 2 ** 20)} MiB`],
    ],
  );

function whole(value: number): string {
  return value.toFixed(0);
}

/** First column to the left, figures to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  for (const row of [head, ...rows])
    console.log(
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  '),
    );
  console.log('');
}
