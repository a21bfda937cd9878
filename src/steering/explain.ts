import type { Fleet } from '../base/fleet.ts';
import { createEstimates, dropCell, ENTRY_EXPIRY_MS, type Estimates } from './estimates.ts';
import {
  type CellClient,
  type CellKeys,
  cellKeysOf,
  cellsOfClient,
  describeClientCell,
  type ExplainedCell,
} from './explain-cell.ts';
import { type PassedOver, passedOver } from './explain-nearest.ts';
import { type ExplainedSplit, explainSplit, notesOf, rounded } from './explain-notes.ts';
import { type ExplainedPop, explainPop, LEAF_CELL, NETWORK_CELL, PLACE_CELL } from './explain-pop.ts';
import { choose, rowOf, rowTtl, rowTtlReason, type SteeringImage } from './image.ts';
import { popHashes, unpackCell } from './pack.ts';
import { type CellGeometry, placeDistances } from './prior.ts';
import { thresholdMs } from './rows.ts';
import { type CellView, createCellView, viewCell } from './rtt.ts';
import type { PopTerms } from './score.ts';
import { decodeTerms, type GroupTermsRecord, popTermsOf, type SteeringTerms } from './terms.ts';
import { TTL_REASONS, ttlWords } from './ttl.ts';

/** Why a cell gets the POP it gets. */
export interface Explanation {
  readonly epoch: number;
  /** ms since 1970 UTC. */
  readonly madeAtMs: number;
  readonly group: string;
  readonly cell: ExplainedCell;
  readonly chosen: { readonly pop: string; readonly link: string };
  /** What decides in place of the score, in words; absent: nothing does. */
  readonly policy?: string | undefined;
  /** The best of the others; `marginMs`: by how much it is worse, negative when it is better. */
  readonly runnerUp?: { readonly pop: string; readonly marginMs: number };
  /**
   * The runner-up is better, but not by enough to move. `neededMs`: gain that moves at once; it falls while
   * it leads.
   */
  readonly held?: { readonly gainMs: number; readonly neededMs: number };
  /** Where not all of the cell's clients start from one link. */
  readonly split?: ExplainedSplit;
  /** The nearest POP of the service, and why it is not chosen; absent: it is, or a policy decides. */
  readonly passedOver?: PassedOver;
  /** Before the service's and the record's own bounds. */
  readonly ttl: { readonly seconds: number; readonly why: string };
  readonly notes: readonly string[];
  /** By score; those that are out come last. */
  readonly pops: readonly ExplainedPop[];
}

/** A client's cell, and what the store has of it. */
export interface ExplainQuestion extends CellClient {
  readonly image: SteeringImage;
  readonly groupIndex: number;
  /** As the answer had it: picks the client's part of a split row. */
  readonly clientHash: number;
  readonly popState: Int32Array;
  /** Packed estimates of the client's cells (`keysOf`); undefined where nothing was measured. */
  readonly packedPlace: Uint8Array | undefined;
  readonly packedNetwork: Uint8Array | undefined;
  readonly packedLeaf?: Uint8Array | undefined;
  /** Why a POP's word is set, as far as it is known here beside the image. */
  readonly whyOut?: ((pop: number) => string | undefined) | undefined;
  /** Since when it is, ms since 1970, as far as it is known here. */
  readonly outSinceMs?: ((pop: number) => number | undefined) | undefined;
}

/** Explains decisions from an image and packed estimates alone, with the functions that made them. */
export interface Explainer {
  readonly explain: (question: ExplainQuestion) => Explanation;
  /** Keys of the cells that the image has for a client: what to ask the store for. */
  readonly keysOf: (image: SteeringImage, client: CellClient) => CellKeys;
}

/** An explainer for a fleet and places; distances are worked out at the first question (some 40 ms). */
export function createExplainer(options: { fleet: Fleet; geometry: CellGeometry }): Explainer {
  const { fleet, geometry } = options;
  const linkPop = Int32Array.from(fleet.links, (link) => link.popIndex);
  const hashes = popHashes(fleet.pops.map(({ code }) => code));
  let distances: Float32Array | undefined;
  // Many questions come between two images, and its terms are long.
  let known: { readonly image: SteeringImage; readonly terms: SteeringTerms } | undefined;
  const explain = (question: ExplainQuestion): Explanation => {
    const { image, groupIndex, placeId, asn, key, popState, clientHash } = question;
    const { packedPlace, packedNetwork, packedLeaf } = question;
    distances ??= placeDistances(geometry, fleet.pops);
    if (known?.image !== image) known = { image, terms: decodeTerms(image.termsText) };
    const { terms } = known;
    const estimates = createEstimates(3);
    const cells = cellsOfClient(image, question);
    const unpack = (cell: number, packed: Uint8Array | undefined): boolean => {
      const lastMs = packed && unpackCell(estimates, cell, packed, hashes.popOf);
      if (lastMs !== undefined && image.madeAtMs - lastMs <= ENTRY_EXPIRY_MS) return true;
      dropCell(estimates, cell);
      return false;
    };
    unpack(PLACE_CELL, packedPlace);
    if (cells.hasNetwork) unpack(NETWORK_CELL, packedNetwork);
    const isLeafMeasured = cells.hasLeaf && unpack(LEAF_CELL, packedLeaf);
    const arrays = popTermsOf(terms);
    const view = createCellView(fleet.pops.length);
    const which = {
      placeId,
      placeCell: PLACE_CELL,
      networkCell: cells.hasNetwork ? NETWORK_CELL : -1,
      leafCell: isLeafMeasured ? LEAF_CELL : -1,
      nowMs: image.madeAtMs,
    };
    viewCell({ params: terms.params, estimates, distances, priorBiasMs: arrays.priorBiasMs }, which, view);
    const row = rowOf(image, groupIndex, placeId, asn, key);
    const cell = describeClientCell(geometry, question, cells);
    return explainRow({
      fleet,
      terms,
      arrays,
      view,
      estimates,
      image,
      groupIndex,
      row,
      cell,
      popState,
      whyOut: question.whyOut,
      outSinceMs: question.outSinceMs,
      clientHash,
      linkIndex: choose(image, row, popState, linkPop, clientHash),
    });
  };
  return { explain, keysOf: (image, client) => cellKeysOf(geometry, image, client) };
}

