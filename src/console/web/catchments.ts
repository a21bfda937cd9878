import type { GeoProjection } from 'd3-geo';
import { type Owners, ownersOf } from './catchment-raster.ts';
import { type Colours, pixelOf } from './colours.ts';
import type { CatchmentPlace, CatchmentsView } from './replies.ts';
import { tintsOf, touchingPops } from './tints.ts';
import type { Size, View } from './world.ts';

/** Catchments, ready to be painted: whose each position is, and in which colour. */
export interface Areas {
  readonly view: CatchmentsView;
  /** The places in an order that does not change with their weights; owners are indexes into it. */
  readonly places: readonly CatchmentPlace[];
  readonly owners: Owners;
  /** Colour of each POP, by its index. */
  readonly tints: readonly number[];
}

/** Prepares catchments. Owners are computed anew only when places come or go; POPs keep their colours. */
export function areasOf(view: CatchmentsView, before: Areas | undefined): Areas {
  const places = view.places.toSorted(([left], [right]) => (left < right ? -1 : 1));
  const isSame =
    before !== undefined &&
    before.places.length === places.length &&
    before.places.every(([key], i) => key === places[i]?.[0]);
  const owners = isSame ? before.owners : ownersOf(places);
  const keeps = before?.view.pops.length === view.pops.length ? before.tints : [];
  return { view, places, owners, tints: tintsOf(touchingPops(owners, places), view.pops.length, keeps) };
}

/** What is painted, and how. */
export interface RasterWish {
  readonly areas: Areas;
  readonly projection: GeoProjection;
  readonly size: Size;
  readonly view: View;
  /** Index of the POP whose area stands out; -1: none. */
  readonly lit: number;
  readonly colours: Colours;
  /** Pixels of the screen for one of CSS. */
  readonly scale: number;
}

/** Gives what paints areas; it remembers whose each pixel is while only colours change. */
export function areaPainter(): (canvas: OffscreenCanvas, wish: RasterWish) => void {
  let known: { readonly wish: RasterWish; readonly whose: Int16Array } | undefined;
  return (canvas, wish) => {
    const isSame =
      known !== undefined &&
      (['areas', 'projection', 'size', 'view', 'scale'] as const).every(
        (key) => known?.wish[key] === wish[key],
      );
    if (known === undefined || !isSame) {
      canvas.width = Math.max(1, Math.round(wish.size.width * wish.scale));
      canvas.height = Math.max(1, Math.round(wish.size.height * wish.scale));
      known = { wish, whose: whosePixels(wish, canvas.width, canvas.height) };
    }
    paint(canvas, wish, known.whose);
  };
}

/** Index of the POP whose area each pixel lies in; -1: nobody's. */
function whosePixels(wish: RasterWish, width: number, height: number): Int16Array {
  const { areas, scale } = wish;
  const popOf = Int16Array.from(areas.places, (place) => place[5]);
  const whose = new Int16Array(width * height).fill(-1);
  for (let row = 0; row < height; row++) {
    const line = longitudesOf(wish, (row + 0.5) / scale);
    for (let column = 0; line !== undefined && column < width; column++) {
      const longitude = line.at((column + 0.5) / scale);
      if (Math.abs(longitude) > 180) continue;
      const owner = areas.owners.at(turned(longitude), line.latitude);
      if (owner !== -1) whose[row * width + column] = popOf[owner] as number;
    }
  }
  return whose;
}

/** Colours pixels, darker where areas touch. */
function paint(canvas: OffscreenCanvas, { areas, colours, lit }: RasterWish, whose: Int16Array): void {
  const context = canvas.getContext('2d');
  if (context === null) return;
  const { width, height } = canvas;
  const image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const shades = areas.view.pops.map((_, pop) => {
    const tint = areas.tints[pop] ?? 0;
    const plain = pixelOf(colours.tints[tint] as string);
    if (lit === -1) return plain;
    if (lit === pop) return pixelOf(colours.strongTints[tint] as string);
    return ((plain & 0x00ffffff) | ((plain >>> 25) << 24)) >>> 0;
  });
  const edges = shades.map((shade) => ((shade & 0x00ffffff) | 0xb0000000) >>> 0);
  for (let i = 0; i < whose.length; i++) {
    const pop = whose[i] as number;
    if (pop === -1) continue;
    const left = i % width === 0 ? pop : (whose[i - 1] as number);
    const above = i < width ? pop : (whose[i - width] as number);
    const touches = (left !== pop && left !== -1) || (above !== pop && above !== -1);
    pixels[i] = (touches ? edges : shades)[pop] as number;
  }
  context.putImageData(image, 0, 0);
}

/** The map's middle is 11 degrees east. */
const MIDDLE = 11;
const turned = (longitude: number): number => {
  const east = longitude + MIDDLE;
  return east > 180 ? east - 360 : east;
};

/**
 * The latitude of a line of the picture, and the longitude from the map's middle along it: in this
 * projection a parallel is a straight line with even steps.
 */
function longitudesOf(
  { projection, view }: RasterWish,
  y: number,
): { readonly latitude: number; readonly at: (x: number) => number } | undefined {
  const [middleX = 0] = projection.translate();
  const worldY = (y - view.y) / view.zoom;
  const [, latitude] = projection.invert?.([middleX, worldY]) ?? [];
  if (latitude === undefined || !Number.isFinite(latitude) || Math.abs(latitude) > 85) return undefined;
  const east = projection([MIDDLE + 90, latitude]);
  if (east === null) return undefined;
  const perPixel = 90 / (east[0] - middleX);
  return { latitude, at: (x) => ((x - view.x) / view.zoom - middleX) * perPixel };
}
