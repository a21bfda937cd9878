import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PopReport, type Store, StoreError } from '../../src/store/store.ts';
import { type Bounds, type Check, heard, type StoreHarness, until } from './harness.ts';
import { healthContract, viewOf } from './store-health.ts';
import { invalidationContract } from './store-invalidations.ts';
import { leaseContract } from './store-lease.ts';
import { batchAt, sampleContract } from './store-samples.ts';
import { targetContract } from './store-targets.ts';

/** A report of a POP with one link. */
export function reportOf(pop: string, healthy: boolean): PopReport {
  const links = [{ id: `${pop}-a`, throughputMbps: 10.5, capacityMbps: 100, queueMs: 0.5, lossRate: 0.01 }];
  return { pop, atMs: 1_000, source: 'measured', loadRps: 5, capacityRps: 100, healthy, links };
}

/** Every call of the interface, each begun now. */
export function everyCall(store: Store): Promise<unknown>[] {
  const scan = async () => {
    for await (const estimate of store.allEstimates()) assert.ok(estimate);
  };
  return [
    store.appendSamples(batchAt(1)),
    store.readSamples('', 10),
    store.putReport(reportOf('FRA', true)),
    store.reports(),
    store.putDemand('FRA', []),
    store.demand(),
    store.putTargets(new Map([['FRA', [{ network: '203.0.113.0/24' }]]])),
    store.takeTargets('FRA'),
    store.putHealth(viewOf('agent:FRA', 1), true),
    store.putHealth(viewOf('ns:host:1', 1), true),
    store.healthViews(),
    store.takeLease('one', 5_000),
    store.releaseLease({ holder: 'another', token: 1 }),
    store.lease(),
    store.setOverride('FRA', undefined),
    store.overrides(),
    store.setModelChange('FRA', undefined),
    store.modelChanges(),
    store.addInvalidation({ pattern: '/*' }),
    store.readInvalidations(''),
    store.publishImage({ epoch: 1, bytes: Uint8Array.of(1) }),
    store.imageEpoch(),
    store.image(),
    store.memory(),
    store.putEstimates(new Map([['world', Uint8Array.of(1)]])),
    store.estimate('world'),
    scan(),
  ];
}

/** The contract that every store keeps. */
export function storeContract(harness: StoreHarness): void {
  const check = (what: string, run: (first: Store, second: Store) => Promise<void>, options: Bounds = {}) => {
    test(`${harness.name}: ${what}`, { skip: harness.skip }, async () => {
      const [first, second] = await harness.open(options);
      try {
        await run(first, second);
      } finally {
        await Promise.all([first.close(), second.close()]);
      }
    });
  };
  sampleContract(check);
  reportContract(check, harness);
  targetContract(check, harness);
  invalidationContract(check);
  healthContract(check, harness);
  leaseContract(check, harness);
  operatorContract(check);
  imageContract(check, harness);
  check('the clock of the store is known', async (first) => {
    const skew = first.clockSkew();
    assert.ok(skew !== undefined && Math.abs(skew.skewMs) <= skew.errorMs + 5, JSON.stringify(skew));
  });
  check('after close every call rejects, and close again is harmless', async (first) => {
    await first.close();
    await first.close();
    await assert.rejects(first.reports(), StoreError);
    await assert.rejects(first.appendSamples(batchAt(1)), StoreError);
    assert.equal(first.state().connected, false);
  });
}

function reportContract(check: Check, harness: StoreHarness): void {
  check('the last report of each POP is there, also for others', async (first, second) => {
    await first.putReport(reportOf('FRA', true));
    await first.putReport(reportOf('AMS', true));
    await first.putReport(reportOf('FRA', false));
    const reports = [...(await second.reports())].sort((left, right) => left.pop.localeCompare(right.pop));
    assert.deepEqual(reports, [reportOf('AMS', true), reportOf('FRA', false)]);
  });

  check('a changed verdict nudges, an unchanged one does not', async (first, second) => {
    const topics = heard(second);
    await first.putReport(reportOf('FRA', true));
    await first.putReport(reportOf('FRA', false));
    await until(() => topics.has('reports'), 'the verdict is heard');
    await first.setOverride('AMS', undefined);
    await until(() => topics.has('overrides'), 'what came before is heard');
    topics.clear();
    await first.putReport(reportOf('FRA', false));
    await first.setOverride('AMS', undefined);
    await until(() => topics.has('overrides'), 'what comes after is heard');
    assert.deepEqual([topics.has('reports'), topics.has('news')], [false, false]);
    await first.putReport(reportOf('FRA', false), true);
    await until(() => topics.has('news'), 'the news is heard');
  });

  check('demand is summed over the POPs', async (first, second) => {
    await first.putDemand('FRA', [{ network: '10.0.0.0/8', rps: 1.5 }]);
    await first.putDemand('AMS', [
      { network: '10.0.0.0/8', rps: 2 },
      { network: '192.0.2.0/24', rps: 3 },
    ]);
    const demand = new Map((await second.demand()).map(({ network, rps }) => [network, rps]));
    assert.deepEqual(
      demand,
      new Map([
        ['10.0.0.0/8', 3.5],
        ['192.0.2.0/24', 3],
      ]),
    );
  });

  check(
    'reports and demand expire one by one',
    async (first) => {
      await first.putReport(reportOf('FRA', true));
      await first.putDemand('FRA', [{ network: '10.0.0.0/8', rps: 1 }]);
      await harness.passMs(350);
      await first.putReport(reportOf('AMS', true));
      await first.putDemand('AMS', [{ network: '10.0.0.0/8', rps: 2 }]);
      await harness.passMs(350);
      assert.deepEqual(
        (await first.reports()).map(({ pop }) => pop),
        ['AMS'],
      );
      assert.deepEqual(await first.demand(), [{ network: '10.0.0.0/8', rps: 2 }]);
      await harness.passMs(600);
      assert.deepEqual(await first.reports(), []);
      assert.deepEqual(await first.demand(), []);
    },
    { reportExpiryMs: 600 },
  );
}

