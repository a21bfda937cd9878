import type { Location } from '../base/geodesy.ts';
import { NO_LOSS, type PopLoss } from './alarm.ts';
import type { Cells } from './cells.ts';
import type { Estimates } from './estimates.ts';
import { lightBetween } from './light.ts';
import type { SteeringParams } from './params.ts';
import { newPool, type Pool } from './pool.ts';
import type { PopTerms } from './score.ts';
import { createTrust, type Trust } from './trust.ts';

/** What bursts change. */
export interface Learning {
  readonly params: SteeringParams;
  readonly cells: Cells;
  readonly estimates: Estimates;
  /** By place: level (0 world, 1 country, 2 tile). */
  readonly level: Uint8Array;
  /** Float32 [places x POPs]. */
  readonly distances: Float32Array;
  /** Float32 [POPs x POPs]: `lightBetween`. */
  readonly between: Float32Array;
  /** `shiftMs`, `lossMs` and `priorBiasMs` are set here. */
  readonly terms: PopTerms;
  readonly popLoss: PopLoss[];
  /** By POP. */
  readonly pools: readonly Pool[];
  /** Cells whose losses were forgotten since they were last looked up. */
  readonly forgiven: number[];
  /** When a POP's RTT or loss last changed for all its cells, ms since 1970. */
  readonly alarmedAtMs: Float64Array;
  /** By POP: mean of estimate minus plain prior, and over how many bursts. */
  readonly residualMeanMs: Float64Array;
  readonly residualCount: Float64Array;
  readonly trust: Trust;
  /** Ticks learned from. */
  ticks: number;
}

/** Nothing was learned yet. */
export function emptyLearning(
  shared: Pick<Learning, 'params' | 'cells' | 'estimates' | 'distances' | 'terms' | 'alarmedAtMs'>,
  world: { readonly level: Uint8Array; readonly pops: readonly Location[] },
): Learning {
  const popCount = world.pops.length;
  return {
    ...shared,
    level: world.level,
    between: lightBetween(world.pops),
    popLoss: world.pops.map(() => NO_LOSS),
    pools: world.pops.map(() => newPool()),
    forgiven: [],
    residualMeanMs: new Float64Array(popCount),
    residualCount: new Float64Array(popCount),
    trust: createTrust(popCount),
    ticks: 0,
  };
}
