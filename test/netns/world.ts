import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Prefix, parsePrefix } from '../../src/base/address.ts';
import { writeMmdb } from '../helpers/mmdb-writer.ts';
import type { NetHost, NetPath } from './net.ts';

/** Three POPs, three client networks, a name server and Redis: who is where, and how far from each other. */

/** A place of the test's world. */
interface Site extends NetHost {
  readonly latitude: number;
  readonly longitude: number;
  readonly country: string;
}

export const POPS: readonly (Site & { readonly code: string; readonly city: string })[] = [
  { code: 'FRA', name: 'fra', address: '198.18.1.10', city: 'Frankfurt', country: 'DE', ...at(50.03, 8.57) },
  { code: 'AMS', name: 'ams', address: '198.18.2.10', city: 'Amsterdam', country: 'NL', ...at(52.31, 4.76) },
  { code: 'LHR', name: 'lhr', address: '198.18.3.10', city: 'London', country: 'GB', ...at(51.47, -0.46) },
];

export const CLIENTS: readonly Site[] = [
  { name: 'berlin', address: '198.18.11.10', country: 'DE', ...at(52.52, 13.4) },
  { name: 'paris', address: '198.18.12.10', country: 'FR', ...at(48.86, 2.35) },
  { name: 'dublin', address: '198.18.13.10', country: 'IE', ...at(53.35, -6.26) },
];

export const NAME_SERVER: NetHost = { name: 'ns', address: '198.18.20.10' };
export const STORE: NetHost = { name: 'redis', address: '198.18.21.10' };
/** `www` in the zone: the name that is steered. */
export const NAME = 'www.net.example';
export const POP_PORT = 80;
/** Where the name server takes what agents send who have no way to Redis; the POP of the one who has none. */
export const INGEST = `${NAME_SERVER.address}:5381`;
export const INGEST_POP = 'LHR';
export const INGEST_TOKEN = 'only-london-knows-this';
/** Of one POP, when all is well: far more than the clients ask. */
export const CAPACITY_RPS = 1_000;
/** Round trips that nobody measures: to the name server and to Redis, ms. */
const CONTROL_RTT_MS = 4;

/**
 * Round trips when nothing is wrong, ms. Paris is nearest to London on the map, and farthest from it by
 * network: only measuring finds its POP.
 */
const RTT_MS: Readonly<Record<string, readonly [fra: number, ams: number, lhr: number]>> = {
  berlin: [12, 40, 80],
  paris: [42, 14, 80],
  dublin: [80, 40, 12],
};

export const HOSTS: readonly NetHost[] = [...POPS, ...CLIENTS, NAME_SERVER, STORE];

/** The path between a client network and a POP as it is when nothing is wrong. */
export function usualPath(client: string, code: string): NetPath {
  const at = POPS.findIndex((pop) => pop.code === code);
  return { between: [client, nameOf(code)], rttMs: RTT_MS[client]?.[at] ?? 0 };
}

/** Host of a POP. */
export function nameOf(code: string): string {
  return POPS.find((pop) => pop.code === code)?.name ?? '';
}

/** All of them, and those of the machinery. */
export function usualPaths(): NetPath[] {
  const measured = CLIENTS.flatMap(({ name }) => POPS.map(({ code }) => usualPath(name, code)));
  const others = [...POPS, ...CLIENTS].flatMap(({ name }) =>
    [NAME_SERVER, STORE].map((host): NetPath => ({ between: [name, host.name], rttMs: CONTROL_RTT_MS })),
  );
  const pairs = POPS.flatMap((one, i) => POPS.slice(i + 1).map((other) => [one.name, other.name] as const));
  const cut: NetPath = { between: [nameOf(INGEST_POP), STORE.name], rttMs: CONTROL_RTT_MS, lossRate: 1 };
  return [...measured, ...others, ...pairs.map((between): NetPath => ({ between, rttMs: 10 })), cut];
}

