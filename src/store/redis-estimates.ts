import { hashText } from '../base/random.ts';
import { ESTIMATES_EXPIRY_MS } from './bounds.ts';
import type { RedisConnection } from './redis-connection.ts';
import type { RedisContext } from './redis-context.ts';
import { fencedScript, writeFenced } from './redis-lease.ts';

/** Shards of the estimates: keeps each hash small enough to expire or move without a pause. */
const SHARDS = 16;
/** Estimates written with one command at most. */
const WRITTEN_MAX = 500;
/** Estimates asked for with one step of a scan. */
const SCANNED = '1000';

const PUT_SCRIPT = fencedScript(`
redis.call('HSET', KEYS[2], unpack(ARGV, 3))
return redis.call('PEXPIRE', KEYS[2], ARGV[2])`);

/** Writes packed estimates by cell key. */
export async function putEstimates(
  context: RedisContext,
  estimates: ReadonlyMap<string, Uint8Array>,
  fence: number | undefined,
): Promise<void> {
  const key = context.key('estimates');
  const shards = new Map<string, (string | Buffer)[][]>();
  for (const [cell, packed] of estimates) {
    const shard = shardOf(key, cell);
    let writes = shards.get(shard);
    if (writes === undefined) shards.set(shard, (writes = [[]]));
    if ((writes.at(-1) as unknown[]).length >= 2 * WRITTEN_MAX) writes.push([]);
    writes.at(-1)?.push(cell, Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength));
  }
  const write = async (shard: string, writes: (string | Buffer)[][]): Promise<void> => {
    for (const fields of writes)
      await writeFenced(context, {
        script: PUT_SCRIPT,
        keys: [shard],
        arguments: [ESTIMATES_EXPIRY_MS, ...fields],
        fence,
      });
  };
  await Promise.all(Array.from(shards, ([shard, writes]) => write(shard, writes)));
}

/** The packed estimates of a cell. */
export async function readEstimate(
  connection: RedisConnection,
  key: string,
  cell: string,
): Promise<Uint8Array | undefined> {
  const packed = await connection.call((redis) => redis.hgetBuffer(shardOf(key, cell), cell));
  return packed === null ? undefined : new Uint8Array(packed);
}

/** All of them, shard by shard. */
export async function* scanEstimates(
  connection: RedisConnection,
  key: string,
): AsyncIterable<readonly [cell: string, packed: Uint8Array]> {
  const ask = (shard: number, cursor: string) => {
    const page = connection.call((redis) => redis.hscanBuffer(`${key}:${shard}`, cursor, 'COUNT', SCANNED));
    // Asked for ahead: a reader that goes away does not hear of its failure.
    page.catch(() => undefined);
    return page;
  };
  for (let shard = 0, page = ask(0, '0'); shard < SHARDS; ) {
    const [next, fields] = await page;
    const cursor = String(next);
    if (cursor === '0') shard++;
    if (shard < SHARDS) page = ask(shard, cursor);
    for (let i = 0; i + 1 < fields.length; i += 2) {
      yield [String(fields[i]), new Uint8Array(fields[i + 1] as Buffer)];
    }
  }
}

function shardOf(key: string, cell: string): string {
  return `${key}:${hashText(cell) % SHARDS}`;
}
