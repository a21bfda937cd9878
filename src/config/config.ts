import type { z } from 'zod';
import type { AccessList } from '../base/access-list.ts';
import { OperatorError, type Problem } from '../base/errors.ts';
import type { Fleet } from '../base/fleet.ts';
import { type NetworkOverride, type NetworkTable, networkTable } from '../base/network-table.ts';
import { hashText } from '../base/random.ts';
import { ESTIMATED_POPS_MAX } from '../steering/estimates.ts';
import type { MaintenanceWindow } from '../steering/maintenance.ts';
import { type Policy, popsOf } from '../steering/policy.ts';
import { crossCheck } from './cross-check.ts';
import { readYaml, type YamlText } from './document.ts';
import { type EdgeConfig, edgeOf } from './edge.ts';
import { buildFleet, type PopDraft } from './fleet.ts';
import { type Health, healthOf, windowOf } from './health.ts';
import { agentsWithPaths, dnsWithPaths, logWithPaths, measureWithPaths } from './measure-paths.ts';
import { MODELLED_POPS_MAX, withModelledAddresses } from './modelled-addresses.ts';
import { folderOf, joinPath } from './paths.ts';
import { type PolicyNetwork, readPolicies } from './policies.ts';
import { readPopsCsv } from './pops-csv.ts';
import { inOrder } from './problem-order.ts';
import { problemsOf } from './problems.ts';
import type { Endpoint } from './scalars.ts';
import { configSchema } from './schema.ts';
import { type SecurityConfig, securityWithPaths } from './security.ts';
import { tlsWithPaths } from './tls-paths.ts';
import { type TransferConfig, transfersOf } from './transfers.ts';
import { withDnssec, type ZoneSource, zoneSources } from './zone-sources.ts';

type Parsed = z.output<typeof configSchema>;

/** What `STEER name` stands for. */
export interface Service {
  readonly name: string;
  /** POPs that serve it, as positions in the fleet, rising. */
  readonly popIndexes: readonly number[];
  /** Bias in ms by position in the fleet: the POP's own plus the service's. */
  readonly biasMs: readonly number[];
  /** Who gets which POP in place of the score. */
  readonly policy?: Policy;
  /** Position of the service whose answers AAAA gets; absent: its own. */
  readonly ipv6Index?: number;
  /** Bounds of the TTL of steered answers, in seconds. */
  readonly ttl: { readonly min: number; readonly max: number };
  /** What the HTTPS record says; absent: there is none. */
  readonly https?: { readonly alpn: readonly string[]; readonly port?: number };
}

/** A configuration without faults, defaults filled in, paths ready to open. */
export interface Config extends TransferConfig {
  /** The file that it was read from. */
  readonly file: string;
  readonly cluster: string;
  readonly listen: {
    readonly dns: readonly Endpoint[];
    /** DNS over TLS, and over HTTPS. */
    readonly dot: readonly Endpoint[];
    readonly doh: readonly Endpoint[];
    /** Peers that must say for whom they ask, with PROXY headers. */
    readonly proxy: AccessList | undefined;
    /** `off`: no console, no metrics, no admin API. */
    readonly admin: Endpoint | 'off';
    /** `off`: agents and browsers cannot send over HTTP. */
    readonly ingest: Endpoint | 'off';
  };
  /** Paths ready to open; what the files hold is read by those that need it. */
  readonly tls: Parsed['tls'];
  /** `memory` or a Redis URL, perhaps with a password. */
  readonly store: string;
  /** Folder for snapshots and certificates. */
  readonly state: string;
  readonly zones: readonly ZoneSource[];
  readonly services: readonly Service[];
  readonly fleet: Fleet;
  /** Whether the links' addresses are those of the modelled POPs. */
  readonly popAddresses: Parsed['popAddresses'];
  /** Where clients are by the operator's own knowledge, as far as it stands in the configuration itself. */
  readonly networks: NetworkTable;
  /** Those of them that policies ask for. */
  readonly policyNetworks: readonly PolicyNetwork[];
  readonly geo: {
    readonly city?: string;
    readonly asn?: string;
    /** The CSV file that `networks` names: as large as a database, and read when those are. */
    readonly networks?: string;
  };
  readonly dns: Parsed['dns'];
  readonly log: Parsed['log'];
  readonly steering: Parsed['steering'];
  readonly health: Health;
  readonly maintenance: readonly MaintenanceWindow[];
  readonly control: Parsed['control'];
  /** What is taken over HTTP, and from whom. */
  readonly ingest: Parsed['ingest'];
  /** Paths ready to open; what the files hold is read by those that need it. */
  readonly measure: Parsed['measure'];
  /** By POP code. */
  readonly agents: Parsed['agents'];
  /** What the POPs serve, and how. */
  readonly edge: EdgeConfig;
  /** Rules, keys and code of the POP tier, by name. */
  readonly security: SecurityConfig;
  /** `token` as in the file: the environment is the caller's to look at. */
  readonly admin: { readonly token?: string };
  /** What the file says, before defaults. */
  readonly said: Readonly<Record<string, unknown>>;
}

