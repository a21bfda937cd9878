import type { Bar, Waterfall } from '../console/api-trace.ts';
import { modelledMs } from './trace-bars.ts';

/** Geometry of a waterfall, in the SVG's own units. */
const ROW = 22;
const AXIS = 20;
const LEFT = 380;
const WIDTH = 560;
/** Room for the figures behind the last bar. */
const RIGHT = 110;
const LABEL_MAX = 58;
/** Lines of the time axis at most. */
const TICKS_MAX = 8;

/** Colours on light and on dark paper. */
const COLOURS: Readonly<Record<Bar['layer'], readonly [light: string, dark: string]>> = {
  DNS: ['#7a5195', '#b48ad1'],
  network: ['#3b6fb5', '#78aaf0'],
  L1: ['#0b6b3a', '#4fb97f'],
  L2: ['#1f857a', '#4cc5b6'],
  REC: ['#b87514', '#eab04f'],
  shield: ['#c25a2c', '#ee8f63'],
  L3: ['#b33a3a', '#ee7b7b'],
  origin: ['#7d2230', '#d98a97'],
  client: ['#4b5563', '#a8b2c1'],
};
const LAYERS = Object.keys(COLOURS) as readonly Bar['layer'][];

const coloursOf = (paper: 0 | 1): string =>
  LAYERS.map((layer) => `--${layer}: ${COLOURS[layer][paper]}`).join('; ');

