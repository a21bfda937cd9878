import { claimLeastMs, type LocatedSample, type Refusal, refusalOf } from './accept.ts';
import { ensureCell, ensureLeaf, moveLeaf, networkKey } from './cells.ts';
import { foreseeEstimates } from './estimates.ts';
import type { Learning } from './learning.ts';
import { agreesWithOthers, type LitBurst } from './light.ts';
import { foreseeNotes, lastSampleMs, noteSample } from './notes.ts';
import { LEVEL_TILE } from './prior.ts';
import { witness } from './witness.ts';

/** A tick's bursts on their way in: made once a tick, as there may be a million. */
export interface Intake {
  readonly state: Learning;
  readonly samples: readonly LocatedSample[];
  /** By burst: its leaf once it was read ahead; then the closest cell that it counts for, -1: refused. */
  readonly cellOfSample: Int32Array;
  /** By burst, likewise: the cell of its AS at its place; the place's where there is none. */
  readonly networkOfSample: Int32Array;
  readonly refused: Partial<Record<Refusal, number>>;
  readonly madeCells: number[];
  accepted: number;
  readonly seen: { nowMs: number; km: number | undefined };
  readonly lit: { -readonly [Key in keyof LitBurst]: LitBurst[Key] };
  /** First of the claimed place's distances; -1: it is too wide to have any. */
  first: number;
  /** Sum of what was read ahead, so that the reading is not left out as useless. */
  foreseen: number;
}

/** Nothing was taken in yet. */
export function intakeOf(state: Learning, samples: readonly LocatedSample[], nowMs: number): Intake {
  const { distances, params } = state;
  const intake: Intake = {
    state,
    samples,
    cellOfSample: new Int32Array(samples.length),
    networkOfSample: new Int32Array(samples.length),
    refused: {},
    madeCells: [],
    accepted: 0,
    seen: { nowMs, km: undefined },
    lit: {
      cell: 0,
      pop: 0,
      rttMs: 0,
      trust: state.trust,
      claimLeastMs: (pop) =>
        intake.first < 0 ? 0 : claimLeastMs(distances[intake.first + pop] as number, params),
    },
    first: -1,
    foreseen: 0,
  };
  return intake;
}

/** Takes bursts in: each finds its cells, and is held against its estimate. */
export function admitBlock(intake: Intake, from: number, to: number): void {
  foresee(intake, from, to);
  for (let i = from; i < to; i++) {
    const refusal = admit(intake, i);
    if (refusal === undefined) intake.accepted++;
    else refuse(intake, i, refusal);
  }
  const { state, samples, cellOfSample } = intake;
  for (let i = from; i < to; i++) {
    const cell = cellOfSample[i] as number;
    if (cell >= 0) witness(state, samples[i] as LocatedSample, cell);
  }
}

/** Reads ahead: where the networks' cells are told, then what is known of these. */
function foresee(intake: Intake, from: number, to: number): void {
  const { cells, estimates } = intake.state;
  const { samples, cellOfSample, networkOfSample } = intake;
  let sum = 0;
  for (let i = from; i < to; i++) {
    const { network, placeId, asn } = samples[i] as LocatedSample;
    if (network >= 0) sum += cells.leafIds.foresee(network);
    if (asn !== 0 && placeId >= 0) sum += cells.ids.foresee(networkKey(placeId, asn));
  }
  for (let i = from; i < to; i++) {
    const { network, placeId, asn } = samples[i] as LocatedSample;
    const leaf = network < 0 ? -1 : cells.leafIds.get(network);
    const above = asn === 0 || placeId < 0 ? placeId : cells.ids.get(networkKey(placeId, asn));
    if (leaf >= 0) sum += foreseeNotes(cells.notes, leaf) + foreseeEstimates(estimates, leaf);
    if (above >= 0) sum += foreseeNotes(cells.notes, above);
    cellOfSample[i] = leaf;
    networkOfSample[i] = above;
  }
  intake.foreseen += sum;
}

function refuse({ cellOfSample, refused }: Intake, i: number, refusal: Refusal): void {
  cellOfSample[i] = -1;
  refused[refusal] = (refused[refusal] ?? 0) + 1;
}

/** Checks a burst and finds its cells. */
function admit(intake: Intake, i: number): Refusal | undefined {
  const { state, madeCells, seen, cellOfSample, networkOfSample } = intake;
  const { params, cells, level, distances, terms } = state;
  const sample = intake.samples[i] as LocatedSample;
  const { placeId, popIndex, asn } = sample;
  const isTile = placeId >= 0 && level[placeId] === LEVEL_TILE;
  intake.first = isTile ? placeId * terms.shiftMs.length : -1;
  const isJudgedByClaim = isTile && popIndex >= 0 && sample.network < 0;
  seen.km = isJudgedByClaim ? distances[intake.first + popIndex] : undefined;
  const refusal = refusalOf(sample, seen, params);
  if (refusal !== undefined) return refusal;
  const known = cellOfSample[i] as number;
  const leaf = known < 0 ? ensureLeaf(cells, sample) : known;
  if (known >= 0) moveLeaf(cells, known, sample);
  if (leaf >= 0 && !isLit(intake, sample, leaf)) return 'faster-than-light';
  const above = networkOfSample[i] as number;
  const before = cells.ids.size();
  const network = above < 0 ? ensureCell(cells, placeId, asn) : above;
  // A country or the world is no network: a burst says nothing of all of it.
  if (leaf < 0 && network === placeId && !isTile) return asn === 0 ? 'unknown-network' : 'no-room';
  if (cells.ids.size() > before) madeCells.push(network);
  noteSample(cells.notes, network, seen.nowMs);
  networkOfSample[i] = network;
  cellOfSample[i] = leaf < 0 ? network : leaf;
  if (leaf < 0) return undefined;
  if (lastSampleMs(cells.notes, leaf) === 0) activate(intake, leaf);
  noteSample(cells.notes, leaf, seen.nowMs);
  return undefined;
}

/** A leaf that is measured for the first time has a decision of its own from now on. */
function activate({ state, madeCells }: Intake, leaf: number): void {
  const { leafActive, firstLeaf } = state.cells;
  if (leafActive[leaf - firstLeaf] === 1) return;
  leafActive[leaf - firstLeaf] = 1;
  madeCells.push(leaf);
}

/** Whether light allows a burst beside what else was measured of its network. */
function isLit({ state, lit }: Intake, sample: LocatedSample, leaf: number): boolean {
  lit.cell = leaf;
  lit.pop = sample.popIndex;
  lit.rttMs = sample.rttMs ?? Infinity;
  return agreesWithOthers(state.estimates, state.between, lit);
}
