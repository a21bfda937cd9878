import { type GeoProjection, geoPath } from 'd3-geo';
import { type Areas, areaPainter } from './catchments.ts';
import type { Colours } from './colours.ts';
import type { Outlines, Size, View } from './world.ts';

/** Everything that lies beneath the POPs. */
export interface Scene {
  readonly size: Size;
  readonly view: View;
  readonly scale: number;
  readonly projection: GeoProjection;
  readonly outlines: Outlines;
  readonly colours: Colours;
  readonly areas: Areas | undefined;
  /** Index of the POP whose area stands out, and where it is, degrees; -1: none. */
  readonly lit: number;
  readonly litAt: readonly [longitude: number, latitude: number] | undefined;
  /** Lines to a client that is explained, degrees; the first is solid. */
  readonly client: ClientLines | undefined;
}

/** Where the explained client is, and the POPs that it might get. */
export interface ClientLines {
  readonly at: readonly [longitude: number, latitude: number];
  readonly to: readonly (readonly [longitude: number, latitude: number])[];
}

/** Lines are drawn to so many of the heaviest places. */
const LINES_MAX = 240;

/** Gives what paints sea, land, areas, places and lines. */
export function mapPainter(): (canvas: HTMLCanvasElement, scene: Scene) => void {
  const buffer = new OffscreenCanvas(1, 1);
  const paintAreas = areaPainter();
  return (canvas, scene) => {
    const { areas } = scene;
    if (areas !== undefined) paintAreas(buffer, { ...scene, areas });
    paintMap(canvas, buffer, scene);
  };
}

function paintMap(canvas: HTMLCanvasElement, buffer: OffscreenCanvas, scene: Scene): void {
  const { size, scale, view, outlines, colours, areas } = scene;
  canvas.width = Math.round(size.width * scale);
  canvas.height = Math.round(size.height * scale);
  const context = canvas.getContext('2d');
  if (context === null) return;
  const inWorld = (): void => {
    context.setTransform(scale * view.zoom, 0, 0, scale * view.zoom, scale * view.x, scale * view.y);
  };
  inWorld();
  context.fillStyle = colours.sea;
  context.fill(outlines.sphere);
  stroke(context, outlines.graticule, colours.grid, 0.6 / view.zoom);
  context.fillStyle = colours.land;
  context.fill(outlines.land);
  if (areas !== undefined) {
    context.save();
    context.clip(outlines.land);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(buffer, 0, 0);
    context.restore();
    inWorld();
  }
  stroke(context, outlines.borders, colours.border, 0.6 / view.zoom);
  stroke(context, outlines.land, colours.border, 0.5 / view.zoom);
  if (areas !== undefined) paintPlaces(context, scene, areas);
  if (scene.client !== undefined) paintClient(context, scene, scene.client);
}

function stroke(context: CanvasRenderingContext2D, path: Path2D, colour: string, width: number): void {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke(path);
}

/** Each place as a dot, larger with more clients; and lines from the POP that stands out to its places. */
function paintPlaces(context: CanvasRenderingContext2D, scene: Scene, areas: Areas): void {
  const { view, lit, litAt, colours, projection } = scene;
  const { places } = areas.view;
  const heaviest = places[0]?.[4] ?? 1;
  const own = lit === -1 ? [] : places.filter((place) => place[5] === lit);
  if (litAt !== undefined) {
    const path = geoPath(projection, context);
    const strongest = own[0]?.[4] ?? 1;
    context.strokeStyle = colours.ink;
    for (const [, , latitude, longitude, weight] of own.slice(0, LINES_MAX)) {
      context.globalAlpha = 0.18 + 0.5 * Math.sqrt(weight / strongest);
      context.lineWidth = (0.5 + 1.2 * Math.sqrt(weight / strongest)) / view.zoom;
      context.beginPath();
      path({ type: 'LineString', coordinates: [[...litAt], [longitude, latitude]] });
      context.stroke();
    }
  }
  const largest = Math.max(1.4, Math.min(3.4, scene.size.width / 320));
  const grown = Math.sqrt(view.zoom);
  context.fillStyle = colours.ink;
  for (const [, , latitude, longitude, weight, pop] of places) {
    const at = projection([longitude, latitude]);
    if (at === null) continue;
    const radius = (grown * Math.max(0.45, largest * Math.sqrt(weight / heaviest))) / view.zoom;
    context.globalAlpha = lit === -1 ? 0.34 : pop === lit ? 0.85 : 0.12;
    context.fillRect(at[0] - radius, at[1] - radius, 2 * radius, 2 * radius);
  }
  context.globalAlpha = 1;
}

function paintClient(context: CanvasRenderingContext2D, scene: Scene, client: ClientLines): void {
  const { projection, view, colours } = scene;
  const path = geoPath(projection, context);
  context.strokeStyle = colours.ink;
  for (const [index, to] of client.to.entries()) {
    context.lineWidth = (index === 0 ? 2.2 : 1.2) / view.zoom;
    context.setLineDash(index === 0 ? [] : [4 / view.zoom, 4 / view.zoom]);
    context.beginPath();
    path({ type: 'LineString', coordinates: [[...client.at], [...to]] });
    context.stroke();
  }
  context.setLineDash([]);
  const at = projection([...client.at]);
  if (at === null) return;
  for (const [radius, colour] of [
    [7, colours.panel],
    [5.5, colours.ink],
    [3, colours.panel],
  ] as const) {
    context.fillStyle = colour;
    context.beginPath();
    context.arc(at[0], at[1], radius / view.zoom, 0, 2 * Math.PI);
    context.fill();
  }
}
