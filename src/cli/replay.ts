import { OperatorError } from '../base/errors.ts';
import { type Config, loadConfig } from '../config/config.ts';
import { createCounts } from '../replay/counts.ts';
import { createLedger } from '../replay/ledger.ts';
import { createQuestions, type LoggedQuestion, QUESTIONS_MAX } from '../replay/questions.ts';
import { type ReplayReport, replayHtml } from '../replay/report.ts';
import {
  type Command,
  EXIT_FAILED,
  EXIT_OK,
  type Flags,
  type Terminal,
  textFlag,
  textFlags,
} from './command.ts';
import { formatCount, formatSpan } from './format.ts';
import type { CloseLater } from './long-running.ts';
import { type Asked, demandOf, judge, judgeAll } from './replay-judge.ts';
import { logWords, type ReadLog, readLog } from './replay-log.ts';
import { decideSide, openGround, type Side } from './replay-side.ts';
import { replayLines } from './replay-text.ts';
import { popCodeOf, valueReader } from './values.ts';

export const replayCommand: Command = {
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  description:
    'Asks what a change would do: runs the queries of a log through a configuration, or through a world ' +
    'without a POP, and compares every answer with that of the configuration before: who moves, how much ' +
    'longer or shorter their way gets, the load of each POP against its capacity, answers that differ. ' +
    'Logs: the JSON log, dnstap frame streams, captures (pcap, pcapng) of UDP and TCP; packed with gzip or ' +
    'not. docs/replay.md tells what is decided with what.',
  options: {
    log: { type: 'string', value: 'FILE', help: 'the log of queries (required)' },
    config: { type: 'string', value: 'NEW', help: 'configuration of the world after (required)' },
    against: { type: 'string', value: 'OLD', help: 'configuration of the world before (default: NEW)' },
    without: {
      type: 'string',
      value: 'POP',
      multiple: true,
      help: 'a POP that is away after; may be repeated',
    },
    state: { type: 'string', value: 'DIR', help: 'state folder whose saved table is gone on from' },
    store: { type: 'string', value: 'URL', help: 'Redis whose estimates are decided with; only read' },
    html: { type: 'string', value: 'FILE', help: 'write a report there, too' },
    'one-of': {
      type: 'string',
      value: 'N',
      help: 'queries that one of the log stands for (default: as OLD logs; of captures 1)',
    },
    'requests-per-query': { type: 'string', value: 'X', help: 'requests that a query brings (default 1)' },
    port: { type: 'string', value: 'N', help: 'port of the name server in captures (default 53)' },
  },
  examples: [
    ['replay --log queries.json --config new.yaml --against isochrone.yaml --html report.html', 'a change'],
    ['replay --log day.pcap.gz --config isochrone.yaml --without FRA --state /var/lib/isochrone', 'a loss'],
  ],
  run: async ({ flags, json, terminal }) => {
    const wishes = wishesOf(flags, terminal);
    const closers: (() => Promise<void> | void)[] = [];
    try {
      const report = await replay(wishes, terminal, (close) => void closers.push(close));
      if (wishes.html !== undefined) terminal.writeText(wishes.html, replayHtml(report));
      if (json) terminal.out(JSON.stringify(report, undefined, 2));
      else for (const line of replayLines(report, wishes.html)) terminal.out(line);
      return EXIT_OK;
    } catch (error) {
      if (!terminal.stop.aborted) throw error;
      terminal.err('stopped before the log was replayed');
      return EXIT_FAILED;
    } finally {
      for (const close of closers.reverse()) await close();
    }
  },
};

interface Wishes {
  readonly log: string;
  readonly after: Config;
  readonly before: Config | undefined;
  readonly without: readonly string[];
  readonly state: string | undefined;
  readonly store: string | undefined;
  readonly html: string | undefined;
  readonly oneOf: number | undefined;
  readonly requestsPerQuery: number;
  readonly port: number;
}

function wishesOf(flags: Flags, terminal: Terminal): Wishes {
  const read = valueReader();
  const required = (flag: string, what: string): string => {
    const value = textFlag(flags, flag) ?? '';
    if (value === '') read.wrong(`--${flag} is missing: ${what}`);
    return value;
  };
  const log = required('log', 'the log of queries');
  const file = required('config', 'the configuration to try');
  const old = textFlag(flags, 'against');
  const without = textFlags(flags, 'without').map((code) => popCodeOf(code, read));
  if (old === undefined && without.length === 0)
    read.wrong('there is nothing to compare: --against OLD or --without POP');
  const ports = { min: 1, max: 65_535, what: 'a port' };
  const port = read.whole('port', textFlag(flags, 'port'), ports) ?? 53;
  const queries = { min: 1, max: 1_000_000, what: 'a number of queries' };
  const oneOf = read.whole('one-of', textFlag(flags, 'one-of'), queries);
  const requests = { min: 0.001, max: 1_000_000, what: 'requests' };
  const requestsPerQuery =
    read.number('requests-per-query', textFlag(flags, 'requests-per-query'), requests) ?? 1;
  if (read.problems.length > 0) throw new OperatorError('bad-usage', read.problems);
  const { readText, listFolder } = terminal;
  const config = (path: string): Config =>
    loadConfig({ text: readText(path), file: path, read: readText, list: listFolder });
  const after = config(file);
  const before = old === undefined ? undefined : config(old);
  const codes = new Set(after.fleet.pops.map(({ code }) => code));
  for (const code of without) if (!codes.has(code)) read.wrong(`--without ${code}: ${file} has no such POP`);
  if (read.problems.length > 0) throw new OperatorError('bad-usage', read.problems);
  const [state, store, html] = ['state', 'store', 'html'].map((flag) => textFlag(flags, flag));
  return { log, after, before, without, state, store, html, oneOf, requestsPerQuery, port };
}

