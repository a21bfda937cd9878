import { escapeHtml, formatNumber, px, svg } from '../base/chart.ts';
import type { PopFigures } from './judge.ts';
import type { RunResult } from './run.ts';
import type { World } from './world.ts';

/** POPs shown at most: the fullest ones. */
const POPS_MAX = 30;
const WIDTH = 720;
const ROW = 20;
const LEFT = 110;
const RIGHT = 150;

/** A bar for each POP: what decisions send there at the end, against its capacity. */
export function loadChart(world: World, run: RunResult): string {
  const all = run.figures.pops.map((figures, pop) => ({ ...figures, name: world.pops[pop]?.pop ?? '' }));
  const shown = all.sort((a, b) => shareOf(b) - shareOf(a)).slice(0, POPS_MAX);
  const most = Math.max(1, ...shown.map(({ capacityRps, decidedRps }) => Math.max(capacityRps, decidedRps)));
  const scale = (rps: number): number => ((WIDTH - LEFT - RIGHT) * rps) / most;
  const rows = shown.map((pop, i) => {
    const top = i * ROW + 4;
    const { name, state, capacityRps, decidedRps } = pop;
    const isOver = decidedRps > capacityRps * (1 + 1e-9) || (state === 'down' && decidedRps > 0);
    const room = `<rect class="room" x="${LEFT}" y="${top}" width="${px(scale(capacityRps))}" height="12"/>`;
    const size = `x="${LEFT}" y="${top + 2}" height="8" width="${px(scale(decidedRps))}"`;
    const bar = `<rect class="bar${isOver ? ' over' : ''}" ${size}/>`;
    const end = LEFT + scale(capacityRps);
    const mark = `<path class="mark" d="M${px(end)} ${top - 1}v14"/>`;
    const words = state === 'up' ? percent(pop) : state;
    return (
      `<g><text x="${LEFT - 8}" y="${top + 10}" text-anchor="end">${escapeHtml(name.slice(0, 16))}</text>` +
      `${room}${bar}${mark}<text x="${px(Math.max(end, LEFT + scale(decidedRps)) + 8)}" y="${top + 10}">` +
      `${formatNumber(decidedRps)} of ${formatNumber(capacityRps)} · ${words}</text></g>`
    );
  });
  const rest = all.length - shown.length;
  const size = { width: WIDTH, height: shown.length * ROW + 8 };
  const note = rest > 0 ? `<p class="soft">${rest} POPs more are less full.</p>` : '';
  return svg('Load against capacity by POP', size, rows.join('')) + note;
}

function shareOf({ decidedRps, capacityRps }: PopFigures): number {
  return decidedRps / Math.max(1e-9, capacityRps);
}

function percent(pop: PopFigures): string {
  return `${(100 * shareOf(pop)).toFixed(pop.decidedRps > 0 && shareOf(pop) < 0.1 ? 1 : 0)} %`;
}