function operatorContract(check: Check): void {
  check('overrides and model changes: set, replace, remove, nudge', async (first, second) => {
    const topics = heard(second);
    const drain = { pop: 'FRA', state: 'drain', reason: 'work', sinceMs: 5 } as const;
    await first.setOverride('FRA', drain);
    await first.setOverride('AMS', { ...drain, pop: 'AMS' });
    await first.setOverride('AMS', { ...drain, pop: 'AMS', untilMs: 9 });
    assert.deepEqual(
      new Set(await second.overrides()),
      new Set([drain, { ...drain, pop: 'AMS', untilMs: 9 }]),
    );
    await first.setOverride('AMS', undefined);
    assert.deepEqual(await second.overrides(), [drain]);
    const change = {
      pop: 'FRA',
      rttMs: 60,
      lossRate: 0.1,
      congestion: 1.2,
      link: 'FRA-a',
      load: 0.5,
      outage: true,
    };
    await first.setModelChange('FRA', change);
    assert.deepEqual(await second.modelChanges(), [change]);
    await first.setModelChange('FRA', { pop: 'FRA', rttMs: 5 });
    assert.deepEqual(await second.modelChanges(), [{ pop: 'FRA', rttMs: 5 }]);
    await first.setModelChange('FRA', undefined);
    assert.deepEqual(await second.modelChanges(), []);
    await until(() => topics.has('overrides') && topics.has('model'), 'both topics are heard');
  });

  check('a listener that stopped hears no more', async (first, second) => {
    let calls = 0;
    const stop = first.onChange(() => calls++);
    const topics = heard(second);
    stop();
    calls = 0;
    await first.setOverride('FRA', undefined);
    await until(() => topics.has('overrides'), 'the other handle hears it');
    assert.equal(calls, 0);
  });
}

function imageContract(check: Check, harness: StoreHarness): void {
  estimateContract(check, harness);
  check('only a greater epoch is published', async (first, second) => {
    const topics = heard(second);
    assert.equal(await second.imageEpoch(), 0);
    assert.equal(await second.image(), undefined);
    assert.equal(await first.publishImage({ epoch: 7, bytes: Uint8Array.of(0, 255, 10, 13) }), true);
    assert.equal(await second.publishImage({ epoch: 7, bytes: Uint8Array.of(1) }), false);
    assert.equal(await second.publishImage({ epoch: 6, bytes: Uint8Array.of(1) }), false);
    assert.equal(await second.imageEpoch(), 7);
    assert.deepEqual(await second.image(), { epoch: 7, bytes: Uint8Array.of(0, 255, 10, 13) });
    await until(() => topics.has('image'), 'the publication is heard');
    const races = await Promise.all(
      [9, 8, 10, 9].map((epoch, index) =>
        (index % 2 ? first : second).publishImage({ epoch, bytes: Uint8Array.of(epoch) }),
      ),
    );
    assert.ok(races.includes(true));
    assert.deepEqual(await first.image(), { epoch: 10, bytes: Uint8Array.of(10) });
  });

  check('a large image survives', async (first, second) => {
    const bytes = Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * 7) & 0xff);
    await first.publishImage({ epoch: 1, bytes: bytes.subarray(1) });
    const image = await second.image();
    assert.equal(Buffer.compare(image?.bytes ?? new Uint8Array(), bytes.subarray(1)), 0);
  });

  check('estimates are replaced, found one by one and listed', async (first, second) => {
    const many = new Map<string, Uint8Array>();
    for (let i = 0; i < 20_000; i++) many.set(`AS${i}/DE/50.0,8.5`, Uint8Array.of(i & 0xff, i >> 8, 255));
    await first.putEstimates(many);
    await first.putEstimates(new Map([['world', Uint8Array.of(1)]]));
    await first.putEstimates(new Map([['world', Uint8Array.of(2, 3)]]));
    assert.deepEqual(await second.estimate('world'), Uint8Array.of(2, 3));
    assert.equal(await second.estimate('nowhere'), undefined);
    const found = new Map<string, Uint8Array>();
    for await (const [cell, packed] of second.allEstimates()) found.set(cell, packed);
    assert.deepEqual(found, many.set('world', Uint8Array.of(2, 3)));
  });
}

function estimateContract(check: Check, harness: StoreHarness): void {
  check(
    'estimates that nobody saves any more go, others stay',
    async (first, second) => {
      const all = async () => {
        const cells: string[] = [];
        for await (const [cell] of second.allEstimates()) cells.push(cell);
        return cells.sort();
      };
      await first.putEstimates(new Map([['old', Uint8Array.of(1)]]));
      await first.putEstimates(new Map([['kept', Uint8Array.of(1)]]));
      await harness.passMs(1_500);
      await first.putEstimates(new Map([['kept', Uint8Array.of(2)]]));
      await first.putEstimates(new Map([['new', Uint8Array.of(3)]]));
      assert.deepEqual(await all(), ['kept', 'new', 'old']);
      await harness.passMs(2_000);
      assert.equal(await second.estimate('old'), undefined);
      assert.deepEqual(await all(), ['kept', 'new']);
      assert.deepEqual(await second.estimate('kept'), Uint8Array.of(2));
    },
    // Redis' side counts in whole seconds.
    { estimatesExpiryMs: 3_000 },
  );
}
