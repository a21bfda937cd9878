import { columnChart, escapeHtml, formatNumber, lineChart, niceTicks, type Series } from '../base/chart.ts';
import { REPORT_STYLE } from '../base/report-style.ts';
import type { Figures } from './judge.ts';
import { loadChart } from './report-load.ts';
import { type LandPoints, mapChart } from './report-map.ts';
import type { RunResult } from './run.ts';
import type { World } from './world.ts';

/** What a report shows. */
export interface ReportOptions {
  readonly world: World;
  readonly run: RunResult;
  /** The same world by nearest geography, to compare with. */
  readonly geo: RunResult;
  readonly land?: LandPoints | undefined;
}

/** Cells listed with their regret. */
const WORST_MAX = 15;

/** report.html: one file that needs no other, no script and no network. The same run gives the same text. */
export function reportHtml(options: ReportOptions): string {
  const { world, run } = options;
  const { head } = world;
  const title = `${head.name}: ${run.policy}, simulated`;
  const budget =
    run.burstsPerCell === undefined ? 'no bound on bursts' : `at most ${run.burstsPerCell} bursts a cell`;
  const counts = `${world.cells.length} cells, ${world.pops.length} POPs`;
  const size = `${counts}, ${run.ticks} ticks of ${head.tickSeconds} s`;
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeHtml(title)}</title><style>${REPORT_STYLE}</style></head><body>`,
    `<h1>${escapeHtml(title)}</h1>`,
    `<p class="soft">${size}; seed ${run.seed}; ${budget}. Every figure here is simulated:`,
    'round-trip times are those of the world, the clients and the pings are not real.',
    `Source of the world: ${escapeHtml(head.source || 'not given')}.</p>`,
    tiles(run.figures),
    '<div class="cards">',
    card(
      'Round-trip time',
      'What cells are served with at the end, against the best that there is.',
      rttChart(options),
    ),
    card(
      'Regret over time',
      'True RTT of what was given, less that of the best live POP: mean over cells.',
      regretChart(options),
    ),
    card(
      'Load against capacity',
      'Requests/s that decisions send to each POP at the end; the mark is its capacity.',
      loadChart(world, run),
    ),
    card('Moves', 'Cells that were given another POP than a tick ago.', movesChart(options)),
    mapCard(options),
    reactionCard(options),
    card('Cells with the most regret at the end', '', worstTable(options)),
    '</div></body></html>\n',
  ].join('\n');
}

function card(title: string, about: string, content: string, isWide = false): string {
  const note = about === '' ? '' : `<p class="soft">${about}</p>`;
  return `<section class="card${isWide ? ' wide' : ''}"><h2>${title}</h2>${note}${content}</section>`;
}

function tiles({ end, average, burstsPerCell, flapsPerCellHour, overflowMax }: Figures): string {
  const percent = (share: number): string => `${formatNumber(100 * share)} %`;
  const all = [
    [`${formatNumber(end.meanMs)} ms`, 'mean regret at the end, simulated'],
    [`${formatNumber(end.p99Ms)} ms`, '99th percentile of regret at the end, simulated'],
    [percent(end.within5), 'of cells within 5 ms of their best POP at the end, simulated'],
    [`${formatNumber(average.meanMs)} ms`, 'mean regret over the whole run, simulated'],
    [formatNumber(burstsPerCell), 'bursts a cell, simulated'],
    [formatNumber(flapsPerCellHour), 'flaps a cell-hour after ten ticks, simulated'],
    [percent(overflowMax), 'of demand over capacity at the worst tick, simulated'],
  ];
  const boxes = all.map(([value, words]) => `<div class="tile"><b>${value}</b><span>${words}</span></div>`);
  return `<div class="tiles">${boxes.join('')}</div>`;
}

const LOG_TICKS = [
  0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000, 1_000_000,
];

function geoName({ pops, cells }: World): string {
  const isPlaced = ({ latitude }: { latitude: number }): boolean => !Number.isNaN(latitude);
  if (pops.some(isPlaced) && cells.some(isPlaced)) return 'nearest by claimed geography';
  return 'geography (no locations: the first POP of the list)';
}

function rttChart({ world, run, geo }: ReportOptions): string {
  const curve = (values: readonly number[]): [number, number][] => {
    const sorted = [...values].sort((left, right) => left - right);
    return sorted.map((value, i) => [value, (100 * (i + 1)) / sorted.length]);
  };
  const served = run.figures.cells.map(({ rttMs }) => rttMs);
  const near = geo.figures.cells.map(({ rttMs }) => rttMs);
  const best = run.figures.cells.map(({ bestMs }) => bestMs);
  const series: Series[] = [
    { name: geoName(world), tone: 'geo', points: curve(near) },
    { name: 'oracle: the best live POP', tone: 'oracle', points: curve(best) },
    { name: run.policy, tone: 'policy', points: curve(served) },
  ];
  const all = [...served, ...near, ...best];
  const [least, most] = [Math.max(0.1, Math.min(...all)), Math.max(...all)];
  const from = LOG_TICKS.filter((tick) => tick <= least).at(-1) ?? 0.1;
  const upTo = LOG_TICKS.find((tick) => tick >= most) ?? most;
  const xTicks = LOG_TICKS.filter((tick) => tick >= from && tick <= upTo);
  const title = 'Share of cells served within a round-trip time';
  const labels = { title, xLabel: 'true round-trip time, ms (simulated)', yLabel: 'cells served within, %' };
  return lineChart({ ...labels, xTicks, xLog: true, yTicks: [0, 25, 50, 75, 100] }, series);
}

function regretChart({ world, run, geo }: ReportOptions): string {
  const line = ({ figures }: RunResult): [number, number][] =>
    figures.ticks.map(({ meanRegretMs }, tick) => [tick, meanRegretMs]);
  const series: Series[] = [
    { name: geoName(world), tone: 'geo', points: line(geo) },
    { name: run.policy, tone: 'policy', points: line(run) },
  ];
  const most = Math.max(...series.flatMap(({ points }) => points.map(([, y]) => y)));
  const labels = { title: 'Mean regret by tick', xLabel: 'tick', yLabel: 'mean regret, ms (simulated)' };
  return lineChart({ ...labels, xTicks: tickTicks(run), yTicks: niceTicks(most) }, series);
}

function movesChart({ run }: ReportOptions): string {
  const points = run.figures.ticks.map(({ moves }, tick) => [tick, moves] as const);
  const most = Math.max(4, ...points.map(([, moves]) => moves));
  const labels = { title: 'Cells moved by tick', xLabel: 'tick', yLabel: 'cells moved (simulated)' };
  const series = { name: 'moves', tone: 'policy', points };
  return columnChart({ ...labels, xTicks: tickTicks(run), yTicks: niceTicks(most) }, series);
}

function tickTicks({ ticks }: RunResult): readonly number[] {
  const all = niceTicks(Math.max(1, ticks - 1), 8);
  return all.filter((tick) => Number.isInteger(tick));
}

function mapCard({ world, run, land }: ReportOptions): string {
  const map = mapChart(world, run, land);
  const about =
    'Cells where the geo database claims them to be, which may be wrong; colour by regret at the end.';
  if (map !== undefined) return card('Map', about, map, true);
  return card('Map', '', '<p class="soft">This world has no locations: there is nothing to draw.</p>');
}

function reactionCard({ world, run }: ReportOptions): string {
  const { reactions } = run.figures;
  if (reactions.length === 0) return '';
  const what = ({ event, pop, value }: Figures['reactions'][number]): string =>
    `${event} ${world.pops[pop]?.pop ?? ''}${event === 'add-rtt' ? ` ${formatNumber(value)} ms` : ''}`;
  const rows = reactions.map((reaction) => [
    `tick ${reaction.tick}: ${what(reaction)}`,
    String(reaction.affected),
    `${formatNumber(100 * reaction.followed)} %`,
    reaction.ticksTo95 < 0 ? 'never' : `tick ${reaction.ticksTo95} (${formatNumber(reaction.secondsTo95)} s)`,
  ]);
  const header = ['event', 'affected cells', 'followed', '95 % followed at the latest by'];
  const about = 'How cells left POPs that got worse, and came to those that got better (simulated).';
  return card('Reactions', about, table(header, rows));
}

function worstTable({ world, run }: ReportOptions): string {
  const order = [...run.figures.cells.keys()].sort((a, b) => regret(b) - regret(a) || a - b);
  function regret(cell: number): number {
    return run.figures.cells[cell]?.regretMs ?? 0;
  }
  const rows = order.slice(0, WORST_MAX).map((index) => {
    const { pop, bestPop, rttMs, bestMs, regretMs } = run.figures.cells[index] as Figures['cells'][number];
    const { cell = '', city = '', country = '' } = world.cells[index] ?? {};
    const where = [city, country].filter((text) => text !== '').join(', ');
    const given = [
      `${world.pops[pop]?.pop ?? ''} ${rttMs.toFixed(1)}`,
      `${world.pops[bestPop]?.pop ?? ''} ${bestMs.toFixed(1)}`,
    ];
    return [`${cell}${where === '' ? '' : ` (${where})`}`, ...given, regretMs.toFixed(1)];
  });
  return table(['cell', 'given, ms (simulated)', 'best, ms', 'regret, ms'], rows);
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`;
  return `<table>${line(header, 'th')}${rows.map((row) => line(row, 'td')).join('')}</table>`;
}
