/** A bar chart as an SVG text: legible on a light and on a dark page, without scripts or fonts of its own. */

export interface Chart {
  readonly title: string;
  /** What the bars' lengths are, said beneath the title. */
  readonly unit: string;
  readonly groups: readonly {
    readonly title: string;
    readonly bars: readonly { readonly label: string; readonly value: number }[];
  }[];
}

const WIDTH = 760;
const LEFT = 110;
const RIGHT = 116;
const BAR = 18;
const GAP = 6;
const TITLE = 78;
const GROUP_TITLE = 30;
const GROUP_GAP = 14;
/** Bars that the eye should find, and the one that all are measured by. */
const OWN = 'isochrone';
const FLOOR = 'floor';

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 17px; font-weight: 600 }
  .group { font-weight: 600 }
  .soft, .axis { fill: #59636e }
  .bar { fill: #8c959f }
  .own { fill: #0969da }
  .floor { fill: #d1d9e0 }
  .line { stroke: #59636e; stroke-dasharray: 3 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .soft, .axis { fill: #9198a1 }
    .bar { fill: #656c76 }
    .own { fill: #4493f8 }
    .floor { fill: #3d444d }
    .line { stroke: #9198a1 }
  }`;

/** Horizontal bars, group by group, each group on a scale of its own from 0. */
export function chart({ title, unit, groups }: Chart): string {
  const parts: string[] = [];
  let y = TITLE;
  for (const group of groups) {
    const longest = Math.max(...group.bars.map(({ value }) => value));
    const floor = group.bars.find(({ label }) => label === FLOOR)?.value;
    const scale = (WIDTH - LEFT - RIGHT) / longest;
    parts.push(`<text class="group" x="16" y="${y + 18}">${escaped(group.title)}</text>`);
    y += GROUP_TITLE;
    const top = y;
    for (const { label, value } of group.bars) {
      const kind = label === OWN ? 'own' : label === FLOOR ? 'floor' : 'bar';
      const length = Math.max(1, value * scale);
      const middle = y + BAR - 5;
      const share = floor === undefined || label === FLOOR ? '' : ` (${(value / floor).toFixed(2)} x)`;
      parts.push(
        `<text x="${LEFT - 8}" y="${middle}" text-anchor="end">${escaped(label)}</text>`,
        `<rect class="${kind}" x="${LEFT}" y="${y}" width="${length.toFixed(1)}" height="${BAR}" rx="2"/>`,
        `<text x="${(LEFT + length + 6).toFixed(1)}" y="${middle}">${value.toFixed(2)}${share}</text>`,
      );
      y += BAR + GAP;
    }
    if (floor !== undefined) {
      const x = (LEFT + floor * scale).toFixed(1);
      parts.push(`<line class="line" x1="${x}" x2="${x}" y1="${top - 4}" y2="${y - 2}"/>`);
    }
    y += GROUP_GAP;
  }
  const hasFloor = groups.some(({ bars }) => bars.some(({ label }) => label === FLOOR));
  const note = hasFloor
    ? `${FLOOR}: a C echo that reads, sends and does nothing else; (1.10 x): so many times its cost`
    : '';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}"`,
    `  width="${WIDTH}" height="${y}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}\n</style>`,
    `<text class="title" x="16" y="26">${escaped(title)}</text>`,
    `<text class="soft" x="16" y="46">${escaped(unit)}</text>`,
    `<text class="soft" x="16" y="64">${escaped(note)}</text>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
