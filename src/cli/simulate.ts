import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { OperatorError } from '../base/errors.ts';
import { readPlaces } from '../geo/places.ts';
import { readWorld, TICKS_MAX, type WorldSource } from '../lab/read-world.ts';
import { reportHtml } from '../lab/report.ts';
import { POLICIES, type Policy, type RunOptions, type RunResult, startRun } from '../lab/run.ts';
import { WORLD_FILES, type World, type WorldFile } from '../lab/world.ts';
import { decisionsText, probesText, summaryOf } from '../lab/write-run.ts';
import {
  type Command,
  EXIT_FAILED,
  EXIT_OK,
  type Flags,
  hasFlag,
  type Terminal,
  textFlag,
} from './command.ts';
import { formatShare } from './format.ts';
import { readGeoData } from './geo-files.ts';
import { valueReader } from './values.ts';

export const simulateCommand: Command = {
  operands: 'WORLD',
  operandsMin: 1,
  operandsMax: 1,
  description:
    'Runs the production decisions, or another policy, against the round-trip times of a WORLD folder in ' +
    'simulated time, and writes what was decided: decisions.csv, probes.csv, summary.json and a ' +
    'report.html that opens from the file. The policy sees pings, claimed locations and reports of ' +
    'the POPs; the truth only answers pings. The same world, flags and seed give the same files. ' +
    'docs/worlds.md has the formats and what each figure means; make-world makes worlds.',
  options: {
    out: { type: 'string', value: 'DIR', help: 'folder for the results; made if missing (required)' },
    policy: {
      type: 'string',
      value: 'POLICY',
      help: `who decides: ${POLICIES.join(', ')} (default: isochrone)`,
    },
    'bursts-per-cell': {
      type: 'string',
      value: 'K',
      help: 'bursts that a cell may spend in the whole run (default: as the policy sees fit)',
    },
    foresee: {
      type: 'boolean',
      help: 'whenever POPs go, foresee the load of the others before, and measure it after',
    },
    'other-luck': {
      type: 'string',
      value: 'TICK',
      help: 'from this tick on pings have the luck of another seed: how far apart runs of a world end',
    },
    ticks: { type: 'string', value: 'N', help: 'ticks to run (default: those of the world)' },
    seed: { type: 'string', value: 'N', help: 'seed of pings and clients (default: that of the world)' },
  },
  examples: [
    ['simulate test/lab/worlds/small --out /tmp/small', 'run the small world of the tests'],
    [
      'simulate /tmp/hubs --out /tmp/hubs-4 --bursts-per-cell 4',
      'a world made by make-world, at most 4 bursts a cell',
    ],
    ['simulate /tmp/hubs --out /tmp/hubs-geo --policy geo', 'the same by nearest geography'],
  ],
  run: async ({ operands: [folder = ''], flags, json, terminal }) => {
    const wishes = wishesOf(flags);
    const world = readWorld(sourceOf(folder, terminal));
    const { ticks = world.head.ticks } = wishes;
    if (ticks * world.cells.length > DECISIONS_MAX) throw tooLarge(world, ticks);
    const options = { ...wishes, world, foresees: hasFlag(flags, 'foresee') };
    const run = await simulate(options, terminal, `${wishes.policy}, tick`);
    const geo =
      run === undefined || run.policy === 'geo'
        ? run
        : await simulate({ ...options, policy: 'geo', foresees: false }, terminal, 'to compare: geo, tick');
    if (run === undefined || geo === undefined) {
      terminal.err(`stopped before all ${ticks} ticks were done: nothing was written`);
      return EXIT_FAILED;
    }
    terminal.makeFolder(wishes.out);
    const places = readGeoData('places.csv');
    const land = readPlaces(places.text, places.file);
    const summary = summaryOf(world, run);
    const files = {
      'decisions.csv': decisionsText(world, run),
      'probes.csv': probesText(world, run),
      'summary.json': `${JSON.stringify(summary, undefined, 2)}\n`,
      'report.html': reportHtml({ world, run, geo, land }),
    };
    for (const [name, text] of Object.entries(files)) terminal.writeText(join(wishes.out, name), text);
    if (json) terminal.out(JSON.stringify({ out: wishes.out, ...summary }, undefined, 2));
    else for (const line of resultLines(world, { run, geo, out: wishes.out })) terminal.out(line);
    return EXIT_OK;
  },
};

const BURSTS_MAX = 1_000_000;
/** Decisions of one run, ticks x cells: bounds memory and time. */
const DECISIONS_MAX = 50_000_000;
/** A load is foreseen well within so much of it. */
const NEAR_SHARE = 0.05;
/** Between two looks at whether to go on, ms. */
const LOOK_EVERY_MS = 100;

