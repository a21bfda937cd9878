/**
 * Room `config`: the one configuration file: its schema, reading it with the place of every fault, and the
 * reference page and JSON Schema that come from it.
 * May import `base`, of `wire` the names of types and codes, and of `steering` the parameters, the bound of
 * POPs, and what its own texts mean. Pure: files come through a reader that is handed in.
 */
import { z } from 'zod';
import { ESTIMATED_POPS_MAX } from '../steering/estimates.ts';
import {
  clientPrefix,
  countryCode,
  domainName,
  filePath,
  ipv4Address,
  ipv6Address,
  popCode,
  storeAddress,
} from './scalars.ts';

import { catalogProblems, catalogShape } from './schema-catalog.ts';
import { dnsSchema } from './schema-dns.ts';
import { dnssecSchema } from './schema-dnssec.ts';

import { healthSchema, maintenanceSchema } from './schema-health.ts';
import { ingestSchema } from './schema-ingest.ts';
import { listenSchema, tlsSchema } from './schema-listen.ts';
import { logSchema } from './schema-log.ts';
import { agentsSchema, measureSchema } from './schema-measure.ts';
import { real, whole } from './schema-numbers.ts';
import { cachePoliciesSchema, distributionsSchema, originsSchema, popTierSchema } from './schema-pop.ts';
import { securitySchema } from './schema-security.ts';
import { biasMs, NAME, NOT_A_NAME, serviceSchema } from './schema-service.ts';
import { steeringSchema } from './schema-steering.ts';
import { keySchema, zoneTransferShape } from './schema-transfer.ts';
import { transferTlsSchema } from './schema-transfer-tls.ts';

const latitude = real({ min: -90, max: 90, unit: 'degrees' }, 'Latitude, north positive.');
const longitude = real({ min: -180, max: 180, unit: 'degrees' }, 'Longitude, east positive.');
const linkSchema = z
  .strictObject({
    transit: z.string().min(1).max(64).describe('Name of the transit or exchange behind the link.'),
    capacityMbps: real({ min: 1, max: 1e8, unit: 'Mbit/s' }, 'What the link can carry.'),
    ipv4: ipv4Address.optional().describe('Ingress IPv4 address: what an A answer holds.'),
    ipv6: ipv6Address.optional().describe('Ingress IPv6 address: what an AAAA answer holds.'),
    cname: domainName
      .optional()
      .describe('In place of both: answers are an alias of this name, of a service that others run.'),
  })
  .superRefine(({ ipv4, ipv6, cname }, context) => {
    const report = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (ipv4 === undefined && ipv6 === undefined && cname === undefined)
      report('ipv4', 'is missing, and so are ipv6 and cname');
    if (cname !== undefined && (ipv4 !== undefined || ipv6 !== undefined))
      report('cname', 'stands in place of addresses, not beside them');
  })
  .describe('One way into the POP: an ingress address over its own transit.');

export const popSchema = z.strictObject({
  code: popCode.describe(
    'Unique code, 2 to 8 capital letters and digits, usually of the nearest airport: `FRA`.',
  ),
  city: z.string().min(1).max(128).describe('City, for people.'),
  country: countryCode.describe('Country: two capital letters (ISO 3166-1).'),
  region: z.string().min(1).max(64).describe("Operator's region: `eu-central`."),
  latitude,
  longitude,
  capacityRps: real({ min: 1, max: 1e9, unit: 'requests/s' }, 'What the POP can serve.'),
  biasMs: biasMs.default(0),
  links: z.array(linkSchema).min(1).max(26).describe('Ways into the POP, at least one.'),
});

const zoneSchema = z
  .strictObject({
    origin: domainName.optional().describe('Name of the zone: `cdn.example`.'),
    file: filePath.optional().describe("Its master file, relative to this file's folder."),
    dir: filePath
      .optional()
      .describe(
        "In place of `origin` and `file`: a folder, relative to this file's folder. Each file `NAME.zone` " +
          'in it is the master file of the zone NAME.',
      ),
    dnssec: dnssecSchema.optional(),
    ...zoneTransferShape,
    ...catalogShape,
  })
  .superRefine((zone, context) => {
    const { origin, file, dir, primary, produce } = zone;
    const report = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (dir === undefined && origin === undefined) report('origin', 'is missing');
    if ((dir ?? file ?? primary ?? produce) === undefined) report('file', 'is missing');
    if (primary !== undefined && (dir !== undefined || file !== undefined))
      report('primary', 'stands without file and dir: the zone comes from there');
    if (dir !== undefined && (origin !== undefined || file !== undefined))
      report('dir', 'stands alone, without origin and file');
    catalogProblems(zone, report);
  });

/** More are better kept in a CSV file. */
const NETWORKS_LISTED_MAX = 100_000;

