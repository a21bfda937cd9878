import assert from 'node:assert/strict';
import { FencedError, type Store, StoreError } from '../../src/store/store.ts';
import { type Check, heard, type StoreHarness, until } from './harness.ts';

const TTL_MS = 500;
const image = (epoch: number) => ({ epoch, bytes: Uint8Array.of(epoch) });
const targets = (network: string) => new Map([['FRA', [{ network }]]]);
const estimates = (octet: number) => new Map([['world', Uint8Array.of(octet)]]);

/** Every write that can be fenced, with octets that tell who wrote. */
function writes(store: Store, epoch: number, fence?: number): Promise<unknown>[] {
  return [
    store.publishImage(image(epoch), fence),
    store.putEstimates(estimates(epoch), fence),
    store.putTargets(targets(`10.0.${epoch}.0/24`), fence),
  ];
}

/** What the lease keeps. */
export function leaseContract(check: Check, harness: StoreHarness): void {
  check('one holds the lease, renews it, and gives it back', async (first, second) => {
    assert.equal(await first.lease(), undefined);
    const taken = await first.takeLease('one', 60_000);
    assert.equal(taken.holder, 'one');
    assert.ok(taken.leftMs > 50_000 && taken.leftMs <= 60_000, `${taken.leftMs}`);
    const seen = await second.takeLease('two', 60_000);
    assert.deepEqual([seen.holder, seen.token], ['one', taken.token]);
    assert.ok(seen.leftMs > 50_000 && seen.leftMs <= 60_000, `${seen.leftMs}`);
    assert.equal((await first.takeLease('one', 70_000)).token, taken.token, 'renewed, not taken anew');
    assert.ok(((await second.lease())?.leftMs ?? 0) > 60_000);
    await second.releaseLease({ holder: 'two', token: taken.token });
    await second.releaseLease({ holder: 'one', token: taken.token + 1 });
    assert.equal((await second.lease())?.holder, 'one');
    await first.releaseLease(taken);
    assert.equal(await second.lease(), undefined);
    const next = await second.takeLease('two', 60_000);
    assert.equal(next.holder, 'two');
    assert.ok(next.token > taken.token, 'a greater token');
  });

  check('an expired lease is taken by the next, or anew by who had it', async (first, second) => {
    const taken = await first.takeLease('one', TTL_MS);
    await harness.passMs(TTL_MS + 100);
    assert.equal(await second.lease(), undefined);
    const next = await second.takeLease('two', TTL_MS);
    assert.equal(next.holder, 'two');
    assert.ok(next.token > taken.token);
    assert.equal((await first.takeLease('one', TTL_MS)).holder, 'two');
    await harness.passMs(TTL_MS + 100);
    const again = await second.takeLease('two', TTL_MS);
    assert.ok(again.token > next.token, 'who let it expire begins anew');
  });

  check('of many who want it at once one gets it', async (first, second) => {
    const leases = await Promise.all(
      ['a', 'b', 'c', 'd', 'e', 'f'].map((holder, i) => (i % 2 ? first : second).takeLease(holder, 60_000)),
    );
    assert.equal(new Set(leases.map(({ holder, token }) => `${holder} ${token}`)).size, 1);
  });

  check('a change of the holder nudges, a renewal does not', async (first, second) => {
    const topics = heard(second);
    const taken = await first.takeLease('one', 60_000);
    await until(() => topics.has('lease'), 'it is heard');
    await first.setOverride('AMS', undefined);
    await until(() => topics.has('overrides'), 'what came before is heard');
    topics.clear();
    await first.takeLease('one', 60_000);
    await first.setOverride('AMS', undefined);
    await until(() => topics.has('overrides'), 'what comes after is heard');
    assert.equal(topics.has('lease'), false);
    await first.releaseLease(taken);
    await until(() => topics.has('lease'), 'the release is heard');
  });
  fenceContract(check, harness);
}

function fenceContract(check: Check, harness: StoreHarness): void {
  check(
    'a write with a fence is refused unless its lease holds, and changes nothing',
    async (first, second) => {
      for (const write of writes(first, 1, 1)) await assert.rejects(write, FencedError);
      const old = await first.takeLease('one', 60_000);
      await Promise.all(writes(first, 2, old.token));
      assert.deepEqual(await second.image(), image(2));
      assert.deepEqual(await second.takeTargets('FRA'), [{ network: '10.0.2.0/24' }]);
      await first.releaseLease(old);
      const now = await second.takeLease('two', 60_000);
      for (const write of writes(first, 3, old.token)) {
        await assert.rejects(write, FencedError);
        await assert.rejects(write, StoreError);
      }
      assert.deepEqual(await second.image(), image(2));
      assert.deepEqual(await second.estimate('world'), Uint8Array.of(2));
      assert.deepEqual(await second.takeTargets('FRA'), []);
      await Promise.all(writes(second, 4, now.token));
      await Promise.all(writes(first, 5));
      assert.deepEqual(await second.image(), image(5), 'without a fence nobody asks');
    },
  );

  check('a fence holds no longer than its lease, also where nobody takes the next', async (first) => {
    const { token } = await first.takeLease('one', TTL_MS);
    await Promise.all(writes(first, 1, token));
    await harness.passMs(TTL_MS + 100);
    for (const write of writes(first, 2, token)) await assert.rejects(write, FencedError);
    assert.equal(await first.imageEpoch(), 1);
  });
}
