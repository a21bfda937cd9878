import type { RedisCommands } from './redis-calls.ts';
import type { RedisConnection } from './redis-connection.ts';

/** A hash whose fields expire one by one (Redis learns that itself only in 7.4). */
export interface AgedHash {
  readonly key: string;
  /** A field older than this is not there for readers. */
  readonly expiryMs: number;
}

/** Writes a field with the time by Redis' clock before it: agents' clocks need not agree. */
const PUT_AGED_SCRIPT = `
local time = redis.call('TIME')
local ms = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', KEYS[1], ARGV[1], ms .. ' ' .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`;

/** A field dead for so many expiry times is removed by whoever reads it. */
const REMOVE_AFTER_EXPIRIES = 4;

/** Writes one field; the hash as a whole goes when nobody writes for `expiryMs`. */
export function putAgedField(
  redis: RedisCommands,
  hash: AgedHash,
  entry: { readonly field: string; readonly text: string },
): Promise<unknown> {
  return redis.eval(PUT_AGED_SCRIPT, 1, hash.key, entry.field, entry.text, hash.expiryMs);
}

/** The fields that are young enough and that `decode` understands. */
export async function readAgedFields<T>(
  connection: RedisConnection,
  hash: AgedHash,
  decode: (text: string) => T | undefined,
): Promise<T[]> {
  const { nowMs, reply } = await connection.timed((pipeline) => pipeline.hgetall(hash.key));
  // HGETALL answers with a record of texts.
  const fields = reply as Record<string, string>;
  const values: T[] = [];
  const dead: string[] = [];
  for (const [field, text] of Object.entries(fields)) {
    const match = /^(\d{1,15}) /.exec(text);
    const ageMs = match === null ? 0 : nowMs - Number(match[1]);
    if (ageMs > REMOVE_AFTER_EXPIRIES * hash.expiryMs) dead.push(field);
    if (ageMs > hash.expiryMs) continue;
    const value = match === null ? undefined : decode(text.slice(match[0].length));
    if (value === undefined) connection.noteDamaged();
    else values.push(value);
  }
  if (dead.length > 0) await connection.call((redis) => redis.hdel(hash.key, ...dead));
  return values;
}

/** The values of a plain hash that `decode` understands. */
export async function readFields<T>(
  connection: RedisConnection,
  key: string,
  decode: (text: string) => T | undefined,
): Promise<T[]> {
  const values: T[] = [];
  for (const text of await connection.call((redis) => redis.hvals(key))) {
    const value = decode(text);
    if (value === undefined) connection.noteDamaged();
    else values.push(value);
  }
  return values;
}
