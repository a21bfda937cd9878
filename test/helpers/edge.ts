import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parsePrefix } from '../../src/base/address.ts';
import { distanceKm } from '../../src/base/geodesy.ts';
import { popStateWords } from '../../src/base/pop-state.ts';
import { type Config, loadConfig } from '../../src/config/config.ts';
import { compileClientImage } from '../../src/geo/client-build.ts';
import { type Places, readPlaces } from '../../src/geo/places.ts';
import type { AnswerData } from '../../src/server/answering.ts';
import { ROW_CANDIDATES } from '../../src/steering/image.ts';
import { encodeImage, NO_LEAVES } from '../../src/steering/image-encode.ts';
import { writeMmdb } from './mmdb-writer.ts';
import { compileZones } from './zones.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const STAMP = { source: '0123456789abcdef', madeAtMs: 0 };

/**
 * What serves test/bench/edge.yaml, without a control loop: every place gets its POPs in the order of
 * distance. Who is not in `networks` there is in Frankfurt.
 */
export interface Edge {
  readonly config: Config;
  readonly data: AnswerData;
  readonly image: Uint8Array<SharedArrayBuffer>;
}

/** Reads the benchmark's configuration and its zone. */
export function loadEdge(): Edge {
  const path = `${root}test/bench/edge.yaml`;
  const read = (file: string): string => readFileSync(file, 'utf8');
  const config = loadConfig({ text: read(path), file: path, read });
  const placesFile = `${root}geo-data/places.csv`;
  const places = readPlaces(read(placesFile), placesFile);
  const zones = config.zones.map(({ origin, file }) => [`${origin}.`, read(file)] as const);
  const data: AnswerData = {
    zones: compileZones(zones, ['edge']),
    clients: compileClientImage({ places, ...smallDatabases(), overrides: config.networks }, STAMP),
    services: config.services.map(({ name, ttl, https }) => {
      const bounds = { ttlMin: ttl.min, ttlMax: ttl.max };
      return { name, groupIndex: 0, ...bounds, https };
    }),
    fleet: config.fleet,
    placesDigest: places.digest,
    popState: popStateWords(config.fleet.pops.length),
    udpSizeMax: config.dns.udpSizeMax,
  };
  return { config, data, image: nearestImage(data, places, 1) };
}

/** City databases that take everybody to be in Frankfurt. */
function smallDatabases() {
  const database = (ipVersion: 4 | 6, halves: readonly string[]) => {
    const entries = halves.map((half) => {
      const prefix = parsePrefix(half);
      if (typeof prefix === 'string') throw new Error(prefix);
      return { prefix, record: { country_code: 'DE', latitude: 50.03, longitude: 8.57 } };
    });
    const bytes = writeMmdb({ databaseType: 'City', ipVersion, recordSize: 24, entries });
    return { file: `city-ipv${ipVersion}.mmdb`, bytes };
  };
  return { city4: database(4, ['0.0.0.0/1', '128.0.0.0/1']), city6: database(6, ['::/1', '8000::/1']) };
}

/** An image of one group in which every place's candidates are the POPs by distance. */
export function nearestImage(
  { fleet }: Pick<AnswerData, 'fleet'>,
  places: Places,
  epoch: number,
): Uint8Array<SharedArrayBuffer> {
  const candidates = new Int16Array(places.count * ROW_CANDIDATES).fill(-1);
  for (let place = 0; place < places.count; place++) {
    const at = { latitude: places.latitude[place] ?? 0, longitude: places.longitude[place] ?? 0 };
    const near = fleet.pops.toSorted((a, b) => distanceKm(a, at) - distanceKm(b, at));
    for (const [rank, pop] of near.slice(0, ROW_CANDIDATES).entries())
      candidates[place * ROW_CANDIDATES + rank] = pop.links[0]?.index ?? -1;
  }
  return encodeImage({
    epoch,
    madeAtMs: 0,
    fleetDigest: fleet.digest,
    placesDigest: places.digest,
    groupCount: 1,
    placeCount: places.count,
    networkAsn: new Uint32Array(0),
    networkPlace: new Uint32Array(0),
    networkCount: 0,
    ...NO_LEAVES,
    rows: {
      cellStride: places.count,
      candidates,
      ttlSeconds: new Uint16Array(places.count).fill(30),
      ttlReason: new Uint8Array(places.count),
    },
    termsText: new TextEncoder().encode('{}'),
  });
}
