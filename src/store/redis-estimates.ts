import { hashText } from '../base/random.ts';
import type { RedisConnection } from './redis-connection.ts';
import { ESTIMATES_EXPIRY_MS } from './store.ts';

/** Shards of the estimates: keeps each hash small enough to expire or move without a pause. */
const SHARDS = 16;
/** Estimates written with one command at most. */
const WRITTEN_MAX = 500;
/** Estimates asked for with one step of a scan. */
const SCANNED = '1000';

/** Writes packed estimates by cell key; `key`: of all shards, each adds its number. */
export async function putEstimates(
  connection: RedisConnection,
  key: string,
  estimates: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  const shards = new Map<string, (string | Buffer)[][]>();
  for (const [cell, packed] of estimates) {
    const shard = shardOf(key, cell);
    let writes = shards.get(shard);
    if (writes === undefined) shards.set(shard, (writes = [[]]));
    if ((writes.at(-1) as unknown[]).length >= 2 * WRITTEN_MAX) writes.push([]);
    writes.at(-1)?.push(cell, Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength));
  }
  for (const [shard, writes] of shards) {
    for (const fields of writes) await connection.call((redis) => redis.hset(shard, ...fields));
    await connection.call((redis) => redis.pexpire(shard, ESTIMATES_EXPIRY_MS));
  }
}

/** The packed estimates of a cell. */
export async function readEstimate(
  connection: RedisConnection,
  key: string,
  cell: string,
): Promise<Uint8Array | undefined> {
  const packed = await connection.call((redis) => redis.hgetBuffer(shardOf(key, cell), cell));
  return packed === null ? undefined : Uint8Array.from(packed);
}

/** All of them, shard by shard. */
export async function* scanEstimates(
  connection: RedisConnection,
  key: string,
): AsyncIterable<readonly [cell: string, packed: Uint8Array]> {
  for (let shard = 0; shard < SHARDS; shard++) {
    let cursor = '0';
    do {
      const [next, fields] = await connection.call((redis) =>
        redis.hscanBuffer(`${key}:${shard}`, cursor, 'COUNT', SCANNED),
      );
      for (let i = 0; i + 1 < fields.length; i += 2) {
        yield [String(fields[i]), Uint8Array.from(fields[i + 1] as Buffer)];
      }
      cursor = String(next);
    } while (cursor !== '0');
  }
}

function shardOf(key: string, cell: string): string {
  return `${key}:${hashText(cell) % SHARDS}`;
}
