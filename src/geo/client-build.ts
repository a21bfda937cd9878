import { type Allocate, IMAGE_KIND, type ImageStamp, plainMemory, sealImage } from '../base/image-file.ts';
import type { NetworkTable } from '../base/network-table.ts';
import {
  BUCKETS,
  CLIENT_IMAGE_VERSION,
  CLIENT_WORDS,
  type ClientInfo,
  clientLayout,
  type DatabaseInfo,
} from './client-image.ts';
import { attributionOf, cityRuns, type LocatorSources, systemRuns } from './client-sources.ts';
import type { DatabaseFile } from './mmdb.ts';
import { overrideRuns } from './override-runs.ts';
import type { Places } from './places.ts';
import { type Placer, placer } from './placing.ts';
import { type Runs, runWriter } from './runs.ts';
import { createSites, type Sites } from './sites.ts';

/** One family compiled: runs of sites that are numbered in their own table. Can be posted to a thread. */
export interface ClientPart {
  readonly family: 4 | 6;
  readonly runs: Runs;
  readonly sitePlace: Uint32Array;
  readonly siteAsn: Uint32Array;
  readonly databases: readonly DatabaseInfo[];
}

/**
 * Compiles the client image. `OperatorError('bad-data')` for a database of the wrong kind, cut or damaged.
 * `onProgress` is told how many ranges there are so far; the 0 says that nobody knows how many will be.
 */
export function compileClientImage(
  sources: LocatorSources,
  stamp: Pick<ImageStamp, 'source' | 'madeAtMs'>,
  onProgress?: (ranges: number, of: 0) => void,
): Uint8Array<SharedArrayBuffer> {
  const { places, ...databases } = sources;
  const v4 = compileClientPart({ places, databases }, 4);
  onProgress?.(v4.runs.count, 0);
  const v6 = compileClientPart({ places, databases }, 6);
  onProgress?.(v4.runs.count + v6.runs.count, 0);
  return joinClientParts([v4, v6], { ...stamp, placesDigest: places.digest });
}

/**
 * Compiles one family alone: two threads can work on the two. Throws as `compileClientImage`. Each of the
 * files is asked for once, and before the next one `onRead` is told that it is not needed any more.
 */
export function compileClientPart(
  sources: { readonly places: Places; readonly databases: Omit<LocatorSources, 'places'> },
  family: 4 | 6,
  onRead: (file: DatabaseFile) => void = () => undefined,
): ClientPart {
  const { databases } = sources;
  const place = placer(sources.places);
  const cityFile = family === 4 ? databases.city4 : databases.city6;
  const city = cityRuns(cityFile, family, place);
  onRead(cityFile);
  const asnFile = family === 4 ? databases.asn4 : databases.asn6;
  const systems = systemRuns(asnFile, family);
  if (asnFile !== undefined) onRead(asnFile);
  const { overrides } = databases;
  const override = overrideRuns(overrides, family);
  const sites = createSites();
  const runs = mergeRuns(family, {
    place: city.runs,
    asn: systems.runs,
    override,
    siteOf: siteFinder(sites, overrides, place),
  });
  return { family, runs, ...sites.finish(), databases: [...city.info, ...systems.info] };
}

/** Joins the two families into an image. */
export function joinClientParts(
  parts: readonly ClientPart[],
  options: Pick<ImageStamp, 'source' | 'madeAtMs'> & {
    readonly placesDigest: number;
    readonly allocate?: Allocate;
  },
): Uint8Array<SharedArrayBuffer> {
  const { sitePlace, siteAsn, numbers } = joinSites(parts);
  const info = new TextEncoder().encode(JSON.stringify(infoOf(parts)));
  const runsOf = (family: 4 | 6): number => parts.find((part) => part.family === family)?.runs.count ?? 0;
  const counts = {
    sites: sitePlace.length,
    v4Runs: runsOf(4),
    v6Runs: runsOf(6),
    infoOctets: info.length,
  };
  const at = clientLayout(counts);
  const bytes = new Uint8Array((options.allocate ?? plainMemory)(at.end));
  const view = new DataView(bytes.buffer);
  view.setUint32(CLIENT_WORDS.PLACES_DIGEST, options.placesDigest, true);
  view.setUint32(CLIENT_WORDS.SITES, counts.sites, true);
  view.setUint32(CLIENT_WORDS.V4_RUNS, counts.v4Runs, true);
  view.setUint32(CLIENT_WORDS.V6_RUNS, counts.v6Runs, true);
  view.setUint32(CLIENT_WORDS.INFO_OCTETS, counts.infoOctets, true);
  const words = (offset: number, count: number) => new Uint32Array(bytes.buffer, offset, count);
  words(at.sitePlace, counts.sites).set(sitePlace);
  words(at.siteAsn, counts.sites).set(siteAsn);
  for (const [i, { family, runs }] of parts.entries()) {
    const section = family === 4 ? at.v4 : at.v6;
    if ('start' in section) words(section.start, runs.count).set(runs.high);
    else {
      words(section.startHigh, runs.count).set(runs.high);
      words(section.startLow, runs.count).set(runs.low);
    }
    renumber(runs, numbers[i] as Uint32Array, words(section.site, runs.count));
    fillBuckets(words(section.bucket, BUCKETS), runs);
  }
  bytes.set(info, at.info);
  sealImage(bytes, { kind: IMAGE_KIND.CLIENTS, version: CLIENT_IMAGE_VERSION, ...options });
  return bytes;
}