/** What an explanation is made from. */
export interface Known {
  readonly fleet: Fleet;
  readonly terms: SteeringTerms;
  readonly arrays: PopTerms;
  readonly view: CellView;
  readonly estimates: Estimates;
  readonly image: SteeringImage;
  readonly groupIndex: number;
  readonly row: number;
  readonly cell: Explanation['cell'];
  readonly popState: Int32Array;
  readonly whyOut: ExplainQuestion['whyOut'];
  readonly outSinceMs: ExplainQuestion['outSinceMs'];
  readonly clientHash: number;
  /** What this client is answered with. */
  readonly linkIndex: number;
}

function explainRow(known: Known): Explanation {
  const { fleet, terms, image, row, groupIndex, linkIndex } = known;
  const split = explainSplit(known);
  const group = terms.groups[groupIndex] as GroupTermsRecord;
  const pops = fleet.pops
    .map((pop) => explainPop(known, group, pop))
    .sort(
      (one, other) =>
        Number(one.out !== undefined) - Number(other.out !== undefined) || one.scoreMs - other.scoreMs,
    );
  const link = fleet.links[linkIndex];
  const chosen = fleet.pops[link?.popIndex ?? -1]?.code ?? '';
  const own = pops.find(({ pop }) => pop === chosen);
  const isScored = group.policy === undefined;
  const rival = isScored ? pops.find(({ pop, out }) => pop !== chosen && out === undefined) : undefined;
  const marginMs =
    own === undefined || rival === undefined ? undefined : rounded(rival.scoreMs - own.scoreMs);
  const isShared = split?.parts.some(({ pop }) => pop === rival?.pop) === true;
  const held = marginMs !== undefined && marginMs < 0 && own?.out === undefined && !isShared;
  const passed = isScored ? passedOverIn(known, pops, { chosen, group, split }) : undefined;
  const reason = TTL_REASONS[rowTtlReason(image, row)] ?? 'margin';
  return {
    epoch: image.epoch,
    madeAtMs: image.madeAtMs,
    group: group.name,
    cell: known.cell,
    chosen: { pop: chosen, link: link?.id ?? '' },
    ...(isScored ? {} : { policy: group.policy }),
    ...(rival === undefined || marginMs === undefined ? {} : { runnerUp: { pop: rival.pop, marginMs } }),
    ...(held
      ? { held: { gainMs: -marginMs, neededMs: neededMs(known, own as ExplainedPop, rival as ExplainedPop) } }
      : {}),
    ...(split === undefined ? {} : { split }),
    ...(passed === undefined ? {} : { passedOver: passed }),
    ttl: { seconds: rowTtl(image, row), why: ttlWords(reason, marginMs) },
    notes: notesOf(known, { group, chosen, split, held: held ? rival?.pop : undefined }),
    pops,
  };
}

function passedOverIn(
  { fleet, terms, outSinceMs }: Known,
  pops: readonly ExplainedPop[],
  of: { chosen: string; group: GroupTermsRecord; split: ExplainedSplit | undefined },
): PassedOver | undefined {
  return passedOver(pops, {
    chosen: of.chosen,
    serving: new Set(of.group.pops.map((pop) => fleet.pops[pop]?.code ?? '')),
    recordOf: (code) => terms.pops.find((record) => record.code === code),
    outSinceMs: (code) => outSinceMs?.(fleet.pops.findIndex((pop) => pop.code === code)),
    isShared: of.split !== undefined,
  });
}

function neededMs(known: Known, own: ExplainedPop, rival: ExplainedPop): number {
  const { fleet, view, terms } = known;
  const deviation = (code: string): number =>
    view.deviationMs[fleet.pops.findIndex((pop) => pop.code === code)] ?? 0;
  const standing = {
    incumbentOut: false,
    incumbentMs: own.scoreMs,
    gainMs: own.scoreMs - rival.scoreMs,
    deviationMs: Math.hypot(deviation(own.pop), deviation(rival.pop)),
    lead: 0,
    incumbentPriced: own.priceMs > 0,
    rivalPriced: rival.priceMs > 0,
    incumbentAlarmed: false,
    rivalIsHome: false,
    isYoung: false,
  };
  return rounded(thresholdMs(standing, terms.params));
}
