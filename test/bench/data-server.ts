import './worker-watch.ts';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { POP_DOWN, setPopBit } from '../../src/base/pop-state.ts';
import { startNameServer } from '../../src/server/supervisor.ts';
import { watchedThreads } from './worker-watch.ts';
import { openBenchWorld } from './world.ts';

/**
 * The data plane of `isochrone serve` in a process that takes orders from a benchmark: other tables, POPs
 * down, threads killed. No store, no console.
 */

/** What it is started with, as JSON in its first argument. */
export interface DataServerSetup {
  readonly config: string;
  readonly state: string;
  readonly port: number;
  readonly workers: number;
  /** Addresses to listen on; absent: 127.0.0.1. */
  readonly hosts?: readonly string[];
}

/** Orders. */
export type ToDataServer =
  /** Answer from the steering image in this file. */
  | { readonly kind: 'image'; readonly file: string; readonly epoch: number }
  | { readonly kind: 'pop'; readonly index: number; readonly down: boolean }
  /** End one of the threads that answer. */
  | { readonly kind: 'kill' }
  /**
   * Take a heap snapshot of a thread that answers, and forget it: V8's trace of collections then names its
   * heap.
   */
  | { readonly kind: 'snapshot' }
  | { readonly kind: 'stats' };

/** Replies, one for each order. */
export type FromDataServer =
  | { readonly kind: 'listening'; readonly io: string; readonly port: number }
  /** Every thread answers from it. */
  | { readonly kind: 'used'; readonly buildMs: number; readonly usedMs: number }
  /** When the word was written, ms since 1970. */
  | { readonly kind: 'pop'; readonly wallMs: number }
  /** All places have a thread again. */
  | { readonly kind: 'killed'; readonly backMs: number }
  | { readonly kind: 'snapshot' }
  | ({ readonly kind: 'stats' } & DataServerStats);

/** Memory of the process and of its threads' heaps, octets. */
export interface DataServerStats {
  readonly rss: number;
  /** What happened to threads that should not have, as JSON. */
  readonly events: readonly string[];
  readonly threads: readonly { readonly name: string; readonly answers: boolean; readonly heap: number }[];
}

const POLL_MS = 1;
const EVENTS_MAX = 100;

const setup = JSON.parse(process.argv[2] ?? '{}') as DataServerSetup;
const { world, image } = await openBenchWorld(setup);
const events: string[] = [];
let buildMs = 0;
const server = await startNameServer({
  listen: (setup.hosts ?? ['127.0.0.1']).map((host) => ({ host, port: setup.port })),
  data: world.answerData,
  image,
  workers: setup.workers,
  onTable: (table) => {
    buildMs = table.buildMs;
  },
  // All clients of a benchmark have one address.
  tcp: { connectionsPerClientMax: 512 },
  onEvent: (event) => {
    if (events.length < EVENTS_MAX) events.push(JSON.stringify(event));
  },
});

process.on('message', (order: ToDataServer) => void obey(order).then((reply) => process.send?.(reply)));
process.on('disconnect', () => process.exit(0));
process.send?.({
  kind: 'listening',
  io: JSON.stringify(server.io),
  port: server.addresses[0]?.port ?? 0,
} satisfies FromDataServer);

async function obey(order: ToDataServer): Promise<FromDataServer> {
  switch (order.kind) {
    case 'image': {
      const octets = readFileSync(order.file);
      const bytes = new Uint8Array(new SharedArrayBuffer(octets.length));
      bytes.set(octets);
      const startMs = performance.now();
      server.setImage(bytes);
      await until(() => server.imageEpoch() === order.epoch);
      return { kind: 'used', buildMs, usedMs: performance.now() - startMs };
    }
    case 'pop': {
      setPopBit(world.popState, { popIndex: order.index, bit: POP_DOWN, on: order.down });
      return { kind: 'pop', wallMs: performance.timeOrigin + performance.now() };
    }
    case 'kill': {
      const startMs = performance.now();
      const victims = [...watchedThreads].filter(({ answers }) => answers);
      const victim = victims[Math.floor(startMs) % victims.length];
      await victim?.thread.terminate();
      await until(() => server.serving());
      return { kind: 'killed', backMs: performance.now() - startMs };
    }
    case 'snapshot': {
      const [first] = [...watchedThreads].filter(({ answers }) => answers);
      const snapshot = await first?.thread.getHeapSnapshot();
      if (snapshot !== undefined) await once(snapshot.resume(), 'end');
      return { kind: 'snapshot' };
    }
    case 'stats':
      return { kind: 'stats', ...(await stats()) };
  }
}

async function stats(): Promise<DataServerStats> {
  const threads = [...watchedThreads].map(async ({ name, answers, thread }) => {
    // One that is about to end has no heap any more.
    const statistics = await thread.getHeapStatistics().catch(() => undefined);
    return { name, answers, heap: statistics?.used_heap_size ?? 0 };
  });
  const main = { name: 'main', answers: false, heap: process.memoryUsage().heapUsed };
  return { rss: process.memoryUsage.rss(), events, threads: [main, ...(await Promise.all(threads))] };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
