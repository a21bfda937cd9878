import { globSync } from 'node:fs';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

/**
 * Runs all tests but the campaigns, in lots: `node test/suite.ts`, which `test/run.sh` ends with. Each file
 * is a process of its own. A lot that fails is the last; then the exit code is 1. The small real network and
 * Redis's troubles take minutes, and are commands of their own: `npm run test:netns`,
 * `npm run test:redis-trouble`.
 */

/** Test files that may run at the same time. */
interface Lot {
  readonly atOnce: number;
  readonly files: readonly string[];
}

/** No test may take longer, ms. */
const TEST_MS_MAX = 300_000;
/** Many tests wait more than they compute: so one more at a time than the machine is sure to have cores. */
const AT_ONCE = 3;
/** Whole programs keep a core busy while they start, and have to end in time. */
const WHOLE_AT_ONCE = 2;

/**
 * End-to-end tests that hold whole programs to times that people see. Those whose bounds leave room share the
 * machine with one other; those that wait for a verdict of checks, or for a POP's return, which come near
 * their bounds, with none.
 */
const PAIRS = [['e2e/inputs', 'e2e/control']];
const ALONE = ['e2e/drain', 'e2e/redis-loss', 'e2e/health', 'netns/health'];

/**
 * Those that take longest begin first, so that none is left over in the end; of those that start the demo one
 * before the others, which makes the image that they are lent.
 */
const LONG = [
  ...['server-handover', 'store-cluster', 'store-trouble', 'answer-row-map-update', 'server-deaths'],
  ...['server-supervisor', 'cli-agent', 'replay', 'probe-checks', 'steering-optimum', 'lab/lie'],
  ...['e2e/breakage', 'e2e/maintenance', 'e2e/images', 'e2e/explain', 'e2e/cold-start', 'e2e/nearest'],
  ...['e2e/documents', 'e2e/console', 'e2e/query-log', 'e2e/transfer', 'e2e/edge-security'],
].map(pathOf);

const timed = new Set([...PAIRS.flat(), ...ALONE].map(pathOf));
const files = globSync('test/**/*.test.ts')
  .filter((file) => !timed.has(file) && !/^test\/(?:campaign|netns\/show)/.test(file))
  .toSorted((one, other) => rank(one) - rank(other) || one.localeCompare(other));
const isWhole = (file: string): boolean => /^test\/(?:e2e|netns)\//.test(file);

const lots: readonly Lot[] = [
  { atOnce: AT_ONCE, files: files.filter((file) => !isWhole(file)) },
  { atOnce: WHOLE_AT_ONCE, files: files.filter(isWhole) },
  ...PAIRS.map((pair) => ({ atOnce: 2, files: pair.map(pathOf) })),
  { atOnce: 1, files: ALONE.map(pathOf) },
];
for (const lot of lots) if (!(await passes(lot))) break;

function pathOf(name: string): string {
  return `test/${name}.test.ts`;
}

function rank(file: string): number {
  const at = LONG.indexOf(file);
  return at < 0 ? LONG.length : at;
}

/** Runs a lot, and shows it. */
async function passes({ atOnce, files: chosen }: Lot): Promise<boolean> {
  const events = run({ files: [...chosen], concurrency: atOnce, timeout: TEST_MS_MAX });
  events.on('test:fail', () => {
    process.exitCode = 1;
  });
  for await (const text of events.compose(new spec())) process.stdout.write(text);
  return process.exitCode === undefined;
}
