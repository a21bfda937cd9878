import { join } from 'node:path';
import { IMAGE_KIND } from '../../src/base/image-file.ts';
import { loadGround } from '../../src/cli/ground.ts';
import { readImageFile } from '../../src/cli/image-file.ts';
import { CLIENT_IMAGE_VERSION, type ClientImage, openClientImage } from '../../src/geo/client-image.ts';
import { encodeImage, type ImageParts } from '../../src/steering/image-encode.ts';
import { randomParts } from './steering-images.ts';
import { readBenchConfig, type WorldPaths } from './world.ts';

/** Makes steering images for the networks of a client image. */
export interface CellMaker {
  /** Networks that get a row of their own: sites of the client image whose AS is known. */
  readonly cellCount: number;
  readonly clients: ClientImage;
  /** Parts of an image as `make` makes it. */
  readonly parts: (epoch: number) => ImageParts;
  /**
   * As uneven as can be: each cell's row is drawn by chance, apart from its neighbours', and one in a
   * hundred is split. `encodeMs` is what `encodeImage` took.
   */
  readonly make: (epoch: number) => { readonly bytes: Uint8Array; readonly encodeMs: number };
}

/** For the client image that lies in the state folder already. */
export function cellMaker(
  paths: WorldPaths,
  limits: { readonly cells: number; readonly rows: number },
): CellMaker {
  const config = readBenchConfig(paths);
  const { places, groups } = loadGround(config);
  const kind = { kind: IMAGE_KIND.CLIENTS, version: CLIENT_IMAGE_VERSION };
  const file = readImageFile(join(paths.state, 'clients.image'), kind);
  if (typeof file !== 'object') throw new Error(`no client image: ${file}`);
  const clients = openClientImage(file.bytes, { placesDigest: places.digest });
  if (typeof clients === 'string') throw new Error(clients);
  const known = [...clients.siteAsn.keys()].filter((site) => clients.siteAsn[site] !== 0);
  // Evenly out of all of them, whatever their order.
  const step = Math.max(1, known.length / limits.cells);
  const cells = Array.from(
    { length: Math.min(limits.cells, known.length) },
    (_, at) => known[Math.floor(at * step)],
  );
  const networks = {
    asn: Uint32Array.from(cells, (site = 0) => clients.siteAsn[site] ?? 0),
    place: Uint32Array.from(cells, (site = 0) => clients.sitePlace[site] ?? 0),
  };
  const { fleet } = config;
  const parts = (epoch: number): ImageParts =>
    randomParts({
      cells: cells.length,
      networks,
      epoch,
      seed: epoch,
      pops: fleet.pops.length,
      links: fleet.links.length,
      distinctRows: limits.rows,
      groups: groups.length,
      fleetDigest: fleet.digest,
      placesDigest: places.digest,
      places: places.count,
    });
  return {
    cellCount: cells.length,
    clients,
    parts,
    make: (epoch) => {
      const made = parts(epoch);
      const startMs = performance.now();
      const bytes = encodeImage(made);
      return { bytes, encodeMs: performance.now() - startMs };
    },
  };
}
