import { must } from '../base/assert.ts';
import { mix32 } from '../base/random.ts';
import { createDecider, type Decider } from '../steering/decider.ts';
import { serviceGroups } from '../steering/groups.ts';
import { candidate, openImage, rowOf, rowShare, rowTtl, type SteeringImage } from '../steering/image.ts';
import { encodeImage } from '../steering/image-encode.ts';
import { STEERING_PARAMETERS, type SteeringParams } from '../steering/params.ts';
import { claimedFleet, claimedPlaces } from './claimed-places.ts';
import type { Answer, Share, Steerer, SteererOptions, WantedBurst } from './steerer.ts';

/** The production engine as a policy. */
export function isochroneSteerer(options: SteererOptions): Steerer {
  const { claimed } = options;
  const fleet = claimedFleet(claimed);
  const { geometry, digest, placeOf } = claimedPlaces(claimed);
  const isLocated = fleet.pops.every(({ latitude }) => !Number.isNaN(latitude));
  const placed = isLocated
    ? fleet
    : { ...fleet, pops: fleet.pops.map((pop) => ({ ...pop, latitude: 0, longitude: 0 })) };
  const everything = { name: 'world', popIndexes: fleet.pops.map(({ index }) => index), biasMs: [] };
  const { groups } = serviceGroups(fleet.pops.length, [everything]);
  const decider = createDecider({
    fleet: placed,
    geometry,
    placesDigest: digest,
    groups,
    params: defaultParams(),
  });
  const source = { fleetDigest: fleet.digest, placesDigest: digest };
  let image: SteeringImage | undefined;
  const asnOf = (cell: number): number => cell + 1;
  return {
    plan: rotation(options),
    tick: ({ nowMs, bursts, reports, overrides, demandRps }) => {
      decider.tick({
        nowMs,
        reports,
        overrides,
        samples: bursts.map(({ cell, pop, rttMs, sent, lost }) => {
          const at = { placeId: placeOf[cell] as number, asn: asnOf(cell) };
          return { popIndex: pop, ...at, rttMs, sent, lost, atMs: nowMs, modelled: false };
        }),
        demand: [...demandRps].map((rps, cell) => {
          const at = { placeId: placeOf[cell] as number, asn: asnOf(cell) };
          return { ...at, rps, group: 0 };
        }),
      });
      image = imageOf(decider, nowMs, source);
    },
    answer: (cell) => answerOf(must(image, 'a tick'), placeOf[cell] as number, asnOf(cell)),
  };
}

/** All parameters of the decision at their defaults. */
function defaultParams(): SteeringParams {
  const entries = Object.entries(STEERING_PARAMETERS).map(([name, spec]) => [name, spec.default]);
  // The table has every key of the parameters.
  return Object.fromEntries(entries) as SteeringParams;
}

function imageOf(
  decider: Decider,
  nowMs: number,
  source: { fleetDigest: number; placesDigest: number },
): SteeringImage {
  const opened = openImage(encodeImage(decider.parts(1, nowMs)), { ...source, isSummed: false });
  if (typeof opened === 'string') throw new Error(opened);
  return opened;
}

function answerOf(image: SteeringImage, placeId: number, asn: number): Answer {
  const row = rowOf(image, 0, placeId, asn);
  const shares: Share[] = [];
  let left = 1;
  for (let k = 0; left > 0; k++) {
    const share = rowShare(image, row, k);
    // One link a POP: a link's index is its POP's.
    if (share > 0) shares.push({ pop: candidate(image, row, k), share });
    left -= share;
  }
  return { shares, ttlSeconds: rowTtl(image, row) };
}

/** Every cell measures one POP a tick, in an order of its own. */
function rotation({ claimed, seed, burstsPerCell = Infinity }: SteererOptions): Steerer['plan'] {
  let ticks = 0;
  const popCount = claimed.pops.length;
  return (_, burstsMax) => {
    const tick = ticks++;
    const wanted: WantedBurst[] = [];
    for (
      let cell = 0;
      cell < claimed.cells.length && wanted.length < burstsMax && tick < burstsPerCell;
      cell++
    )
      wanted.push({ cell, pop: (mix32(seed + cell) + tick) % popCount });
    return wanted;
  };
}
