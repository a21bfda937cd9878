import { columnChart, escapeHtml, formatNumber, niceTicks } from '../base/chart.ts';
import { REPORT_STYLE } from '../base/report-style.ts';
import { type Comparison, DIFFERENCES } from './ledger.ts';

/** A POP's load against what it can serve, requests a second. */
export interface ReplayedPop {
  readonly code: string;
  readonly beforeRps: number;
  readonly afterRps: number;
  /** In the busiest window. */
  readonly beforePeakRps: number;
  readonly afterPeakRps: number;
  /** Between what the latter is likely to be, by how uncertain estimates are; absent without any. */
  readonly afterLowRps?: number;
  readonly afterHighRps?: number;
  /** NaN: it is not in that world. */
  readonly capacityRps: number;
}

/** What a replay shows. */
export interface ReplayReport {
  /** The log, and the worlds: in words. */
  readonly log: string;
  readonly before: { readonly name: string; readonly basis: string };
  readonly after: { readonly name: string; readonly basis: string };
  readonly notes: readonly string[];
  readonly fromMs: number;
  readonly toMs: number;
  readonly windowSeconds: number;
  readonly comparison: Comparison;
  readonly pops: readonly ReplayedPop[];
  /** Codes of the POPs that would get more than they can serve in some window. */
  readonly overCapacity: readonly string[];
}

/** POPs and rows of tables at most. */
const ROWS_MAX = 40;

/** One file that needs no other, no script and no network: the same replay gives the same text. */
export function replayHtml(report: ReplayReport): string {
  const { before, after, comparison, log, notes } = report;
  const title = `Replay: ${after.name}, against ${before.name}`;
  const time = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeHtml(title)}</title><style>${REPORT_STYLE}</style></head><body>`,
    `<h1>${escapeHtml(title)}</h1>`,
    `<p class="soft">${escapeHtml(log)}, from ${time(report.fromMs)} to ${time(report.toMs)} UTC.</p>`,
    `<p class="soft">Before: ${escapeHtml(before.basis)}. After: ${escapeHtml(after.basis)}.</p>`,
    ...notes.map((note) => `<p class="soft">${escapeHtml(note)}</p>`),
    tiles(report),
    '<div class="cards">',
    card(
      'Round-trip time of those that move',
      'Of the queries that get another POP, by how much longer (right) or shorter (left) their way is.',
      changeChart(comparison),
    ),
    card('Answers that differ', 'By the first thing that differs.', differenceTable(comparison)),
    card(
      'Load by POP',
      `Requests a second, those that change most first: mean of the log, and in the busiest ` +
        `${formatNumber(report.windowSeconds)} s of each POP.`,
      loadTable(report),
      true,
    ),
    card('Who loses most', 'By time x queries.', worstTable(comparison), true),
    '</div></body></html>\n',
  ].join('\n');
}

function card(title: string, about: string, content: string, isWide = false): string {
  const note = `<p class="soft">${escapeHtml(about)}</p>`;
  return `<section class="card${isWide ? ' wide' : ''}"><h2>${title}</h2>${note}${content}</section>`;
}

function tiles({ comparison, overCapacity }: ReplayReport): string {
  const { queries, steered, moved, rttChangeMs, differences } = comparison;
  const percent = (part: number, of: number): string => `${formatNumber(of === 0 ? 0 : (100 * part) / of)} %`;
  const differing = differences.reduce((sum, one) => sum + one.queries, 0);
  const all = [
    [formatNumber(queries), 'queries'],
    [percent(moved, steered), 'of the steered ones get another POP'],
    [`${signed(rttChangeMs.p50)} ms`, 'median change of those that move'],
    [`${signed(rttChangeMs.p95)} ms`, '95th percentile of their change'],
    [percent(differing, queries), 'of the answers differ in something'],
    [overCapacity.length === 0 ? 'none' : overCapacity.join(', '), 'POPs over their capacity'],
  ];
  const boxes = all.map(
    ([value = '', words = '']) => `<div class="tile"><b>${escapeHtml(value)}</b><span>${words}</span></div>`,
  );
  return `<div class="tiles">${boxes.join('')}</div>`;
}

/** A number with its sign: `+12.3`. */
export function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${formatNumber(value)}`;
}

