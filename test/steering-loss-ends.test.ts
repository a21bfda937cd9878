import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Driver, drive } from './helpers/steering-world.ts';

const POPS = [0, 8, 30];
const TILES = [-1, 6, 20];
/** Tile at longitude -1. */
const NEAR_A = 2;
const quiet = (): number => 0;

function settled(): Driver {
  const driver = drive({ pops: POPS, tiles: TILES });
  for (let i = 0; i < 6; i++) driver.tick({ samples: driver.samples(quiet), reports: driver.reports() });
  assert.equal(driver.answer(NEAR_A, 64500), 'PA');
  return driver;
}

const lossOf = (driver: Driver): number => driver.decider.terms().pops[0]?.lossMs ?? Number.NaN;

test('POPs that went down one by one are told apart by distance, not by packets lost', () => {
  const driver = settled();
  const down = new Set<string>();
  const reports = () =>
    driver.reports(Object.fromEntries([...down].map((code) => [code, { healthy: false }])));
  for (const code of ['PA', 'PB', 'PC']) {
    down.add(code);
    for (let i = 0; i < 4; i++) {
      const lost = (pop: number): number => (down.has(driver.fleet.pops[pop]?.code ?? '') ? 1 : 0);
      driver.tick({ samples: driver.samples(quiet, lost), reports: reports() });
    }
  }
  assert.equal(driver.answer(NEAR_A, 64500), 'PA', 'all are out: as if all were up');
  assert.equal(lossOf(driver), 0);
  down.clear();
  for (let i = 0; i < 4; i++) driver.tick({ samples: driver.samples(quiet), reports: reports() });
  assert.equal(driver.answer(NEAR_A, 64500), 'PA');
});

test('when links are free again, what a network lost over them is forgotten', () => {
  const driver = settled();
  const [full, free] = [40, 0].map((queueMs) =>
    driver.fleet.pops[0]?.links.map(({ id, capacityMbps }) => {
      return { id, capacityMbps, throughputMbps: queueMs > 0 ? capacityMbps : 0, queueMs, lossRate: 0 };
    }),
  );
  const burst = (lost: number) => [driver.sample(0, NEAR_A, { lost })];
  const links = (of: typeof full) => ({ reports: driver.reports({ PA: { links: of ?? [] } }) });
  for (let i = 0; i < 6; i++) driver.tick({ samples: burst(2), ...links(full) });
  assert.equal(driver.answer(NEAR_A, 64500), 'PB');
  for (let i = 0; i < 10; i++) driver.tick({ samples: i === 0 ? burst(0) : [], ...links(free) });
  assert.equal(driver.answer(NEAR_A, 64500), 'PA', 'one clean burst in ten seconds');
});
