import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { prepareState } from './data-client.ts';
import { compile, machineText, progress, root, SERVER_CORE, temporaryFolder } from './machine.ts';
import { measureDeath } from './stand-death.ts';
import { measureHeap } from './stand-heap.ts';
import { measurePops, measureVerdict } from './stand-pops.ts';
import { measureReplace } from './stand-replace.ts';
import { measureCores, measureKills } from './stand-threads.ts';

/**
 * `npm run bench:stand`: what clients see when something happens to the name server: a POP goes down, a
 * thread dies, a new process takes over; what a second core brings; and that answering leaves nothing to
 * collect.
 */

/** What every part works with. */
export interface Stand {
  readonly folder: string;
  /** The compiled load.c. */
  readonly load: string;
  readonly config: string;
  /** With the images in it. */
  readonly state: string;
  /** Steered questions for `load.c`. */
  readonly names: string;
  readonly port: number;
  readonly rounds: number;
  /** Times between the deaths of workers that are measured, ms. */
  readonly everyMs: readonly number[];
  /** That the server may use, where a part does not say otherwise. */
  readonly cores: string;
  /** Queries of the part that watches the heap. */
  readonly queries: number;
}

const PARTS: Readonly<Record<string, (stand: Stand) => Promise<string>>> = {
  pops: measurePops,
  verdict: measureVerdict,
  kill: measureKills,
  death: measureDeath,
  replace: measureReplace,
  cores: measureCores,
  heap: measureHeap,
};

const { values } = parseArgs({
  options: {
    parts: { type: 'string', default: Object.keys(PARTS).join(',') },
    rounds: { type: 'string', default: '20' },
    every: { type: 'string', default: '2000,1000,500' },
    queries: { type: 'string', default: '10000000' },
    port: { type: 'string', default: '20720' },
    cores: { type: 'string', default: SERVER_CORE },
  },
});
await main();

async function main(): Promise<void> {
  const folder = temporaryFolder();
  const load = compile('load', folder);
  if (typeof load === 'string') throw new Error(load);
  const names = join(folder, 'names');
  writeFileSync(names, 'www.edge.test A\n');
  const config = join(root, 'test/bench/edge.yaml');
  const stand: Stand = {
    folder,
    load: load.path,
    config,
    state: join(folder, 'state'),
    names,
    port: Number(values.port),
    rounds: Number(values.rounds),
    everyMs: values.every.split(',').map(Number),
    cores: values.cores,
    queries: Number(values.queries),
  };
  console.log(machineText());
  await prepareState({ ...stand, workers: 1 }, { question: 'www.edge.test.', log: join(folder, 'log') });
  for (const part of values.parts.split(',')) {
    progress(`part ${part}`);
    const measure = PARTS[part];
    if (measure === undefined) throw new Error(`no part ${part}: ${Object.keys(PARTS).join(', ')}`);
    console.log(`\n${await measure(stand)}`);
  }
}
