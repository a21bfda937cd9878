import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { POP_DRAINED } from '../src/base/pop-state.ts';
import type { TargetBook } from '../src/config/targets-csv.ts';
import type { Target } from '../src/store/store.ts';
import { again, answer, closeStages, stage } from './helpers/control-stage.ts';

/** What POPs wish for, and what operators want measured. */

after(closeStages);

test('a POP that wishes to be drained gets no new clients; the wish ends with its reports', async () => {
  const on = await stage();
  const report = async (drain: string | undefined): Promise<void> => {
    const load = { loadRps: 1, capacityRps: 1000, healthy: true, links: [] };
    const wish = drain === undefined ? {} : { drain };
    await on.store.putReport({ pop: 'PA', atMs: on.clock.nowMs(), source: 'measured', ...load, ...wish });
  };
  await report(undefined);
  await again(on);
  assert.equal(answer(on.images.at(-1), 2), 'PA');
  await report('new kernel');
  await again(on);
  assert.equal(on.popState[0], POP_DRAINED);
  assert.equal(answer(on.images.at(-1), 2), 'PB');
  await report(undefined);
  await again(on);
  assert.equal(on.popState[0], 0);
  assert.equal(answer(on.images.at(-1), 2), 'PA');
});

test('networks of the target file are planned though nobody asks there, and agents told how', async () => {
  const aim = { network: '10.0.7.0/24', address: '10.0.7.1', method: 'tcp', port: 8443 } as const;
  const book: TargetBook = new Map([[aim.network, aim]]);
  const on = await stage(undefined, undefined, { targetBook: book });
  const planned: Target[] = [];
  for (let i = 0; i < 5; i++) {
    await again(on);
    for (const pop of ['PA', 'PB', 'PC']) planned.push(...(await on.store.takeTargets(pop)));
  }
  assert.ok(planned.length > 0);
  for (const target of planned) assert.deepEqual(target, aim);
});
