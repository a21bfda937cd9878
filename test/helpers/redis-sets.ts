import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort, startRedis, type TestRedis } from './redis.ts';

/** A primary, its replica, and three sentinels that watch them. */
export interface SentinelSet {
  /** `redis+sentinel://…/edge/0`. */
  readonly url: string;
  readonly servers: readonly [primary: TestRedis, replica: TestRedis];
  readonly sentinels: readonly TestRedis[];
  readonly stop: () => Promise<void>;
}

const DOWN_AFTER_MS = 800;
const SENTINELS = 3;

/** Starts them; resolves when the replica follows and the sentinels know each other. */
export async function startSentinelSet(): Promise<SentinelSet> {
  const primary = await startRedis();
  const replica = await startRedis({ args: () => ['--replicaof', '127.0.0.1', String(primary.port)] });
  const told = [
    `sentinel monitor edge 127.0.0.1 ${primary.port} 2`,
    `sentinel down-after-milliseconds edge ${DOWN_AFTER_MS}`,
    'sentinel failover-timeout edge 4000',
  ].join('\n');
  const sentinels = await Promise.all(
    Array.from({ length: SENTINELS }, () => startRedis({ sentinel: told })),
  );
  await waitFor(primary.port, async (redis) => /slave0:.*state=online/.test(await redis.info('replication')));
  for (const { port } of sentinels)
    await waitFor(port, async (redis) => {
      const info = await redis.info('sentinel');
      return info.includes(`slaves=1,sentinels=${SENTINELS}`);
    });
  const all = [primary, replica, ...sentinels];
  return {
    url: `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/edge/0`,
    servers: [primary, replica],
    sentinels,
    stop: async () => {
      await Promise.all(all.map((one) => one.stop()));
    },
  };
}

/** Three nodes of a Redis Cluster, each with a replica or without. */
export interface ClusterSet {
  /** `redis+cluster://…` with all primaries. */
  readonly url: string;
  readonly primaries: readonly TestRedis[];
  readonly replicas: readonly TestRedis[];
  /** The primary that has the keys of the cluster of that name, and the others. */
  readonly ownerOf: (cluster: string) => Promise<{ owner: TestRedis; others: readonly TestRedis[] }>;
  /** Resolves when every node sees all others, none of them failing. */
  readonly well: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const SLOTS = 16_384;

/** Starts it; resolves when every node says that the cluster is well. */
export async function startClusterSet(
  options: { readonly withReplicas?: boolean; readonly args?: readonly string[] } = {},
): Promise<ClusterSet> {
  const startNode = async () => {
    const busPort = String(await freePort());
    const own = ['--cluster-enabled', 'yes', '--cluster-port', busPort, '--cluster-node-timeout', '2000'];
    const node = await startRedis({
      args: () => [...own, '--cluster-require-full-coverage', 'no', ...(options.args ?? [])],
    });
    return { ...node, busPort };
  };
  const count = options.withReplicas === true ? 6 : 3;
  const nodes: Awaited<ReturnType<typeof startNode>>[] = [];
  for (let i = 0; i < count; i++) nodes.push(await startNode());
  const primaries = nodes.slice(0, 3);
  const replicas = nodes.slice(3);
  const ends = [0, 1, 2, 3].map((i) => Math.floor((i * SLOTS) / 3));
  for (const [i, { port }] of primaries.entries())
    await ask(port, 'CLUSTER', 'ADDSLOTSRANGE', String(ends[i]), String((ends[i + 1] as number) - 1));
  for (const { port } of nodes)
    for (const other of nodes)
      await ask(port, 'CLUSTER', 'MEET', '127.0.0.1', String(other.port), String(other.busPort));
  const well = async (): Promise<void> => {
    for (const { port } of nodes)
      await waitFor(port, async (redis) => {
        const info = String(await redis.call('CLUSTER', 'INFO'));
        const seen = String(await redis.call('CLUSTER', 'NODES'));
        const isWhole = info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${count}`);
        return isWhole && !/fail|handshake|disconnected/.test(seen);
      });
  };
  await well();
  for (const [i, { port }] of replicas.entries()) {
    const id = String(await ask(primaries[i]?.port ?? 0, 'CLUSTER', 'MYID'));
    await waitFor(port, async (redis) => String(await redis.call('CLUSTER', 'NODES')).includes(id));
    await ask(port, 'CLUSTER', 'REPLICATE', id);
    await waitFor(port, async (redis) => (await redis.info('replication')).includes('master_link_status:up'));
  }
  return {
    url: `redis+cluster://${primaries.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
    primaries,
    replicas,
    ownerOf: async (cluster) => {
      const slot = Number(await ask(primaries[0]?.port ?? 0, 'CLUSTER', 'KEYSLOT', `{${cluster}}`));
      const owner = primaries[ends.findLastIndex((end) => slot >= end)] as TestRedis;
      return { owner, others: primaries.filter((one) => one !== owner) };
    },
    well,
    stop: async () => {
      await Promise.all(nodes.map((one) => one.stop()));
    },
  };
}

/** One command to one server. */
export async function ask(port: number, command: string, ...args: string[]): Promise<unknown> {
  const redis = new Redis({ port, host: '127.0.0.1' });
  try {
    return await redis.call(command, ...args);
  } finally {
    redis.disconnect();
  }
}

async function waitFor(port: number, isSo: (redis: Redis) => Promise<boolean>): Promise<void> {
  const redis = new Redis({ port, host: '127.0.0.1' });
  try {
    for (let waitedMs = 0; !(await isSo(redis)); waitedMs += 50) {
      if (waitedMs > 15_000) throw new Error(`redis on port ${port} is not as wanted within 15 s`);
      await sleep(50);
    }
  } finally {
    redis.disconnect();
  }
}
