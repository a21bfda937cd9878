import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { csvCell, readCsv } from '../../src/base/csv.ts';
import { type Random, seededRandom } from '../../src/base/random.ts';
import { root } from './machine.ts';

/**
 * Sources of a large installation, made by chance from a seed: many zones, many client networks, many POPs;
 * and the same zones as other servers read them.
 */

/** How large. */
export interface LargeSize {
  readonly zones: number;
  readonly namesPerZone: number;
  readonly networks: number;
  readonly pops: number;
  readonly seed: number;
}

/** Paths of what was written. */
export interface LargeSources {
  readonly config: string;
  /** Master files `NAME.zone`, without what only Isochrone reads: for its peers. */
  readonly plainZones: string;
  readonly origins: readonly string[];
  /** Lists of questions for `load.c`: steered names, and static ones. */
  readonly steered: string;
  readonly static: string;
  /** List of client addresses for `load.c`. */
  readonly clients: string;
  /** Some steered names out of the whole set, and static ones that have an A record, with their dots. */
  readonly someSteered: readonly string[];
  readonly someStatic: readonly string[];
}

const TTL = 300;
/** Of so many names one each is steered. */
const STEERED_EVERY = 20;
/** Questions and clients listed for the load; more would only fill its own caches. */
const LISTED_MAX = 1_000_000;
/** Names of each kind that must be answered before a server counts as started. */
const ASKED_AT_START = 25;
const CLIENTS_LISTED = 200_000;
/** Lengths of client prefixes and how often each comes, in percent. */
const LENGTHS_4 = [
  [16, 1],
  [18, 2],
  [20, 7],
  [22, 20],
  [23, 10],
  [24, 50],
  [26, 5],
  [28, 5],
] as const;
const LENGTHS_6 = [
  [32, 10],
  [40, 15],
  [44, 15],
  [48, 45],
  [56, 15],
] as const;
const SHARE_6 = 0.15;
/** Autonomous systems that most networks belong to; the rest have one each. */
const SYSTEMS = 60_000;
const OWN_SYSTEM_SHARE = 0.25;
const OWN_SYSTEMS_FROM = 4_200_000_000;

interface PlaceRow {
  readonly country: string;
  readonly name: string;
  readonly latitude: string;
  readonly longitude: string;
}

/** Writes everything into the folder, which must exist. */
export function writeLargeSources(folder: string, size: LargeSize): LargeSources {
  const random = seededRandom(size.seed);
  const places = readPlaceRows();
  for (const name of ['zones', 'plain']) mkdirSync(join(folder, name));
  const zones = writeZones(folder, size, random);
  writeFileSync(join(folder, 'pops.csv'), popsCsv(size.pops, places, random));
  const networks = writeNetworks(folder, { count: size.networks, places, random });
  const config = join(folder, 'isochrone.yaml');
  writeFileSync(config, configText({ networks: size.networks > 0 }));
  return { config, plainZones: join(folder, 'plain'), clients: networks, ...zones };
}

function configText({ networks }: { networks: boolean }): string {
  const lines = ['zones:', '  - { dir: zones }', 'services:', '  edge: { ttl: { min: 30, max: 30 } }'];
  lines.push('pops: pops.csv');
  if (networks) lines.push('networks: networks.csv');
  return `${lines.join('\n')}\n`;
}

function readPlaceRows(): PlaceRow[] {
  const [header, ...rows] = readCsv(readFileSync(join(root, 'geo-data/places.csv'), 'utf8'));
  const column = (name: string): number => header?.cells.indexOf(name) ?? -1;
  const [country, name, latitude, longitude] = ['country', 'name', 'latitude', 'longitude'].map(column);
  const cell = (cells: readonly string[], at = -1): string => cells[at] ?? '';
  return rows
    .map(({ cells }) => ({
      country: cell(cells, country),
      name: cell(cells, name),
      latitude: cell(cells, latitude),
      longitude: cell(cells, longitude),
    }))
    .filter((place) => place.country !== '');
}

function writeZones(folder: string, size: LargeSize, random: Random) {
  const origins = Array.from({ length: size.zones }, (_, index) => `z${String(index).padStart(5, '0')}.test`);
  const steered: string[] = [];
  const fixed: string[] = [];
  for (const origin of origins) {
    const head = [
      `$ORIGIN ${origin}.`,
      `$TTL ${TTL}`,
      '@ SOA ns1 hostmaster 1 7200 1800 259200 900',
      '@ NS ns1',
      'ns1 A 192.0.2.53',
    ];
    const own = [...head];
    const plain = [...head];
    for (let index = 2; index < size.namesPerZone; index++) {
      const owner = `n${index}-${below(random, 1 << 24).toString(36)}`;
      const isSteered = index % STEERED_EVERY === 2;
      const record = isSteered ? `A ${address4(random)}` : staticRecord(owner, random);
      own.push(isSteered ? `${owner} STEER edge` : `${owner} ${record}`);
      plain.push(`${owner} ${record}`);
      (isSteered ? steered : fixed).push(`${owner}.${origin} ${record.slice(0, record.indexOf(' '))}`);
    }
    writeFileSync(join(folder, 'zones', `${origin}.zone`), `${own.join('\n')}\n`);
    writeFileSync(join(folder, 'plain', `${origin}.zone`), `${plain.join('\n')}\n`);
  }
  const list = (name: string, lines: readonly string[]): string => {
    writeFileSync(join(folder, name), `${lines.slice(0, LISTED_MAX).join('\n')}\n`);
    return join(folder, name);
  };
  const some = (lines: readonly string[]): string[] =>
    Array.from({ length: ASKED_AT_START }, (_, index) => {
      const line = lines[Math.floor((index * (lines.length - 1)) / (ASKED_AT_START - 1))];
      return `${line?.split(' ')[0]}.`;
    });
  return {
    origins,
    steered: list('steered', steered),
    static: list('static', fixed),
    someSteered: some(steered),
    someStatic: some(fixed.filter((line) => line.endsWith(' A'))),
  };
}

