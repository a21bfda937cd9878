import { hashText } from '../base/random.ts';
import { ESTIMATES_EXPIRY_MS } from './bounds.ts';
import type { RedisContext } from './redis-context.ts';
import { fencedScript, writeFenced } from './redis-lease.ts';
import type { Store } from './store.ts';

/** Shards of the estimates: keeps each hash small enough to expire or move without a pause. */
const SHARDS = 16;
/** Estimates written with one command at most. */
const WRITTEN_MAX = 500;
/** Estimates asked for with one step of a scan. */
const SCANNED = '1000';
/** Estimates looked at, whether they are too old, with each saving. */
const SWEPT = '100';
/** A value begins with the time when it was saved: s since 1970 by Redis' clock, little-endian. */
const TIME_OCTETS = 4;

const PUT_SCRIPT = fencedScript(`
redis.call('HSET', KEYS[2], unpack(ARGV, 3))
return redis.call('PEXPIRE', KEYS[2], ARGV[2])`);

/**
 * The estimates: hashes by cell key. A cell that nobody saves any more is not there for readers, and is
 * removed by who saves others, a page of a shard each time: Redis itself expires fields only from 7.4 on.
 */
export function createRedisEstimates(
  context: RedisContext,
  expiryMs = ESTIMATES_EXPIRY_MS,
): Pick<Store, 'putEstimates' | 'estimate' | 'allEstimates'> {
  const shards = openShards(context, expiryMs);
  const sweep = createSweep(context, shards);
  const write = async (key: string, writes: (string | Buffer)[][], fence?: number): Promise<void> => {
    for (const fields of writes) {
      const how = { script: PUT_SCRIPT, keys: [key], fence };
      await writeFenced(context, { ...how, arguments: [expiryMs, ...fields] });
    }
  };
  return {
    putEstimates: async (estimates, fence) => {
      const byShard = new Map<string, (string | Buffer)[][]>();
      for (const [cell, packed] of estimates) {
        const key = shards.keyOf(cell);
        let writes = byShard.get(key);
        if (writes === undefined) byShard.set(key, (writes = [[]]));
        if ((writes.at(-1) as unknown[]).length >= 2 * WRITTEN_MAX) writes.push([]);
        writes.at(-1)?.push(cell, shards.valueOf(packed));
      }
      await Promise.all(Array.from(byShard, ([key, writes]) => write(key, writes, fence)));
      await sweep();
    },
    estimate: async (cell) => {
      const value = await context.connection.call((redis) => redis.hgetBuffer(shards.keyOf(cell), cell));
      return value === null ? undefined : shards.read(value);
    },
    allEstimates: () => readAll(shards),
  };
}

interface Shards {
  readonly key: (shard: number) => string;
  readonly keyOf: (cell: string) => string;
  /** What is stored for packed estimates that are saved now. */
  readonly valueOf: (packed: Uint8Array) => Buffer;
  /** The packed estimates; undefined for what is too old, or was never written by us. */
  readonly read: (value: Buffer) => Uint8Array | undefined;
  /** A page of a shard, and where the next begins: '0' when it was the last. */
  readonly scan: (shard: number, cursor: string, count: string) => Promise<[next: Buffer, fields: Buffer[]]>;
}

function openShards(context: RedisContext, expiryMs: number): Shards {
  const { connection } = context;
  const key = (shard: number) => context.key(`estimates:${shard}`);
  const nowSeconds = () => Math.floor((Date.now() + (connection.clockSkew()?.skewMs ?? 0)) / 1000);
  return {
    key,
    keyOf: (cell) => key(hashText(cell) % SHARDS),
    valueOf: (packed) => {
      const value = Buffer.allocUnsafe(TIME_OCTETS + packed.length);
      value.writeUInt32LE(nowSeconds(), 0);
      value.set(packed, TIME_OCTETS);
      return value;
    },
    read: (value) => {
      if (value.length <= TIME_OCTETS) return undefined;
      const ageMs = 1000 * (nowSeconds() - value.readUInt32LE(0));
      return ageMs > expiryMs ? undefined : new Uint8Array(value.subarray(TIME_OCTETS));
    },
    scan: (shard, cursor, count) => {
      const page = connection.call((redis) => redis.hscanBuffer(key(shard), cursor, 'COUNT', count));
      // Asked for ahead: a reader that goes away does not hear of its failure.
      page.catch(() => undefined);
      return page;
    },
  };
}

/** Removes what is too old from one page; the next time from the next. */
function createSweep({ connection }: RedisContext, shards: Shards): () => Promise<void> {
  let shard = 0;
  let cursor = '0';
  return async () => {
    const key = shards.key(shard);
    const [next, fields] = await shards.scan(shard, cursor, SWEPT);
    cursor = String(next);
    if (cursor === '0') shard = (shard + 1) % SHARDS;
    const old: Buffer[] = [];
    for (let i = 0; i + 1 < fields.length; i += 2)
      if (shards.read(fields[i + 1] as Buffer) === undefined) old.push(fields[i] as Buffer);
    if (old.length > 0) await connection.call((redis) => redis.hdel(key, ...old));
  };
}

async function* readAll(shards: Shards): AsyncIterable<readonly [cell: string, packed: Uint8Array]> {
  for (let shard = 0, page = shards.scan(0, '0', SCANNED); shard < SHARDS; ) {
    const [next, fields] = await page;
    const cursor = String(next);
    if (cursor === '0') shard++;
    if (shard < SHARDS) page = shards.scan(shard, cursor, SCANNED);
    for (let i = 0; i + 1 < fields.length; i += 2) {
      const packed = shards.read(fields[i + 1] as Buffer);
      if (packed !== undefined) yield [String(fields[i]), packed];
    }
  }
}
