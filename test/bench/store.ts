/**
 * What a large world costs in Redis: `npm run bench:store [-- --cells N --pops N --samples N]`. Starts a
 * Redis of its own on 127.0.0.1, as the distribution has it and with nothing on disk, and prints: memory of
 * twelve estimates for each of a million cells, how long they take to write and to read back; how long a
 * steering image for a million cells takes to publish, and until another handle has it open; samples a
 * second, in real batches, appended and read at once, and read alone.
 */
import { parseArgs } from 'node:util';
import { hashText, seededRandom } from '../../src/base/random.ts';
import { putEstimate } from '../../src/steering/estimate.ts';
import { createEstimates, ENTRIES } from '../../src/steering/estimates.ts';
import { openImage } from '../../src/steering/image.ts';
import { encodeImage } from '../../src/steering/image-encode.ts';
import { packCell } from '../../src/steering/pack.ts';
import { BATCH_SAMPLES_MAX } from '../../src/store/bounds.ts';
import { openRedisStore } from '../../src/store/redis.ts';
import type { Sample, Store } from '../../src/store/store.ts';
import { startRedis } from '../helpers/redis.ts';
import { ask } from '../helpers/redis-sets.ts';
import { machineText, median, progress } from './machine.ts';
import { textTable, whole } from './report.ts';
import { randomParts } from './steering-images.ts';

const { values } = parseArgs({
  options: {
    cells: { type: 'string', default: '1000000' },
    pops: { type: 'string', default: '150' },
    rows: { type: 'string', default: '50000' },
    samples: { type: 'string', default: '2000000' },
    rounds: { type: 'string', default: '5' },
  },
});
const cells = Number(values.cells);
const pops = Array.from({ length: Number(values.pops) }, (_, i) => `P${String(i).padStart(3, '0')}`);
const START_MS = 1_700_000_000_000;
/** Estimates that the controller hands over at a time. */
const SAVED_AT_A_TIME = 20_000;
const APPENDS_UNDER_WAY = 32;
const random = seededRandom(11);

await main();

async function main(): Promise<void> {
  const redis = await startRedis();
  const open = () => openRedisStore({ url: redis.url, cluster: 'bench', pops });
  const [writer, reader] = [await open(), await open()];
  const usedMb = async () =>
    Number(/used_memory:(\d+)/.exec(String(await ask(redis.port, 'INFO', 'memory')))?.[1]) / 1e6;
  try {
    const rows = [
      ...(await estimates(writer, reader, usedMb)),
      ...(await image(writer, reader)),
      ...(await samples(writer, reader)),
    ];
    console.log(`${machineText()}\n`);
    console.log(textTable(['what', 'measured', 'aim'], rows));
  } finally {
    await Promise.all([writer.close(), reader.close()]);
    await redis.stop();
  }
}

type Row = readonly [what: string, measured: string, aim: string];

async function estimates(writer: Store, reader: Store, usedMb: () => Promise<number>): Promise<Row[]> {
  progress(`${cells} cells with ${ENTRIES} estimates each`);
  const before = await usedMb();
  let writeMs = 0;
  let packedOctets = 0;
  for (let from = 0; from < cells; from += SAVED_AT_A_TIME) {
    const some = packedCells(from, Math.min(cells, from + SAVED_AT_A_TIME));
    for (const packed of some.values()) packedOctets += packed.length;
    const begunMs = performance.now();
    await writer.putEstimates(some);
    writeMs += performance.now() - begunMs;
  }
  const used = (await usedMb()) - before;
  const begunMs = performance.now();
  let count = 0;
  for await (const [, packed] of reader.allEstimates()) count += packed.length > 0 ? 1 : 0;
  const readMs = performance.now() - begunMs;
  if (count < cells) throw new Error(`${count} of ${cells} came back`);
  const each = `${whole((used * 1e6) / cells)} octets a cell, ${whole(packedOctets / cells)} of them packed`;
  return [
    [`memory of ${ENTRIES} estimates of ${whole(cells)} cells`, `${whole(used)} MB (${each})`, '400 MB'],
    ['to write them', `${whole(writeMs)} ms`, ''],
    ['to read them back', `${whole(readMs)} ms`, ''],
  ];
}

