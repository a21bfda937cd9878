import { type Prefix, parsePrefix } from '../base/address.ts';
import { must } from '../base/assert.ts';
import { networkKey } from '../base/network-key.ts';
import type { KnownWorld, SavedCell } from '../replay/foresee.ts';
import { createDecider, type Decider } from '../steering/decider.ts';
import { serviceGroups } from '../steering/groups.ts';
import { candidate, openImage, rowOf, rowShare, rowTtl, type SteeringImage } from '../steering/image.ts';
import { encodeImage } from '../steering/image-encode.ts';
import { STEERING_PARAMETERS, type SteeringParams } from '../steering/params.ts';
import type { CellGeometry } from '../steering/prior.ts';
import type { Regret } from '../steering/regret.ts';
import { claimedFleet, claimedPlaces } from './claimed-places.ts';
import type { Answer, Share, Steerer, SteererOptions } from './steerer.ts';

/** Networks that the engine explores in a second of production, in one tick each. */
const EXPLORED_PER_SECOND = 400;

/** The production engine as a policy. */
export function isochroneSteerer(options: SteererOptions): Steerer {
  const { claimed, burstsPerCell } = options;
  const fleet = claimedFleet(claimed);
  const { geometry, digest, placeOf } = claimedPlaces(claimed);
  const everything = { name: 'world', popIndexes: fleet.pops.map(({ index }) => index), biasMs: [] };
  const { groups } = serviceGroups(fleet.pops.length, [everything]);
  const params = defaultParams();
  const decider = createDecider({
    fleet,
    geometry,
    placesDigest: digest,
    groups,
    params,
    leafCellsMax: claimed.cells.length,
    burstsPerNetworkMax: burstsPerCell ?? 0,
  });
  const source = { fleetDigest: fleet.digest, placesDigest: digest };
  const exploredMax = Math.ceil(EXPLORED_PER_SECOND * claimed.head.tickSeconds);
  let image: SteeringImage | undefined;
  // The reader has checked every prefix. Worlds say nothing of ASes.
  const networks = claimed.cells.map(({ prefix }) => networkKey(parsePrefix(prefix) as Prefix));
  const cellOf = new Map(networks.map((network, cell) => [network, cell]));
  const at = (cell: number) => ({
    network: networks[cell] as number,
    placeId: placeOf[cell] as number,
    asn: 0,
  });
  let last: KnownWorld | undefined;
  let regret: Regret = { capacity: 0, terms: 0, held: 0 };
  return {
    saved: () => {
      if (last === undefined) return undefined;
      const ground = { fleet, geometry, placesDigest: digest, groups, params };
      return {
        ground,
        known: { ...last, image, estimates: estimatesOf(decider, claimed, { geometry, at }) },
      };
    },
    plan: (nowMs, burstsMax) => {
      if (burstsPerCell === 0) return [];
      return decider.plan(nowMs, burstsMax, exploredMax).map(({ network, popIndex }) => {
        return { cell: must(cellOf.get(network), 'a cell'), pop: popIndex };
      });
    },
    tick: ({ nowMs, bursts, reports, overrides, demandRps }) => {
      const demand = [...demandRps].map((rps, cell) => ({ ...at(cell), rps, group: 0 }));
      const isOut = reports.filter(({ healthy }) => !healthy).map(({ pop }) => ({ pop, reason: 'down' }));
      last = { nowMs, demand, overrides: [...overrides, ...isOut], estimates: [] };
      const ticked = decider.tick({
        nowMs,
        reports,
        overrides,
        samples: bursts.map(({ cell, pop, rttMs, jitterMs, sent, lost, atMs }) => {
          return { popIndex: pop, ...at(cell), rttMs, jitterMs, sent, lost, atMs, modelled: false };
        }),
        demand,
      });
      regret = ticked.regretMs;
      // What the guard keeps back is not published: the last table stays.
      if (image === undefined || decider.guard().length === 0) image = imageOf(decider, nowMs, source);
    },
    estimatedRegret: () => regret,
    answer: (cell) => answerOf(must(image, 'a tick'), at(cell)),
  };
}

/** What is known of the networks and of the places that they are claimed to be in. */
function estimatesOf(
  decider: Decider,
  { cells }: SteererOptions['claimed'],
  where: {
    readonly geometry: CellGeometry;
    readonly at: (cell: number) => { readonly placeId: number; readonly asn: number };
  },
): SavedCell[] {
  const { geometry, at } = where;
  const keys = [
    ...cells.map(({ prefix }, cell) => ({ key: prefix, at: at(cell) })),
    ...geometry.key.map((key) => ({ key, at: undefined })),
  ];
  return keys.flatMap(({ key, at: place }) => {
    const packed = decider.packed(key);
    return packed === undefined ? [] : [{ key, packed, at: place }];
  });
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

function answerOf(
  image: SteeringImage,
  { placeId, asn, network }: { placeId: number; asn: number; network: number },
): Answer {
  const row = rowOf(image, 0, placeId, asn, network);
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
