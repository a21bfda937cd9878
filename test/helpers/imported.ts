import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { ask } from './ask.ts';
import { prefixOf } from './geo-addresses.ts';
import { writeMmdb } from './mmdb-writer.ts';
import { runTool } from './program.ts';

/** Networks for benchmarks (RFC 2544), each somewhere: what the databases of these tests know. */
export const CLIENTS = {
  DE: ['198.18.1.0/24', 'EU', 50.1, 8.7],
  FR: ['198.18.2.0/24', 'EU', 48.9, 2.4],
  US: ['198.18.3.0/24', 'NA', 40.7, -74],
  JP: ['198.18.4.0/24', 'AS', 35.7, 139.7],
  SG: ['198.18.5.0/24', 'AS', 1.35, 103.8],
  CN: ['198.18.6.0/24', 'AS', 39.9, 116.4],
  BR: ['198.18.7.0/24', 'SA', -23.5, -46.6],
} as const;

/** The subnet of a country's clients. */
export const subnetOf = (country: keyof typeof CLIENTS): string => CLIENTS[country][0];

/** Writes a city database in MaxMind's own form that knows these clients, and nothing else. */
export function writeCityDatabase(path: string): void {
  const entries = Object.entries(CLIENTS).map(([country, [prefix, continent, latitude, longitude]]) => ({
    prefix: prefixOf(prefix),
    record: {
      continent: { code: continent },
      country: { iso_code: country },
      location: { latitude: latitude + 0.001, longitude: longitude + 0.001 },
    },
  }));
  writeFileSync(path, writeMmdb({ databaseType: 'GeoIP2-City', ipVersion: 6, recordSize: 28, entries }));
}

/** Has an imported configuration locate clients by that database, and by no table of AS numbers. */
export function useCityDatabase(config: string, city: string): void {
  const asn = `${city}.asn`;
  const entries = [{ prefix: prefixOf('198.51.100.0/24'), record: { autonomous_system_number: 64_500 } }];
  writeFileSync(asn, writeMmdb({ databaseType: 'GeoLite2-ASN', ipVersion: 6, recordSize: 28, entries }));
  const text = readFileSync(config, 'utf8').replace(/^geo:\n {2}city: .*\n/m, '');
  writeFileSync(config, `${text}geo: { city: ${city}, asn: ${asn} }\n`);
}

/** Answers of a name server at a port of 127.0.0.1, sorted; as a client of the subnet where one is given. */
export async function answersOf(
  port: number,
  name: string,
  type: string,
  subnet?: string,
): Promise<string[]> {
  const more = subnet === undefined ? [] : [`+subnet=${subnet}`];
  const flags = ['+short', '+time=2', '+tries=2', '-p', String(port), '@127.0.0.1'];
  const { out } = await runTool('dig', [...flags, name, type, ...more]);
  return out
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(';;'))
    .sort();
}

/** The same without a process for each question. */
export async function rdataOf(port: number, name: string, type: string, subnet?: string): Promise<string[]> {
  const client = subnet === undefined ? {} : { subnet };
  const { sections } = await ask({ server: { host: '127.0.0.1', port }, name: `${name}.`, type, ...client });
  return sections[0].map((line) => line.split(' ').slice(3).join(' ')).sort();
}

/** Listens for TCP on addresses, for checks. */
export async function listenOn(addresses: readonly string[], port: number): Promise<() => void> {
  const servers = addresses.map((host): Promise<Server> => {
    const server = createServer((socket) => socket.on('error', () => undefined).end());
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, () => resolve(server));
    });
  });
  const open = await Promise.all(servers);
  return () => {
    for (const server of open) server.close();
  };
}

/** The path of a fixture. */
export const fixture = (name: string): string => join('test/fixtures', name);
