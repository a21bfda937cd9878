/** Small SVG charts for the report: no script, colours by class so that light and dark both work. */

/** One line of a chart. */
export interface Series {
  readonly name: string;
  /** Class of its colour: `policy`, `geo`, `oracle`. */
  readonly tone: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** What a chart with two axes shows. */
export interface ChartOptions {
  /** For who cannot see it. */
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly xTicks: readonly number[];
  readonly yTicks: readonly number[];
  /** Logarithmic along x. */
  readonly xLog?: boolean;
  readonly xFormat?: (value: number) => string;
  readonly yFormat?: (value: number) => string;
  /** What a column is called; by default by its tick. */
  readonly xName?: (value: number) => string;
}

const WIDTH = 720;
const HEIGHT = 280;
const SIZE = { width: WIDTH, height: HEIGHT };
const BOX = { left: 56, right: 16, top: 12, bottom: 44 } as const;
/** Letters of a label that fit beside the end of an axis. */
const SHORT = 4;
/** Points of a line at most: more cannot be seen. */
const POINTS_MAX = 700;

/** Safe in HTML text and attributes. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** A number for people: three digits that matter. */
export function formatNumber(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  const text = size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2);
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text.replace(/\B(?=(?:\d{3})+$)/g, ' ');
}

/** Round steps from 0 to at least `max`. */
export function niceTicks(max: number, wanted = 5): readonly number[] {
  if (!(max > 0)) return [0, 1];
  const raw = max / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((times) => times * power >= raw) ?? 10);
  const count = Math.ceil(max / step - 1e-9);
  return [...Array(count + 1).keys()].map((i) => Number((i * step).toPrecision(12)));
}

interface Scales {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
}

function scalesOf(options: ChartOptions): Scales {
  const { xTicks, yTicks, xLog = false } = options;
  const position = (value: number): number => (xLog ? Math.log(Math.max(value, xTicks[0] as number)) : value);
  const [xLow, xHigh] = [position(xTicks[0] as number), position(xTicks.at(-1) as number)];
  const [yLow, yHigh] = [yTicks[0] as number, yTicks.at(-1) as number];
  const plotWidth = WIDTH - BOX.left - BOX.right;
  const plotHeight = HEIGHT - BOX.top - BOX.bottom;
  const within = (share: number): number => Math.max(0, Math.min(1, share));
  return {
    x: (value) => BOX.left + plotWidth * within((position(value) - xLow) / (xHigh - xLow || 1)),
    y: (value) => BOX.top + plotHeight * (1 - within((value - yLow) / (yHigh - yLow || 1))),
  };
}

function axes(options: ChartOptions, { x, y }: Scales): string {
  const { xTicks, yTicks, xLabel, yLabel, xFormat = formatNumber, yFormat = formatNumber } = options;
  const bottom = HEIGHT - BOX.bottom;
  const middle = (BOX.top + bottom) / 2;
  const rows = yTicks.map(
    (tick) =>
      `<path class="grid" d="M${BOX.left} ${px(y(tick))}H${WIDTH - BOX.right}"/>` +
      `<text x="${BOX.left - 8}" y="${px(y(tick) + 4)}" text-anchor="end">` +
      `${escapeHtml(yFormat(tick))}</text>`,
  );
  const columns = xTicks.map((tick, i) => {
    // The last one must not stick out.
    const anchor = i === xTicks.length - 1 && xFormat(tick).length > SHORT ? 'end' : 'middle';
    const at = `x="${px(x(tick) + (anchor === 'end' ? BOX.right : 0))}" y="${bottom + 18}"`;
    return (
      `<path class="axis" d="M${px(x(tick))} ${bottom}v5"/>` +
      `<text ${at} text-anchor="${anchor}">${escapeHtml(xFormat(tick))}</text>`
    );
  });
  return [
    ...rows,
    `<path class="axis" d="M${BOX.left} ${bottom}H${WIDTH - BOX.right}"/>`,
    ...columns,
    `<text class="label" x="${(BOX.left + WIDTH - BOX.right) / 2}" y="${HEIGHT - 6}" text-anchor="middle">`,
    `${escapeHtml(xLabel)}</text>`,
    `<text class="label" text-anchor="middle" transform="translate(12 ${middle}) rotate(-90)">`,
    `${escapeHtml(yLabel)}</text>`,
  ].join('');
}

/** Lines over two axes, with a legend above where there are several. */
export function lineChart(options: ChartOptions, series: readonly Series[]): string {
  const scales = scalesOf(options);
  const lines = series.map(({ points, tone, name }) => {
    const path = thinned(points)
      .map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${px(scales.x(x))} ${px(scales.y(y))}`)
      .join('');
    return `<path class="line ${tone}" d="${path}"><title>${escapeHtml(name)}</title></path>`;
  });
  return legend(series) + svg(options.title, SIZE, axes(options, scales) + lines.join(''));
}

/** A column for each x; of many, each stands for several and shows the largest. */
export function columnChart(options: ChartOptions, series: Series): string {
  const scales = scalesOf(options);
  const { xName = (x) => `tick ${x}` } = options;
  const bottom = HEIGHT - BOX.bottom;
  const points = largestOf(series.points, 240);
  const width = Math.max(1, Math.min(14, (WIDTH - BOX.left - BOX.right) / Math.max(1, points.length) - 2));
  const columns = points
    .filter(([, y]) => y > 0)
    .map(([x, y]) => {
      const top = scales.y(y);
      const left = Math.max(BOX.left, Math.min(WIDTH - BOX.right - width, scales.x(x) - width / 2));
      const box = `x="${px(left)}" y="${px(top)}" width="${px(width)}" height="${px(bottom - top)}"`;
      const title = `<title>${escapeHtml(xName(x))}: ${formatNumber(y)}</title>`;
      return `<rect class="column ${series.tone}" ${box}>${title}</rect>`;
    });
  return svg(options.title, SIZE, axes(options, scales) + columns.join(''));
}

/** Names of the lines with their colours. */
function legend(series: readonly Series[]): string {
  const items = series.map(
    ({ name, tone }) =>
      `<span class="key"><svg width="22" height="8" aria-hidden="true">` +
      `<path class="line ${tone}" d="M1 4H21"/></svg>${escapeHtml(name)}</span>`,
  );
  return `<p class="legend">${items.join('')}</p>`;
}

/** An SVG that fits its column. */
export function svg(title: string, size: { width: number; height: number }, content: string): string {
  const { width, height } = size;
  const label = escapeHtml(title);
  const box = `viewBox="0 0 ${width} ${height}"`;
  return `<svg class="chart" ${box} role="img" aria-label="${label}">${content}</svg>`;
}

/** A tenth of a pixel is fine enough. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function thinned<T>(points: readonly T[]): readonly T[] {
  if (points.length <= POINTS_MAX) return points;
  const step = (points.length - 1) / (POINTS_MAX - 1);
  return [...Array(POINTS_MAX).keys()].map((i) => points[Math.round(i * step)] as T);
}

function largestOf(
  points: readonly (readonly [number, number])[],
  most: number,
): readonly (readonly [number, number])[] {
  const per = Math.ceil(points.length / most);
  if (per <= 1) return points;
  const groups: (readonly [number, number])[] = [];
  for (let from = 0; from < points.length; from += per) {
    const group = points.slice(from, from + per);
    groups.push(group.reduce((best, point) => (point[1] > best[1] ? point : best)));
  }
  return groups;
}
