import { readFileSync } from 'node:fs';
import { readGazetteer } from '../../src/lab/make-cities.ts';
import { makeWorld, type WorldKind, type WorldWishes } from '../../src/lab/make-world.ts';
import type { World } from '../../src/lab/world.ts';

const read = (name: string): string =>
  readFileSync(new URL(`../../geo-data/${name}`, import.meta.url), 'utf8');

/** Places as the packaged data have them. */
export const gazetteer = readGazetteer({ popsCsv: read('pops.csv'), placesCsv: read('places.csv') });

/** A world of a kind as `make-world` makes it, but for what is changed. */
export function made(kind: WorldKind, changed: Partial<WorldWishes> = {}): World {
  const sizes = { pops: kind === 'random' ? 50 : 22, cells: 246, cities: 246, capacity: 10 };
  const events = { eventTick: 20, eventEnd: 40, shiftMs: 60 };
  const wishes = { name: kind, kind, seed: 1, ticks: 60, tickSeconds: 10, ...sizes, ...events, ...changed };
  return makeWorld(gazetteer, wishes);
}
