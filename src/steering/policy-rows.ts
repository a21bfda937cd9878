import { mix32 } from '../base/random.ts';
import { asnOf, type Cells, placeOf } from './cells.ts';
import { ROW_CANDIDATES, ROW_SHARES, SHARE_WHOLE, TOGETHER } from './image.ts';
import type { RowTable } from './intern-rows.ts';
import {
  decidePolicy,
  type GroupPolicy,
  type Latency,
  needsOf,
  networksOf,
  type PolicyClient,
  type PolicyPart,
  standIns,
} from './policy.ts';
import type { CellGeometry } from './prior.ts';
import { TTL_REASONS } from './ttl.ts';
import { NONE } from './units.ts';

/** Parts that clients are divided into, at most. */
const PARTS_MAX = ROW_SHARES + 1;
/** No bound: those of the service and of the record count. */
const TTL_UNBOUNDED = 0xffff;
const BY_POLICY = TTL_REASONS.indexOf('policy');
const FAIL_OPEN = TTL_REASONS.indexOf('fail-open');

/** What the rows of policies are made from. */
export interface PolicySource {
  /** By group; undefined where the score decides. */
  readonly policies: readonly (GroupPolicy | undefined)[];
  readonly geometry: Pick<CellGeometry, 'country'>;
  readonly cells: Cells;
  /** Float32 [places x POPs], km. */
  readonly distances: Float32Array;
  readonly linkPop: Int32Array;
  /** By POP: the links that share its clients. */
  readonly linkChoices: readonly (readonly number[])[];
  /** By POP: 1 where it must not be answered. */
  readonly out: Uint8Array;
  /** By group that the score decides: it is answered although none of its POPs is up. */
  readonly failOpen: readonly boolean[];
  readonly rows: RowTable & { readonly shares: Uint16Array };
  readonly ttlMinSeconds: number;
}

/** A row being made. */
interface Draft {
  /** Those that clients start from first, as many as there are shares; at most `ROW_CANDIDATES`. */
  readonly pops: readonly number[];
  /** Of the whole, in the order of the POPs. */
  readonly shares: readonly number[];
  readonly ttlSeconds: number;
  readonly reason: number;
}

/**
 * Writes the rows of the groups that a policy decides, for the cells in use; how many changed. Where a policy
 * goes by score it takes the row of the group that is decided by it. `onlyScore`: nothing else changed.
 */
export function writePolicyRows(source: PolicySource, activeCells: Int32Array, onlyScore: boolean): number {
  let changed = 0;
  for (const [group, policy] of source.policies.entries())
    if (policy !== undefined && (!onlyScore || policy.groupOf.size > 0))
      changed += writeGroup(source, policy, { group, activeCells });
  return changed;
}

function writeGroup(
  source: PolicySource,
  policy: GroupPolicy,
  which: { readonly group: number; readonly activeCells: Int32Array },
): number {
  const { cells, geometry, rows } = source;
  const { distance, score } = needsOf(policy.root);
  const networks = networksOf(policy.root);
  // What the policy does not look at makes no difference.
  const known = new Map<string, Draft>();
  let changed = 0;
  for (const cell of which.activeCells) {
    const place = placeOf(cells, cell);
    const own = asnOf(cells, cell);
    const asn = networks.has(own) ? own : 0;
    const key = score ? '' : `${distance ? place : geometry.country[place]} ${asn}`;
    let draft = known.get(key);
    if (draft === undefined || score) {
      draft = draftOf(source, policy, { cell, place, asn });
      known.set(key, draft);
    }
    const spread = mix32(Math.imul(own, 0x9e3779b1) ^ place);
    if (put(source, { unit: which.group * rows.cellStride + cell, spread }, draft)) changed++;
  }
  return changed;
}

