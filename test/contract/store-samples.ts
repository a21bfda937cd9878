import assert from 'node:assert/strict';
import { BATCH_SAMPLES_MAX } from '../../src/store/bounds.ts';
import type { Sample, SampleBatch } from '../../src/store/store.ts';
import { type Check, heard, POPS, until } from './harness.ts';

/** A batch whose time tells it apart. */
export function batchAt(atMs: number, pop = 'FRA'): SampleBatch {
  const samples: Sample[] = [
    { network: '203.0.113.0/24', rttMs: 12.345, sent: 5, lost: 1 },
    { network: '198.51.100.0/24', rttMs: 20, jitterMs: 0.125, sent: 5, lost: 0 },
    { network: '2001:db8::/48', sent: 5, lost: 5 },
    { network: '192.0.2.0/24', rttMs: 3, sent: 3, lost: 0, method: 'tcp' },
    { network: '192.0.3.0/24', rttMs: 3, jitterMs: 1, sent: 3, lost: 0, method: 'icmp' },
    { network: '192.0.4.0/24', sent: 3, lost: 3, method: 'dns' },
  ];
  return { pop, atMs, source: 'modelled', samples };
}

/** What the samples keep. */
export function sampleContract(check: Check): void {
  manyPops(check);
  check('samples come back in order, by limit, from the cursor on', async (first, second) => {
    assert.deepEqual(await second.readSamples('', 10), {
      batches: [],
      cursor: (await second.readSamples('', 10)).cursor,
    });
    for (let atMs = 1; atMs <= 5; atMs++) await first.appendSamples(batchAt(atMs));
    const head = await second.readSamples('', 3);
    assert.deepEqual(head.batches, [batchAt(1), batchAt(2), batchAt(3)]);
    const tail = await second.readSamples(head.cursor, 10);
    assert.deepEqual(tail.batches, [batchAt(4), batchAt(5)]);
    const none = await second.readSamples(tail.cursor, 10);
    assert.deepEqual(none, { batches: [], cursor: tail.cursor });
    await first.appendSamples(batchAt(6));
    assert.deepEqual((await second.readSamples(none.cursor, 10)).batches, [batchAt(6)]);
  });

  check('a batch that is news nudges, others do not', async (first, second) => {
    const topics = heard(second);
    await first.appendSamples(batchAt(1), true);
    await until(() => topics.has('news'), 'the news is heard');
    assert.deepEqual((await second.readSamples('', 10)).batches, [batchAt(1)], 'and there to be read');
    topics.clear();
    await first.appendSamples(batchAt(2));
    await first.setOverride('AMS', undefined);
    await until(() => topics.has('overrides'), 'what comes after is heard');
    assert.equal(topics.has('news'), false);
  });

  check(
    'the oldest batches fall off',
    async (first) => {
      for (let atMs = 1; atMs <= 1_000; atMs++) await first.appendSamples(batchAt(atMs));
      const { batches } = await first.readSamples('', 1_000);
      assert.ok(batches.length >= 50 && batches.length <= 250, `${batches.length} kept`);
      assert.deepEqual(batches.at(-1), batchAt(1_000));
    },
    { batchesKept: 50 },
  );

  check("a batch past the bound is a programmer's error", async (first) => {
    const samples = new Array(BATCH_SAMPLES_MAX + 1).fill({ network: '10.0.0.0/8', sent: 1, lost: 1 });
    await assert.rejects(
      first.appendSamples({ pop: 'FRA', atMs: 1, source: 'modelled', samples }),
      /at most/,
    );
  });
}

function manyPops(check: Check): void {
  check('batches of many POPs: each POP in order, none twice, by limit', async (first, second) => {
    for (let atMs = 1; atMs <= 12; atMs++) await first.appendSamples(batchAt(atMs, POPS[(atMs * atMs) % 3]));
    const read: SampleBatch[] = [];
    let cursor = '';
    for (const limit of [1, 2, 4]) {
      const part = await second.readSamples(cursor, limit);
      assert.equal(part.batches.length, limit, 'as many as asked for while there are more');
      read.push(...part.batches);
      cursor = part.cursor;
    }
    const rest = await second.readSamples(cursor, 100);
    read.push(...rest.batches);
    assert.deepEqual(
      read.map(({ atMs }) => atMs).toSorted((left, right) => left - right),
      Array.from({ length: 12 }, (_, i) => i + 1),
    );
    for (const pop of POPS) {
      const times = read.filter((batch) => batch.pop === pop).map(({ atMs }) => atMs);
      assert.deepEqual(
        times,
        times.toSorted((left, right) => left - right),
      );
    }
    await first.appendSamples(batchAt(13, 'AMS'));
    assert.deepEqual((await second.readSamples(rest.cursor, 100)).batches, [batchAt(13, 'AMS')]);
  });
}
