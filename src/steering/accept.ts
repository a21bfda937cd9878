import { LIGHT_MS_PER_KM } from './light.ts';
import type { SteeringParams } from './params.ts';

/** One burst with its network located. */
export interface LocatedSample {
  /** Position in the fleet; -1 when there is no such POP. */
  readonly popIndex: number;
  /** Where the network is; -1 when it is no prefix. */
  readonly placeId: number;
  /** 0 unknown. */
  readonly asn: number;
  /** `networkKey` of base/network-key.ts; -1 where it is wider than one network. */
  readonly network: number;
  /** Minimum of the burst, ms; undefined when every packet was lost. */
  readonly rttMs: number | undefined;
  /** Mean of the burst less its minimum, ms; absent: not told. */
  readonly jitterMs?: number | undefined;
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

const PACKETS_MAX = 1000;
const RTT_MAX_MS = 60_000;

/**
 * Why a burst must not be believed; undefined when it may. `km`: from the POP to the network's place;
 * undefined where the place is too wide to tell, or where what else was measured of the network tells better.
 */
export function refusalOf(
  sample: LocatedSample,
  seen: { nowMs: number; km: number | undefined },
  params: SteeringParams,
): Refusal | undefined {
  const { popIndex, placeId, rttMs, jitterMs = 0, sent, lost, atMs } = sample;
  if (popIndex < 0) return 'unknown-pop';
  if (placeId < 0) return 'unknown-network';
  if (!isCount(sent, 1, PACKETS_MAX) || !isCount(lost, 0, sent) || !Number.isFinite(atMs))
    return 'not-a-number';
  if ((rttMs === undefined) !== (lost === sent)) return 'not-a-number';
  if (rttMs !== undefined && !(rttMs > 0 && rttMs <= RTT_MAX_MS)) return 'not-a-number';
  if (!(jitterMs >= 0 && jitterMs <= RTT_MAX_MS)) return 'not-a-number';
  if (atMs > seen.nowMs + params.futureMs) return 'from-the-future';
  if (atMs < seen.nowMs - params.staleMs) return 'too-old';
  if (rttMs === undefined || seen.km === undefined) return undefined;
  return rttMs < claimLeastMs(seen.km, params) ? 'faster-than-light' : undefined;
}

/** Least round-trip time over a claimed distance, less what claims may err, ms. */
export function claimLeastMs(km: number, params: SteeringParams): number {
  return Math.max(0, km - params.lightSlackKm) * LIGHT_MS_PER_KM;
}

function isCount(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}
