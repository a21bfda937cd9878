import { assert } from '../base/assert.ts';
import { INVALIDATIONS_KEPT } from './bounds.ts';
import { decodeInvalidation } from './codec.ts';
import type { Invalidation } from './invalidations.ts';
import type { RedisContext } from './redis-context.ts';
import type { Store } from './store.ts';

/**
 * Adds an entry that says which one it follows: who read that one last missed none. Numbers are Redis' time,
 * or one more than the last: they rise also where the last ones were lost.
 */
const ADD_SCRIPT = `
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local after = last[1] and last[1][1] or '0-0'
local time = redis.call('TIME')
local ms = math.max(time[1] * 1000 + math.floor(time[2] / 1000), tonumber(string.match(after, '^%d+')) + 1)
redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[2], string.format('%.0f-0', ms), 'i', ARGV[1], 'after', after)
redis.call('PUBLISH', ARGV[3], 'invalidations')
return 1`;

/** Invalidations: one stream; a cursor is the id of the last entry read. */
export function createRedisInvalidations(
  context: RedisContext,
  kept = INVALIDATIONS_KEPT,
): Pick<Store, 'addInvalidation' | 'readInvalidations'> {
  const { connection } = context;
  const key = context.key('invalidations');
  const channel = context.channel('invalidations');
  const newestId = async (): Promise<string> => {
    const [newest] = await connection.call((redis) => redis.xrevrange(key, '+', '-', 'COUNT', 1));
    return newest?.[0] ?? NOTHING;
  };
  return {
    addInvalidation: async (invalidation) => {
      const text = JSON.stringify(invalidation);
      const values = [text, kept, channel];
      await connection.call((redis) => redis.eval(ADD_SCRIPT, 1, key, ...values));
    },
    readInvalidations: async (cursor) => {
      if (cursor === '') return { invalidations: [], missed: false, cursor: await newestId() };
      assert(/^\d+-\d+$/.test(cursor), `${cursor} is not a cursor of this store`);
      const reply = await connection.call((redis) =>
        redis.xread('COUNT', INVALIDATIONS_KEPT, 'STREAMS', key, cursor),
      );
      const entries = reply?.[0]?.[1] ?? [];
      if (entries.length === 0) {
        // The entry read last is the newest still, unless Redis lost its data, and others with it.
        const newest = await newestId();
        const missed = millisOf(newest) < millisOf(cursor);
        return { invalidations: [], missed, cursor: missed ? newest : cursor };
      }
      const invalidations: Invalidation[] = [];
      let last = cursor;
      let missed = false;
      for (const [id, fields] of entries) {
        const { i = '', after } = Object.fromEntries(pairs(fields));
        const invalidation = decodeInvalidation(i);
        if (invalidation === undefined) connection.noteDamaged();
        else invalidations.push(invalidation);
        // What cannot be read was missed as well.
        missed ||= after !== last || invalidation === undefined;
        last = id;
      }
      return { invalidations, missed, cursor: last };
    },
  };
}

/** Before all ids. */
const NOTHING = '0-0';

function millisOf(id: string): number {
  return Number(id.split('-')[0]);
}

function* pairs(fields: readonly string[]): Generator<[string, string]> {
  for (let at = 0; at + 1 < fields.length; at += 2) yield [fields[at] ?? '', fields[at + 1] ?? ''];
}
