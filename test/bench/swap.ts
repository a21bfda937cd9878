import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { seededRandom } from '../../src/base/random.ts';
import { createImageEncoder } from '../../src/steering/image-encode.ts';
import { type CellMaker, cellMaker } from './cells.ts';
import { type DataServer, prepareState, startDataServer } from './data-client.ts';
import { writeLargeSources } from './large-sources.ts';
import { type OfferedFigures, offer } from './loads.ts';
import { compile, machineText, median, progress, SERVER_CORE, sleep, temporaryFolder } from './machine.ts';
import { textTable, whole } from './report.ts';
import { moveCells } from './steering-images.ts';

/**
 * `npm run bench:swap`: new steering images for a million cells are built and put to use while queries come
 * at a steady rate; how late those are then, beside the same load without. Some tables differ from the one
 * before in some rows, as they do from tick to tick; the others have nothing in common with it.
 */

const { values } = parseArgs({
  options: {
    cells: { type: 'string', default: '1000000' },
    networks: { type: 'string', default: '1000000' },
    pops: { type: 'string', default: '200' },
    rows: { type: 'string', default: '50000' },
    swaps: { type: 'string', default: '6' },
    /** Percent of the cells that get another row from table to table. */
    moved: { type: 'string', default: '1' },
    rate: { type: 'string', default: '20000' },
    port: { type: 'string', default: '20710' },
    cores: { type: 'string', default: SERVER_CORE },
  },
});
const SWAP_EVERY_MS = 1500;
/** Later than the table of geography that the server starts with. */
const FIRST_EPOCH = 1000;

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
  const maker = cellMaker(setup, { cells: Number(values.cells), rows: Number(values.rows) });
  progress(`${whole(maker.clients.siteCount)} sites; images for ${whole(maker.cellCount)} cells`);
  const images = [...movedImages(maker, folder), ...otherImages(maker, folder)];
  const server = await startDataServer(setup, { cores: values.cores });
  const swaps = images.length;
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
  readonly what: string;
  readonly file: string;
  readonly epoch: number;
  readonly encodeMs: number;
  readonly octets: number;
}

/** Tables of one decider: each differs from the one before in some rows. The first is not among them. */
function movedImages(maker: CellMaker, folder: string): Image[] {
  const parts = maker.parts(FIRST_EPOCH);
  const encoder = createImageEncoder();
  const random = seededRandom(FIRST_EPOCH);
  const moved = (maker.cellCount * Number(values.moved)) / 100;
  const make = (epoch: number): Image => {
    const startMs = performance.now();
    const bytes = encoder.encode({ ...parts, epoch });
    const encodeMs = performance.now() - startMs;
    moveCells(parts, moved, random.next);
    return saved(bytes, { what: `${values.moved} % of the cells moved`, epoch, encodeMs }, folder);
  };
  const [first, ...rest] = Array.from({ length: Number(values.swaps) + 1 }, (_, i) => make(FIRST_EPOCH + i));
  return [{ ...(first as Image), what: 'the first table' }, ...rest];
}

/** Tables by other deciders that start: as different as can be. */
function otherImages(maker: CellMaker, folder: string): Image[] {
  return Array.from({ length: Number(values.swaps) }, (_, index) => {
    const epoch = 2 * FIRST_EPOCH + index;
    const { bytes, encodeMs } = maker.make(epoch);
    return saved(bytes, { what: 'every cell moved', epoch, encodeMs }, folder);
  });
}

function saved(bytes: Uint8Array, image: Omit<Image, 'file' | 'octets'>, folder: string): Image {
  const file = join(folder, `${image.epoch}.image`);
  writeFileSync(file, bytes);
  return { ...image, file, octets: bytes.length };
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
  const kinds = [...new Set(images.map(({ what }) => what))];
  const of = (kind: string, ms: (index: number) => number): string =>
    range([...images.keys()].filter((index) => images[index]?.what === kind).map(ms));
  const encode = (index: number): number => images[index]?.encodeMs ?? 0;
  const build = (index: number): number => used[index]?.buildMs ?? 0;
  console.log(`${machineText()}; server on core ${values.cores}\n`);
  const step = (what: string, ms: (index: number) => number) => [what, ...kinds.map((kind) => of(kind, ms))];
  const steps = [
    step('steering image encoded, on an idle core', encode),
    step('checked, and its row map built, on the core that answers', build),
    step('both', (index) => encode(index) + build(index)),
    step('handed over until every thread answers from it', (index) => used[index]?.usedMs ?? 0),
  ];
  console.log(textTable([`ms, median (range); images of ${mib(images[0]?.octets)} MiB`, ...kinds], steps));
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
