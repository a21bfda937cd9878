import type { RedisContext } from './redis-context.ts';
import { FencedError, type Store } from './store.ts';

/**
 * The lease is two keys: `lease`, its token, which expires when the lease does, by Redis' clock; and
 * `leader`, a hash with the last `holder` and `token`, which stays. So a renewal only changes an expiry,
 * which even a Redis that is full allows.
 */

/** What a fenced script answers. */
const FENCED = 'fenced';

/**
 * A new token is the time in ms, or one more than the last: even a Redis that lost its data gives no token a
 * second time.
 */
const TAKE_SCRIPT = `
local token = redis.call('GET', KEYS[1])
local last = redis.call('HMGET', KEYS[2], 'holder', 'token')
if token and last[1] ~= ARGV[1] then return {last[1] or '', token, redis.call('PTTL', KEYS[1])} end
if token then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
else
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  token = string.format('%.0f', math.max((tonumber(last[2] or '0') or 0) + 1, now))
  redis.call('HSET', KEYS[2], 'holder', ARGV[1], 'token', token)
  redis.call('SET', KEYS[1], token, 'PX', ARGV[2])
  redis.call('PUBLISH', ARGV[3], 'lease')
end
return {ARGV[1], token, tonumber(ARGV[2])}`;

const RELEASE_SCRIPT = `
if redis.call('HGET', KEYS[2], 'holder') ~= ARGV[1] or redis.call('GET', KEYS[1]) ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[3], 'lease')
return 1`;

/** The lease, by Redis' clock. */
export function createRedisLease(context: RedisContext): Pick<Store, 'takeLease' | 'releaseLease' | 'lease'> {
  const { connection, key } = context;
  const keys = [key('lease'), key('leader')] as const;
  const channel = context.channel('lease');
  return {
    takeLease: async (holder, ttlMs) => {
      const reply = await connection.call((redis) =>
        redis.eval(TAKE_SCRIPT, 2, ...keys, holder, ttlMs, channel),
      );
      // The script answers with two texts and a number.
      const [who, token, leftMs] = reply as [string, string, number];
      return { holder: who, token: Number(token), leftMs };
    },
    releaseLease: async ({ holder, token }) => {
      await connection.call((redis) =>
        redis.eval(RELEASE_SCRIPT, 2, ...keys, holder, String(token), channel),
      );
    },
    lease: async () => {
      const [token, leftMs, holder] = await connection.call((redis) =>
        Promise.all([redis.get(keys[0]), redis.pttl(keys[0]), redis.hget(keys[1], 'holder')]),
      );
      if (token === null || leftMs <= 0) return undefined;
      return { holder: holder ?? '', token: Number(token), leftMs };
    },
  };
}

/** A write that may be fenced. */
export interface FencedWrite {
  /** Lua. `KEYS` are those here after the lease's, `ARGV` those here after the fence. */
  readonly script: string;
  readonly keys: readonly string[];
  readonly arguments: readonly (string | number | Buffer)[];
  readonly fence: number | undefined;
}

/** The script that does so, for `writeFenced`. */
export function fencedScript(body: string): string {
  return `
if ARGV[1] ~= '' and redis.call('GET', KEYS[1]) ~= ARGV[1] then return '${FENCED}' end
${body}`;
}

/** Runs the script, or throws `FencedError`; what the script answers. */
export async function writeFenced(context: RedisContext, write: FencedWrite): Promise<unknown> {
  const { script, keys, fence } = write;
  const all = [context.key('lease'), ...keys, fence === undefined ? '' : String(fence), ...write.arguments];
  const reply = await context.connection.call((redis) => redis.eval(script, keys.length + 1, ...all));
  if (reply === FENCED) throw new FencedError(`token ${fence} is fenced off: the lease is not its own now`);
  return reply;
}
