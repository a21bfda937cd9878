import assert from 'node:assert/strict';
import { TARGETS_MAX } from '../../src/store/bounds.ts';
import type { Target } from '../../src/store/store.ts';
import { type Check, heard, type StoreHarness, until } from './harness.ts';

/** Targets of which nothing but the network is told. */
const plain = (...networks: string[]): Target[] => networks.map((network) => ({ network }));

/** What the lists of targets keep. */
export function targetContract(check: Check, harness: StoreHarness): void {
  check("each POP's list is taken once, and a nudge tells of it", async (first, second) => {
    const topics = heard(second);
    assert.deepEqual(await second.takeTargets('FRA'), []);
    await first.putTargets(
      new Map([
        ['FRA', plain('203.0.113.0/24', '2001:db8::/48')],
        ['AMS', plain('198.51.100.0/24')],
      ]),
    );
    await until(() => topics.has('targets'), 'the lists are heard of');
    const taken = await Promise.all([second.takeTargets('FRA'), first.takeTargets('FRA')]);
    assert.deepEqual(taken.flat(), plain('203.0.113.0/24', '2001:db8::/48'), 'once, whoever is first');
    assert.deepEqual(await first.takeTargets('AMS'), plain('198.51.100.0/24'));
    assert.deepEqual(await first.takeTargets('AMS'), []);
  });

  check('how to measure a network comes with it', async (first, second) => {
    const targets: Target[] = [
      { network: '203.0.113.0/24', method: 'tcp', address: '203.0.113.7', port: 443 },
      { network: '198.51.100.0/24', method: 'icmp' },
      { network: '2001:db8::/48', address: '2001:db8::1' },
      { network: '192.0.2.0/24' },
    ];
    await first.putTargets(new Map([['FRA', targets]]));
    assert.deepEqual(await second.takeTargets('FRA'), targets);
  });

  check('a list that nobody took is replaced, others stay', async (first, second) => {
    await first.putTargets(new Map([['FRA', plain('203.0.113.0/24')]]));
    await first.putTargets(new Map([['AMS', plain('203.0.113.0/24')]]));
    await first.putTargets(new Map([['FRA', plain('198.51.100.0/24')]]));
    assert.deepEqual(await second.takeTargets('FRA'), plain('198.51.100.0/24'));
    assert.deepEqual(await second.takeTargets('AMS'), plain('203.0.113.0/24'));
  });

  check(
    'lists expire one by one',
    async (first, second) => {
      await first.putTargets(new Map([['FRA', plain('203.0.113.0/24')]]));
      await harness.passMs(350);
      await first.putTargets(new Map([['AMS', plain('203.0.113.0/24')]]));
      await harness.passMs(350);
      assert.deepEqual(await second.takeTargets('FRA'), []);
      assert.deepEqual(await second.takeTargets('AMS'), plain('203.0.113.0/24'));
    },
    { targetsExpiryMs: 600 },
  );

  check("a list past the bound is a programmer's error", async (first, second) => {
    const longest = new Array(TARGETS_MAX).fill({ network: '203.0.113.0/24' });
    await assert.rejects(
      first.putTargets(new Map([['FRA', [...longest, ...plain('203.0.113.0/24')]]])),
      /at most/,
    );
    await first.putTargets(new Map([['FRA', longest]]));
    assert.equal((await second.takeTargets('FRA')).length, TARGETS_MAX);
  });
}