/** What a configuration is read from. */
export interface ConfigSource {
  readonly text: string;
  /** Path of the file: relative paths in it start at its folder. */
  readonly file: string;
  /** Reads another file that the configuration names; what it throws becomes a problem. */
  readonly read: (path: string) => string;
  /** Names of the files in a folder that the configuration names; throws like `read`. Absent: none can be. */
  readonly list?: (path: string) => readonly string[];
  /** What holds in place of what the text says: parts left out, others put in. */
  readonly arrange?: (said: Readonly<Record<string, unknown>>) => Record<string, unknown>;
}

/** What a configuration file says, faulty or not. */
export interface InspectedConfig {
  /** Absent where there are problems. */
  readonly config?: Config;
  /** Every problem, those of this file first, in the order of lines. */
  readonly problems: readonly Problem[];
  /** The zones that can be made out, so that they can be checked although other things are wrong. */
  readonly zones: readonly ZoneSource[];
  /** Names of the services that can be made out. */
  readonly serviceNames: readonly string[];
}

/** Reads a configuration. Throws `OperatorError('bad-config')` with every problem. */
export function loadConfig(source: ConfigSource): Config {
  const { config, problems } = inspectConfig(source);
  if (config === undefined) throw new OperatorError('bad-config', problems);
  return config;
}

