import { escapeHtml, px, svg } from '../base/chart.ts';
import { CLOSE_MS } from './numbers.ts';
import type { RunResult } from './run.ts';
import type { World, WorldPop } from './world.ts';

/** Places that stand for the land on the map. */
export interface LandPoints {
  readonly latitude: ArrayLike<number>;
  readonly longitude: ArrayLike<number>;
}

const WIDTH = 720;
/** From 78° north to 56° south, in equal steps. */
const NORTH = 78;
const SOUTH = -56;
const SCALE = WIDTH / 360;
const HEIGHT = Math.round((NORTH - SOUTH) * SCALE);
/** Side of a cell of the land, degrees: a dot a cell is enough. */
const LAND_DEGREES = 1;
/** Width of a letter of a POP's name. */
const LETTER = 6;
/** Regret that is far from good, ms. */
const FAR_MS = 20;

const x = (longitude: number): number => (longitude + 180) * SCALE;
const y = (latitude: number): number => (NORTH - latitude) * SCALE;

/**
 * Cells where the geo database claims them to be, by their regret at the end, and the POPs. Undefined where
 * neither has a location.
 */
export function mapChart(world: World, run: RunResult, land: LandPoints | undefined): string | undefined {
  const placedCells = [...world.cells.keys()].filter((cell) => !Number.isNaN(world.cells[cell]?.latitude));
  const placedPops = world.pops.filter(({ latitude }) => !Number.isNaN(latitude));
  if (placedCells.length === 0 && placedPops.length === 0) return undefined;
  // Those with the most regret are drawn last, on top.
  const order = placedCells.sort((a, b) => regretOf(run, a) - regretOf(run, b));
  const marks = order.map((index) => {
    const { cell, city, country, latitude, longitude } = world.cells[index] as World['cells'][number];
    const regretMs = regretOf(run, index);
    const tone = toneOf(regretMs);
    const radius = tone === 'good' ? 2.4 : tone === 'fair' ? 3.2 : 4;
    const where = [city, country].filter((text) => text !== '').join(', ');
    const title = `${cell}${where === '' ? '' : ` (${where})`}: ${regretMs.toFixed(1)} ms regret`;
    const at = `cx="${px(x(longitude))}" cy="${px(y(latitude))}" r="${radius}"`;
    return `<circle class="dot ${tone}" ${at}><title>${escapeHtml(title)}</title></circle>`;
  });
  const title = 'Map of cells by regret, and of POPs';
  const drawn = [graticule(), landPath(land), ...marks, ...popMarks(placedPops)];
  return mapLegend() + svg(title, { width: WIDTH, height: HEIGHT }, drawn.join(''));
}

/** POPs with their names, but for names that would lie on another or on a POP. */
function popMarks(pops: readonly WorldPop[]): readonly string[] {
  const taken = pops.map(({ latitude, longitude }) => {
    return { left: x(longitude) - 4, right: x(longitude) + 4, top: y(latitude) - 4, bottom: y(latitude) + 4 };
  });
  return pops.map(({ pop, latitude, longitude }) => {
    const [left, top] = [x(longitude), y(latitude)];
    const shape = `<path class="pop" d="M${px(left)} ${px(top - 5)}l4.5 5l-4.5 5l-4.5 -5z"/>`;
    const box = { left: left + 5, right: left + 7 + LETTER * pop.length, top: top - 5, bottom: top + 5 };
    const isFree = taken.every(
      (other) =>
        other.left > box.right || other.right < box.left || other.top > box.bottom || other.bottom < box.top,
    );
    if (isFree) taken.push(box);
    const name = `<text class="popname" x="${px(left + 6)}" y="${px(top + 3)}">${escapeHtml(pop)}</text>`;
    return `<g>${shape}${isFree ? name : ''}<title>${escapeHtml(pop)}</title></g>`;
  });
}

function regretOf(run: RunResult, cell: number): number {
  return run.figures.cells[cell]?.regretMs ?? 0;
}

function toneOf(regretMs: number): 'good' | 'fair' | 'poor' {
  return regretMs <= CLOSE_MS ? 'good' : regretMs <= FAR_MS ? 'fair' : 'poor';
}

const KEY = '<span class="key"><svg width="12" height="12" aria-hidden="true">';

function mapLegend(): string {
  const dot = (tone: string, r: number, text: string): string =>
    `${KEY}<circle class="dot ${tone}" cx="6" cy="6" r="${r}"/></svg>${text}</span>`;
  const pop = `${KEY}<path class="pop" d="M6 1l4.5 5l-4.5 5l-4.5 -5z"/></svg>POP</span>`;
  const words = [
    dot('good', 3, `cell within ${CLOSE_MS} ms of its best POP`),
    dot('fair', 4, `${CLOSE_MS} to ${FAR_MS} ms`),
    dot('poor', 5, `more than ${FAR_MS} ms`),
  ];
  return `<p class="legend">${words.join('')}${pop}</p>`;
}

function graticule(): string {
  const lines: string[] = [];
  for (let longitude = -150; longitude <= 150; longitude += 30)
    lines.push(`M${px(x(longitude))} 0V${HEIGHT}`);
  for (let latitude = -30; latitude <= 60; latitude += 30) lines.push(`M0 ${px(y(latitude))}H${WIDTH}`);
  return `<path class="grid" d="${lines.join('')}"/>`;
}

/** One short stroke for each cell of the land where somebody lives. */
function landPath(land: LandPoints | undefined): string {
  if (land === undefined) return '';
  const seen = new Set<number>();
  for (let i = 0; i < land.latitude.length; i++) {
    const row = Math.floor((NORTH - (land.latitude[i] as number)) / LAND_DEGREES);
    const column = Math.floor(((land.longitude[i] as number) + 180) / LAND_DEGREES);
    if (row >= 0 && row < (NORTH - SOUTH) / LAND_DEGREES) seen.add(row * 1000 + column);
  }
  const step = LAND_DEGREES * SCALE;
  const strokes = [...seen]
    .sort((left, right) => left - right)
    .map((key) => `M${px((key % 1000) * step)} ${px((Math.floor(key / 1000) + 0.5) * step)}h${step}`);
  return `<path class="land" stroke-width="${step}" d="${strokes.join('')}"/>`;
}
