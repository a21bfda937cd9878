/**
 * How well the engine maps, against the usual ways: `npm run bench:mapping [-- --worlds DIR] [-- --seeds N]`.
 * Runs worlds made from seeds, and with `--worlds` those in a folder, under every policy with the same budget
 * of bursts, and prints a table in Markdown for docs/steering.md. Everything is simulated.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readGazetteer } from '../../src/lab/make-cities.ts';
import { makeWorld, type WorldWishes } from '../../src/lab/make-world.ts';
import { mean } from '../../src/lab/numbers.ts';
import { readWorld } from '../../src/lab/read-world.ts';
import { POLICIES, type Policy, type RunResult, startRun } from '../../src/lab/run.ts';
import { WORLD_FILES, type World } from '../../src/lab/world.ts';

/** Worlds that share a row: of one kind, from several seeds. */
interface Case {
  readonly name: string;
  readonly worlds: () => readonly World[];
  readonly burstsPerCell?: number;
}

const { values } = parseArgs({
  options: {
    worlds: { type: 'string', default: '' },
    seeds: { type: 'string', default: '3' },
    policy: { type: 'string', multiple: true, default: [...POLICIES] },
    case: { type: 'string', default: '' },
  },
});
/** Bursts a cell in the worlds of a folder, by their names; others as the policy sees fit. */
const BURSTS: Readonly<Record<string, number>> = { planetlab: 5, azure: 3 };
/** Figures of runs under load count from here on: by then the first answers have spread. */
const SETTLED_TICK = 10;
/** Seeds that nothing was tuned on. */
const SEED_FROM = 101;

const geoData = (name: string): string =>
  readFileSync(new URL(`../../geo-data/${name}`, import.meta.url), 'utf8');
const gazetteer = readGazetteer({ popsCsv: geoData('pops.csv'), placesCsv: geoData('places.csv') });

function made(wishes: Partial<WorldWishes>): () => readonly World[] {
  const base: WorldWishes = {
    ...{ name: 'made', kind: 'hubs', pops: 22, cells: 246, cities: 246, seed: 1, ticks: 60, tickSeconds: 10 },
    ...{ capacity: 10, eventTick: 30, eventEnd: 45, shiftMs: 60 },
    ...wishes,
  };
  const seeds = [...Array(Number(values.seeds)).keys()].map((i) => SEED_FROM + i);
  return () => seeds.map((seed) => makeWorld(gazetteer, { ...base, seed }));
}

function given(folder: string): Case[] {
  if (folder === '') return [];
  const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'world.json')));
  return names.map((name) => {
    const path = join(folder, name);
    const texts = (): Map<(typeof WORLD_FILES)[number], string> =>
      new Map(WORLD_FILES.map((file) => [file, readFileSync(join(path, file), 'utf8')]));
    const bursts = BURSTS[name];
    const worlds = (): readonly World[] => [readWorld({ folder: path, texts: texts() })];
    return { name, worlds, ...(bursts === undefined ? {} : { burstsPerCell: bursts }) };
  });
}

const CAPACITY = { kind: 'capacity', cells: 3000, cities: 246 } as const;
const CASES: readonly Case[] = [
  ...given(values.worlds),
  { name: '22 hubs', worlds: made({}), burstsPerCell: 4 },
  { name: '50 random POPs', worlds: made({ kind: 'random', pops: 50 }), burstsPerCell: 8 },
  { name: 'one POP +60 ms', worlds: made({ kind: 'shift' }) },
  { name: 'capacity 1.3', worlds: made({ ...CAPACITY, capacity: 1.3 }) },
  { name: 'capacity 1.1', worlds: made({ ...CAPACITY, capacity: 1.1 }) },
  { name: 'capacity 0.9', worlds: made({ ...CAPACITY, capacity: 0.9 }) },
];

const COLUMNS = [
  'world',
  'policy',
  'bursts a cell',
  'mean regret, ms',
  'p99, ms',
  'within 5 ms',
  'flaps a cell-hour',
  'over capacity',
  'served over best fixed',
  'ticks to move away, back',
];

console.log(`| ${COLUMNS.join(' | ')} |`);
console.log(`| --- | --- |${' ---: |'.repeat(COLUMNS.length - 2)}`);
for (const one of CASES.filter(({ name }) => name.includes(values.case))) {
  const worlds = one.worlds();
  for (const policy of POLICIES.filter((name) => values.policy.includes(name))) {
    const results = worlds.map((world) => run(world, policy, one.burstsPerCell));
    console.log(`| ${[one.name, policy, ...rowOf(results)].join(' | ')} |`);
  }
}

function run(world: World, policy: Policy, burstsPerCell: number | undefined): RunResult {
  const running = startRun({ world, policy, burstsPerCell });
  while (running.step());
  return running.result();
}

/** Means over the worlds of a case. */
function rowOf(results: readonly RunResult[]): readonly string[] {
  const all = (figure: (result: RunResult) => number): number => mean(results.map(figure));
  const overflow = all(({ figures }) =>
    Math.max(0, ...figures.ticks.slice(SETTLED_TICK).map((tick) => tick.overflow)),
  );
  return [
    all(({ figures }) => figures.burstsPerCell).toFixed(1),
    all(({ figures }) => figures.end.meanMs).toFixed(2),
    all(({ figures }) => figures.end.p99Ms).toFixed(1),
    `${(100 * all(({ figures }) => figures.end.within5)).toFixed(1)} %`,
    all(({ figures }) => figures.flapsPerCellHour).toFixed(3),
    `${(100 * overflow).toFixed(1)} %`,
    `${(100 * all(({ figures }) => figures.fresh.over)).toFixed(1)} %`,
    reactionWords(results),
  ];
}

/** Ticks until 95 % of affected cells had moved, for each event of the worlds; the slowest of the worlds. */
function reactionWords(results: readonly RunResult[]): string {
  const events = results[0]?.figures.reactions.length ?? 0;
  const words = [...Array(events).keys()].map((i) => {
    const ticks = results.map(({ figures }) => figures.reactions[i]?.ticksTo95 ?? -1);
    return ticks.includes(-1) ? 'never' : String(Math.max(...ticks));
  });
  return words.length === 0 ? '' : `${words.join(', ')}`;
}
