import { createCounts } from '../replay/counts.ts';
import { createLedger } from '../replay/ledger.ts';
import { createQuestions, type LoggedQuestion, QUESTIONS_MAX } from '../replay/questions.ts';
import type { ReplayReport } from '../replay/report.ts';
import type { Terminal } from './command.ts';
import { formatCount, formatSpan } from './format.ts';
import { type Asked, demandOf, judge, judgeAll } from './replay-judge.ts';
import { type LogSource, logWords, type ReadLog, readLog } from './replay-log.ts';
import { decideSide, type Ground, type Side } from './replay-side.ts';

/** What is asked of a replay. */
export interface ReplayWish {
  /** Codes of the POPs that are away after. */
  readonly without: readonly string[];
  /** Queries that one of the log stands for; undefined: as the log was written. */
  readonly oneOf: number | undefined;
  readonly requestsPerQuery: number;
  /** Port of the name server in captures. */
  readonly port: number;
}

/** What a replay works with. */
export interface ReplayParts {
  readonly log: LogSource;
  /** What the worlds are called. */
  readonly names: { readonly before: string; readonly after: string };
  /** Queries that one of a log stands for that the configuration before wrote. */
  readonly loggedOneOf: number;
  /** Questions remembered at most; absent: `QUESTIONS_MAX`. */
  readonly questionsMax?: number;
  /** Opens both worlds, which may be one, once the log's questions are known. */
  readonly grounds: (
    questions: readonly LoggedQuestion[],
  ) => Promise<{ readonly before: Ground; readonly after: Ground }>;
  /** Told of the log once it is read. */
  readonly onLog: (log: ReadLog) => void;
  readonly terminal: Pick<Terminal, 'passing' | 'stop'>;
}

/** Runs a log through two worlds. Throws as `readLog` does, and what `grounds` throws. */
export async function runReplay(wish: ReplayWish, parts: ReplayParts): Promise<ReplayReport> {
  const { without, requestsPerQuery, port } = wish;
  const { terminal, questionsMax = QUESTIONS_MAX } = parts;
  const questions = createQuestions(questionsMax);
  const counts = createCounts();
  let unknown = 0;
  const onQuery = ({ id }: LoggedQuestion, atMs: number): void => {
    if (id < 0) unknown++;
    counts.add(id, atMs);
  };
  const log = await readLog(parts.log, { questions, onQuery, port, terminal });
  parts.onLog(log);
  // Captures, and logs of other servers, have every query.
  const hasAll = log.format === 'pcap' || log.format === 'text';
  const oneOf = wish.oneOf ?? (hasAll ? 1 : parts.loggedOneOf);
  const asked: Asked = { questions: questions.all(), counts, oneOf };
  terminal.passing('opening zones and databases');
  const grounds = await parts.grounds(asked.questions);
  terminal.passing('deciding for the demand of the log');
  const sides = decideBoth(grounds, asked, { without, requestsPerQuery, names: parts.names });
  const worlds = [sides.before.world, sides.after.world];
  const codes = [...new Set(worlds.flatMap(({ config }) => config.fleet.pops.map(({ code }) => code)))];
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
    await readLog(parts.log, { questions, onQuery: rest, port, terminal });
  }
  const comparison = ledger.comparison(secondsOf(counts));
  return reportOf({ wish, parts, log, sides, counts, oneOf, unknown, comparison });
}

/** Decides in both worlds for the demand of the log's busiest window. */
function decideBoth(
  { before, after }: { readonly before: Ground; readonly after: Ground },
  asked: Asked,
  how: Pick<ReplayWish, 'without' | 'requestsPerQuery'> & Pick<ReplayParts, 'names'>,
): { readonly before: Side; readonly after: Side } {
  const { without, requestsPerQuery, names } = how;
  const of = { window: busiestWindow(asked), requestsPerQuery };
  const demand = demandOf(after, asked, of);
  const oldDemand = before === after ? demand : demandOf(before, asked, of);
  return {
    before: decideSide(before, oldDemand, { name: names.before, without: [] }),
    after: decideSide(after, demand, { name: names.after, without, hasRanges: true }),
  };
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

/** What a report is made of. */
interface ReportParts {
  readonly wish: ReplayWish;
  readonly parts: ReplayParts;
  readonly log: ReadLog;
  readonly sides: { readonly before: Side; readonly after: Side };
  readonly counts: ReturnType<typeof createCounts>;
  readonly oneOf: number;
  readonly unknown: number;
  readonly comparison: ReplayReport['comparison'];
}

function reportOf(of: ReportParts): ReplayReport {
  const { wish, parts, log, sides, counts, comparison } = of;
  const { requestsPerQuery, without } = wish;
  const { pops: fleet } = sides.after.world.config.fleet;
  const pops = comparison.pops.map(({ code, beforeQps, afterQps, beforePeakQps, afterPeakQps }) => {
    const pop = fleet.find((one) => one.code === code);
    const terms = pop === undefined ? undefined : sides.after.terms.pops[pop.index];
    const range = pop === undefined ? undefined : sides.after.ranges?.[pop.index];
    const peakRps = requestsPerQuery * afterPeakQps;
    return {
      code,
      beforeRps: requestsPerQuery * beforeQps,
      afterRps: requestsPerQuery * afterQps,
      beforePeakRps: requestsPerQuery * beforePeakQps,
      afterPeakRps: peakRps,
      ...(range === undefined
        ? {}
        : {
            afterLowRps: Math.max(0, peakRps + range.lowRps - range.rps),
            afterHighRps: peakRps + range.highRps - range.rps,
          }),
      capacityRps: terms?.capacityRps ?? pop?.capacityRps ?? Number.NaN,
    };
  });
  const isOpen = fleet.every(({ code }) => without.includes(code));
  const { before, after } = sides;
  return {
    log: `${parts.log.name}: ${logWords(log)}, over ${formatSpan(counts.span().toMs - counts.span().fromMs)}`,
    before: { name: before.name, basis: before.basis },
    after: { name: after.name, basis: after.basis },
    notes: notesOf(of, isOpen),
    ...counts.span(),
    windowSeconds: counts.windowSeconds(),
    comparison,
    pops,
    overCapacity: pops
      .filter(({ code }) => isOpen || !without.includes(code))
      .filter(({ afterPeakRps, capacityRps }) => afterPeakRps > capacityRps)
      .map(({ code }) => code),
  };
}

/** What a reader has to know to judge the figures; `isOpen`: no POP is left after. */
function notesOf({ wish, parts, oneOf, unknown, comparison }: ReportParts, isOpen: boolean): string[] {
  const { questionsMax = QUESTIONS_MAX } = parts;
  const notes = [
    `Each query of the log stands for ${formatCount(oneOf)}; ` +
      `a query is taken for ${wish.requestsPerQuery} requests.`,
  ];
  if (unknown > 0)
    notes.push(
      `Beyond ${formatCount(questionsMax)} different questions, ${formatCount(unknown)} queries ` +
        'were answered, but not decided for.',
    );
  if (comparison.steered === 0)
    notes.push('No query asks for a steered name: is this the log of the zones of these configurations?');
  if (isOpen) notes.push('No POP is left: answers go on as if all were up (fail open).');
  return notes;
}