/**
 * Writes the configuration, its zone, its targets, its databases and its certificate (`ingest.crt`, which is
 * its own authority); gives the configuration's path.
 */
export function writeWorld(folder: string): string {
  const write = (name: string, content: string | Uint8Array): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  write('net.zone', zone());
  const targets = CLIENTS.map(({ address }) => `${address},icmp`);
  write('targets.csv', `address,method\n${targets.join('\n')}\n`);
  // One network that nobody is in: the configuration itself says where everybody is.
  const prefix = parsePrefix('192.0.2.0/24') as Prefix;
  const base = { ipVersion: 6, recordSize: 24 } as const;
  const city = { location: { latitude: 50, longitude: 8 }, country: { iso_code: 'DE' } };
  write(
    'city.mmdb',
    writeMmdb({ ...base, databaseType: 'GeoLite2-City', entries: [{ prefix, record: city }] }),
  );
  const asn = { autonomous_system_number: 64500, autonomous_system_organization: 'Nobody' };
  write('asn.mmdb', writeMmdb({ ...base, databaseType: 'GeoLite2-ASN', entries: [{ prefix, record: asn }] }));
  const subject = ['-subj', '/CN=ingest', '-addext', `subjectAltName=IP:${NAME_SERVER.address}`];
  const files = ['-keyout', join(folder, 'ingest.key'), '-out', join(folder, 'ingest.crt')];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  execFileSync('openssl', ['req', ...kind, ...subject, ...files], { stdio: 'pipe' });
  return write('net.yaml', configuration());
}

function configuration(): string {
  const pops = POPS.map(
    ({ code, city, country, latitude, longitude, address }) =>
      `  - {code: ${code}, city: ${city}, country: ${country}, region: eu, latitude: ${latitude}, ` +
      `longitude: ${longitude}, capacityRps: ${CAPACITY_RPS}, ` +
      `links: [{transit: one, capacityMbps: 1000, ipv4: ${address}}]}`,
  );
  const networks = CLIENTS.map(
    ({ name, address, latitude, longitude, country }, i) =>
      `  - {prefix: ${networkOf(address)}, latitude: ${latitude}, longitude: ${longitude}, ` +
      `country: ${country}, asn: ${64_501 + i}, label: ${name}}`,
  );
  const metrics = `url: "http://127.0.0.1:${POP_PORT}/metrics"`;
  const exporter = `{${metrics}, requests: http_requests_total, capacity: capacity_rps}`;
  const passive = `passivePorts: [${POP_PORT}], passiveEveryMs: 1000`;
  const agents = POPS.map(({ code }) => `  ${code}: {${passive}, exporter: ${exporter}}`);
  return `cluster: net
listen: {dns: ["${NAME_SERVER.address}:53"], admin: "127.0.0.1:5380"}
ingest: {tls: {certificate: ingest.crt, key: ingest.key}, tokens: {${INGEST_POP}: ${INGEST_TOKEN}}}
store: redis://${STORE.address}:6379
zones: [{origin: net.example, file: net.zone}]
services: {web: {ttl: {min: 1, max: 5}}}
pops:
${pops.join('\n')}
networks:
${networks.join('\n')}
geo: {city: city.mmdb, asn: asn.mmdb}
health: {check: {kind: http, path: /healthz, port: ${POP_PORT}, intervalMs: 500, timeoutMs: 400}}
measure: {targets: targets.csv, everyMs: 250}
steering: {probeRefreshMs: 500}
agents:
${agents.join('\n')}
`;
}

function zone(): string {
  return `$TTL 1h
@ SOA ns hostmaster 1 2h 30m 2w 5m
@ NS ns
ns A ${NAME_SERVER.address}
www STEER web
`;
}

function networkOf(address: string): string {
  return address.replace(/\d+$/, '0/24');
}

function at(latitude: number, longitude: number): { latitude: number; longitude: number } {
  return { latitude, longitude };
}
