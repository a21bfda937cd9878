import assert from 'node:assert/strict';
import type { Store } from '../../src/store/store.ts';
import { type Check, heard, until } from './harness.ts';

/** What invalidations keep. */
export function invalidationContract(check: Check): void {
  const paths = async (store: Store, cursor: string) => {
    const read = await store.readInvalidations(cursor);
    return { ...read, invalidations: read.invalidations.map(({ pattern }) => pattern) };
  };

  check('who begins now is told what is invalidated from now on, in order', async (first, second) => {
    await first.addInvalidation({ pattern: '/before' });
    const topics = heard(second);
    const { cursor, ...begun } = await second.readInvalidations('');
    assert.deepEqual(begun, { invalidations: [], missed: false });
    await first.addInvalidation({ pattern: '/a/*' });
    await second.addInvalidation({ pattern: '/b?c=1', distribution: 'site' });
    await until(() => topics.has('invalidations'), 'the invalidation is heard of');
    const read = await second.readInvalidations(cursor);
    assert.deepEqual(read.invalidations, [{ pattern: '/a/*' }, { pattern: '/b?c=1', distribution: 'site' }]);
    assert.equal(read.missed, false);
    const { cursor: _, ...nothing } = await second.readInvalidations(read.cursor);
    assert.deepEqual(nothing, { invalidations: [], missed: false });
    // At least once: who asks again from the same place is told again.
    assert.deepEqual((await paths(first, cursor)).invalidations, ['/a/*', '/b?c=1']);
  });

  check('a store in which nothing was invalidated yet has a beginning too', async (first, second) => {
    const { cursor } = await second.readInvalidations('');
    await first.addInvalidation({ pattern: '/first' });
    const { invalidations, missed } = await paths(second, cursor);
    assert.deepEqual([invalidations, missed], [['/first'], false]);
  });

  check(
    'who was away too long is told that it missed some',
    async (first, second) => {
      const { cursor } = await second.readInvalidations('');
      for (let i = 0; i < 3; i++) await first.addInvalidation({ pattern: `/${i}` });
      const whole = await paths(second, cursor);
      assert.deepEqual([whole.invalidations, whole.missed], [['/0', '/1', '/2'], false]);
      await first.addInvalidation({ pattern: '/3' });
      const cut = await paths(second, cursor);
      assert.deepEqual([cut.invalidations, cut.missed], [['/1', '/2', '/3'], true]);
      const since = await paths(second, whole.cursor);
      assert.deepEqual([since.invalidations, since.missed], [['/3'], false]);
    },
    { invalidationsKept: 3 },
  );
}
