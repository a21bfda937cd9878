import type { RedisCommands } from './redis-calls.ts';
import type { RedisConnection } from './redis-connection.ts';
import type { StoreTopic } from './store.ts';

/** What the parts of a Redis store share. */
export interface RedisContext {
  readonly connection: RedisConnection;
  /** The key of that name in this cluster. */
  readonly key: (name: string) => string;
  /** The channel of that topic in this cluster. */
  readonly channel: (topic: StoreTopic) => string;
  /** Codes of the fleet's POPs. A programmer's error where the store was opened without them. */
  readonly pops: () => readonly string[];
}

/** Tells everybody; a command of its own, for the pipeline of the write that it is about. */
export function nudge(context: RedisContext, redis: RedisCommands, topic: StoreTopic): Promise<unknown> {
  return redis.publish(context.channel(topic), topic);
}

/** Every key of a cluster; the braces keep them in one slot of Redis Cluster. */
export function keyOf(cluster: string, name: string): string {
  return `{${cluster}}:${name}`;
}

/** The texts under the keys that exist, by index; `perCall` keys are asked for at a time. */
export async function readTexts(
  context: RedisContext,
  keys: readonly string[],
  perCall: number,
): Promise<(string | null)[]> {
  const texts: (string | null)[] = [];
  for (let i = 0; i < keys.length; i += perCall) {
    const asked = keys.slice(i, i + perCall);
    texts.push(...(await context.connection.call((redis) => redis.mget(asked))));
  }
  return texts;
}
