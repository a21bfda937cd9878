import type { Bar, Waterfall } from './trace-bars.ts';

const ROW = 22;
const LEFT = 380;
const WIDTH = 560;
const LABEL_MAX = 58;
const COLOURS: Readonly<Record<Bar['layer'], string>> = {
  DNS: '#7a5195',
  network: '#9aa7b6',
  L1: '#0b6b3a',
  L2: '#2a9d8f',
  REC: '#e9a23b',
  shield: '#d1693f',
  L3: '#b33a3a',
  origin: '#7d2230',
  client: '#5b6776',
};

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
  color: #1c2430 }
svg { width: 100%; height: auto }
text { font: 12px system-ui, sans-serif; fill: #1c2430 }
.soft { color: #5b6776 }
`;

/** The waterfalls as one page that loads nothing: each an SVG, modelled bars hatched. */
export function tracePage(heading: string, why: string, falls: readonly Waterfall[]): string {
  const most = Math.max(...falls.map(({ totalMs }) => totalMs));
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeText(heading)}</title><style>${STYLE}</style></head><body>
<h1>${escapeText(heading)}</h1><p>${escapeText(why)}</p>
<p class="soft">Full bars are measured on this machine, hatched ones modelled. One scale for all.</p>
${falls.map((fall) => section(fall, most)).join('\n')}
</body></html>
`;
}

function section(fall: Waterfall, mostMs: number): string {
  const { title, pop, totalMs, clientRoundTrips, cache, tls, skipped } = fall;
  const height = (fall.bars.length + 1) * ROW;
  let atMs = 0;
  const rows = fall.bars.map((bar, i) => {
    const row = barRow(bar, { y: i * ROW, x: (atMs / mostMs) * WIDTH, width: (bar.ms / mostMs) * WIDTH });
    atMs += bar.ms;
    return row;
  });
  return `<h2>${escapeText(`${title}: ${pop}, ${totalMs.toFixed(1)} ms`)}</h2>
<p>${escapeText(`${clientRoundTrips} round trips between client and POP; ${tls}; ${cache}`)}</p>
<svg viewBox="0 0 ${LEFT + WIDTH + 60} ${height}" role="img">${rows.join('\n')}</svg>
${skipped.length === 0 ? '' : `<p class="soft">Left out: ${escapeText(skipped.join('; '))}</p>`}`;
}

function barRow(bar: Bar, place: { readonly x: number; readonly y: number; readonly width: number }): string {
  const { layer, name, ms, source, roundTrips } = bar;
  const width = Math.max(1, place.width);
  const x = LEFT + place.x;
  const hatch = source === 'modelled' ? ' fill-opacity="0.35" stroke-dasharray="3 2"' : '';
  const trips = roundTrips === 0 ? '' : `, ${roundTrips} round trips`;
  const label = `${layer}: ${name}`;
  const short = label.length > LABEL_MAX ? `${label.slice(0, LABEL_MAX - 1)}…` : label;
  const box = `x="${x.toFixed(1)}" y="${place.y + 4}" width="${width.toFixed(1)}" height="14"`;
  const figure = escapeText(`${ms.toFixed(2)} ms ${source}${trips}`);
  const colour = COLOURS[layer];
  return [
    `<text x="0" y="${place.y + 15}">${escapeText(short)}<title>${escapeText(label)}</title></text>`,
    `<rect ${box} fill="${colour}" stroke="${colour}"${hatch}><title>${figure}</title></rect>`,
    `<text x="${(x + width + 4).toFixed(1)}" y="${place.y + 15}">${ms.toFixed(1)}</text>`,
  ].join('\n');
}

function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
