import type { SteeringParams } from './params.ts';

/** One burst with its network located. */
export interface LocatedSample {
  /** Position in the fleet; -1 when there is no such POP. */
  readonly popIndex: number;
  /** Where the network is; -1 when it is no prefix. */
  readonly placeId: number;
  /** 0 unknown. */
  readonly asn: number;
  /** Minimum of the burst, ms; undefined when every packet was lost. */
  readonly rttMs: number | undefined;
  readonly sent: number;
  readonly lost: number;
  /** By the agent's clock, ms since 1970. */
  readonly atMs: number;
  readonly modelled: boolean;
}

/** Why a burst was refused. */
export type Refusal =
  | 'unknown-pop'
  | 'unknown-network'
  | 'not-a-number'
  | 'from-the-future'
  | 'too-old'
  | 'faster-than-light'
  | 'no-room';

/** There and back at the speed of light in vacuum: 2 / 299.792458 km a ms. */
const LIGHT_MS_PER_KM = 2 / 299.792458;
const PACKETS_MAX = 1000;
const RTT_MAX_MS = 60_000;

/**
 * Why a burst must not be believed; undefined when it may. `km`: from the POP to the network's place;
 * undefined where the place is too wide to tell.
 */
export function refusalOf(
  sample: LocatedSample,
  seen: { nowMs: number; km: number | undefined },
  params: SteeringParams,
): Refusal | undefined {
  const { popIndex, placeId, rttMs, sent, lost, atMs } = sample;
  if (popIndex < 0) return 'unknown-pop';
  if (placeId < 0) return 'unknown-network';
  if (!isCount(sent, 1, PACKETS_MAX) || !isCount(lost, 0, sent) || !Number.isFinite(atMs))
    return 'not-a-number';
  if ((rttMs === undefined) !== (lost === sent)) return 'not-a-number';
  if (rttMs !== undefined && !(rttMs > 0 && rttMs <= RTT_MAX_MS)) return 'not-a-number';
  if (atMs > seen.nowMs + params.futureMs) return 'from-the-future';
  if (atMs < seen.nowMs - params.staleMs) return 'too-old';
  if (rttMs === undefined || seen.km === undefined) return undefined;
  const leastMs = Math.max(0, seen.km - params.lightSlackKm) * LIGHT_MS_PER_KM;
  return rttMs < leastMs ? 'faster-than-light' : undefined;
}

function isCount(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