/** Runs to the end; undefined if the user had enough. */
async function simulate(
  options: RunOptions,
  terminal: Terminal,
  words: string,
): Promise<RunResult | undefined> {
  const run = startRun(options);
  let lookedAtMs = performance.now();
  for (let tick = 1; run.step(); tick++) {
    if (performance.now() - lookedAtMs < LOOK_EVERY_MS) continue;
    terminal.passing(`simulating ${options.world.head.name}: ${words} ${tick} of ${run.ticks}`);
    await nextTurn();
    if (terminal.stop.aborted) return undefined;
    lookedAtMs = performance.now();
  }
  terminal.passing('');
  return run.result();
}

function wishesOf(flags: Flags): Omit<RunOptions, 'world'> & { readonly out: string } {
  const read = valueReader();
  const out = textFlag(flags, 'out') ?? '';
  if (out === '') read.wrong('--out DIR is missing: where to write the results');
  const policy = textFlag(flags, 'policy') ?? 'isochrone';
  const isPolicy = (word: string): word is Policy => (POLICIES as readonly string[]).includes(word);
  if (!isPolicy(policy)) read.wrong(`--policy ${JSON.stringify(policy)} is none of ${POLICIES.join(', ')}`);
  const whole = (flag: string, what: string, min: number, max: number): number | undefined =>
    read.whole(flag, textFlag(flags, flag), { min, max, what });
  const fromTick = whole('other-luck', 'a tick', 0, TICKS_MAX);
  const wishes = {
    out,
    otherLuck: fromTick === undefined ? undefined : { fromTick },
    policy: isPolicy(policy) ? policy : 'isochrone',
    burstsPerCell: whole('bursts-per-cell', 'a number of bursts', 0, BURSTS_MAX),
    ticks: whole('ticks', 'a number of ticks', 1, TICKS_MAX),
    seed: whole('seed', 'a seed', 0, 2 ** 32 - 1),
  };
  if (read.problems.length > 0) throw new OperatorError('bad-usage', read.problems);
  return wishes;
}

function tooLarge({ head, cells }: World, ticks: number): OperatorError {
  const most = Math.floor(DECISIONS_MAX / cells.length);
  const size = `${ticks} ticks of ${head.name} with ${cells.length} cells`;
  const message = `${size} are too many for one run: --ticks ${most} at most`;
  return new OperatorError('bad-usage', [{ file: 'command line', message }]);
}

/** The world's files, each as far as it can be read: so that all that is wrong is said at once. */
export function sourceOf(folder: string, terminal: Pick<Terminal, 'readText' | 'listFolder'>): WorldSource {
  terminal.listFolder(folder);
  const texts = WORLD_FILES.map((name): readonly [WorldFile, string | { why: string }] => {
    try {
      return [name, terminal.readText(join(folder, name))];
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      return [name, { why: error.problems[0]?.message ?? error.message }];
    }
  });
  return { folder, texts: new Map(texts) };
}

/** What the policy itself takes its regret at the end for, beside what it is. */
function estimateLines({ estimatedRegret, figures }: RunResult): string[] {
  if (estimatedRegret === undefined) return [];
  const { capacity, terms, held } = estimatedRegret;
  const sum = (capacity + terms + held).toFixed(2);
  const parts = `${capacity.toFixed(2)} capacity, ${terms.toFixed(2)} terms, ${held.toFixed(2)} held`;
  return [
    `as it estimates it   ${sum} ms by demand (${parts}); true: ${figures.end.weightedMs.toFixed(2)} ms`,
  ];
}

function resultLines(
  world: World,
  { run, geo, out }: { run: RunResult; geo: RunResult; out: string },
): readonly string[] {
  const { end, average, burstsPerCell, flapsPerCellHour, overflowMax } = run.figures;
  const { end: near } = geo.figures;
  const counts = `${world.cells.length} cells, ${world.pops.length} POPs`;
  const regret = ({ meanMs, p99Ms, within5 }: typeof end): string =>
    `mean ${meanMs.toFixed(2)} ms, p99 ${p99Ms.toFixed(1)} ms, ${formatShare(within5)} within 5 ms`;
  return [
    `${world.head.name}: ${counts}, ${run.ticks} ticks; simulated`,
    `regret at the end    ${regret(end)}`,
    ...estimateLines(run),
    `regret over time     ${regret(average)}`,
    `nearest geography    ${regret(near)}`,
    `bursts a cell        ${burstsPerCell.toFixed(2)}`,
    `flaps a cell-hour    ${flapsPerCellHour.toFixed(3)}`,
    `demand over capacity ${formatShare(overflowMax)} at the worst tick`,
    ...run.foreseen.map(({ tick, without, pops, worstError, measuredFrom, measuredTick }) => {
      const near = pops.filter(({ error }) => error <= NEAR_SHARE).length;
      const which = `without ${without.join(', ')} from tick ${tick}: ${near} of ${pops.length} POPs`;
      const worst = `the worst ${formatShare(worstError)} off`;
      const ticksMeant = `ticks ${measuredFrom} to ${measuredTick}`;
      const near5 = `within ${formatShare(NEAR_SHARE)}`;
      return `foreseen             ${which} ${near5}, ${worst}; mean of ${ticksMeant}`;
    }),
    `report               ${join(out, 'report.html')}`,
  ];
}