function staticRecord(owner: string, random: Random): string {
  const kind = random.next();
  if (kind < 0.6) return `A ${address4(random)}`;
  if (kind < 0.8) return `AAAA 2001:db8:${below(random, 65_536).toString(16)}::${owner.length}`;
  if (kind < 0.88) return 'CNAME ns1';
  if (kind < 0.94) return `MX 10 ns1`;
  return `TXT "of ${owner}"`;
}

function popsCsv(count: number, places: readonly PlaceRow[], random: Random): string {
  const lines = [
    'code,city,country,region,latitude,longitude,capacityRps,transitA,capacityMbpsA,ipv4A,ipv6A',
  ];
  for (let index = 0; index < count; index++) {
    const { name, country, latitude, longitude } = places[below(random, places.length)] as PlaceRow;
    const code = `P${String(index).padStart(3, '0')}`;
    const address = `198.18.${index >> 8}.${index & 255},2001:db8:ffff::${(index + 1).toString(16)}`;
    lines.push(
      `${code},${csvCell(name)},${country},any,${latitude},${longitude},100000,one,10000,${address}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function writeNetworks(
  folder: string,
  options: { count: number; places: readonly PlaceRow[]; random: Random },
): string {
  const { count, places, random } = options;
  const lines = ['prefix,country,latitude,longitude,asn,label'];
  const clients: string[] = [];
  const taken = new Set<string>();
  const every = Math.max(1, Math.floor(count / CLIENTS_LISTED));
  while (taken.size < count) {
    const six = random.next() < SHARE_6;
    const { prefix, client } = six ? network6(random) : network4(random);
    if (taken.has(prefix)) continue;
    taken.add(prefix);
    const { country, latitude, longitude } = places[below(random, places.length)] as PlaceRow;
    const own = random.next() < OWN_SYSTEM_SHARE;
    const asn = own ? OWN_SYSTEMS_FROM + taken.size : 1 + Math.floor(SYSTEMS * random.next() ** 2);
    lines.push(`${prefix},${country},${latitude},${longitude},${asn},`);
    if (taken.size % every === 0) clients.push(client);
  }
  writeFileSync(join(folder, 'networks.csv'), `${lines.join('\n')}\n`);
  const list = join(folder, 'clients');
  writeFileSync(list, `${clients.join('\n')}\n`);
  return list;
}

/** A prefix of unicast space, and an address in it. */
function network4(random: Random): { prefix: string; client: string } {
  const length = weighted(LENGTHS_4, random);
  const address = (((1 + below(random, 222)) << 24) | below(random, 1 << 24)) >>> 0;
  const network = length === 32 ? address : (address & (-1 << (32 - length))) >>> 0;
  return { prefix: `${quad(network)}/${length}`, client: quad(address) };
}

/** In 2000::/4, so that no two prefixes' first words are special. */
function network6(random: Random): { prefix: string; client: string } {
  const length = weighted(LENGTHS_6, random);
  const words = [0x2000 + below(random, 0x1000), ...[1, 2, 3].map(() => below(random, 65_536))];
  const network = words.map((word, index) => {
    const bits = Math.min(16, Math.max(0, length - index * 16));
    return word & (0xffff << (16 - bits)) & 0xffff;
  });
  const text = (parts: readonly number[]): string => `${parts.map((part) => part.toString(16)).join(':')}::`;
  return { prefix: `${compressed(text(network))}/${length}`, client: text(words) };
}

/** Without the zero words before `::`. */
function compressed(text: string): string {
  return text.replace(/(?::0)+::$/, '::');
}

function weighted(lengths: readonly (readonly [number, number])[], random: Random): number {
  let left = random.next() * 100;
  for (const [length, share] of lengths) if ((left -= share) < 0) return length;
  return lengths.at(-1)?.[0] ?? 24;
}

function address4(random: Random): string {
  return `198.51.${below(random, 256)}.${below(random, 256)}`;
}

function quad(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

function below(random: Random, limit: number): number {
  return Math.floor(random.next() * limit);
}
