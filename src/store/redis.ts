import type { Redis } from 'ioredis';
import { assert } from '../base/assert.ts';
import { OperatorError } from '../base/errors.ts';
import {
  decodeBatch,
  decodeDemand,
  decodeModelChange,
  decodeOverride,
  decodeReport,
  decodeTargets,
  encodeBatch,
  encodeDemand,
  encodeTargets,
} from './codec.ts';
import { sumDemand } from './memory.ts';
import { openConnection, type RedisConnection } from './redis-connection.ts';
import { putEstimates, readEstimate, scanEstimates } from './redis-estimates.ts';
import { type AgedHash, putAgedField, readAgedFields, readFields } from './redis-hash.ts';
import { parseRedisUrl } from './redis-url.ts';
import {
  BATCH_SAMPLES_MAX,
  DEMAND_ENTRIES_MAX,
  type Demand,
  type ModelChange,
  type Override,
  type PopReport,
  type PublishedImage,
  REPORT_EXPIRY_MS,
  SAMPLE_BATCHES_KEPT,
  type SampleBatch,
  STORE_TOPICS,
  type Store,
  type StoreTopic,
  TARGETS_EXPIRY_MS,
  TARGETS_MAX,
} from './store.ts';

/** What a store on Redis needs. */
export interface RedisStoreOptions {
  /** `redis://…` or `rediss://…`, see `parseRedisUrl`. */
  readonly url: string;
  /** Name of the cluster: what every key begins with. */
  readonly cluster: string;
  /** Instead of `REPORT_EXPIRY_MS`. */
  readonly reportExpiryMs?: number;
  /** Instead of `SAMPLE_BATCHES_KEPT`. */
  readonly batchesKept?: number;
  /** Instead of `TARGETS_EXPIRY_MS`. */
  readonly targetsExpiryMs?: number;
}

/**
 * Opens a store on Redis (6.2 or later). Resolves when connected, or after 1 s unconnected: calls then reject
 * until Redis is there, and `state()` says why. Throws `OperatorError` for an address or a CA file that is
 * wrong.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const target = parseRedisUrl(options.url);
  if (typeof target === 'string') throw new OperatorError('bad-config', [{ file: 'store', message: target }]);
  assert(/^[^{}\s]+$/.test(options.cluster), 'the name of a cluster has no braces and no blanks');
  const listeners = new Set<(topic: StoreTopic) => void>();
  const tell = (topic: StoreTopic) => {
    for (const listener of listeners) queueMicrotask(() => listener(topic));
  };
  const connection = await openConnection({
    target,
    channel: keyOf(options.cluster, 'nudge'),
    onMessage: (text) => {
      for (const topic of STORE_TOPICS) if (topic === text) tell(topic);
    },
    onSubscribed: () => STORE_TOPICS.forEach(tell),
  });
  return new RedisStore(options, connection, listeners);
}

/** Keeps the image only if its epoch is the greatest, and tells everybody, in one step. */
const PUBLISH_SCRIPT = `
local current = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0') or 0
if current >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'bytes', ARGV[2])
redis.call('PUBLISH', ARGV[3], 'image')
return 1`;

function keyOf(cluster: string, name: string): string {
  return `{${cluster}}:${name}`;
}

class RedisStore implements Store {
  readonly kind = 'redis';
  readonly #connection: RedisConnection;
  readonly #listeners: Set<(topic: StoreTopic) => void>;
  readonly #cluster: string;
  readonly #expiryMs: number;
  readonly #batchesKept: number;
  readonly #targetsExpiryMs: number;
  readonly #verdicts = new Map<string, boolean>();

  constructor(
    options: RedisStoreOptions,
    connection: RedisConnection,
    listeners: Set<(topic: StoreTopic) => void>,
  ) {
    this.#cluster = options.cluster;
    this.#connection = connection;
    this.#listeners = listeners;
    this.#expiryMs = options.reportExpiryMs ?? REPORT_EXPIRY_MS;
    this.#batchesKept = options.batchesKept ?? SAMPLE_BATCHES_KEPT;
    this.#targetsExpiryMs = options.targetsExpiryMs ?? TARGETS_EXPIRY_MS;
  }

