import { type Distribution, distributionOf, type Weighted } from './distribution.ts';

/** How two answers to one question differ; the first of these that is so. */
export const DIFFERENCES = {
  rcode: 'another response code',
  steered: 'steered in one, ordinary in the other',
  pop: 'another POP',
  link: 'another link of the POP',
  ttl: 'another TTL',
  scope: 'another scope',
  records: 'other records',
} as const;
export type Difference = keyof typeof DIFFERENCES;

/** One side's answer to a question. */
export interface Given {
  /** As `Outcome` has it. */
  readonly kind: number;
  readonly rcode: number;
  /** Code of the POP and id of the link; '' where the answer is not steered. */
  readonly pop: string;
  readonly link: string;
  readonly ttl: number;
  readonly scopeLength: number;
  /** Round-trip time of the client to the POP, ms; NaN where it is not steered. */
  readonly rttMs: number;
}

/** A question with both answers, and how often it was asked. */
export interface Judged {
  readonly before: Given;
  readonly after: Given;
  /** The answers are the same, octet by octet. */
  readonly isSame: boolean;
  /** Queries that it stands for, by window. */
  readonly queries: readonly number[];
  /** The client's cell and the question, in words: asked for only where something differs. */
  readonly cell: () => string;
  readonly question: () => string;
}

/** Clients of a cell that get another POP. */
export interface MovedClients {
  readonly cell: string;
  readonly fromPop: string;
  readonly toPop: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly queries: number;
}

/** The queries that a POP's answers are given to. */
export interface PopLoad {
  readonly code: string;
  /** Queries a second: over the whole log, and in its busiest window of each side. */
  readonly beforeQps: number;
  readonly afterQps: number;
  readonly beforePeakQps: number;
  readonly afterPeakQps: number;
}

/** What a replay found. */
export interface Comparison {
  /** Queries replayed, those that were steered in either world, and those that get another POP. */
  readonly queries: number;
  readonly steered: number;
  readonly moved: number;
  /** Of those that move, ms: greater is slower. */
  readonly rttChangeMs: Distribution;
  /** The change of those that move, divided: shares of them by the upper bound of each part, ms. */
  readonly histogram: readonly { readonly upToMs: number; readonly share: number }[];
  /** Those that lose most, by time x queries. */
  readonly worst: readonly MovedClients[];
  readonly pops: readonly PopLoad[];
  readonly differences: readonly {
    readonly kind: Difference;
    readonly queries: number;
    /** The most asked of them. */
    readonly examples: readonly string[];
  }[];
}

/** Adds up what differs. */
export interface Ledger {
  readonly add: (judged: Judged) => void;
  readonly comparison: (windowSeconds: readonly number[]) => Comparison;
}

const WORST_MAX = 20;
/** Cells with other POPs, and questions with other answers, told apart at most: the rest is added up only. */
const TOLD_APART_MAX = 200_000;
const EXAMPLES_MAX = 5;
/** Upper bounds of the parts of the distribution, ms. */
const BOUNDS = [-100, -50, -20, -10, -5, -1, 1, 5, 10, 20, 50, 100, Infinity];

/** An empty ledger for POPs of either world. */
export function createLedger(codes: readonly string[], windows: number): Ledger {
  const loads = new Map(codes.map((code) => [code, { before: sums(windows), after: sums(windows) }]));
  const moves = new Map<string, MovedClients>();
  const changes = new Map<number, number>();
  const found = new Map<Difference, { queries: number; examples: Map<string, number> }>();
  const totals = { queries: 0, steered: 0, moved: 0 };
  return {
    add: (judged) => {
      const { before, after, queries, isSame } = judged;
      const all = queries.reduce((sum, count) => sum + count, 0);
      totals.queries += all;
      if (before.pop !== '' || after.pop !== '') totals.steered += all;
      addTo(loads.get(before.pop)?.before, queries);
      addTo(loads.get(after.pop)?.after, queries);
      if (isSame && before.pop === after.pop) return;
      note(found, differenceOf(before, after), { all, judged });
      if (before.pop === after.pop || before.pop === '' || after.pop === '') return;
      totals.moved += all;
      const changeMs = Math.round(10 * (after.rttMs - before.rttMs)) / 10;
      changes.set(changeMs, (changes.get(changeMs) ?? 0) + all);
      noteMove(moves, judged, all);
    },
    comparison: (windowSeconds) => {
      const values: Weighted[] = [...changes].map(([value, weight]) => ({ value, weight }));
      const lost = (move: MovedClients): number => move.queries * (move.toMs - move.fromMs);
      return {
        ...totals,
        rttChangeMs: distributionOf(values),
        histogram: histogramOf(values, totals.moved),
        worst: [...moves.values()].sort((a, b) => lost(b) - lost(a)).slice(0, WORST_MAX),
        pops: codes.map((code) => popLoad(code, loads.get(code), windowSeconds)),
        differences: [...found]
          .map(([kind, { queries, examples }]) => {
            const most = [...examples].sort((a, b) => b[1] - a[1]).slice(0, EXAMPLES_MAX);
            return { kind, queries, examples: most.map(([text]) => text) };
          })
          .sort((a, b) => b.queries - a.queries),
      };
    },
  };
}

