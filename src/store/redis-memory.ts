import { type ChainableCommander, ReplyError } from 'ioredis';
import { isAway } from './redis-calls.ts';
import type { RedisContext } from './redis-context.ts';
import type { StoreMemory } from './server.ts';
import type { Store } from './store.ts';

/** What does not throw keys away when it is full. */
const KEEPS_ALL = 'noeviction';

/** What Redis says of its memory: the server that has our keys, in a Cluster. */
export function createRedisMemory({ connection, key }: RedisContext): Pick<Store, 'memory'> {
  return {
    memory: () =>
      connection.call(async (redis) => {
        // INFO has no key: that of EXISTS leads it to the right node. Redis 6.2 takes one section at a time.
        const asked = redis.pipeline().exists(key('clock')).info('memory').info('stats');
        const info = await repliesOf(asked);
        return typeof info === 'string' ? info : memoryOf(info.join('\r\n'));
      }),
  };
}

/** The replies; a text that says why, where this server or its user has none for us. */
async function repliesOf(asked: ChainableCommander): Promise<string | readonly unknown[]> {
  const replies = (await asked.exec()) ?? [];
  const error = replies.find(([failed]) => failed !== null)?.[0];
  if (!error) return replies.map(([, reply]) => reply);
  if (error instanceof ReplyError && !isAway(error)) return error.message;
  throw error;
}

/** Reads lines of `INFO`; a text that says what is missing. */
function memoryOf(info: string): StoreMemory | string {
  const text = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  const number = (name: string): number => Number(text(name) ?? Number.NaN);
  const used = number('used_memory');
  const max = number('maxmemory');
  if (!Number.isFinite(used) || !Number.isFinite(max))
    return 'what INFO says has no used_memory, or no maxmemory';
  return {
    usedOctets: Math.max(0, used - (number('mem_not_counted_for_evict') || 0)),
    maxOctets: max,
    evictedKeys: number('evicted_keys') || 0,
    evicts: (text('maxmemory_policy') ?? KEEPS_ALL) !== KEEPS_ALL,
  };
}
