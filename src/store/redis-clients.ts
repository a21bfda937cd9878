import { readFileSync } from 'node:fs';
import { Cluster, type CommonRedisOptions, Redis } from 'ioredis';
import { OperatorError, type Problem } from '../base/errors.ts';
import type { HostPort, RedisAddress } from '../base/redis-address.ts';

/** A connection is made within this time, or given up and tried anew, ms. */
export const CONNECT_LIMIT_MS = 1_000;
/** Each of the two steps of a close takes at most so long, in ms. */
export const CLOSE_STEP_LIMIT_MS = 400;
/** A connection on which Redis owes an answer for so long is cut and made anew, in ms. */
const SILENCE_LIMIT_MS = 2_000;
const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 1_000;
const KEEP_ALIVE_MS = 5_000;
/**
 * A Cluster says where a key went, or that it is just being moved: asked again so often, so much later, a
 * call is done or given up before its time is over.
 */
const REDIRECTIONS_MAX = 6;
const REDIRECTION_DELAY_MS = 100;
/** How often a client asks a Cluster which node has what, besides being told, ms. */
const SLOTS_EVERY_MS = 10_000;

/** Whatever sends commands. */
export type Client = Redis | Cluster;

/** Two clients, which connect and repair themselves: one for commands, one for the nudges. */
export interface Clients {
  readonly client: Client;
  /** In a Cluster connected to one node after the other: each hears of every publication. */
  readonly subscriber: Redis;
}

/** Begins to connect. Throws `OperatorError` for a file of the address that cannot be read. */
export function openClients(target: RedisAddress): Clients {
  const tls = target.tls ? { tls: tlsOptions(target) } : {};
  const { hosts, db, primary: name, sentinelUsername, sentinelPassword } = target;
  const [first] = hosts;
  if (target.kind === 'cluster') return openCluster(target, tls);
  const where =
    target.kind === 'single'
      ? { ...first, ...tls }
      : {
          sentinels: [...hosts],
          name,
          ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
          ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
          sentinelCommandTimeout: CONNECT_LIMIT_MS,
          sentinelRetryStrategy: reconnectDelayMs,
          ...(target.tls ? { ...tls, sentinelTLS: tls.tls ?? {}, enableTLSForSentinelMode: true } : {}),
        };
  const open = (role: Role) =>
    new Redis({
      ...commonOptions(target, role),
      ...where,
      db,
      enableOfflineQueue: false,
      enableAutoPipelining: role === 'commands',
      retryStrategy: reconnectDelayMs,
    });
  return { client: open('commands'), subscriber: open('nudges') };
}

function openCluster(target: RedisAddress, tls: { tls?: TlsFiles }): Clients {
  const client = new Cluster([...target.hosts], {
    redisOptions: { ...commonOptions(target, 'commands'), ...tls },
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    maxRedirections: REDIRECTIONS_MAX,
    retryDelayOnFailover: REDIRECTION_DELAY_MS,
    retryDelayOnClusterDown: REDIRECTION_DELAY_MS,
    retryDelayOnTryAgain: REDIRECTION_DELAY_MS,
    slotsRefreshTimeout: CONNECT_LIMIT_MS,
    slotsRefreshInterval: SLOTS_EVERY_MS,
    clusterRetryStrategy: reconnectDelayMs,
  });
  let turn = 0;
  /** The next node, of those in the address and those that the cluster told of. */
  const nextHost = (): HostPort | undefined => {
    const told = client.nodes().map(({ options: { host = '', port = 0 } }) => ({ host, port }));
    const all = [...target.hosts, ...told];
    return all[turn++ % all.length];
  };
  const subscriber: Redis = new Redis({
    ...commonOptions(target, 'nudges'),
    ...tls,
    ...nextHost(),
    enableOfflineQueue: false,
    retryStrategy: (attempt) => {
      Object.assign(subscriber.options, nextHost());
      return reconnectDelayMs(attempt);
    },
  });
  return { client, subscriber };
}

type Role = 'commands' | 'nudges';

function commonOptions(target: RedisAddress, role: Role) {
  const { username, password } = target;
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    connectionName: `isochrone-${role}`,
    // RESP2 asks least of the server and of its ACL; the library's own client report needs Redis 7.2.
    protocol: 2,
    disableClientInfo: true,
    connectTimeout: CONNECT_LIMIT_MS,
    disconnectTimeout: CLOSE_STEP_LIMIT_MS,
    socketTimeout: SILENCE_LIMIT_MS,
    maxLoadingRetryTime: RECONNECT_MAX_MS,
    keepAlive: KEEP_ALIVE_MS,
    // A command that cannot be sent now is refused now: what waits in a queue is stale when it arrives.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    // A primary that became a replica: there is another one now.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  } satisfies CommonRedisOptions & { disconnectTimeout: number };
}

function reconnectDelayMs(attempt: number): number {
  const longest = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** Math.min(attempt, 10));
  return RECONNECT_MIN_MS + Math.random() * (longest - RECONNECT_MIN_MS);
}

interface TlsFiles {
  ca?: string;
  cert?: string;
  key?: string;
}

/** What the files of an address hold; says of all that cannot be read. */
function tlsOptions(target: RedisAddress): TlsFiles {
  const files: TlsFiles = {};
  const problems: Problem[] = [];
  for (const [name, file] of [
    ['ca', target.caFile],
    ['cert', target.certFile],
    ['key', target.keyFile],
  ] as const) {
    if (file === undefined) continue;
    try {
      files[name] = readFileSync(file, 'utf8');
    } catch (error) {
      const message = `cannot read the ${name} of ${target.shown}: ${(error as Error).message}`;
      problems.push({ file, message });
    }
  }
  if (problems.length > 0) throw new OperatorError('bad-config', problems);
  return files;
}
