import { formatNumber } from '../base/chart.ts';
import { formatTable } from '../base/text-table.ts';
import { DIFFERENCES } from '../replay/ledger.ts';
import { changedFirst, likely, type ReplayReport, signed } from '../replay/report.ts';
import { formatCount, formatMs, formatShare } from './format.ts';

const POPS_SHOWN = 15;
const WORST_SHOWN = 10;

/** A replay for a terminal. */
export function replayLines(report: ReplayReport, html: string | undefined): string[] {
  const { log, before, after, notes, comparison, overCapacity } = report;
  const { queries, steered, moved, rttChangeMs } = comparison;
  const share = steered === 0 ? 0 : moved / steered;
  const { mean, p50, p95, max } = rttChangeMs;
  const changes = [mean, p50, p95, max].map(signed);
  return [
    `log       ${log}`,
    `before    ${before.name}: ${before.basis}`,
    `after     ${after.name}: ${after.basis}`,
    ...notes.map((note) => `note      ${note}`),
    '',
    `queries   ${formatCount(queries)}, ${formatCount(steered)} of them steered`,
    `moved     ${formatCount(moved)}, ${formatShare(share)} of the steered ones`,
    `RTT       of those, ms: mean ${changes[0]}, p50 ${changes[1]}, p95 ${changes[2]}, most ${changes[3]}`,
    `over      ${overCapacity.length === 0 ? 'no POP gets more than it can serve' : overCapacity.join(' ')}`,
    ...differenceLines(report),
    ...popLines(report),
    ...worstLines(report),
    ...(html === undefined ? [] : ['', `report    ${html}`]),
  ];
}

function differenceLines({ comparison: { differences, queries } }: ReplayReport): string[] {
  if (differences.length === 0) return ['', 'All answers are the same.'];
  const columns = [
    { title: 'answers that differ' },
    { title: 'queries', right: true },
    { title: '', right: true },
    { title: 'most asked' },
  ];
  const rows = differences.map(({ kind, queries: count, examples }) => [
    DIFFERENCES[kind],
    formatCount(count),
    formatShare(count / queries),
    examples.slice(0, 2).join(', '),
  ]);
  return ['', ...formatTable(columns, rows)];
}

function popLines({ pops, windowSeconds }: ReplayReport): string[] {
  const all = changedFirst(pops);
  const right = (title: string) => ({ title, right: true });
  const columns = ['before', 'after', 'change', 'busiest', 'likely', 'capacity', 'used'].map(right);
  const rows = all.slice(0, POPS_SHOWN).map((pop) => {
    const { code, beforeRps, afterRps, afterPeakRps, capacityRps } = pop;
    return [
      code,
      formatCount(beforeRps),
      formatCount(afterRps),
      signed(afterRps - beforeRps),
      formatNumber(afterPeakRps),
      likely(pop),
      Number.isNaN(capacityRps) ? 'not there' : formatCount(capacityRps),
      Number.isNaN(capacityRps) ? '' : formatShare(afterPeakRps / capacityRps),
    ];
  });
  const rest = all.length - rows.length;
  return [
    '',
    `Load in requests/s: mean of the log, and after in its busiest ${formatCount(windowSeconds)} s`,
    ...formatTable([{ title: 'POP' }, ...columns], rows),
    ...(rest > 0 ? [`… and ${rest} more: --json or --html`] : []),
  ];
}

function worstLines({ comparison: { worst } }: ReplayReport): string[] {
  if (worst.length === 0) return [];
  const right = (title: string) => ({ title, right: true });
  const columns = [
    { title: 'who loses most' },
    { title: 'POP' },
    ...['before ms', 'after ms', 'queries'].map(right),
  ];
  const rows = worst
    .slice(0, WORST_SHOWN)
    .map(({ cell, fromPop, toPop, fromMs, toMs, queries }) => [
      cell,
      `${fromPop} > ${toPop}`,
      formatMs(fromMs),
      formatMs(toMs),
      formatCount(queries),
    ]);
  return ['', ...formatTable(columns, rows)];
}