const networkSchema = z.strictObject({
  prefix: clientPrefix.describe(
    'Addresses: `192.0.2.0/24`. The longest prefix that holds an address counts; of IPv6 at most 64 bits.',
  ),
  latitude: latitude.optional(),
  longitude: longitude.optional(),
  country: countryCode.optional().describe('Country: two capital letters (ISO 3166-1).'),
  asn: whole({ min: 1, max: 4_294_967_295 }, 'Number of the autonomous system.').optional(),
  label: z.string().min(1).max(128).optional().describe('Name of the network, for people.'),
});

const geoSchema = z
  .strictObject({
    city: filePath
      .optional()
      .describe(
        'City database in MaxMind format. Absent: `*City*.mmdb` in geo-data/, else the packaged DB-IP Lite.',
      ),
    asn: filePath
      .optional()
      .describe(
        'ASN database in MaxMind format. Absent: a `*ASN*.mmdb` in geo-data/, else the packaged table.',
      ),
  })
  .prefault({})
  .describe('Databases that say where an address is.');

const controlSchema = z
  .strictObject({
    tickMs: whole({ min: 100, max: 60_000, unit: 'ms' }, 'Time between two decisions.').default(1000),
    samplesPerTickMax: whole(
      { min: 1, max: 10_000_000, unit: 'bursts' },
      'Bursts read at each tick; the rest wait for the next.',
    ).default(200_000),
    burstsPerSecond: whole(
      { min: 1, max: 1_000_000, unit: 'bursts/s' },
      'Bursts that all agents together are asked to make; they go where they are worth most.',
    ).default(5000),
  })
  .prefault({})
  .describe('The control loop.');

const adminSchema = z
  .strictObject({
    token: z
      .string()
      .min(16)
      .max(256)
      .optional()
      .describe(
        'Secret that changes (`drain`, `model` …) must carry; the environment variable ' +
          'ISOCHRONE_TOKEN wins. Without either one is made at the start, and kept in `admin.token` of the ' +
          'state folder, where the commands find it.',
      ),
  })
  .prefault({})
  .describe('The admin API.');

/** Everything that a configuration file may say. */
export const configSchema = z
  .strictObject({
    cluster: z
      .string()
      .regex(NAME, NOT_A_NAME)
      .default('isochrone')
      .describe("Name of the cluster: first part of every key in Redis. Small letters, digits, '-' and '_'."),
    listen: listenSchema,
    tls: tlsSchema,
    store: storeAddress
      .default('memory')
      .describe(
        'Shared state: `memory` (one process), `redis://HOST:PORT/DB`, ' +
          '`redis+sentinel://HOST,HOST/PRIMARY/DB` or `redis+cluster://HOST,HOST`; with user and password ' +
          '`redis://USER:PASSWORD@HOST`; with TLS `rediss`, and `?ca=FILE&cert=FILE&key=FILE` where they ' +
          'are needed. See docs/state.md.',
      ),
    state: filePath
      .default('state')
      .describe("Folder for snapshots and the demo's certificates, relative to this file's folder."),
    zones: z
      .array(zoneSchema)
      .min(1)
      .max(100_000)
      .describe('Zones to answer for: one by one, or a folder of them.'),
    keys: z
      .record(z.string().regex(/^[a-z0-9_.-]{1,253}$/i, { error: 'is not the name of a key' }), keySchema)
      .default({})
      .describe('Keys by name, for `primary`, `transfer` and `notify` of zones.'),
    transferTls: z
      .record(z.string().regex(NAME, NOT_A_NAME), transferTlsSchema)
      .default({})
      .describe('How TLS is spoken, by name, for `primary` of zones: `192.0.2.1 tls NAME`.'),
    services: z
      .record(z.string().regex(NAME, NOT_A_NAME), serviceSchema)
      .default({})
      .describe('Services by name: what `STEER name` in a zone stands for.'),
    pops: z
      .union([filePath, z.array(popSchema).max(ESTIMATED_POPS_MAX)])
      .default([])
      .describe("The POPs: a list, or a CSV file relative to this file's folder (its columns are below)."),
    popAddresses: z
      .enum(['given', 'modelled'])
      .default('given')
      .describe(
        'Where the addresses of the links come from: `given` with the POPs, or `modelled`: link k of ' +
          'POP number N (both from 1) is 127.64.N.k and 2001:db8:64:N::k, where the modelled POPs listen.',
      ),
    networks: z
      .union([filePath, z.array(networkSchema).max(NETWORKS_LISTED_MAX)])
      .prefault([])
      .describe(
        "Operator's own knowledge of where clients are; it beats the databases. A list, or a CSV file " +
          "relative to this file's folder (its columns are below).",
      ),
    geo: geoSchema,
    dns: dnsSchema,
    log: logSchema,
    steering: steeringSchema,
    health: healthSchema,
    maintenance: maintenanceSchema,
    control: controlSchema,
    ingest: ingestSchema,
    measure: measureSchema,
    agents: agentsSchema,
    popTier: popTierSchema,
    cachePolicies: cachePoliciesSchema,
    origins: originsSchema,
    distributions: distributionsSchema,
    security: securitySchema,
    admin: adminSchema,
  })
  .meta({ title: 'Isochrone configuration' });
