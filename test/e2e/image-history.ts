import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { readConfig } from '../../src/cli/config-file.ts';
import { expectedOf } from '../../src/cli/first-table.ts';
import { loadGround } from '../../src/cli/ground.ts';
import { processTerminal } from '../../src/cli/terminal.ts';
import { candidate, openImage, rowOf, type SteeringImage } from '../../src/steering/image.ts';
import { openRedisStore } from '../../src/store/redis.ts';
import { StoreError } from '../../src/store/store.ts';

/** A table that was published, and when it was seen first. */
export interface Seen {
  readonly epoch: number;
  readonly atMs: number;
  readonly digest: string;
  /** Fencing token of the lease right after it was seen. */
  readonly token: number;
  readonly image: SteeringImage;
}

/** Everything that is published in a Redis, as its readers see it. */
export interface ImageHistory {
  readonly all: () => readonly Seen[];
  readonly last: () => Seen;
  /** Token of the lease as seen last; 0: nobody has it. */
  readonly token: () => number;
  readonly stop: () => Promise<void>;
}

const EVERY_MS = 10;

/** Watches the images of the demo's cluster. */
export async function watchImages(url: string): Promise<ImageHistory> {
  const store = await openRedisStore({ url, cluster: 'isochrone' });
  const terminal = processTerminal(process, new AbortController().signal);
  const expected = expectedOf(loadGround(readConfig({}, terminal)));
  const seen: Seen[] = [];
  let token = 0;
  let wasNudged = false;
  let isStopped = false;
  const stopListening = store.onChange((topic) => {
    if (topic === 'image') wasNudged = true;
  });
  const look = async (): Promise<void> => {
    const [epoch, lease] = await Promise.all([store.imageEpoch(), store.lease()]);
    token = lease?.token ?? 0;
    if (epoch === (seen.at(-1)?.epoch ?? 0) && !wasNudged) return;
    wasNudged = false;
    const published = await store.image();
    if (published === undefined) return;
    const digest = createHash('sha256').update(published.bytes).digest('hex');
    if (seen.at(-1)?.digest === digest) return;
    const image = openImage(published.bytes, expected);
    assert.ok(typeof image !== 'string', String(image));
    const now = { atMs: performance.now(), digest, token, image };
    seen.push({ epoch: published.epoch, ...now });
  };
  /** A store that is slow for a moment is looked at again. */
  const missed = (error: unknown): void => {
    if (!(error instanceof StoreError)) throw error;
  };
  const running = (async () => {
    while (!isStopped) {
      await look().catch(missed);
      await sleep(EVERY_MS);
    }
  })();
  running.catch(() => undefined);
  return {
    all: () => seen,
    last: () => {
      const last = seen.at(-1);
      assert.ok(last !== undefined, 'nothing is published');
      return last;
    },
    token: () => token,
    stop: async () => {
      isStopped = true;
      stopListening();
      await running.finally(store.close.bind(store));
    },
  };
}

/** Cells that two tables answer differently: places, networks there, and single networks that both have. */
export function movedCells(before: SteeringImage, after: SteeringImage): { moved: number; cells: number } {
  let moved = 0;
  let cells = 0;
  const compare = (rowBefore: number, rowAfter: number): void => {
    cells++;
    if (candidate(before, rowBefore, 0) !== candidate(after, rowAfter, 0)) moved++;
  };
  const stride = 1 + before.groupCount;
  for (let group = 0; group < before.groupCount; group++) {
    for (let place = 0; place < before.placeCount; place++) {
      compare(rowOf(before, group, place, 0), rowOf(after, group, place, 0));
      const end = before.networkStart[place + 1] ?? 0;
      for (let slot = before.networkStart[place] ?? 0; slot < end; slot++) {
        const asn = before.networks[slot * stride] ?? 0;
        if (asn !== 0) compare(rowOf(before, group, place, asn), rowOf(after, group, place, asn));
      }
    }
    for (const key of before.leafIpv4)
      if (after.leafIpv4.includes(key))
        compare(rowOf(before, group, 0, 0, key), rowOf(after, group, 0, 0, key));
  }
  return { moved, cells };
}