/** As a decider packs them, of networks that look like networks. */
function packedCells(from: number, to: number): Map<string, Uint8Array> {
  const known = createEstimates(to - from);
  const popHashes = Uint32Array.from(pops, hashText);
  const some = new Map<string, Uint8Array>();
  for (let cell = 0; cell < to - from; cell++) {
    const first = Math.floor(random.next() * pops.length);
    for (let i = 0; i < ENTRIES; i++) {
      const level = 5 + 200 * random.next();
      const saved = { level, deviation: 1 + random.next(), last: level + random.next(), bursts: 9 };
      const pop = (first + i) % pops.length;
      putEstimate(known, { cell, pop }, { ...saved, modelled: false, atMs: START_MS });
    }
    const packed = packCell(known, cell, { popHashes, nowMs: START_MS + 60_000 * random.next() });
    const network = from + cell;
    const key = `${20 + (network >> 16)}.${(network >> 8) & 255}.${network & 255}.0/24`;
    if (packed !== undefined) some.set(key, packed);
  }
  return some;
}

async function image(writer: Store, reader: Store): Promise<Row[]> {
  const [publishMs, pickUpMs]: [number[], number[]] = [[], []];
  let octets = 0;
  for (let epoch = 1; epoch <= Number(values.rounds); epoch++) {
    progress(`image ${epoch}`);
    const parts = { cells, pops: pops.length, distinctRows: Number(values.rows), seed: epoch, epoch };
    const bytes = new Uint8Array(encodeImage(randomParts(parts)));
    octets = bytes.length;
    const opened = new Promise<void>((resolve, reject) => {
      const stop = reader.onChange((topic) => {
        if (topic !== 'image') return;
        stop();
        pickUp(reader).then(resolve, reject);
      });
    });
    const begunMs = performance.now();
    await writer.publishImage({ epoch, bytes });
    publishMs.push(performance.now() - begunMs);
    await opened;
    pickUpMs.push(performance.now() - begunMs);
  }
  const size = `${whole(octets / 1e6)} MB`;
  return [
    [`to publish an image of ${whole(cells)} cells (${size})`, `${whole(median(publishMs))} ms`, ''],
    ['from then on until a reader has it open', `${whole(median(pickUpMs))} ms`, '1,000 ms'],
  ];
}

/** As a name server does: into memory that threads can share, and checked. */
async function pickUp(reader: Store): Promise<void> {
  const published = await reader.image();
  if (published === undefined) throw new Error('no image');
  const shared = new Uint8Array(new SharedArrayBuffer(published.bytes.length));
  shared.set(published.bytes);
  const image = openImage(shared, { fleetDigest: 1, placesDigest: 2 });
  if (typeof image === 'string') throw new Error(image);
}

async function samples(writer: Store, reader: Store): Promise<Row[]> {
  progress('samples');
  const total = Math.ceil(Number(values.samples) / BATCH_SAMPLES_MAX) * BATCH_SAMPLES_MAX;
  const batch = Array.from({ length: BATCH_SAMPLES_MAX }, (_, i): Sample => {
    const rttMs = Math.round(1000 * (5 + 100 * random.next())) / 1000;
    const network = `${20 + (i >> 8)}.${i & 255}.7.0/24`;
    return { network, rttMs, jitterMs: random.next(), sent: 3, lost: 0 };
  });
  let [appended, read, cursor] = [0, 0, ''];
  const begunMs = performance.now();
  const append = async (): Promise<void> => {
    while (appended < total) {
      const pop = pops[(appended / BATCH_SAMPLES_MAX) % pops.length] as string;
      appended += BATCH_SAMPLES_MAX;
      await writer.appendSamples({ pop, atMs: START_MS, source: 'measured', samples: batch });
    }
  };
  const appending = Promise.all(Array.from({ length: APPENDS_UNDER_WAY }, append));
  let isDone = false;
  void appending.then(() => {
    isDone = true;
  });
  for (let isLast = false; !isLast; ) {
    isLast = isDone;
    const some = await reader.readSamples(cursor, 500);
    cursor = some.cursor;
    for (const { samples: list } of some.batches) read += list.length;
    if (some.batches.length > 0) isLast = false;
  }
  await appending;
  const perSecond = (1000 * read) / (performance.now() - begunMs);
  const lost = read === total ? 'none lost' : `${whole(total - read)} fell off unread`;
  return [
    ['samples appended and read at once, by one thread', `${whole(perSecond)} a second, ${lost}`, ''],
    ['samples read', `${whole(await readAgain(reader))} a second`, '200,000'],
  ];
}

/** Reads all that is kept once more: samples a second. */
async function readAgain(reader: Store): Promise<number> {
  let [read, cursor] = [0, ''];
  const begunMs = performance.now();
  for (let count = 1; count > 0; ) {
    const some = await reader.readSamples(cursor, 500);
    cursor = some.cursor;
    count = some.batches.length;
    for (const { samples: list } of some.batches) read += list.length;
  }
  return (1000 * read) / (performance.now() - begunMs);
}
