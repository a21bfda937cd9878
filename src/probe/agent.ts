/**
 * Room `probe`: agents that measure networks from POPs and feed the store. May import `base`, other pure
 * rooms, and `store`.
 */

import { BATCH_SAMPLES_MAX } from '../store/bounds.ts';
import { expectedOf } from '../store/expected.ts';
import type { Demand, PopReport, Sample, SampleBatch, Target } from '../store/store.ts';
import { createNews } from './news.ts';
import type { Outbox } from './outbox.ts';
import { isReportNews, isSteep } from './report-news.ts';
import { type Sink, storeTimeMs } from './sink.ts';
import { createTargetList } from './targets.ts';

/** An agent: it measures from one POP what the controller wants, and reports of the POP. */
export interface Agent {
  /** Does what became due since the last step, at most `STEP_MAX_MS` of it. Call it every `STEP_MS`. */
  readonly step: (nowMs: number) => void;
  /** Takes what the controller wants measured from the store. Never rejects. */
  readonly readTargets: () => Promise<void>;
  /** Sends a burst besides those that the controller wants, perhaps with another pinger than its own. */
  readonly measure: (target: Target, nowMs: number, by?: Pinger) => void;
  /** Takes in what was learnt otherwise than by a burst. */
  readonly take: (sample: Sample) => void;
  /** Reports of the POP now, and not only when it is time. */
  readonly reportNow: (nowMs: number) => void;
  readonly counts: () => AgentCounts;
}

/** Since the start. */
export interface AgentCounts {
  readonly bursts: number;
  /** Of these, those that nobody answered. */
  readonly unanswered: number;
  /** Wanted of networks for which there is no address here. */
  readonly unknownTargets: number;
  /** Wanted and not made: too often, too many, of somebody silent, or of somebody who wants none. */
  readonly heldBack: number;
  /** Samples for the controller, by the way in which they were measured; what is not told is `other`. */
  readonly samples: Readonly<Record<string, number>>;
  /** Pings of these, and those that were lost. */
  readonly pings: number;
  readonly pingsLost: number;
  /** Samples for which there was no room in their batch. */
  readonly overflow: number;
  /** Reports and demand lists that the store did not take: the next ones replace them. */
  readonly reportsLost: number;
  /** When the store last took a report or a demand list, ms since 1970; 0: never. */
  readonly reportedAtMs: number;
}

/** What makes the difference between agents: where they measure. */
export interface Pinger {
  /** Sends a burst, and calls `done` once with what came of it: perhaps at once. */
  readonly burst: (target: Target, nowMs: number, done: (outcome: Outcome) => void) => void;
}

/** What came of a burst; or why there was none, or that nobody ever answered there. */
export type Outcome = Omit<Sample, 'network'> | 'unknown' | 'held-back' | 'silent';

/** What the POP has to say of itself. */
export interface Figures {
  readonly report: (nowMs: number) => PopReport;
  readonly demand: () => readonly Demand[];
  /**
   * Load that is expected and may rise within moments, requests/s; absent: none does. A steep rise is told at
   * once.
   */
  readonly expectedRps?: () => number;
}

/** What `createAgent` needs. */
export interface AgentOptions {
  /** POP code. */
  readonly pop: string;
  readonly source: SampleBatch['source'];
  readonly sink: Sink;
  /** Perhaps of several agents together; whoever has it flushes it. */
  readonly outbox: Outbox;
  readonly pinger: Pinger;
  readonly figures: Figures;
  /** Agents of one process take turns: position among them. */
  readonly turn: number;
}

/** A step every so often, ms. */
export const STEP_MS = 50;
/** How often targets are read without a nudge, ms. */
export const TARGETS_EVERY_MS = 1_000;
/** Time that one step makes up for at most, ms. */
const STEP_MAX_MS = 200;
/** Each agent sends its batch, its report and its demand list so often, ms. */
const BATCH_EVERY_MS = 300;
const REPORT_EVERY_MS = 1_000;
const DEMAND_EVERY_MS = 2_000;
/** Steep rises are told so far apart, ms. */
const RISES_APART_MS = 250;

