import { formatPrefix } from '../base/address.ts';
import type { Fleet } from '../base/fleet.ts';
import { networkOfKey } from '../base/network-key.ts';
import { cellKey, type LocatedNetwork } from '../steering/cells.ts';
import { createEstimates, dropCell, ENTRY_EXPIRY_MS } from '../steering/estimates.ts';
import { popHashes, unpackCell } from '../steering/pack.ts';
import { type CellGeometry, placeDistances } from '../steering/prior.ts';
import { createCellView, viewCell } from '../steering/rtt.ts';
import { popTermsOf, type SteeringTerms } from '../steering/terms.ts';

/** Where round-trip times are known from. */
export interface RttSource {
  readonly fleet: Fleet;
  readonly geometry: CellGeometry;
  readonly terms: SteeringTerms;
  /** Packed estimates by cell key. */
  readonly packed: ReadonlyMap<string, Uint8Array>;
  /** ms since 1970 UTC. */
  readonly nowMs: number;
}

/** Keys of the cells whose estimates say something of a network, from the widest to the closest. */
export function cellKeysOf(geometry: CellGeometry, { placeId, asn, network }: LocatedNetwork): string[] {
  const place = geometry.key[placeId] ?? '';
  const keys = asn === 0 ? [place] : [place, cellKey(place, asn)];
  return network < 0 ? keys : [...keys, formatPrefix(networkOfKey(network))];
}

/** Round-trip times as decisions expect them: estimates where there are some, else what geography says. */
export interface RttView {
  /** By POP index, ms, of the clients of a network; valid until the next call. */
  readonly of: (at: LocatedNetwork) => Float32Array;
  /** Whether anything was measured of the network that was asked of last, or of its place or AS there. */
  readonly isMeasured: () => boolean;
}

const PLACE = 0;
const NETWORK = 1;
const LEAF = 2;

/** A view of round-trip times by the functions that decide. */
export function createRttView({ fleet, geometry, terms, packed, nowMs }: RttSource): RttView {
  const distances = placeDistances(geometry, fleet.pops);
  const { popOf } = popHashes(fleet.pops.map(({ code }) => code));
  const arrays = popTermsOf(terms);
  const view = createCellView(fleet.pops.length);
  const estimates = createEstimates(3);
  const { params } = terms;
  const source = { params, estimates, distances, priorBiasMs: arrays.priorBiasMs };
  let isMeasured = false;
  const take = (cell: number, key: string | undefined): boolean => {
    // Whoever was looked at before left theirs here.
    dropCell(estimates, cell);
    const octets = key === undefined ? undefined : packed.get(key);
    const lastMs = octets && unpackCell(estimates, cell, octets, popOf);
    if (lastMs === undefined) return false;
    if (nowMs - lastMs <= ENTRY_EXPIRY_MS) {
      isMeasured = true;
      return true;
    }
    dropCell(estimates, cell);
    return false;
  };
  return {
    isMeasured: () => isMeasured,
    of: (at) => {
      const keys = cellKeysOf(geometry, at);
      isMeasured = false;
      take(PLACE, keys[0]);
      const hasNetwork = take(NETWORK, at.asn === 0 ? undefined : keys[1]);
      const hasLeaf = take(LEAF, at.network < 0 ? undefined : keys.at(-1));
      const which = {
        placeId: at.placeId,
        placeCell: PLACE,
        networkCell: hasNetwork ? NETWORK : -1,
        leafCell: hasLeaf ? LEAF : -1,
        nowMs,
      };
      viewCell(source, which, view);
      for (let pop = 0; pop < view.rttMs.length; pop++)
        view.rttMs[pop] = (view.rttMs[pop] as number) + (arrays.shiftMs[pop] as number);
      return view.rttMs;
    },
  };
}
