import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cellMaker } from './cells.ts';
import { type DataServer, prepareState, startDataServer } from './data-client.ts';
import { writeLargeSources } from './large-sources.ts';
import { type OfferedFigures, offer } from './loads.ts';
import { compile, machineText, median, progress, SERVER_CORE, sleep, temporaryFolder } from './machine.ts';
import { textTable, whole } from './report.ts';
import type { WorldPaths } from './world.ts';

/**
 * `npm run bench:swap`: new steering images for a million cells are built and put to use while queries come
 * at a steady rate; how late those are then, beside the same load without.
 */

const { values } = parseArgs({
  options: {
    cells: { type: 'string', default: '1000000' },
    networks: { type: 'string', default: '1000000' },
    pops: { type: 'string', default: '200' },
    rows: { type: 'string', default: '50000' },
    swaps: { type: 'string', default: '6' },
    rate: { type: 'string', default: '20000' },
    port: { type: 'string', default: '20710' },
    cores: { type: 'string', default: SERVER_CORE },
  },
});
const SWAP_EVERY_MS = 1500;

await main();

async function main(): Promise<void> {
  const folder = temporaryFolder();
  const load = compile('load', folder);
  if (typeof load === 'string') throw new Error(load);
  progress(`writing ${whole(Number(values.networks))} networks, ${values.pops} POPs`);
  const size = { zones: 10, namesPerZone: 200, networks: Number(values.networks), pops: Number(values.pops) };
  mkdirSync(join(folder, 'sources'));
  const sources = writeLargeSources(join(folder, 'sources'), { ...size, seed: 1 });
  const state = join(folder, 'state');
  const setup = { config: sources.config, state, port: Number(values.port), workers: 1 };
  const seconds = await prepareState(setup, {
    question: sources.someSteered[0] ?? '',
    log: join(folder, 'log'),
  });
  progress(`compiled and answered after ${seconds.toFixed(1)} s`);
  const images = buildImages(setup, folder);
  const server = await startDataServer(setup, { cores: values.cores });
  const swaps = Number(values.swaps);
  const loadSeconds = ((swaps + 1) * SWAP_EVERY_MS) / 1000;
  const options = {
    program: load.path,
    port: setup.port,
    names: sources.steered,
    clients: sources.clients,
    rate: Number(values.rate),
    seconds: loadSeconds,
  };
  progress(`${values.rate} queries/s for ${loadSeconds} s without a swap, then with ${swaps}`);
  const warm = offer({ ...options, seconds: 2 });
  await warm.figures;
  const without = await offer(options).figures;
  const busy = offer(options);
  const used = await swapAll(server, images);
  const during = await busy.figures;
  await server.stop();
  report({ images, used, without, during });
}

interface Image {
  readonly file: string;
  readonly epoch: number;
  readonly encodeMs: number;
  readonly octets: number;
}

function buildImages(paths: WorldPaths, folder: string): Image[] {
  const maker = cellMaker(paths, { cells: Number(values.cells), rows: Number(values.rows) });
  progress(`${whole(maker.clients.siteCount)} sites; images for ${whole(maker.cellCount)} cells`);
  return Array.from({ length: Number(values.swaps) }, (_, index) => {
    // Later than the table of geography that the server starts with.
    const epoch = 1000 + index;
    const { bytes, encodeMs } = maker.make(epoch);
    const file = join(folder, `${epoch}.image`);
    writeFileSync(file, bytes);
    return { file, epoch, encodeMs, octets: bytes.length };
  });
}

async function swapAll(server: DataServer, images: readonly Image[]) {
  const used: { readonly buildMs: number; readonly usedMs: number }[] = [];
  for (const { file, epoch } of images) {
    await sleep(SWAP_EVERY_MS);
    used.push(await server.order({ kind: 'image', file, epoch }, 'used'));
  }
  return used;
}

function report(results: {
  readonly images: readonly Image[];
  readonly used: readonly { readonly buildMs: number; readonly usedMs: number }[];
  readonly without: OfferedFigures;
  readonly during: OfferedFigures;
}): void {
  const { images, used, without, during } = results;
  const range = (ms: readonly number[]): string =>
    `${median(ms).toFixed(0)} (${Math.min(...ms).toFixed(0)}..${Math.max(...ms).toFixed(0)})`;
  const encode = images.map(({ encodeMs }) => encodeMs);
  const build = used.map(({ buildMs }) => buildMs);
  const sum = images.map(({ encodeMs }, index) => encodeMs + (used[index]?.buildMs ?? 0));
  console.log(`${machineText()}; server on core ${values.cores}\n`);
  const steps = [
    ['steering image encoded, on an idle core', range(encode)],
    ['checked, and its row map built, on the core that answers', range(build)],
    ['both', range(sum)],
    ['handed over until every thread answers from it', range(used.map(({ usedMs }) => usedMs))],
  ];
  console.log(
    textTable([`${images.length} images, ${mib(images[0]?.octets)} MiB each`, 'ms: median (range)'], steps),
  );
  const row = (what: string, { latencyUs, lagUs, lost, sent }: OfferedFigures): string[] => [
    what,
    ...[latencyUs.p50, latencyUs.p99, latencyUs.p999, latencyUs.max, lagUs.max].map((us) =>
      (us / 1000).toFixed(2),
    ),
    `${lost} of ${whole(sent)}`,
  ];
  const head = [
    `${values.rate} queries/s`,
    'p50 ms',
    'p99 ms',
    'p99.9 ms',
    'max ms',
    'generator max ms',
    'lost',
  ];
  const rows = [row('without a swap', without), row('with swaps', during)];
  console.log(`\n${textTable(head, rows)}`);
}

function mib(octets = 0): string {
  return (octets / 2 ** 20).toFixed(1);
}
