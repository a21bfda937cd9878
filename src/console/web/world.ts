import { atlasUrl } from 'virtual:atlas';
import { type GeoProjection, geoGraticule10, geoNaturalEarth1, geoPath } from 'd3-geo';
import { feature, mesh } from 'topojson-client';

/** The land and the borders of countries. */
export interface Atlas {
  readonly land: Parameters<ReturnType<typeof geoPath>>[0];
  readonly borders: Parameters<ReturnType<typeof geoPath>>[0];
}

/** Fetches the atlas that lies beside this page. Rejects where it cannot be had. */
export async function loadAtlas(): Promise<Atlas> {
  const response = await fetch(atlasUrl);
  if (!response.ok) throw new Error(`the map: HTTP ${response.status}`);
  // The file is this build's own.
  const topology = (await response.json()) as Parameters<typeof mesh>[0];
  const countries = topology.objects['countries'] as Parameters<typeof feature>[1];
  return {
    land: feature(topology, countries) as Atlas['land'],
    borders: mesh(topology, countries as Parameters<typeof mesh>[1], (left, right) => left !== right),
  };
}

/** Width and height of the map, CSS pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** What part of the world is seen: 1 is all of it; `x` and `y` move the picture after that, CSS pixels. */
export interface View {
  readonly zoom: number;
  readonly x: number;
  readonly y: number;
}

/** The whole world. */
export const WHOLE: View = { zoom: 1, x: 0, y: 0 };
export const ZOOM_MAX = 24;

/** The edge of the map runs through the Bering Strait, so that no land is cut. */
const ROTATION: [number, number] = [-11, 0];
/** People live between these. */
const SOUTH = -56;
const NORTH = 78;
const MARGIN = 6;

/** Natural Earth I, such that what is inhabited fits. */
export function worldProjection({ width, height }: Size): GeoProjection {
  const corners = [SOUTH, -20, 0, 20, NORTH].flatMap((latitude) =>
    [-168.9, 11, 190.9].map((longitude) => [longitude, latitude] as [number, number]),
  );
  return geoNaturalEarth1()
    .rotate(ROTATION)
    .precision(0.3)
    .fitExtent(
      [
        [MARGIN, MARGIN],
        [Math.max(width, 60) - MARGIN, Math.max(height, 60) - MARGIN],
      ],
      { type: 'MultiPoint', coordinates: corners },
    );
}

/** The outlines, ready to be drawn by a canvas in the whole world's pixels. */
export interface Outlines {
  readonly sphere: Path2D;
  readonly land: Path2D;
  readonly borders: Path2D;
  readonly graticule: Path2D;
}

/** Projects the atlas once for a size. */
export function outlinesOf(atlas: Atlas, projection: GeoProjection): Outlines {
  const drawn = (shape: Atlas['land']): Path2D => {
    const path = new Path2D();
    // A Path2D takes all that d3 draws with; d3 asks for the whole of a canvas.
    geoPath(projection, path as unknown as CanvasRenderingContext2D)(shape);
    return path;
  };
  return {
    sphere: drawn({ type: 'Sphere' }),
    land: drawn(atlas.land),
    borders: drawn(atlas.borders),
    graticule: drawn(geoGraticule10()),
  };
}

/** Holds a view inside the world. */
export function heldView(view: View, { width, height }: Size): View {
  const zoom = Math.min(ZOOM_MAX, Math.max(1, view.zoom));
  const hold = (offset: number, extent: number): number => Math.min(0, Math.max(extent * (1 - zoom), offset));
  return { zoom, x: hold(view.x, width), y: hold(view.y, height) };
}

/** Zooms by a factor about a point of the picture. */
export function zoomedAt(view: View, factor: number, point: readonly [number, number]): View {
  const zoom = Math.min(ZOOM_MAX, Math.max(1, view.zoom * factor));
  const ratio = zoom / view.zoom;
  return { zoom, x: point[0] - (point[0] - view.x) * ratio, y: point[1] - (point[1] - view.y) * ratio };
}
