import { assert } from '../base/assert.ts';
import { BATCH_SAMPLES_MAX, SAMPLE_BATCHES_KEPT, SAMPLE_OCTETS_KEPT, SAMPLES_KEPT_MS } from './bounds.ts';
import { decodeBatch, encodeBatch } from './codec.ts';
import { nudge, type RedisContext } from './redis-context.ts';
import type { SampleBatch, Store } from './store.ts';

/** Batches of a POP that are kept at least, however large. */
const BATCHES_KEPT_MIN = 16;
/** Old batches of a POP are cut off once in so many appends; all of them when nobody appends any more. */
const APPENDS_PER_TRIM = 16;
/** Rounds of one reading beyond those that its limit and the number of streams explain. */
const SPARE_ROUNDS = 64;

/**
 * The samples: a stream a POP, so that each agent's user can be let write its own alone. One command reads
 * from all streams; a cursor is the last entry read of each, as `FRA=1764240000000-0,…`.
 */
export function createRedisSamples(
  context: RedisContext,
  batchesKept = SAMPLE_BATCHES_KEPT,
): Pick<Store, 'appendSamples' | 'readSamples'> {
  return { appendSamples: createWriter(context, batchesKept), readSamples: createReader(context) };
}

function createWriter(context: RedisContext, batchesKept: number): Store['appendSamples'] {
  const { connection, key } = context;
  const appends = new Map<string, number>();
  /** Entries before this one are to go now, if any: by Redis' time, as near as it is known. */
  const oldestKept = (pop: string): string | undefined => {
    const count = appends.get(pop) ?? 0;
    appends.set(pop, count + 1);
    const skew = connection.clockSkew();
    if (count % APPENDS_PER_TRIM !== 0 || skew === undefined) return undefined;
    return String(Math.max(0, Math.floor(Date.now() + skew.skewMs - SAMPLES_KEPT_MS)));
  };
  return async (batch, isNews = false) => {
    assert(batch.samples.length <= BATCH_SAMPLES_MAX, `at most ${BATCH_SAMPLES_MAX} samples in a batch`);
    const text = encodeBatch(batch);
    const fitting = Math.max(BATCHES_KEPT_MIN, Math.floor(SAMPLE_OCTETS_KEPT / text.length));
    const stream = key(`samples:${batch.pop}`);
    const oldest = oldestKept(batch.pop);
    await connection.call((redis) =>
      Promise.all([
        redis.xadd(stream, 'MAXLEN', '~', Math.min(batchesKept, fitting), '*', 'b', text),
        redis.pexpire(stream, 2 * SAMPLES_KEPT_MS),
        ...(oldest === undefined ? [] : [redis.xtrim(stream, 'MINID', '~', oldest)]),
        ...(isNews ? [nudge(context, redis, 'news')] : []),
      ]),
    );
  };
}

function createReader(context: RedisContext): Store['readSamples'] {
  const { connection } = context;
  const checkPositions = createPositionCheck(context);
  let firstPop = 0;
  return async (cursor, limit) => {
    const pops = context.pops();
    const positions = decodeCursor(cursor);
    await checkPositions(positions);
    const found: { readonly id: string; readonly batch: SampleBatch }[] = [];
    // Not always the same first: where there is more than the limit, each has its turn.
    firstPop = (firstPop + limit) % Math.max(1, pops.length);
    let open = [...pops.slice(firstPop), ...pops.slice(0, firstPop)];
    for (let rounds = pops.length + limit + SPARE_ROUNDS; rounds > 0; rounds--) {
      const asked = open.slice(0, limit - found.length);
      if (asked.length === 0) break;
      const count = Math.floor((limit - found.length) / asked.length);
      const full: string[] = [];
      for (const [pop, entries] of await readStreams(context, { pops: asked, count, positions })) {
        for (const [id, fields] of entries) {
          const batch = fields[0] === 'b' ? decodeBatch(fields[1] ?? '') : undefined;
          if (batch?.pop === pop) found.push({ id, batch });
          else connection.noteDamaged();
          positions.set(pop, id);
        }
        if (entries.length === count) full.push(pop);
      }
      open = [...open.slice(asked.length), ...full];
    }
    found.sort((left, right) => compareIds(left.id, right.id));
    return { batches: found.map(({ batch }) => batch), cursor: encodeCursor(positions) };
  };
}

/**
 * Once a connection: a Redis that lost its data and whose clock went back counts from lower numbers. Such
 * streams are read from the beginning.
 */
function createPositionCheck(context: RedisContext): (positions: Map<string, string>) => Promise<void> {
  const { connection, key } = context;
  let checkedConnection = -1;
  return async (positions) => {
    const checked = connection.connections();
    if (checked === checkedConnection) return;
    const pops = [...positions.keys()];
    const newest = await connection.call((redis) =>
      Promise.all(pops.map((pop) => redis.xrevrange(key(`samples:${pop}`), '+', '-', 'COUNT', 1))),
    );
    for (const [i, pop] of pops.entries()) {
      const newestId = newest[i]?.[0]?.[0];
      const position = positions.get(pop) ?? '';
      if (newestId === undefined || compareIds(newestId, position) < 0) positions.delete(pop);
    }
    checkedConnection = checked;
  };
}

type StreamEntries = [pop: string, entries: [id: string, fields: string[]][]];

/** At most `count` entries of each POP's stream after its position. */
async function readStreams(
  context: RedisContext,
  what: {
    readonly pops: readonly string[];
    readonly count: number;
    readonly positions: ReadonlyMap<string, string>;
  },
): Promise<StreamEntries[]> {
  const keys = what.pops.map((pop) => context.key(`samples:${pop}`));
  const ids = what.pops.map((pop) => what.positions.get(pop) ?? '0-0');
  const replies = await context.connection.call((redis) =>
    redis.xread('COUNT', what.count, 'STREAMS', ...keys, ...ids),
  );
  const start = context.key('samples:').length;
  return (replies ?? []).map(([stream, entries]) => [stream.slice(start), entries]);
}

function encodeCursor(positions: ReadonlyMap<string, string>): string {
  return Array.from(positions, ([pop, id]) => `${pop}=${id}`).join(',');
}

function decodeCursor(cursor: string): Map<string, string> {
  const positions = new Map<string, string>();
  for (const part of cursor === '' ? [] : cursor.split(',')) {
    const match = /^([^=]+)=(\d+-\d+)$/.exec(part);
    assert(match !== null, `${part} is not part of a cursor of this store`);
    positions.set(match[1] ?? '', match[2] ?? '');
  }
  return positions;
}

function compareIds(left: string, right: string): number {
  const [leftMs = 0, leftOrder = 0] = left.split('-').map(Number);
  const [rightMs = 0, rightOrder = 0] = right.split('-').map(Number);
  return leftMs - rightMs || leftOrder - rightOrder;
}