  async appendSamples(batch: SampleBatch, isNews = false): Promise<void> {
    assert(batch.samples.length <= BATCH_SAMPLES_MAX, `at most ${BATCH_SAMPLES_MAX} samples in a batch`);
    const text = encodeBatch(batch);
    const key = this.#key('samples');
    await this.#call<unknown>((redis) => {
      const write = redis.xadd(key, 'MAXLEN', '~', this.#batchesKept, '*', 'b', text);
      return isNews ? Promise.all([write, this.#nudge(redis, 'news')]) : write;
    });
  }

  async readSamples(cursor: string, limit: number) {
    assert(cursor === '' || /^\d+-\d+$/.test(cursor), `${cursor} is not a cursor of this store`);
    const key = this.#key('samples');
    const from = cursor === '' ? '-' : `(${cursor}`;
    const entries = await this.#call((redis) => redis.xrange(key, from, '+', 'COUNT', limit));
    if (entries.length === 0 && cursor !== '') return { batches: [], cursor: await this.#cursorBack(cursor) };
    const batches: SampleBatch[] = [];
    for (const [, fields] of entries) {
      const batch = fields[0] === 'b' ? decodeBatch(fields[1] ?? '') : undefined;
      if (batch === undefined) this.#connection.noteDamaged();
      else batches.push(batch);
    }
    return { batches, cursor: entries.at(-1)?.[0] ?? cursor };
  }

  /** A Redis that lost its data and whose clock went back counts from lower numbers: then begin again. */
  async #cursorBack(cursor: string): Promise<string> {
    const newest = await this.#call((redis) => redis.xrevrange(this.#key('samples'), '+', '-', 'COUNT', 1));
    const newestId = newest[0]?.[0];
    return newestId !== undefined && compareIds(newestId, cursor) < 0 ? '' : cursor;
  }

  async putReport(report: PopReport, isNews = false): Promise<void> {
    await this.#putAged('reports', { field: report.pop, text: JSON.stringify(report) });
    const before = this.#verdicts.get(report.pop) ?? true;
    this.#verdicts.set(report.pop, report.healthy);
    const topic = before !== report.healthy ? 'reports' : isNews ? 'news' : undefined;
    if (topic !== undefined) await this.#call((redis) => this.#nudge(redis, topic));
  }

  reports(): Promise<readonly PopReport[]> {
    return readAgedFields(this.#connection, this.#aged('reports'), decodeReport);
  }

  async putDemand(pop: string, demand: readonly Demand[]): Promise<void> {
    assert(demand.length <= DEMAND_ENTRIES_MAX, `at most ${DEMAND_ENTRIES_MAX} entries of demand`);
    await this.#putAged('demand', { field: pop, text: encodeDemand(demand) });
  }

  async demand(): Promise<readonly Demand[]> {
    return sumDemand(await readAgedFields(this.#connection, this.#aged('demand'), decodeDemand));
  }

  async putTargets(lists: ReadonlyMap<string, readonly string[]>): Promise<void> {
    for (const { length } of lists.values())
      assert(length <= TARGETS_MAX, `at most ${TARGETS_MAX} targets of a POP`);
    // In one go: the nudge leaves last.
    await this.#call((redis) => {
      const writes: Promise<unknown>[] = [];
      for (const [pop, networks] of lists) {
        const key = this.#key(`targets:${pop}`);
        writes.push(redis.set(key, encodeTargets(networks), 'PX', this.#targetsExpiryMs));
      }
      return Promise.all([...writes, this.#nudge(redis, 'targets')]);
    });
  }

  async takeTargets(pop: string): Promise<readonly string[]> {
    const text = await this.#call((redis) => redis.getdel(this.#key(`targets:${pop}`)));
    const networks = text === null ? [] : decodeTargets(text);
    if (networks === undefined) this.#connection.noteDamaged();
    return networks ?? [];
  }

  setOverride(pop: string, override: Override | undefined): Promise<void> {
    return this.#setField('overrides', pop, override);
  }

  overrides(): Promise<readonly Override[]> {
    return readFields(this.#connection, this.#key('overrides'), decodeOverride);
  }

  setModelChange(pop: string, change: ModelChange | undefined): Promise<void> {
    return this.#setField('model', pop, change);
  }

  modelChanges(): Promise<readonly ModelChange[]> {
    return readFields(this.#connection, this.#key('model'), decodeModelChange);
  }

  async publishImage(image: PublishedImage): Promise<boolean> {
    const { buffer, byteOffset, byteLength } = image.bytes;
    const bytes = Buffer.from(buffer, byteOffset, byteLength);
    const [key, channel] = [this.#key('image'), this.#key('nudge')];
    const published = await this.#call((redis) =>
      redis.eval(PUBLISH_SCRIPT, 1, key, image.epoch, bytes, channel),
    );
    return published === 1;
  }

  async imageEpoch(): Promise<number> {
    const text = await this.#call((redis) => redis.hget(this.#key('image'), 'epoch'));
    return text === null ? 0 : this.#readEpoch(text);
  }

  async image(): Promise<PublishedImage | undefined> {
    const [text, bytes] = await this.#call((redis) =>
      redis.hmgetBuffer(this.#key('image'), 'epoch', 'bytes'),
    );
    if (!text || !bytes) return undefined;
    const epoch = this.#readEpoch(text.toString('latin1'));
    return epoch === 0 ? undefined : { epoch, bytes: Uint8Array.from(bytes) };
  }

  putEstimates(estimates: ReadonlyMap<string, Uint8Array>): Promise<void> {
    return putEstimates(this.#connection, this.#key('estimates'), estimates);
  }

  estimate(cell: string): Promise<Uint8Array | undefined> {
    return readEstimate(this.#connection, this.#key('estimates'), cell);
  }

  allEstimates(): AsyncIterable<readonly [cell: string, packed: Uint8Array]> {
    return scanEstimates(this.#connection, this.#key('estimates'));
  }

  onChange(listener: (topic: StoreTopic) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  state() {
    return this.#connection.state();
  }

  close(): Promise<void> {
    this.#listeners.clear();
    return this.#connection.close();
  }

  #call<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    return this.#connection.call(work);
  }

  #key(name: string): string {
    return keyOf(this.#cluster, name);
  }

  #nudge(redis: Redis, topic: StoreTopic): Promise<unknown> {
    return redis.publish(this.#key('nudge'), topic);
  }

  async #setField(name: 'overrides' | 'model', pop: string, value: object | undefined): Promise<void> {
    const key = this.#key(name);
    await this.#call((redis) => {
      const write = value === undefined ? redis.hdel(key, pop) : redis.hset(key, pop, JSON.stringify(value));
      return Promise.all([write, this.#nudge(redis, name)]);
    });
  }

  #aged(name: string): AgedHash {
    return { key: this.#key(name), expiryMs: this.#expiryMs };
  }

  #putAged(name: string, entry: { field: string; text: string }): Promise<void> {
    return putAgedField(this.#connection, this.#aged(name), entry);
  }

  #readEpoch(text: string): number {
    const epoch = Number(text);
    if (Number.isSafeInteger(epoch) && epoch > 0) return epoch;
    this.#connection.noteDamaged();
    return 0;
  }
}

function compareIds(left: string, right: string): number {
  const [leftMs = 0, leftOrder = 0] = left.split('-').map(Number);
  const [rightMs = 0, rightOrder = 0] = right.split('-').map(Number);
  return leftMs - rightMs || leftOrder - rightOrder;
}