/** Reads a configuration as far as it goes. */
export function inspectConfig(options: ConfigSource): InspectedConfig {
  const { text, file } = options;
  const yaml = readYaml(text, file);
  if (!yaml.usable) return { problems: yaml.problems, zones: [], serviceNames: [] };
  if (!isMapping(yaml.value)) {
    const message = 'the configuration must be a mapping, such as `zones: …`';
    return {
      problems: [...yaml.problems, { file, line: 1, column: 1, message }],
      zones: [],
      serviceNames: [],
    };
  }
  const raw = options.arrange?.(yaml.value) ?? yaml.value;
  const { drafts, problems: popProblems } = readDrafts(raw, yaml, options);
  const built = buildFleet(drafts);
  // The list of POPs is checked one by one by `buildFleet`, for CSV and YAML alike.
  const parsed = configSchema.safeParse(isList(raw['pops']) ? { ...raw, pops: 'inline' } : raw);
  const source = { file, ...yaml };
  const problems = [...yaml.problems, ...popProblems, ...built.problems];
  if (!parsed.success) problems.push(...problemsOf(parsed.error.issues, { value: raw, source }));
  const regions = new Set(built.fleet.pops.map(({ region }) => region));
  problems.push(...crossCheck(raw, { source, popCodes: built.codes, regions }));
  const { list } = options;
  const { zones, problems: zoneProblems } = zoneSources(raw, { file, yaml, list });
  problems.push(...zoneProblems);
  const serviceNames = isMapping(raw['services']) ? Object.keys(raw['services']) : [];
  if (!parsed.success || problems.length > 0)
    return { problems: inOrder(problems, file), zones, serviceNames };
  const config = { ...assemble(parsed.data, { file, fleet: built.fleet, zones }), said: raw };
  return { config, problems, zones, serviceNames };
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isList = (value: unknown): value is unknown[] => Array.isArray(value);

/** POPs as written, from the configuration itself or from the CSV file that it names. */
function readDrafts(
  values: Record<string, unknown>,
  yaml: YamlText,
  options: ConfigSource,
): { drafts: readonly PopDraft[]; problems: readonly Problem[] } {
  const { file } = options;
  const pops = values['pops'];
  const modelled = values['popAddresses'] === 'modelled';
  let drafts: PopDraft[] = [];
  const problems: Problem[] = [];
  const report = (message: string): void => {
    problems.push({ file, ...yaml.valuePlace(['pops']), message: `pops: ${message}` });
  };
  if (isList(pops)) drafts = pops.map((value, i) => ({ value, at: ['pops', i], source: { file, ...yaml } }));
  else if (typeof pops === 'string' && pops !== '') {
    const path = joinPath(folderOf(file), pops);
    const text = readOr(options, path, report);
    if (text !== undefined) {
      const csv = readPopsCsv(text, { file: path, addresses: modelled ? 'modelled' : 'given' });
      drafts = csv.drafts;
      problems.push(...csv.problems);
    }
  }
  if (modelled && drafts.length > MODELLED_POPS_MAX)
    report(`${drafts.length} POPs, but only ${MODELLED_POPS_MAX} can have modelled addresses`);
  else if (drafts.length > ESTIMATED_POPS_MAX) report(`${drafts.length} POPs: at most ${ESTIMATED_POPS_MAX}`);
  return { drafts: modelled ? withModelledAddresses(drafts) : drafts, problems };
}

function listed(networks: Parsed['networks']): NetworkOverride[] {
  return typeof networks === 'string' ? [] : networks.map(withoutUndefined);
}

function readOr(options: ConfigSource, path: string, report: (message: string) => void): string | undefined {
  try {
    return options.read(path);
  } catch (error) {
    const why = error instanceof OperatorError ? error.problems[0]?.message : (error as Error).message;
    report(`cannot read ${JSON.stringify(path)}: ${why}`);
    return undefined;
  }
}

function assemble(
  parsed: Parsed,
  options: { file: string; fleet: Fleet; zones: readonly ZoneSource[] },
): Omit<Config, 'said'> {
  const { file, zones } = options;
  const fleet = withPolicies(options.fleet, parsed.services);
  const path = (text: string): string => joinPath(folderOf(file), text);
  const { tls } = parsed.ingest;
  const policies = readPolicies(parsed.services, fleet, listed(parsed.networks));
  const names = Object.keys(parsed.services);
  return {
    file,
    cluster: parsed.cluster,
    listen: parsed.listen,
    tls: tlsWithPaths(parsed.tls, path),
    store: parsed.store,
    state: path(parsed.state),
    zones: zones.map((zone) => withDnssec(zone, parsed.zones[zone.entry]?.dnssec, path)),
    ...transfersOf(parsed, zones, path),
    services: Object.entries(parsed.services).map(([name, service]) =>
      assembleService(service, { name, names, fleet, policy: policies.of(name) }),
    ),
    fleet,
    popAddresses: parsed.popAddresses,
    networks: networkTable(policies.overrides),
    policyNetworks: policies.networks,
    geo: withoutUndefined({
      city: parsed.geo.city === undefined ? undefined : path(parsed.geo.city),
      asn: parsed.geo.asn === undefined ? undefined : path(parsed.geo.asn),
      networks: typeof parsed.networks === 'string' ? path(parsed.networks) : undefined,
    }),
    dns: dnsWithPaths(parsed.dns, path),
    log: logWithPaths(parsed.log, path),
    steering: parsed.steering,
    health: healthOf(parsed.health, fleet),
    maintenance: parsed.maintenance.map(windowOf),
    control: parsed.control,
    ingest: { ...parsed.ingest, tls: tls && { certificate: path(tls.certificate), key: path(tls.key) } },
    measure: measureWithPaths(parsed.measure, path),
    agents: agentsWithPaths(parsed.agents, path),
    edge: edgeOf(parsed, path),
    security: securityWithPaths(parsed.security, path),
    admin: withoutUndefined(parsed.admin),
  };
}

function assembleService(
  service: Parsed['services'][string],
  known: { name: string; names: readonly string[]; fleet: Fleet; policy: Policy | undefined },
): Service {
  const { pops, biasMs, ttl, https, ipv6 } = service;
  const { name, names, fleet, policy } = known;
  const serving = fleet.pops.filter(({ code }) => pops === 'all' || pops.includes(code));
  return {
    name,
    popIndexes: policy === undefined ? serving.map(({ index }) => index) : popsOf(policy),
    ...(policy === undefined ? {} : { policy }),
    ...(ipv6 === undefined || ipv6 === name ? {} : { ipv6Index: names.indexOf(ipv6) }),
    biasMs: fleet.pops.map((pop) => pop.biasMs + (biasMs[pop.code] ?? 0)),
    ttl,
    ...(https === undefined ? {} : { https: withoutUndefined(https) }),
  };
}

/** A table that was made for other policies means nothing: their words are in the digest. */
function withPolicies(fleet: Fleet, services: Parsed['services']): Fleet {
  const policies = Object.entries(services).filter(([, { policy }]) => policy !== undefined);
  if (policies.length === 0) return fleet;
  return { ...fleet, digest: hashText(`${fleet.digest};${JSON.stringify(policies)}`) };
}

type Present<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** The same without the properties that hold undefined: optional ones are then absent, as the types say. */
function withoutUndefined<T extends object>(value: T): Present<T> {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as Present<T>;
}