function draftOf(
  source: PolicySource,
  { root, groupOf }: GroupPolicy,
  at: { readonly cell: number; readonly place: number; readonly asn: number },
): Draft {
  const { geometry, distances, out, failOpen, rows } = source;
  const popCount = out.length;
  let ttlSeconds = TTL_UNBOUNDED;
  let isOpen = false;
  const unitOf = (latency: Latency): number => (groupOf.get(latency) ?? 0) * rows.cellStride + at.cell;
  const client: PolicyClient = {
    country: geometry.country[at.place] as string,
    asn: at.asn,
    kmTo: (pop) => distances[at.place * popCount + pop] as number,
    ranked: (latency) => rankedIn(source, unitOf(latency)),
    byScore: (latency) => {
      if (!isOpen && failOpen[groupOf.get(latency) ?? 0] === true) return [];
      ttlSeconds = Math.min(ttlSeconds, rows.ttlSeconds[unitOf(latency)] as number);
      return partsIn(source, unitOf(latency));
    },
  };
  const isUp = (pop: number): boolean => out[pop] === 0;
  let decided = decidePolicy(root, client, isUp);
  if (decided.parts.length === 0) {
    isOpen = true;
    decided = decidePolicy(root, client, () => true);
  }
  const main = decided.parts.toSorted((one, other) => other.share - one.share).slice(0, PARTS_MAX);
  const whole = main.reduce((sum, { share }) => sum + share, 0);
  // Answers of a table that fails open begin with nobody who is up, or that one would be answered.
  const others = standIns(root, client).filter((pop) => isUp(pop) !== isOpen);
  const pops = [...new Set([...main.map(({ pop }) => pop), ...others])].slice(0, ROW_CANDIDATES);
  return {
    pops,
    shares: main.map(({ share }) => share / whole),
    ttlSeconds: isOpen ? source.ttlMinSeconds : ttlSeconds,
    reason: (isOpen ? FAIL_OPEN : BY_POLICY) | (decided.together && main.length > 1 ? TOGETHER : 0),
  };
}

/** POPs of a row that the score decided. */
function rankedIn({ rows, linkPop }: PolicySource, unit: number): number[] {
  const links = [...rows.candidates.subarray(unit * ROW_CANDIDATES, (unit + 1) * ROW_CANDIDATES)];
  return [...new Set(links.filter((link) => link !== NONE).map((link) => linkPop[link] as number))];
}

/** Its parts: a POP whose clients are spread over its links is one. */
function partsIn({ rows, linkPop }: PolicySource, unit: number): PolicyPart[] {
  const shares = new Map<number, number>();
  let before = 0;
  for (let k = 0; k <= ROW_SHARES && before < SHARE_WHOLE; k++) {
    const link = rows.candidates[unit * ROW_CANDIDATES + k] as number;
    if (link === NONE) break;
    const bound = k < ROW_SHARES ? (rows.shares[unit * ROW_SHARES + k] as number) : 0;
    const upTo = bound === 0 ? SHARE_WHOLE : bound;
    const pop = linkPop[link] as number;
    shares.set(pop, (shares.get(pop) ?? 0) + (upTo - before) / SHARE_WHOLE);
    before = upTo;
  }
  return [...shares].map(([pop, share]) => ({ pop, share }));
}

/** Puts the row into the table; whether it differs from the one that was there. */
function put(
  { rows, linkChoices }: PolicySource,
  where: { readonly unit: number; readonly spread: number },
  { pops, shares, ttlSeconds, reason }: Draft,
): boolean {
  const { unit, spread } = where;
  let hasChanged = rows.ttlSeconds[unit] !== ttlSeconds || rows.ttlReason[unit] !== reason;
  rows.ttlSeconds[unit] = ttlSeconds;
  rows.ttlReason[unit] = reason;
  for (let k = 0; k < ROW_CANDIDATES; k++) {
    const choices = k < pops.length ? (linkChoices[pops[k] as number] as readonly number[]) : [];
    const link = choices[spread % choices.length] ?? NONE;
    if (rows.candidates[unit * ROW_CANDIDATES + k] !== link) hasChanged = true;
    rows.candidates[unit * ROW_CANDIDATES + k] = link;
  }
  let given = 0;
  for (let k = 0; k < ROW_SHARES; k++) {
    given += shares[k] ?? 0;
    // Rising, and the last part has what is left.
    const least = 1 + k;
    const most = SHARE_WHOLE - 1 - ROW_SHARES + k;
    const bound =
      k >= shares.length - 1 ? 0 : Math.max(least, Math.min(most, Math.round(given * SHARE_WHOLE)));
    if (rows.shares[unit * ROW_SHARES + k] !== bound) hasChanged = true;
    rows.shares[unit * ROW_SHARES + k] = bound;
  }
  return hasChanged;
}
