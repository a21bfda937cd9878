import { useEffect, useMemo, useRef } from 'preact/hooks';
import UPlot from 'uplot';
import { type Colours, useColours } from './colours.ts';
import { clock, ms, percent } from './format.ts';
import type { PopHistory } from './replies.ts';
import { usePolled } from './use-polled.ts';
import { useSize } from './use-size.ts';

const EVERY_MS = 20_000;
const HEIGHT = 150;

/** Load to capacity, price and share of a POP over the last hour; nothing where the process keeps none. */
export function PopPlot({ code, theme }: { readonly code: string; readonly theme: string }) {
  const path = `/api/history?pop=${encodeURIComponent(code)}`;
  const { value, failure } = usePolled<PopHistory>(path, { everyMs: EVERY_MS });
  const box = useRef<HTMLDivElement>(null);
  const { width } = useSize(box);
  const colours = useColours(theme);
  const data = useMemo(() => columnsOf(value), [value]);
  useEffect(() => {
    const { current } = box;
    if (current === null || width === 0) return undefined;
    const plot = new UPlot(plotOptions(width, colours), data, current);
    return () => plot.destroy();
  }, [width, colours, data]);
  if (failure?.status === 404) return null;
  return (
    <>
      <h3>The last hour</h3>
      <ul class="plot-legend" aria-hidden="true">
        <li class="load">load, % of capacity</li>
        <li class="price">price, ms</li>
        <li class="share">share, % of demand</li>
      </ul>
      <div class="plot" ref={box} role="img" aria-label={plotWords(code, value)} />
    </>
  );
}

const hourAndMinute = (seconds: number): string => clock(seconds * 1000).slice(0, 5);

function columnsOf(history: PopHistory | undefined): UPlot.AlignedData {
  const series = history?.series ?? [];
  return [
    series.map(({ atMs }) => atMs / 1000),
    series.map(({ loadRps, capacityRps }) =>
      loadRps === undefined ? null : (100 * loadRps) / Math.max(1, capacityRps),
    ),
    series.map(({ priceMs }) => priceMs),
    series.map(({ share }) => 100 * share),
  ];
}

function plotWords(code: string, history: PopHistory | undefined): string {
  const last = history?.series.at(-1);
  const first = history?.series[0];
  if (first === undefined || last === undefined) return `${code} over the last hour: nothing is kept yet`;
  const load = ({ loadRps, capacityRps }: typeof last): string =>
    loadRps === undefined ? 'not known' : percent(loadRps / Math.max(1, capacityRps));
  const changes = [
    `load from ${load(first)} to ${load(last)} of capacity`,
    `price from ${ms(first.priceMs)} to ${ms(last.priceMs)} ms`,
    `share from ${percent(first.share)} to ${percent(last.share)} of demand`,
  ];
  return `${code} over the last hour: ${changes.join(', ')}`;
}

function plotOptions(width: number, colours: Colours): UPlot.Options {
  const font = '11px system-ui, sans-serif';
  const axis = {
    stroke: colours.soft,
    font,
    grid: { stroke: colours.line, width: 1 },
    ticks: { show: false },
  };
  const line = (label: string, scale: string, stroke: string, dash: number[] = []): UPlot.Series => ({
    ...{ label, scale, stroke, dash, width: 1.6, points: { show: false } },
  });
  const fromZero: UPlot.Range.Function = (_, _low, high) => [0, Math.max(1, (high ?? 1) * 1.1)];
  return {
    ...{ width, height: HEIGHT, padding: [8, 0, 0, 0] },
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { show: false } },
    scales: { x: { time: true }, '%': { range: fromZero }, ms: { range: fromZero } },
    axes: [
      {
        ...axis,
        space: 70,
        size: 26,
        incrs: [60, 300, 600, 900, 1800],
        values: (_, ticks) => ticks.map(hourAndMinute),
      },
      { ...axis, scale: '%', size: 44, values: (_, ticks) => ticks.map((tick) => `${tick} %`) },
      {
        ...axis,
        scale: 'ms',
        side: 1,
        size: 44,
        grid: { show: false },
        values: (_, ticks) => ticks.map((tick) => `${tick} ms`),
      },
    ],
    series: [
      {},
      line('load', '%', colours.load),
      line('price', 'ms', colours.price, [6, 3]),
      line('share', '%', colours.share, [2, 3]),
    ],
  };
}
