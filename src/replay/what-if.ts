import { type Distribution, distributionOf, type Weighted } from './distribution.ts';
import { type LoadRange, loadRanges } from './draws.ts';
import {
  createForesight,
  type Foreseen,
  type Foresight,
  type ForesightGround,
  type KnownWorld,
} from './foresee.ts';
import { byGroup, loadOf, sharesIn } from './load.ts';
import { createRttView, type RttView } from './rtt.ts';
import { flowsBetween } from './shares.ts';

/** What changes when POPs are taken away. */
export interface WhatIf {
  /** Codes of the POPs. */
  readonly without: readonly string[];
  /** Share 0..1 of all demand that gets another POP. */
  readonly demandMoved: number;
  /** Client networks that ask, and those of them that move, wholly or in part. */
  readonly cells: number;
  readonly cellsMoved: number;
  /** Of the demand that moves, ms: greater is slower. */
  readonly rttChangeMs: Distribution;
  /** Those that lose most, by time x demand, at most 20. */
  readonly worst: readonly MovedCell[];
  /** All POPs, in the fleet's order, with the load of others: requests/s. */
  readonly pops: readonly PopChange[];
  /** Codes of the POPs that get more than they can serve. */
  readonly overCapacity: readonly string[];
  /** Ticks of the decision, and whether it came to rest in them. */
  readonly ticks: number;
  readonly isSettled: boolean;
  /** Share 0..1 of the demand of whose networks, or their places, something was measured. */
  readonly measured: number;
}

/** Clients that move. */
export interface MovedCell {
  readonly placeId: number;
  readonly asn: number;
  /** `networkKey`; -1: all others of the place and AS. */
  readonly network: number;
  readonly fromPop: string;
  readonly toPop: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Share 0..1 of all demand. */
  readonly share: number;
}

/** The load of a POP, requests/s. */
interface PopChange {
  readonly code: string;
  readonly beforeRps: number;
  readonly afterRps: number;
  readonly capacityRps: number;
}

const WORST_MAX = 20;
/** Load beyond the capacity that is rounding, as a share. */
const OVER_SHARE = 0.005;

/** A world that came to rest as it is: what any question begins with, and is good for one. */
export interface WorldAtRest {
  readonly ground: ForesightGround;
  readonly known: KnownWorld;
  readonly foresight: Foresight;
  readonly before: Foreseen;
}

/** Has the engine decide with all POPs. */
export function comeToRest(ground: ForesightGround, known: KnownWorld): WorldAtRest {
  const foresight = createForesight(ground, known);
  return { ground, known, foresight, before: foresight.settle([]) };
}

/** Has the engine that decided with the POPs decide without, for the same demand, and compares. */
export function whatIf(
  { ground, known, foresight, before }: WorldAtRest,
  without: readonly string[],
): WhatIf {
  const after = foresight.settle(without);
  const packed = new Map(known.estimates.map(({ key, packed: octets }) => [key, octets]));
  const { fleet, geometry } = ground;
  const rtt = createRttView({ fleet, geometry, terms: before.terms, packed, nowMs: known.nowMs });
  return compare(ground, { before, after, rtt, without, known });
}

/** By POP: between what its load after is likely to be. Takes several times as long as the question did. */
export function likelyLoads(
  { ground, known }: Pick<WorldAtRest, 'ground' | 'known'>,
  { without, pops }: Pick<WhatIf, 'without' | 'pops'>,
): LoadRange[] {
  return loadRanges(ground, known, { without, plainRps: pops.map(({ afterRps }) => afterRps) });
}

interface Worlds {
  readonly before: Foreseen;
  readonly after: Foreseen;
  readonly rtt: RttView;
  readonly without: readonly string[];
  readonly known: KnownWorld;
}

function compare(ground: ForesightGround, worlds: Worlds): WhatIf {
  const { fleet } = ground;
  const { demand } = worlds.known;
  const { before, after, rtt, without } = worlds;
  const world = { fleet, groupCount: ground.groups.length, demand };
  const shares = { before: sharesIn(before, fleet), after: sharesIn(after, fleet) };
  const loads = { before: loadOf(before, world), after: loadOf(after, world) };
  const sums = { total: 0, moved: 0, measured: 0 };
  const movers = new Set<string>();
  const all = new Set<string>();
  const changes: Weighted[] = [];
  const worst: (MovedCell & { readonly lost: number })[] = [];
  for (const one of demand)
    for (const { group, rps } of byGroup(one, ground.groups.length)) {
      const cell = `${one.placeId} ${one.asn} ${one.network} ${group}`;
      all.add(cell);
      sums.total += rps;
      const rttMs = rtt.of(one);
      if (rtt.isMeasured()) sums.measured += rps;
      for (const { from, to, share } of flowsBetween(shares.before(one, group), shares.after(one, group))) {
        const [fromMs = 0, toMs = 0] = [rttMs[from], rttMs[to]];
        const moved = rps * share;
        movers.add(cell);
        sums.moved += moved;
        changes.push({ value: toMs - fromMs, weight: moved });
        const { placeId, asn, network } = one;
        const [fromPop, toPop] = [fleet.pops[from]?.code ?? '', fleet.pops[to]?.code ?? ''];
        const lost = moved * (toMs - fromMs);
        worst.push({ placeId, asn, network, fromPop, toPop, fromMs, toMs, share: moved, lost });
      }
    }
  const shareOf = (rps: number): number => (sums.total === 0 ? 0 : rps / sums.total);
  const pops = fleet.pops.map(({ code, index }) => ({
    code,
    beforeRps: loads.before[index] as number,
    afterRps: loads.after[index] as number,
    capacityRps: before.terms.pops[index]?.capacityRps ?? 0,
  }));
  return {
    without,
    demandMoved: shareOf(sums.moved),
    cells: all.size,
    cellsMoved: movers.size,
    rttChangeMs: distributionOf(changes),
    worst: worst
      .sort((a, b) => b.lost - a.lost)
      .slice(0, WORST_MAX)
      .map(({ lost: _lost, ...cell }) => ({ ...cell, share: shareOf(cell.share) })),
    pops,
    overCapacity: pops
      .filter(({ code, afterRps, capacityRps }) => {
        return !without.includes(code) && afterRps > capacityRps * (1 + OVER_SHARE);
      })
      .map(({ code }) => code),
    ticks: after.ticks,
    isSettled: before.isSettled && after.isSettled,
    measured: shareOf(sums.measured),
  };
}
