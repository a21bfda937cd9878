import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SHARE_STEPS } from '../src/cli/catchment.ts';
import {
  createCatchmentLog,
  packWeight,
  unpackWeight,
  type WeighedCatchment,
} from '../src/cli/catchment-log.ts';
import { createCatchments } from '../src/cli/catchments.ts';
import { readConfig } from '../src/cli/config-file.ts';
import { deciderOf, expectedOf } from '../src/cli/first-table.ts';
import { loadGround } from '../src/cli/ground.ts';
import { processTerminal } from '../src/cli/terminal.ts';
import { imageFromGeography } from '../src/control/made-image.ts';
import { openImage } from '../src/steering/image.ts';
import { createMemoryStore } from '../src/store/memory.ts';
import { clientImage, withBuckets } from './helpers/row-maps.ts';

/** Who got which POP in the last hour, and how much they asked for then. */

test('kept catchments: the nearest comes back to within 5 %, in bounded memory', () => {
  const PLACES = 300;
  const KEPT = 6;
  const step = fc.array(fc.tuple(fc.nat(PLACES - 1), fc.integer({ min: -1, max: 9 }), fc.nat(SHARE_STEPS)), {
    maxLength: 250,
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 15 }), fc.nat(20_000), (steps, askedMs) => {
      const log = createCatchmentLog(KEPT);
      assert.equal(log.nearest(0), undefined);
      const now = {
        popOf: new Int16Array(PLACES).fill(-1),
        share: new Uint8Array(PLACES),
        weight: new Uint16Array(PLACES),
      };
      const all: (WeighedCatchment & { atMs: number })[] = [];
      for (const [i, changes] of steps.entries()) {
        for (const [place, pop, share] of changes) {
          now.popOf[place] = pop;
          now.share[place] = share;
          now.weight[place] = packWeight((pop + share + 2) / 1000);
        }
        log.add(i * 1000, i, now);
        const { popOf, share, weight } = now;
        all.push({ atMs: i * 1000, popOf: popOf.slice(), share: share.slice(), weight: weight.slice() });
        assert.ok(log.octets() <= (KEPT + 1) * PLACES * 5, `${log.octets()}`);
      }
      const kept = all.slice(-KEPT);
      const off = ({ atMs }: { atMs: number }): number => Math.abs(atMs - askedMs);
      const wanted = kept.reduce((best, one) => (off(one) <= off(best) ? one : best));
      const got = log.nearest(askedMs);
      assert.deepEqual([got?.atMs, got?.epoch], [wanted.atMs, wanted.atMs / 1000]);
      assert.deepEqual(got?.popOf, wanted.popOf);
      for (const [place, share] of wanted.share.entries())
        assert.ok(Math.abs(share - (got?.share[place] as number)) <= SHARE_STEPS / 20);
      for (const [place, weight] of wanted.weight.entries()) {
        const [was, said] = [unpackWeight(weight), unpackWeight(got?.weight[place] as number)];
        assert.ok(Math.abs(was - said) <= 0.0202 * was, `${was}, ${said}`);
      }
    }),
    { numRuns: 60 },
  );
});

test('a moment of the past has the demand of then, now has that of now', async () => {
  const ground = loadGround(readConfig({}, processTerminal(process, new AbortController().signal)));
  const image = withBuckets(
    clientImage(
      [0, 1, 2].map((site) => ({ start: BigInt(site) << 24n, site })),
      [{ start: 0n, site: 0 }],
      3,
    ),
  );
  const made = imageFromGeography(deciderOf(ground), 0);
  assert.ok('bytes' in made);
  const table = openImage(made.bytes, expectedOf(ground));
  assert.ok(typeof table !== 'string');
  let nowMs = 1_000_000;
  const clock = { nowMs: () => nowMs };
  const store = createMemoryStore({ clock });
  const asked = (...rps: number[]): Promise<void> =>
    store.putDemand(
      'FRA',
      rps.map((one, i) => ({ network: `${i + 1}.2.3.0/24`, rps: one, service: 'web' })),
    );
  const sources = { ground, image: () => table, clients: () => image, store, clock };
  const catchments = createCatchments(sources);
  const weights = async (service: number, atMs?: number) => {
    const { places, ...view } = await catchments.view(service, atMs);
    const rounded = places.map((place) => [ground.places.key.indexOf(place[0]), Number(place[4].toFixed(3))]);
    return { ...view, places: rounded.toSorted(([one = 0], [other = 0]) => one - other) };
  };
  await asked(30, 10);
  await catchments.keep();
  nowMs += 600_000;
  await asked(10, 70);
  const [then, now] = [await weights(0, 1_000_500), await weights(0)];
  const equal = [
    [1, 0.75],
    [2, 0.25],
  ];
  assert.deepEqual([then.places, then.atMs, then.weightsOf], [equal, 1_000_000, 'web']);
  const changed = [
    [1, 0.125],
    [2, 0.875],
  ];
  assert.deepEqual([now.places, now.atMs], [changed, nowMs]);
  assert.deepEqual((await weights(0, nowMs - 1)).places, changed, 'now is nearer');
});

test('weights in 16 bits: to a fortieth of a per cent over twelve decades, none is none, all is all', () => {
  assert.deepEqual(
    [0, 1, -1, 2].map((part) => unpackWeight(packWeight(part))),
    [0, 1, 0, 1],
  );
  for (let part = 1e-12; part < 1; part *= 1.7)
    assert.ok(Math.abs(unpackWeight(packWeight(part)) / part - 1) < 0.00026, `${part}`);
  assert.ok(packWeight(1e-300) > 0);
});
