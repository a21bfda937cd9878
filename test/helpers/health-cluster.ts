import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { smallGeo } from './small-geo.ts';

/**
 * A cluster of three POPs in Frankfurt, Paris and New York, each with one link, that are checked. Its
 * databases are small: it starts at once.
 */

/** Who asks: a client in Frankfurt. */
export const CLIENT = '198.51.100.0/24';
export const NAME = 'www.health.example';
/** Bounds: of the verdict with checks each 500 ms, and of every name server's next answer after it, ms. */
export const VERDICT_MS = 2000;
export const ANSWER_MS = 100;

const PLACES = { PA: [50.1, 8.7, 'DE'], PB: [48.9, 2.4, 'FR'], PC: [40.7, -74, 'US'] } as const;

/** Writes the configuration and its zone into a folder; gives the configuration's path. */
export function writeHealthCluster(
  folder: string,
  options: {
    readonly addresses: Readonly<Record<keyof typeof PLACES, string>>;
    readonly port: number;
    /** More of the configuration. */
    readonly more?: string;
  },
): string {
  const pops = Object.entries(PLACES).map(
    ([code, [latitude, longitude, country]]) =>
      `  - { code: ${code}, city: ${code}, country: ${country}, region: r, latitude: ${latitude}, ` +
      `longitude: ${longitude}, capacityRps: 1000,\n      links: [{ transit: t, capacityMbps: 1000, ` +
      `ipv4: ${options.addresses[code as keyof typeof PLACES]} }] }`,
  );
  writeFileSync(
    join(folder, 'health.example.zone'),
    '$ORIGIN health.example.\n@ 300 SOA ns hostmaster 1 3600 600 86400 60\n@ 300 NS ns\n' +
      'ns 300 A 192.0.2.53\nwww 60 STEER web\n',
  );
  const path = join(folder, 'health.yaml');
  writeFileSync(
    path,
    `cluster: health
zones: [{ origin: health.example, file: health.example.zone }]
services: { web: { ttl: { min: 1, max: 5 } } }
geo: ${smallGeo(folder)}
networks: [{ prefix: ${CLIENT}, country: DE, latitude: 50.1, longitude: 8.7 }]
health:
  check: { kind: http, port: ${options.port}, path: /health, intervalMs: 500, timeoutMs: 500 }
pops:
${pops.join('\n')}
${options.more ?? ''}`,
  );
  return path;
}