const STYLE = `
:root { color-scheme: light dark; --page: #fff; --ink: #1c2430; --soft: #5b6776; --grid: #dfe4ea;
  ${coloursOf(0)} }
@media (prefers-color-scheme: dark) { :root { --page: #14181f; --ink: #eef1f5; --soft: #a5b0be;
  --grid: #2f3743; ${coloursOf(1)} } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 66rem; margin: 2rem auto; padding: 0 1rem;
  background: var(--page); color: var(--ink) }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem; overflow-wrap: anywhere }
h2 { font-size: 1.15rem; margin: 2rem 0 0 } p { margin: .25rem 0 }
.soft { color: var(--soft) }
.wide { overflow-x: auto }
svg.fall { display: block; width: 100%; min-width: 44rem; height: auto; margin: .5rem 0 }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink) } svg .tick { fill: var(--soft) }
svg .grid { stroke: var(--grid) }
table { border-collapse: collapse; margin: 1rem 0 } th { font-weight: 600; color: var(--soft) }
td, th { padding: .2rem .9rem .2rem 0; text-align: right; border-bottom: 1px solid var(--grid) }
td:first-child, th:first-child, td:nth-child(2), th:nth-child(2) { text-align: left }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; font-size: 13px }
.legend svg { width: 28px; height: 12px; vertical-align: -1px; margin-right: .35rem }
${LAYERS.map((layer) => `.${layer} { fill: var(--${layer}); stroke: var(--${layer}) }`).join('\n')}
${LAYERS.map((layer) => `.modelled.${layer} { fill: url(#hatch-${layer}) }`).join('\n')}
`;

/** The waterfalls as one page that loads nothing: a table of all, then each as an SVG. */
export function tracePage(heading: string, why: string, falls: readonly Waterfall[]): string {
  const most = Math.max(...falls.map(({ totalMs }) => totalMs));
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeText(heading)}</title><style>${STYLE}</style></head><body>
${hatches()}
<h1>${escapeText(heading)}</h1><p>${escapeText(why)}</p>
${comparison(falls)}
${legend(falls)}
${falls.map((fall) => section(fall, most)).join('\n')}
</body></html>
`;
}

/** Fill of modelled bars, one a layer. */
function hatches(): string {
  const patterns = LAYERS.map(
    (layer) =>
      `<pattern id="hatch-${layer}" width="5" height="5" patternUnits="userSpaceOnUse" ` +
      `patternTransform="rotate(45)"><rect width="2" height="5" style="fill: var(--${layer})"/></pattern>`,
  );
  return `<svg width="0" height="0" style="position: absolute" aria-hidden="true"><defs>
${patterns.join('\n')}
</defs></svg>`;
}

function comparison(falls: readonly Waterfall[]): string {
  const titles = ['', 'POP', 'client round trips', 'modelled ms', 'measured ms', 'total ms'];
  const rows = falls.map((fall) => {
    const modelled = modelledMs(fall);
    const figures = [modelled, fall.totalMs - modelled, fall.totalMs].map((ms) => ms.toFixed(1));
    return [fall.title, fall.pop, String(fall.clientRoundTrips), ...figures];
  });
  const cells = (tag: 'td' | 'th', texts: readonly string[]): string =>
    `<tr>${texts.map((text) => `<${tag}>${escapeText(text)}</${tag}>`).join('')}</tr>`;
  return `<div class="wide"><table>${cells('th', titles)}
${rows.map((row) => cells('td', row)).join('\n')}</table></div>`;
}

function legend(falls: readonly Waterfall[]): string {
  const used = new Set(falls.flatMap(({ bars }) => bars.map(({ layer }) => layer)));
  const key = (classes: string, text: string): string =>
    `<span><svg viewBox="0 0 28 12"><rect class="${classes}" x="0.5" y="0.5" width="27" height="11"/></svg>` +
    `${escapeText(text)}</span>`;
  const layers = LAYERS.filter((layer) => used.has(layer)).map((layer) => key(layer, layer));
  return `<p class="legend">${layers.join('\n')}</p>
<p class="legend soft">${key('client', 'measured on this machine')}
${key('modelled client', 'modelled')}<span>One scale for all.</span></p>`;
}

function section(fall: Waterfall, mostMs: number): string {
  const { title, pop, totalMs, clientRoundTrips, status, cache, tls, skipped } = fall;
  const height = AXIS + fall.bars.length * ROW;
  let atMs = 0;
  const rows = fall.bars.map((bar, i) => {
    const place = { x: (atMs / mostMs) * WIDTH, y: AXIS + i * ROW, width: (bar.ms / mostMs) * WIDTH };
    atMs += bar.ms;
    return barRow(bar, place);
  });
  const heading = `${title}: ${pop}, ${totalMs.toFixed(1)} ms`;
  return `<h2>${escapeText(heading)}</h2>
<p>${escapeText(`${clientRoundTrips} round trips between client and POP; ${tls}; ${status}, ${cache}`)}</p>
<div class="wide"><svg class="fall" viewBox="0 0 ${LEFT + WIDTH + RIGHT} ${height}" role="img"
aria-label="${escapeText(heading)}">
${axis(mostMs, height)}
${rows.join('\n')}</svg></div>
${skipped.length === 0 ? '' : `<p class="soft">Left out: ${escapeText(skipped.join('; '))}</p>`}`;
}

/** Lines at round times. */
function axis(mostMs: number, height: number): string {
  const stepMs = roundStep(mostMs / TICKS_MAX);
  const lines: string[] = [];
  for (let ms = 0; ms <= mostMs; ms += stepMs) {
    const x = (LEFT + (ms / mostMs) * WIDTH).toFixed(1);
    lines.push(
      `<line class="grid" x1="${x}" y1="${AXIS - 4}" x2="${x}" y2="${height}"/>` +
        `<text class="tick" x="${x}" y="12" text-anchor="middle">${Number(ms.toPrecision(6))}</text>`,
    );
  }
  return `${lines.join('\n')}<text class="tick" x="0" y="12">ms</text>`;
}

/** The next of 1, 2, 5, 10, 20, 50 … */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 0.001)));
  return [1, 2, 5, 10].map((digit) => digit * power).find((step) => step >= least) ?? power * 10;
}

function barRow(bar: Bar, place: { readonly x: number; readonly y: number; readonly width: number }): string {
  const { layer, name, ms, source, roundTrips } = bar;
  const width = Math.max(1.5, place.width);
  const x = LEFT + place.x;
  const label = `${layer}: ${name}`;
  const short = label.length > LABEL_MAX ? `${label.slice(0, LABEL_MAX - 1)}…` : label;
  const box = `x="${x.toFixed(1)}" y="${place.y + 4}" width="${width.toFixed(1)}" height="14"`;
  const trips = roundTrips === 0 ? '' : roundTrips === 1 ? ', 1 trip' : `, ${roundTrips} trips`;
  const figure = escapeText(`${ms.toFixed(2)} ms ${source}${trips}`);
  const fill = source === 'modelled' ? `modelled ${layer}` : layer;
  return [
    `<text x="0" y="${place.y + 15}">${escapeText(short)}<title>${escapeText(label)}</title></text>`,
    `<rect ${box} class="${fill}"><title>${figure}</title></rect>`,
    `<text x="${(x + width + 5).toFixed(1)}" y="${place.y + 15}">${ms.toFixed(1)}${trips}</text>`,
  ].join('\n');
}

function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
