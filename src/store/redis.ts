import { assert } from '../base/assert.ts';
import { OperatorError } from '../base/errors.ts';
import { parseRedisAddress } from '../base/redis-address.ts';
import { decodeModelChange, decodeOverride } from './codec.ts';
import { openConnection, type RedisConnection } from './redis-connection.ts';
import { keyOf, nudge, type RedisContext } from './redis-context.ts';
import { createRedisEstimates } from './redis-estimates.ts';
import { readFields } from './redis-hash.ts';
import { createRedisHealth } from './redis-health.ts';
import { createRedisInvalidations } from './redis-invalidations.ts';
import { createRedisLease, fencedScript, writeFenced } from './redis-lease.ts';
import { createRedisMemory } from './redis-memory.ts';
import { createRedisPops } from './redis-pops.ts';
import { createRedisSamples } from './redis-samples.ts';
import { STORE_TOPICS, type Store, type StoreTopic } from './store.ts';

/** What a store on Redis needs. */
export interface RedisStoreOptions {
  /** `redis://…`, see `parseRedisAddress`. */
  readonly url: string;
  /** Name of the cluster: what every key begins with. */
  readonly cluster: string;
  /** Codes of the fleet's POPs; without them samples, reports, demand and health cannot be read. */
  readonly pops?: readonly string[];
  /** Instead of `REPORT_EXPIRY_MS`. */
  readonly reportExpiryMs?: number;
  /** Instead of `SAMPLE_BATCHES_KEPT`, a POP. */
  readonly batchesKept?: number;
  /** Instead of `TARGETS_EXPIRY_MS`. */
  readonly targetsExpiryMs?: number;
  /** Instead of `HEALTH_EXPIRY_MS`. */
  readonly healthExpiryMs?: number;
  /** Instead of `ESTIMATES_EXPIRY_MS`. */
  readonly estimatesExpiryMs?: number;
  /** Instead of `INVALIDATIONS_KEPT`. */
  readonly invalidationsKept?: number;
}

/**
 * Opens a store on Redis (6.2 or later). Resolves when connected, or after 1 s unconnected: calls then reject
 * until Redis is there, and `state()` says why. Throws `OperatorError` for an address or a file in it that
 * is wrong.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const target = parseRedisAddress(options.url);
  if (typeof target === 'string') throw new OperatorError('bad-config', [{ file: 'store', message: target }]);
  const { cluster, pops } = options;
  assert(/^[^{}\s]+$/.test(cluster), 'the name of a cluster has no braces and no blanks');
  const key = (name: string) => keyOf(cluster, name);
  const channel = (topic: StoreTopic) => key(`nudge:${topic}`);
  const listeners = new Set<(topic: StoreTopic) => void>();
  const tell = (topic: StoreTopic) => {
    for (const listener of listeners) queueMicrotask(() => listener(topic));
  };
  const connection = await openConnection({
    target,
    channels: STORE_TOPICS.map(channel),
    clockKey: key('clock'),
    onMessage: (from) => {
      for (const topic of STORE_TOPICS) if (channel(topic) === from) tell(topic);
    },
    onSubscribed: () => STORE_TOPICS.forEach(tell),
  });
  const context: RedisContext = {
    connection,
    key,
    channel,
    pops: () => {
      assert(pops !== undefined, 'this store was opened without the codes of the POPs');
      return pops;
    },
  };
  return {
    kind: 'redis',
    ...createRedisSamples(context, options.batchesKept),
    ...createRedisPops(context, options),
    ...createRedisHealth(context, options.healthExpiryMs),
    ...createRedisLease(context),
    ...operatorPart(context),
    ...imagePart(context),
    ...createRedisEstimates(context, options.estimatesExpiryMs),
    ...createRedisInvalidations(context, options.invalidationsKept),
    ...createRedisMemory(context),
    ...handlePart(connection, listeners),
  };
}

/** What operators said. */
function operatorPart(
  context: RedisContext,
): Pick<Store, 'setOverride' | 'overrides' | 'setModelChange' | 'modelChanges'> {
  const { connection, key } = context;
  const set = async (name: 'overrides' | 'model', pop: string, value: object | undefined): Promise<void> => {
    await connection.call((redis) => {
      const write =
        value === undefined ? redis.hdel(key(name), pop) : redis.hset(key(name), pop, JSON.stringify(value));
      return Promise.all([write, nudge(context, redis, name)]);
    });
  };
  return {
    setOverride: (pop, override) => set('overrides', pop, override),
    overrides: () => readFields(connection, key('overrides'), decodeOverride),
    setModelChange: (pop, change) => set('model', pop, change),
    modelChanges: () => readFields(connection, key('model'), decodeModelChange),
  };
}

/** Keeps the image only if its epoch is the greatest, and tells everybody, in one step. */
const PUBLISH_SCRIPT = fencedScript(`
local current = tonumber(redis.call('HGET', KEYS[2], 'epoch') or '0') or 0
if current >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[2], 'epoch', ARGV[2], 'bytes', ARGV[3])
redis.call('PUBLISH', ARGV[4], 'image')
return 1`);

/** What the controller made. */
function imagePart(context: RedisContext): Pick<Store, 'publishImage' | 'imageEpoch' | 'image'> {
  const { connection, key } = context;
  const readEpoch = (text: string): number => {
    const epoch = Number(text);
    if (Number.isSafeInteger(epoch) && epoch > 0) return epoch;
    connection.noteDamaged();
    return 0;
  };
  return {
    publishImage: async ({ epoch, bytes }, fence) => {
      const octets = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const reply = await writeFenced(context, {
        script: PUBLISH_SCRIPT,
        keys: [key('image')],
        arguments: [epoch, octets, context.channel('image')],
        fence,
      });
      return reply === 1;
    },
    imageEpoch: async () => {
      const text = await connection.call((redis) => redis.hget(key('image'), 'epoch'));
      return text === null ? 0 : readEpoch(text);
    },
    image: async () => {
      const [text, bytes] = await connection.call((redis) =>
        redis.hmgetBuffer(key('image'), 'epoch', 'bytes'),
      );
      if (!text || !bytes) return undefined;
      const epoch = readEpoch(text.toString('latin1'));
      return epoch === 0 ? undefined : { epoch, bytes: new Uint8Array(bytes) };
    },
  };
}

/** The handle itself. */
function handlePart(
  connection: RedisConnection,
  listeners: Set<(topic: StoreTopic) => void>,
): Pick<Store, 'onChange' | 'state' | 'clockSkew' | 'close'> {
  return {
    onChange: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    state: () => connection.state(),
    clockSkew: () => connection.clockSkew(),
    close: () => {
      listeners.clear();
      return connection.close();
    },
  };
}
