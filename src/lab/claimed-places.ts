import type { Fleet, Link, Pop } from '../base/fleet.ts';
import { hashText } from '../base/random.ts';
import type { CellGeometry } from '../steering/prior.ts';
import type { ClaimedCell, ClaimedWorld } from './steerer.ts';

/** The claimed locations as the engine has them: a table of places, and the place of each cell. */
export interface ClaimedPlaces {
  readonly geometry: CellGeometry;
  readonly digest: number;
  readonly placeOf: Int32Array;
}

/** Links are wide: worlds say nothing of them. */
const LINK_MBPS = 1e9;

/** The world's POPs as a fleet of the engine: one link each; a location that is not known stays NaN. */
export function claimedFleet({ pops: claimed }: ClaimedWorld): Fleet {
  const links: Link[] = claimed.map(({ pop }, index) => ({
    id: `${pop}-a`,
    index,
    popIndex: index,
    transit: '',
    capacityMbps: LINK_MBPS,
    ipv4: `127.64.${index >> 8}.${index & 255}`,
  }));
  const pops: Pop[] = claimed.map(({ pop, latitude, longitude, capacityRps }, index) => ({
    code: pop,
    index,
    city: pop,
    country: '',
    region: '',
    latitude,
    longitude,
    capacityRps,
    biasMs: 0,
    links: [links[index] as Link],
  }));
  return { pops, links, digest: hashText(pops.map(({ code }) => code).join('\n')) };
}

interface Draft {
  readonly key: string;
  readonly name: string;
  readonly country: string;
  readonly level: 0 | 1 | 2;
  readonly parent: number;
  latitude: number;
  longitude: number;
  cells: number;
}

/**
 * Places of the cells: one for each location that is claimed, in its country if one is claimed, in the world.
 * A cell without a location is placed at its country, else at the world. Weights are numbers of cells.
 */
export function claimedPlaces({ cells }: ClaimedWorld): ClaimedPlaces {
  const drafts: Draft[] = [draftOf({ key: 'world', name: 'World', country: '', level: 0, parent: -1 })];
  const ids = new Map<string, number>([['world', 0]]);
  const idOf = (draft: Draft): number => {
    const known = ids.get(draft.key);
    if (known !== undefined) return known;
    ids.set(draft.key, drafts.length);
    return drafts.push(draft) - 1;
  };
  const placeOf = Int32Array.from(cells, (cell) => {
    const { country, latitude, longitude, city } = cell;
    const above =
      country === '' ? 0 : idOf(draftOf({ key: country, name: country, country, level: 1, parent: 0 }));
    if (Number.isNaN(latitude)) return above;
    const key = `${country}/${latitude},${longitude}`;
    const name = city === '' ? key : city;
    return idOf({ ...draftOf({ key, name, country, level: 2, parent: above }), latitude, longitude });
  });
  for (const [index, cell] of cells.entries()) addUpward(drafts, placeOf[index] as number, cell);
  const geometry: CellGeometry = {
    count: drafts.length,
    latitude: Float32Array.from(drafts, ({ latitude }) => latitude),
    longitude: Float32Array.from(drafts, ({ longitude }) => longitude),
    key: drafts.map(({ key }) => key),
    name: drafts.map(({ name }) => name),
    country: drafts.map(({ country }) => country),
    level: Uint8Array.from(drafts, ({ level }) => level),
    parent: Int32Array.from(drafts, ({ parent }) => parent),
    weight: Float32Array.from(drafts, (draft) => draft.cells / cells.length),
  };
  return { geometry, digest: hashText(geometry.key.join('\n')), placeOf };
}

function draftOf(draft: Omit<Draft, 'latitude' | 'longitude' | 'cells'>): Draft {
  return { ...draft, latitude: Number.NaN, longitude: Number.NaN, cells: 0 };
}

/** Counts the cell in its place and those above, which are where the first of their cells is. */
function addUpward(drafts: readonly Draft[], place: number, cell: ClaimedCell): void {
  for (let at = place; at >= 0; at = (drafts[at] as Draft).parent) {
    const draft = drafts[at] as Draft;
    draft.cells++;
    if (!Number.isNaN(draft.latitude) || Number.isNaN(cell.latitude)) continue;
    draft.latitude = cell.latitude;
    draft.longitude = cell.longitude;
  }
}