/**
 * Sites of all parts, by place: a steering image keeps its networks so, and the row map looks up every site.
 * `numbers` tells for each part which of them its own sites are.
 */
function joinSites(parts: readonly ClientPart[]) {
  const sites = createSites();
  const joined = parts.map((part) =>
    part.sitePlace.map((placeId, site) => sites.idOf(placeId, part.siteAsn[site] as number)),
  );
  const all = sites.finish();
  const numberOf = numbersByPlace(all.sitePlace);
  const sitePlace = new Uint32Array(numberOf.length);
  const siteAsn = new Uint32Array(numberOf.length);
  for (let site = 0; site < numberOf.length; site++) {
    const number = numberOf[site] as number;
    sitePlace[number] = all.sitePlace[site] as number;
    siteAsn[number] = all.siteAsn[site] as number;
  }
  const numbers = joined.map((ids) => ids.map((id) => numberOf[id] as number));
  return { sitePlace, siteAsn, numbers };
}

/** New number of each site: by its place, and as before among those of one place. */
function numbersByPlace(sitePlace: Uint32Array): Uint32Array {
  const last = sitePlace.reduce((most, placeId) => Math.max(most, placeId), 0);
  // First how many sites each place has, then the number of its next one.
  const next = new Uint32Array(last + 1);
  for (const placeId of sitePlace) next[placeId] = (next[placeId] as number) + 1;
  let before = 0;
  for (let placeId = 0; placeId <= last; placeId++) {
    const count = next[placeId] as number;
    next[placeId] = before;
    before += count;
  }
  return sitePlace.map((placeId) => {
    const number = next[placeId] as number;
    next[placeId] = number + 1;
    return number;
  });
}

function renumber(runs: Runs, numbers: Uint32Array, into: Uint32Array): void {
  const { count, value } = runs;
  for (let run = 0; run < count; run++) into[run] = numbers[value[run] as number] as number;
}

function infoOf(parts: readonly ClientPart[]): ClientInfo {
  const all = new Map(
    parts.flatMap(({ databases }) => databases).map((one) => [`${one.kind} ${one.file}`, one]),
  );
  const databases = [...all.values()].sort((a, b) => (a.kind === b.kind ? 0 : a.kind === 'city' ? -1 : 1));
  return { databases, attribution: attributionOf(databases) };
}

/** Site of an address by what the databases and the override (1 + row, or 0) say of it. */
function siteFinder(
  sites: Sites,
  overrides: NetworkTable,
  place: Placer,
): (placeId: number, asn: number, override: number) => number {
  const { latitude, longitude, country, asn: ownAsn } = overrides;
  return (placeId, asn, override) => {
    if (override === 0) return sites.idOf(placeId, asn);
    const row = override - 1;
    const position = {
      country: country[row] as number,
      latitude: latitude[row] as number,
      longitude: longitude[row] as number,
    };
    const isPlaced = position.country !== 0 || !Number.isNaN(position.latitude);
    return sites.idOf(isPlaced ? place(position) : placeId, (ownAsn[row] as number) || asn);
  };
}

interface MergeInput {
  readonly place: Runs;
  readonly asn: Runs;
  readonly override: Runs;
  readonly siteOf: (placeId: number, asn: number, override: number) => number;
}

/** Goes through all three in address order and writes a run wherever one of them changes. */
function mergeRuns(family: 4 | 6, input: MergeInput): Runs {
  const { place, asn, override, siteOf } = input;
  // Memory that nothing is written to costs nothing; growing would copy what is there again and again.
  const writer = runWriter(family, place.count + asn.count + override.count);
  // The run of each that holds the present address; the next one begins further on.
  let [placeAt, asnAt, overrideAt] = [0, 0, 0];
  let [high, low] = [0, 0];
  const isIpv6 = family === 6;
  for (;;) {
    const site = siteOf(
      place.value[placeAt] as number,
      asn.value[asnAt] as number,
      override.value[overrideAt] as number,
    );
    writer.put(high, low, site);
    const placeHigh = placeAt + 1 < place.count ? (place.high[placeAt + 1] as number) : END;
    const asnHigh = asnAt + 1 < asn.count ? (asn.high[asnAt + 1] as number) : END;
    const overrideHigh = overrideAt + 1 < override.count ? (override.high[overrideAt + 1] as number) : END;
    high = Math.min(placeHigh, asnHigh, overrideHigh);
    if (high === END) return writer.finish();
    if (isIpv6) {
      const placeLow = placeHigh === high ? (place.low[placeAt + 1] as number) : END;
      const asnLow = asnHigh === high ? (asn.low[asnAt + 1] as number) : END;
      const overrideLow = overrideHigh === high ? (override.low[overrideAt + 1] as number) : END;
      low = Math.min(placeLow, asnLow, overrideLow);
      if (placeLow === low) placeAt++;
      if (asnLow === low) asnAt++;
      if (overrideLow === low) overrideAt++;
    } else {
      if (placeHigh === high) placeAt++;
      if (asnHigh === high) asnAt++;
      if (overrideHigh === high) overrideAt++;
    }
  }
}

/** Past every address. */
const END = 2 ** 32;

/** For each value of the upper 16 bits: how many runs begin below it. */
function fillBuckets(bucket: Uint32Array, runs: Runs): void {
  let run = 0;
  for (let top = 0; top < BUCKETS; top++) {
    while (run < runs.count && (runs.high[run] as number) < top * 65_536) run++;
    bucket[top] = run;
  }
}
