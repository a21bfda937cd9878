import { formatTable } from '../base/text-table.ts';
import type { Waterfall } from '../console/api-trace.ts';
import { formatMs, styled } from './format.ts';
import { modelledMs } from './trace-bars.ts';

const WIDTH = 46;
const SIGN = { measured: '█', modelled: '▒' } as const;

/** The waterfall as text: one line a bar, each where it lies in time. */
export function waterfallLines(fall: Waterfall, colour: boolean): string[] {
  const columns = [
    { title: 'layer' },
    { title: 'part' },
    { title: 'ms', right: true },
    { title: 'trips', right: true },
    { title: '' },
    { title: '' },
  ];
  let atMs = 0;
  const rows = fall.bars.map(({ layer, name, ms, roundTrips, source }) => {
    const from = Math.round((atMs / fall.totalMs) * WIDTH);
    atMs += ms;
    const to = Math.round((atMs / fall.totalMs) * WIDTH);
    const bar = `${' '.repeat(from)}${to > from ? SIGN[source].repeat(to - from) : '·'}`;
    return [layer, name, formatMs(ms), roundTrips === 0 ? '' : String(roundTrips), source, bar];
  });
  const total = ['', 'total', formatMs(fall.totalMs), '', '', ''];
  const [head = '', ...lines] = formatTable(columns, [...rows, total]);
  return [
    styled(head, 'bold', colour),
    ...lines.map((line, i) => (fall.bars[i]?.source === 'modelled' ? styled(line, 'dim', colour) : line)),
  ];
}

/** Several waterfalls, a line each. */
export function comparisonLines(falls: readonly Waterfall[], colour: boolean): string[] {
  const columns = [
    { title: '' },
    { title: 'POP' },
    { title: 'client round trips', right: true },
    { title: 'modelled ms', right: true },
    { title: 'measured ms', right: true },
    { title: 'total ms', right: true },
  ];
  const rows = falls.map((fall) => {
    const modelled = modelledMs(fall);
    const { title, pop, clientRoundTrips, totalMs } = fall;
    const figures = [modelled, totalMs - modelled, totalMs].map(formatMs);
    return [title, pop, String(clientRoundTrips), ...figures];
  });
  const [head = '', ...lines] = formatTable(columns, rows);
  return [styled(head, 'bold', colour), ...lines];
}