async function replay(wishes: Wishes, terminal: Terminal, closeLater: CloseLater): Promise<ReplayReport> {
  const { state, store, without, requestsPerQuery, port } = wishes;
  const questions = createQuestions();
  const counts = createCounts();
  let unknown = 0;
  const onQuery = ({ id }: LoggedQuestion, atMs: number): void => {
    if (id < 0) unknown++;
    counts.add(id, atMs);
  };
  const log = await readLog(wishes.log, { questions, onQuery, port, terminal });
  for (const fault of log.faults) terminal.err(`warning: ${fault}`);
  const oneOf = wishes.oneOf ?? oneOfBy(log, wishes);
  const asked: Asked = { questions: questions.all(), counts, oneOf };
  const window = busiestWindow(asked);
  const parts = { state, store, terminal, closeLater };
  terminal.passing('opening zones and databases');
  const newGround = await openGround(wishes.after, parts);
  const oldGround = wishes.before === undefined ? newGround : await openGround(wishes.before, parts);
  terminal.passing('deciding for the demand of the log');
  const of = { window, requestsPerQuery };
  const demand = demandOf(newGround, asked, of);
  const oldDemand = oldGround === newGround ? demand : demandOf(oldGround, asked, of);
  const before = decideSide(oldGround, oldDemand, {
    name: (wishes.before ?? wishes.after).file,
    without: [],
  });
  const name = `${wishes.after.file}${without.length === 0 ? '' : ` without ${without.join(', ')}`}`;
  const after = decideSide(newGround, demand, { name, without });
  const sides = { before, after };
  const codes = [
    ...new Set([before, after].flatMap(({ world }) => world.config.fleet.pops.map(({ code }) => code))),
  ];
  const ledger = createLedger(codes.sort(), counts.windows());
  await judgeAll(ledger, sides, asked, terminal);
  if (unknown > 0) {
    const rest = (question: LoggedQuestion, atMs: number): void => {
      if (question.id >= 0) return;
      const queries = Array.from({ length: counts.windows() }, (_, i) =>
        i === counts.windowOf(atMs) ? oneOf : 0,
      );
      judge(ledger, sides, { question, queries });
    };
    await readLog(wishes.log, { questions, onQuery: rest, port, terminal });
  }
  return reportOf({
    wishes,
    log,
    sides,
    counts,
    oneOf,
    unknown,
    comparison: ledger.comparison(secondsOf(counts)),
  });
}

/** Captures have every query; logs as the configuration says that they were written with. */
function oneOfBy({ format }: ReadLog, { before, after }: Wishes): number {
  return format === 'pcap' ? 1 : ((before ?? after).log.queries?.oneOf ?? 1);
}

function busiestWindow({ questions, counts }: Asked): number {
  const totals = Array.from({ length: Math.max(1, counts.windows()) }, (_, window) =>
    questions.reduce((sum, { id }) => sum + counts.of(id, window), 0),
  );
  return totals.indexOf(Math.max(...totals));
}

/** How long each window is: the last one ends with the log. */
function secondsOf(counts: ReturnType<typeof createCounts>): number[] {
  const { fromMs, toMs } = counts.span();
  const whole = counts.windowSeconds();
  const windows = counts.windows();
  const last = (toMs - Math.floor(fromMs / 1000) * 1000) / 1000 - whole * (windows - 1);
  // A second at least: queries of one moment are no infinite rate.
  return Array.from({ length: windows }, (_, i) => (i < windows - 1 ? whole : Math.max(1, last)));
}

function reportOf(of: {
  readonly wishes: Wishes;
  readonly log: ReadLog;
  readonly sides: { readonly before: Side; readonly after: Side };
  readonly counts: ReturnType<typeof createCounts>;
  readonly oneOf: number;
  readonly unknown: number;
  readonly comparison: ReplayReport['comparison'];
}): ReplayReport {
  const { wishes, log, sides, counts, oneOf, unknown, comparison } = of;
  const { requestsPerQuery, without } = wishes;
  const { pops: fleet } = sides.after.world.config.fleet;
  const pops = comparison.pops.map(({ code, beforeQps, afterQps, beforePeakQps, afterPeakQps }) => {
    const pop = fleet.find((one) => one.code === code);
    const terms = pop === undefined ? undefined : sides.after.terms.pops[pop.index];
    return {
      code,
      beforeRps: requestsPerQuery * beforeQps,
      afterRps: requestsPerQuery * afterQps,
      beforePeakRps: requestsPerQuery * beforePeakQps,
      afterPeakRps: requestsPerQuery * afterPeakQps,
      capacityRps: terms?.capacityRps ?? pop?.capacityRps ?? Number.NaN,
    };
  });
  const notes = [
    `Each query of the log stands for ${formatCount(oneOf)}; ` +
      `a query is taken for ${requestsPerQuery} requests.`,
    ...(unknown === 0
      ? []
      : [
          `Beyond ${formatCount(QUESTIONS_MAX)} different questions, ${formatCount(unknown)} queries ` +
            'were answered, but not decided for.',
        ]),
  ];
  const { before, after } = sides;
  return {
    log: `${wishes.log}: ${logWords(log)}, over ${formatSpan(counts.span().toMs - counts.span().fromMs)}`,
    before: { name: before.name, basis: before.basis },
    after: { name: after.name, basis: after.basis },
    notes,
    ...counts.span(),
    windowSeconds: counts.windowSeconds(),
    comparison,
    pops,
    overCapacity: pops
      .filter(({ code, afterPeakRps, capacityRps }) => !without.includes(code) && afterPeakRps > capacityRps)
      .map(({ code }) => code),
  };
}
