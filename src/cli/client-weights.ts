import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Address } from '../base/address.ts';
import { locateNetwork } from '../control/locate-networks.ts';
import { type ClientImage, emptyLocated, type Located, locate } from '../geo/client-image.ts';
import type { Demand } from '../store/store.ts';

/** Clients that ask for something, and how much: parallel lists, all of a place together. */
export interface ClientWeights {
  readonly placeId: Uint32Array;
  /** 0: those of the place at large. */
  readonly asn: Uint32Array;
  /** `networkKey`; -1: those of the AS at the place at large. */
  readonly key: Float64Array;
  /** Position of the service that they ask for; `ANY_SERVICE`; or `NO_SERVICE` of ours. */
  readonly service: Int16Array;
  /** In whatever unit: only ratios count. */
  readonly weight: Float32Array;
}

export const ANY_SERVICE = -1;
const NO_SERVICE = -2;

/** Steps of a long loop before others have their turn. */
const SLICE = 100_000;
const DEMAND_SLICE = 4_096;
/** ASes with fewer IPv4 addresses at a place count as clients of the place at large. */
const AS_ADDRESSES_MIN = 4_096;
/** Networks that are told apart; of more the rest is left out. */
const NETWORKS_MAX = 100_000;

/** Clients as the POPs reported them; undefined where they reported none. */
export async function weightsOfDemand(
  demand: readonly Demand[],
  parts: {
    readonly clients: ClientImage;
    readonly serviceOf: ReadonlyMap<string, number>;
  },
): Promise<ClientWeights | undefined> {
  const located = emptyLocated();
  const locator = { locate: (address: Address, into: Located) => locate(parts.clients, address, into) };
  const rows: Row[] = [];
  for (const [index, { network, rps, service }] of demand.slice(0, NETWORKS_MAX).entries()) {
    if (index % DEMAND_SLICE === DEMAND_SLICE - 1) await nextTurn();
    const { placeId, asn, network: key } = locateNetwork(locator, network, located);
    if (placeId < 0 || !(rps > 0) || !Number.isFinite(rps)) continue;
    const own = service === undefined ? ANY_SERVICE : (parts.serviceOf.get(service) ?? NO_SERVICE);
    rows.push({ placeId, asn, key, service: own, weight: rps });
  }
  return rows.length === 0 ? undefined : listOf(rows);
}

/** Clients by the IPv4 addresses of each AS at each place: of whom nobody reported any. */
export async function weightsOfAddresses(image: ClientImage, placeCount: number): Promise<ClientWeights> {
  const { sitePlace, siteAsn, siteCount, v4 } = image;
  const addresses = new Float64Array(siteCount);
  for (let run = 0; run < v4.count; run++) {
    if (run % SLICE === SLICE - 1) await nextTurn();
    const end = run + 1 < v4.count ? (v4.start[run + 1] as number) : 2 ** 32;
    const site = v4.site[run] as number;
    addresses[site] = (addresses[site] as number) + end - (v4.start[run] as number);
  }
  const atLarge = new Float64Array(placeCount);
  const rows: Row[] = [];
  for (let site = 0; site < siteCount; site++) {
    if (site % SLICE === SLICE - 1) await nextTurn();
    const [placeId, asn, weight] = [
      sitePlace[site] as number,
      siteAsn[site] as number,
      addresses[site] as number,
    ];
    if (asn === 0 || weight < AS_ADDRESSES_MIN) atLarge[placeId] = (atLarge[placeId] as number) + weight;
    else rows.push({ placeId, asn, key: -1, service: ANY_SERVICE, weight });
  }
  for (const [placeId, weight] of atLarge.entries())
    if (weight > 0) rows.push({ placeId, asn: 0, key: -1, service: ANY_SERVICE, weight });
  return listOf(rows);
}

interface Row {
  readonly placeId: number;
  readonly asn: number;
  readonly key: number;
  readonly service: number;
  readonly weight: number;
}

function listOf(rows: Row[]): ClientWeights {
  rows.sort((one, other) => one.placeId - other.placeId);
  return {
    placeId: Uint32Array.from(rows, ({ placeId }) => placeId),
    asn: Uint32Array.from(rows, ({ asn }) => asn),
    key: Float64Array.from(rows, ({ key }) => key),
    service: Int16Array.from(rows, ({ service }) => service),
    weight: Float32Array.from(rows, ({ weight }) => weight),
  };
}