/** The first difference of two answers that are not the same. */
function differenceOf(before: Given, after: Given): Difference {
  if (before.kind !== after.kind && (before.rcode !== after.rcode || before.pop === after.pop))
    return 'rcode';
  if (before.rcode !== after.rcode) return 'rcode';
  if ((before.pop === '') !== (after.pop === '')) return 'steered';
  if (before.pop !== after.pop) return 'pop';
  if (before.link !== after.link) return 'link';
  if (before.ttl !== after.ttl) return 'ttl';
  return before.scopeLength === after.scopeLength ? 'records' : 'scope';
}

function note(
  found: Map<Difference, { queries: number; examples: Map<string, number> }>,
  kind: Difference,
  of: { readonly all: number; readonly judged: Judged },
): void {
  const entry = found.get(kind) ?? { queries: 0, examples: new Map<string, number>() };
  found.set(kind, entry);
  entry.queries += of.all;
  const question = of.judged.question();
  const before = entry.examples.get(question);
  if (before !== undefined || entry.examples.size < TOLD_APART_MAX)
    entry.examples.set(question, (before ?? 0) + of.all);
}

function noteMove(moves: Map<string, MovedClients>, { before, after, cell }: Judged, all: number): void {
  const label = cell();
  const key = `${label} ${before.pop} ${after.pop}`;
  const known = moves.get(key);
  if (known === undefined && moves.size >= TOLD_APART_MAX) return;
  const queries = (known?.queries ?? 0) + all;
  const mean = (so: number | undefined, ms: number): number =>
    queries === 0 ? ms : ((so ?? 0) * (known?.queries ?? 0) + ms * all) / queries;
  moves.set(key, {
    cell: label,
    fromPop: before.pop,
    toPop: after.pop,
    fromMs: mean(known?.fromMs, before.rttMs),
    toMs: mean(known?.toMs, after.rttMs),
    queries,
  });
}

function popLoad(
  code: string,
  load: { readonly before: Float64Array; readonly after: Float64Array } | undefined,
  windowSeconds: readonly number[],
): PopLoad {
  const seconds = windowSeconds.reduce((sum, one) => sum + one, 0) || 1;
  const mean = (counts: Float64Array = new Float64Array(0)): number =>
    counts.reduce((sum, count) => sum + count, 0) / seconds;
  const peak = (counts: Float64Array = new Float64Array(0)): number =>
    counts.reduce((most, count, i) => Math.max(most, count / (windowSeconds[i] || 1)), 0);
  return {
    code,
    beforeQps: mean(load?.before),
    afterQps: mean(load?.after),
    beforePeakQps: peak(load?.before),
    afterPeakQps: peak(load?.after),
  };
}

function histogramOf(values: readonly Weighted[], total: number): Comparison['histogram'] {
  return BOUNDS.map((upToMs, i) => {
    const from = BOUNDS[i - 1] ?? -Infinity;
    const inside = values.filter(({ value }) => value > from && value <= upToMs);
    const weight = inside.reduce((sum, one) => sum + one.weight, 0);
    return { upToMs, share: total === 0 ? 0 : weight / total };
  });
}

function sums(windows: number): Float64Array {
  return new Float64Array(windows);
}

function addTo(load: Float64Array | undefined, queries: readonly number[]): void {
  if (load === undefined) return;
  for (const [window, count] of queries.entries()) load[window] = (load[window] ?? 0) + count;
}