/** Makes an agent. Its first step reports at once. */
export function createAgent(options: AgentOptions): Agent {
  const { pop, source, sink, outbox, pinger, figures, turn } = options;
  const list = createTargetList(sink, pop);
  const news = createNews();
  const counts = emptyCounts();
  let pending: Sample[] = [];
  let lastReport: PopReport | undefined;
  let lastMs: number | undefined;

  const take = (sample: Sample): void => {
    if (pending.length >= BATCH_SAMPLES_MAX) counts.overflow++;
    else {
      pending.push(sample);
      countSample(counts, sample);
    }
  };
  const settle = (network: string, outcome: Outcome): void => {
    if (outcome === 'unknown') counts.unknownTargets++;
    else if (outcome === 'held-back') counts.heldBack++;
    else {
      counts.bursts++;
      if (outcome === 'silent' || outcome.rttMs === undefined) counts.unanswered++;
      if (outcome === 'silent') return;
      take({ network, ...outcome });
      news.note(network, outcome);
    }
  };
  const measure = (target: Target, nowMs: number, by = pinger): void =>
    by.burst(target, nowMs, (outcome) => settle(target.network, outcome));
  const sendLatest = latestSender(sink, counts);
  const rises = watchRises(figures);
  const report = (nowMs: number): void => {
    const said = figures.report(nowMs);
    const now = { ...said, atMs: storeTimeMs(sink, said.atMs) };
    const isNews = isReportNews(lastReport, now);
    lastReport = now;
    rises.told(now, nowMs);
    sendLatest(nowMs, () => sink.putReport(now, isNews));
  };
  const sendDemand = (nowMs: number): void => sendLatest(nowMs, () => sink.putDemand(pop, figures.demand()));
  const sendBatch = (nowMs: number, isNews: boolean): void => {
    const samples = pending;
    pending = [];
    if (samples.length > 0) outbox.put({ pop, atMs: nowMs, source, samples }, isNews);
  };

  return {
    step: (nowMs) => {
      const sinceMs = lastMs ?? nowMs;
      const isFirst = lastMs === undefined;
      const isTurn = (everyMs: number): boolean => isDue(everyMs, { turn, sinceMs, nowMs });
      list.advance(Math.max(0, Math.min(STEP_MAX_MS, nowMs - sinceMs)), (target) => measure(target, nowMs));
      for (const network of news.doubted(nowMs)) measure({ network }, nowMs);
      const isNews = news.take(nowMs);
      if (isNews || isTurn(BATCH_EVERY_MS)) sendBatch(nowMs, isNews);
      const isSteepNow = rises.isSteep(nowMs);
      // Before the report: whoever hears of that reads the demand.
      if (isFirst || isSteepNow || isTurn(DEMAND_EVERY_MS)) sendDemand(nowMs);
      if (isFirst || isSteepNow || isTurn(REPORT_EVERY_MS)) report(nowMs);
      lastMs = nowMs;
    },
    readTargets: list.read,
    measure,
    take,
    reportNow: report,
    counts: () => counts,
  };
}

/** The same while they are counted. */
type RunningCounts = {
  -readonly [Name in keyof AgentCounts]: Name extends 'samples' ? Record<string, number> : AgentCounts[Name];
};

function emptyCounts(): RunningCounts {
  return {
    bursts: 0,
    unanswered: 0,
    unknownTargets: 0,
    heldBack: 0,
    samples: {},
    pings: 0,
    pingsLost: 0,
    overflow: 0,
    reportsLost: 0,
    reportedAtMs: 0,
  };
}

/** Sends what is not kept if it is not taken now: the next one replaces it. */
function latestSender(sink: Sink, counts: RunningCounts) {
  return (nowMs: number, send: () => Promise<void>): void => {
    if (!sink.state().connected) counts.reportsLost++;
    else
      send().then(
        () => {
          counts.reportedAtMs = nowMs;
        },
        () => counts.reportsLost++,
      );
  };
}

function countSample(counts: RunningCounts, { method, sent, lost }: Sample): void {
  const way = method ?? 'other';
  counts.samples[way] = (counts.samples[way] ?? 0) + 1;
  counts.pings += sent;
  counts.pingsLost += lost;
}

/** Whether the POP's load rose steeply since it was told last. */
function watchRises({ expectedRps }: Figures) {
  let last: PopReport | undefined;
  let toldRps = 0;
  let toldMs = -Infinity;
  return {
    told: (report: PopReport, nowMs: number): void => {
      last = report;
      toldMs = nowMs;
      toldRps = expectedRps?.() ?? 0;
    },
    isSteep: (nowMs: number): boolean => {
      if (expectedRps === undefined || last === undefined || nowMs - toldMs < RISES_APART_MS) return false;
      const beforeRps = expectedOf(last);
      return isSteep(beforeRps, beforeRps + expectedRps() - toldRps, last.capacityRps);
    },
  };
}

/** Whether a turn came since then. By the clock and not by steps: a process that is busy steps seldom. */
function isDue(everyMs: number, at: { turn: number; sinceMs: number; nowMs: number }): boolean {
  const shiftMs = at.turn * STEP_MS;
  return Math.floor((at.nowMs + shiftMs) / everyMs) !== Math.floor((at.sinceMs + shiftMs) / everyMs);
}
