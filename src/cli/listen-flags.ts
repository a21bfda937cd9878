import { OperatorError } from '../base/errors.ts';
import { parseRedisAddress } from '../base/redis-address.ts';
import type { Config } from '../config/config.ts';
import { type Endpoint, parseEndpoint } from '../config/scalars.ts';
import { secondaryFile, type ZoneSource } from '../config/zone-sources.ts';
import { type Command, type Invocation, textFlag } from './command.ts';
import { CONFIG_OPTION, readConfig } from './config-file.ts';
import { type ValueReader, valueReader } from './values.ts';

/** Flags of `up` and `serve`: they win over the configuration. */
export const LISTEN_OPTIONS: Command['options'] = {
  ...CONFIG_OPTION,
  port: {
    type: 'string',
    value: 'N',
    help: 'DNS port, UDP and TCP, on every configured address (0: any free one)',
  },
  'dot-port': {
    type: 'string',
    value: 'N',
    help: 'speak DNS over TLS on this port of every DNS address (0: any free one)',
  },
  'doh-port': {
    type: 'string',
    value: 'N',
    help: 'speak DNS over HTTPS on this port of every DNS address (0: any free one)',
  },
  'admin-port': {
    type: 'string',
    value: 'N',
    help: 'port of the console, /metrics and the admin API (0: any free one)',
  },
  'ingest-listen': {
    type: 'string',
    value: 'ADDR:PORT',
    help: 'take samples of agents and browsers over HTTP(S) there (port 0: any free one), or off',
  },
  store: {
    type: 'string',
    value: 'URL',
    help: 'shared state: memory, redis://…, redis+sentinel://…, redis+cluster://… (or ISOCHRONE_STORE)',
  },
  workers: { type: 'string', value: 'N', help: 'threads that answer queries (default: one a core)' },
  state: { type: 'string', value: 'DIR', help: 'folder for snapshots and certificates' },
};

/** Threads that answer queries, at most: far more than any machine has cores. */
const WORKERS_MAX = 256;

/** The number of --workers, checked; undefined without that flag. */
export function workersOf(invocation: Invocation, reader: ValueReader): number | undefined {
  const bounds = { min: 1, max: WORKERS_MAX, what: 'a number of threads' };
  return reader.whole('workers', textFlag(invocation.flags, 'workers'), bounds);
}

/**
 * The configuration with the flags applied. Throws `OperatorError` with every problem, those that `reader`
 * found in the command's other flags among them.
 */
export function configOf(invocation: Invocation, reader = valueReader()): Config {
  const { flags, terminal } = invocation;
  const bounds = { min: 0, max: 65_535, what: 'a port' };
  const port = reader.whole('port', textFlag(flags, 'port'), bounds);
  const dotPort = reader.whole('dot-port', textFlag(flags, 'dot-port'), bounds);
  const dohPort = reader.whole('doh-port', textFlag(flags, 'doh-port'), bounds);
  const adminPort = reader.whole('admin-port', textFlag(flags, 'admin-port'), bounds);
  const store = storeOf(invocation, reader);
  const ingest = ingestOf(textFlag(flags, 'ingest-listen'), reader);
  if (reader.problems.length > 0) throw new OperatorError('bad-usage', reader.problems);
  const config = readConfig(flags, terminal);
  const { dns, dot, doh, admin } = config.listen;
  const at = (port: number): Endpoint[] => dns.map((endpoint) => ({ ...endpoint, port }));
  return {
    ...config,
    listen: {
      ...config.listen,
      dns: port === undefined ? dns : at(port),
      dot: dotPort === undefined ? dot : at(dotPort),
      doh: dohPort === undefined ? doh : at(dohPort),
      admin:
        adminPort === undefined
          ? admin
          : { host: '127.0.0.1', ...(admin !== 'off' && admin), port: adminPort },
      ingest: ingest ?? config.listen.ingest,
    },
    store: store ?? config.store,
    ...withState(config, textFlag(flags, 'state') ?? config.state),
  };
}

/** Copies of zones that come from elsewhere lie in the state folder. */
function withState(
  { zones, transfers }: Config,
  state: string,
): Pick<Config, 'state' | 'zones' | 'transfers'> {
  const moved = (zone: ZoneSource): ZoneSource =>
    zone.isSecondary ? { ...zone, file: secondaryFile(state, zone.origin) } : zone;
  return {
    state,
    zones: zones.map(moved),
    transfers: transfers.map(({ zone, transfer }) => ({ zone: moved(zone), transfer })),
  };
}

/**
 * The store of the flag, else of the variable ISOCHRONE_STORE, which no list of processes shows; undefined
 * where neither is set.
 */
function storeOf({ flags, terminal }: Invocation, reader: ValueReader): string | undefined {
  const flag = textFlag(flags, 'store');
  const variable = terminal.environment['ISOCHRONE_STORE'];
  const store = flag ?? (variable === '' ? undefined : variable);
  if (store === undefined || store === 'memory') return store;
  const what = flag === undefined ? 'ISOCHRONE_STORE' : `--store ${JSON.stringify(store)}`;
  if (!/^rediss?(\+\w+)?:\/\//.test(store))
    reader.wrong(`${what} is neither memory nor redis://HOST:PORT nor rediss://HOST:PORT`);
  const problem = store.startsWith('redis') ? parseRedisAddress(store) : undefined;
  const from = flag === undefined ? 'ISOCHRONE_STORE' : '--store';
  if (typeof problem === 'string') reader.wrong(`${from}: ${problem}`);
  return store;
}

/** Where --ingest-listen says; undefined without that flag. */
function ingestOf(text: string | undefined, reader: ValueReader): Endpoint | 'off' | undefined {
  if (text === undefined || text === 'off') return text;
  const endpoint = parseEndpoint(text);
  return typeof endpoint === 'string' ? reader.wrong(`--ingest-listen ${endpoint}; or off`) : endpoint;
}
