import type { RedisContext } from './redis-context.ts';
import { FencedError, type Lease, type Store } from './store.ts';

/**
 * First lines of a script that keeps the lease in mind: `now`, ms by Redis' clock, and `fenced`, whether a
 * write with that fence is to be refused. The lease is `KEYS[1]`: `holder`, `token`, and `until`, ms.
 */
const LEASE_LINES = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local lease = redis.call('HMGET', KEYS[1], 'holder', 'token', 'until')
local left = (tonumber(lease[3] or '0') or 0) - now
local function fenced(fence) return fence ~= '' and (lease[2] ~= fence or left <= 0) end`;

/** What a fenced script answers. */
const FENCED = 'fenced';

/**
 * A new token is the time in ms, or one more than the last: even a Redis that lost its data gives no token a
 * second time.
 */
const TAKE_SCRIPT = `${LEASE_LINES}
if left > 0 and lease[1] ~= ARGV[1] then return {lease[1], lease[2], tostring(left)} end
local token = lease[2]
if left <= 0 then
  token = string.format('%.0f', math.max((tonumber(token or '0') or 0) + 1, math.floor(now)))
  redis.call('PUBLISH', ARGV[3], 'lease')
end
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'token', token, 'until', string.format('%.3f', now + ARGV[2]))
return {ARGV[1], token, ARGV[2]}`;

const RELEASE_SCRIPT = `${LEASE_LINES}
if left <= 0 or lease[1] ~= ARGV[1] or lease[2] ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'until', '0')
redis.call('PUBLISH', ARGV[3], 'lease')
return 1`;

/** The lease, by Redis' clock. */
export function createRedisLease(context: RedisContext): Pick<Store, 'takeLease' | 'releaseLease' | 'lease'> {
  const { connection, key } = context;
  const [leaseKey, channel] = [key('lease'), context.channel('lease')];
  return {
    takeLease: async (holder, ttlMs) => {
      const reply = await connection.call((redis) =>
        redis.eval(TAKE_SCRIPT, 1, leaseKey, holder, ttlMs, channel),
      );
      // The script answers with three texts.
      const [who, token, leftMs] = reply as [string, string, string];
      return { holder: who, token: Number(token), leftMs: Number(leftMs) };
    },
    releaseLease: async ({ holder, token }) => {
      await connection.call((redis) =>
        redis.eval(RELEASE_SCRIPT, 1, leaseKey, holder, String(token), channel),
      );
    },
    lease: async () => {
      const fields = ['holder', 'token', 'until'] as const;
      const { nowMs, reply } = await connection.timed((pipeline) => pipeline.hmget(leaseKey, ...fields));
      return readLease(reply, nowMs);
    },
  };
}

function readLease(reply: unknown, nowMs: number): Lease | undefined {
  if (!Array.isArray(reply)) return undefined;
  const [holder, token, untilMs] = reply;
  const leftMs = Number(untilMs ?? 0) - nowMs;
  return leftMs > 0 ? { holder: String(holder), token: Number(token), leftMs } : undefined;
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
  return `${LEASE_LINES}
if fenced(ARGV[1]) then return '${FENCED}' end
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
