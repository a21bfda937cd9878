import { assert } from '../base/assert.ts';
import type { Fleet } from '../base/fleet.ts';
import type { Places } from '../geo/places.ts';
import type { ClientNetwork } from '../netmodel/networks.ts';

/** A client network and the POPs that measure it. */
export interface Target {
  /** As in samples: `203.0.113.0/24`. */
  readonly network: string;
  readonly placeId: number;
  readonly asn: number;
  /** Share of all demand. */
  readonly weight: number;
  /** POP indexes, nearest first by geography: `NEAR_POPS` measured each time, the rest one by one in turn. */
  readonly pops: Int16Array;
}

/** POPs that measure a network each time it comes up. */
export const NEAR_POPS = 6;
/** POPs beyond those that take turns, so that there is something measured to go to when a region fails. */
const FARTHER_POPS = 12;
/** Bursts each time. */
const BURSTS_PER_VISIT = NEAR_POPS + 1;
/** The heaviest networks are measured so often, in ms. */
const ACTIVE_PERIOD_MS = 2_000;
/** Share of the budget for them. */
const ACTIVE_SHARE = 0.5;

/** Finds the POPs of every network. Networks whose place is not known are left out. */
export function targetsOf(
  networks: readonly ClientNetwork[],
  world: { readonly fleet: Fleet; readonly places: Places },
): Target[] {
  const { fleet, places } = world;
  const popVectors = fleet.pops.map(({ latitude, longitude }) => unitVector(latitude, longitude));
  const nearBy = new Map<number, Int16Array>();
  const targets: Target[] = [];
  for (const { prefixText, placeKey, asn, weight } of networks) {
    const placeId = places.idOf(placeKey);
    if (placeId < 0) continue;
    let pops = nearBy.get(placeId);
    if (pops === undefined) {
      const from = unitVector(places.latitude[placeId] as number, places.longitude[placeId] as number);
      pops = nearestFirst(from, popVectors);
      nearBy.set(placeId, pops);
    }
    targets.push({ network: prefixText, placeId, asn, weight, pops });
  }
  return targets;
}

/** Whose turn it is. */
export interface Rotation {
  /**
   * Calls back with each measurement that became due in `elapsedMs`: position of the target, and a POP index.
   */
  readonly advance: (elapsedMs: number, visit: (targetIndex: number, popIndex: number) => void) => void;
  /** How often a network of the heaviest, and of the rest, comes up, in ms. */
  readonly periodsMs: readonly [active: number, rest: number];
}

/**
 * Shares a budget of bursts a second among the targets: the heaviest come up every 2 s, as many as half of
 * the budget pays for; the other half goes round the rest. With few targets all come up every 2 s.
 */
export function createRotation(targets: readonly Target[], burstsPerSecond: number): Rotation {
  assert(burstsPerSecond >= 1, 'a budget of at least one burst a second');
  const order = Array.from(targets.keys()).sort(
    (left, right) => weightAt(targets, right) - weightAt(targets, left),
  );
  const affordable = (share: number, periodMs: number) =>
    Math.floor((share * burstsPerSecond * periodMs) / 1000 / BURSTS_PER_VISIT);
  const all = order.length <= affordable(1, ACTIVE_PERIOD_MS);
  const activeCount = all ? order.length : affordable(ACTIVE_SHARE, ACTIVE_PERIOD_MS);
  const rest = order.slice(activeCount);
  const restPeriodMs = (rest.length * BURSTS_PER_VISIT * 1000) / ((1 - ACTIVE_SHARE) * burstsPerSecond);
  const rings = [createRing(order.slice(0, activeCount), ACTIVE_PERIOD_MS), createRing(rest, restPeriodMs)];
  return {
    periodsMs: [ACTIVE_PERIOD_MS, restPeriodMs],
    advance: (elapsedMs, visit) => {
      for (const ring of rings) {
        ring(elapsedMs, (targetIndex, round) => {
          const { pops } = targets[targetIndex] as Target;
          const near = Math.min(NEAR_POPS, pops.length);
          for (let i = 0; i < near; i++) visit(targetIndex, pops[i] as number);
          const farther = pops.length - near;
          if (farther > 0) visit(targetIndex, pops[near + (round % farther)] as number);
        });
      }
    },
  };
}

/** Goes round the members once a period; a member's visits are counted in rounds. */
function createRing(members: readonly number[], periodMs: number) {
  let due = 0;
  let at = 0;
  let round = 0;
  return (elapsedMs: number, visit: (member: number, round: number) => void) => {
    // After a pause at most one round is made up for.
    due = Math.min(members.length, due + (members.length * elapsedMs) / Math.max(1, periodMs));
    for (; due >= 1; due--) {
      visit(members[at] as number, round);
      at++;
      if (at < members.length) continue;
      at = 0;
      round++;
    }
  };
}

function weightAt(targets: readonly Target[], index: number): number {
  return targets[index]?.weight ?? 0;
}

type Vector = readonly [number, number, number];

function unitVector(latitude: number, longitude: number): Vector {
  const [north, east] = [(latitude * Math.PI) / 180, (longitude * Math.PI) / 180];
  return [Math.cos(north) * Math.cos(east), Math.cos(north) * Math.sin(east), Math.sin(north)];
}

/** The POPs that measure a point, nearest first: the greater the product of unit vectors, the nearer. */
function nearestFirst(from: Vector, popVectors: readonly Vector[]): Int16Array {
  const count = Math.min(NEAR_POPS + FARTHER_POPS, popVectors.length);
  const pops = new Int16Array(count);
  const nearness = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
  for (const [popIndex, to] of popVectors.entries()) {
    const own = from[0] * to[0] + from[1] * to[1] + from[2] * to[2];
    let at = count - 1;
    if (own <= (nearness[at] as number)) continue;
    for (; at > 0 && own > (nearness[at - 1] as number); at--) {
      nearness[at] = nearness[at - 1] as number;
      pops[at] = pops[at - 1] as number;
    }
    nearness[at] = own;
    pops[at] = popIndex;
  }
  return pops;
}