function changeChart({ histogram, moved }: Comparison): string {
  if (moved === 0) return '<p>Nobody moves.</p>';
  const parts = histogram.length;
  const labels = histogram.map(({ upToMs }, i) =>
    Number.isFinite(upToMs) ? `≤${upToMs}` : `>${histogram[i - 1]?.upToMs ?? 0}`,
  );
  const points = histogram.map(({ share }, i) => [i + 0.5, 100 * share] as const);
  const most = Math.max(...points.map(([, share]) => share));
  return columnChart(
    {
      title: 'Change of the round-trip time of those that move',
      xLabel: 'change of the round-trip time, ms',
      yLabel: 'of those that move, %',
      xTicks: Array.from({ length: parts + 1 }, (_, i) => i),
      xFormat: (x) => labels[x - 1] ?? '',
      yTicks: niceTicks(most),
      xName: (x) => `${labels[x - 0.5] ?? ''} ms`,
    },
    { name: 'change', tone: 'policy', points },
  );
}

function differenceTable({ differences, queries }: Comparison): string {
  const rows = differences.map(({ kind, queries: count, examples }) => [
    DIFFERENCES[kind],
    formatNumber(count),
    `${formatNumber((100 * count) / queries)} %`,
    examples.slice(0, 2).join(', '),
  ]);
  return rows.length === 0
    ? '<p>All answers are the same.</p>'
    : table(['what differs', 'queries', 'share', 'most asked'], rows);
}

function loadTable({ pops, overCapacity }: ReplayReport): string {
  const rows = changedFirst(pops)
    .slice(0, ROWS_MAX)
    .map((pop) => {
      const { code, beforeRps, afterRps, beforePeakRps, afterPeakRps, capacityRps } = pop;
      return [
        `${code}${overCapacity.includes(code) ? ' (over)' : ''}`,
        formatNumber(beforeRps),
        formatNumber(afterRps),
        signed(afterRps - beforeRps),
        formatNumber(beforePeakRps),
        formatNumber(afterPeakRps),
        likely(pop),
        Number.isNaN(capacityRps) ? 'not there' : formatNumber(capacityRps),
        Number.isNaN(capacityRps) ? '' : `${formatNumber((100 * afterPeakRps) / capacityRps)} %`,
      ];
    });
  const header = [
    'POP',
    'before',
    'after',
    'change',
    'before, busiest',
    'after, busiest',
    'likely between',
    'capacity',
    'used, busiest',
  ];
  return table(header, rows);
}

/** Between what a POP's busiest load after is likely to be; empty where no estimates say. */
export function likely({ afterLowRps, afterHighRps }: ReplayedPop): string {
  if (afterLowRps === undefined || afterHighRps === undefined) return '';
  return `${formatNumber(afterLowRps)} - ${formatNumber(afterHighRps)}`;
}

/** POPs by how much their load changes, then by load. */
export function changedFirst(pops: readonly ReplayedPop[]): readonly ReplayedPop[] {
  const change = ({ beforeRps, afterRps }: ReplayedPop): number => Math.abs(afterRps - beforeRps);
  return pops
    .filter(({ beforeRps, afterRps }) => beforeRps + afterRps > 0)
    .toSorted((a, b) => change(b) - change(a) || b.afterRps - a.afterRps);
}

function worstTable({ worst }: Comparison): string {
  const rows = worst.map(({ cell, fromPop, toPop, fromMs, toMs, queries }) => [
    cell,
    `${fromPop} → ${toPop}`,
    fromMs.toFixed(1),
    toMs.toFixed(1),
    signed(toMs - fromMs),
    formatNumber(queries),
  ]);
  return rows.length === 0
    ? '<p>Nobody moves.</p>'
    : table(['cell', 'POP', 'before, ms', 'after, ms', 'change', 'queries'], rows);
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`;
  return `<table>${line(header, 'th')}${rows.map((row) => line(row, 'td')).join('')}</table>`;
}
