import { constants, copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { answer } from '../answer/answer.ts';
import type { Outcome } from '../answer/context.ts';
import { buildRowMap } from '../answer/row-map.ts';
import { parsePrefix } from '../base/address.ts';
import { popStateWords } from '../base/pop-state.ts';
import type { Config } from '../config/config.ts';
import { type LoadRange, loadRanges } from '../replay/draws.ts';
import {
  createForesight,
  type Foreseen,
  type Foresight,
  type ForesightGround,
  type KnownWorld,
  type SavedCell,
} from '../replay/foresee.ts';
import { loadOf } from '../replay/load.ts';
import type { LoggedQuestion } from '../replay/questions.ts';
import { createRttView, type RttView } from '../replay/rtt.ts';
import { type Answering, createAnswering } from '../server/answering.ts';
import type { LocatedDemand } from '../steering/decider-state.ts';
import type { SteeringImage } from '../steering/image.ts';
import { decodeTerms, type SteeringTerms } from '../steering/terms.ts';
import type { Terminal } from './command.ts';
import { savedTable } from './first-table.ts';
import { formatCount } from './format.ts';
import { loadGround } from './ground.ts';
import type { CloseLater } from './long-running.ts';
import { openStore } from './open-store.ts';
import { openWorld, startImages, type World } from './world.ts';

/** What of a world its answers come from. */
export type ReplayWorld = Pick<
  World,
  'groups' | 'groupOf' | 'places' | 'policyNetworks' | 'locator' | 'answerData'
> & { readonly config: Pick<Config, 'fleet' | 'steering'> };

/** A configuration with what is known of its world. */
export interface Ground {
  readonly world: ReplayWorld;
  /** The saved table, if there is one for this fleet. */
  readonly image: SteeringImage | undefined;
  readonly estimates: ReadonlyMap<string, Uint8Array>;
  readonly nowMs: number;
  /** Codes of POPs that are out in any case. */
  readonly out: readonly string[];
}

/** One of the worlds that are compared. */
export interface Side {
  readonly name: string;
  readonly world: ReplayWorld;
  /** Answers from the side's table. */
  readonly answering: Answering;
  readonly terms: SteeringTerms;
  readonly rtt: RttView;
  /**
   * By POP index: what it gets in the log's busiest window, and between what that is likely to be,
   * requests/s; absent where nothing was measured, or nobody asked.
   */
  readonly ranges?: readonly (LoadRange & { readonly rps: number })[] | undefined;
  /** What its answers were decided with, in words. */
  readonly basis: string;
}

const port = 53;

/** Opens a configuration: zones, geo data, and what the state folder and the store know. */
export async function openGround(
  config: Config,
  from: {
    readonly state: string | undefined;
    readonly store: string | undefined;
    readonly terminal: Terminal;
    readonly closeLater: CloseLater;
  },
): Promise<Ground> {
  const { state, store, terminal, closeLater } = from;
  // Nothing is written to where a server may be at work; what was made there before is of use.
  const scratch = mkdtempSync(join(tmpdir(), 'isochrone-replay-'));
  closeLater(() => rmSync(scratch, { recursive: true, force: true }));
  const made = join(state ?? config.state, 'clients.image');
  if (existsSync(made)) copyFileSync(made, join(scratch, 'clients.image'), constants.COPYFILE_FICLONE);
  const ground = loadGround({ ...config, state: scratch });
  const loading = startImages(ground, { terminal, othersAnswer: true, closeLater });
  const saved =
    state === undefined ? undefined : await savedTable({ ...ground, config: { ...config, state } });
  if (typeof saved === 'string') terminal.err(`the saved table is not used: ${saved}`);
  const estimates = store === undefined ? new Map<string, Uint8Array>() : await estimatesIn(config, store);
  const world = await openWorld(ground, loading, { terminal, closeLater });
  const image = typeof saved === 'object' ? saved.image : undefined;
  return { world, image, estimates, nowMs: image?.madeAtMs ?? Date.now(), out: [] };
}

async function estimatesIn(config: Config, url: string): Promise<Map<string, Uint8Array>> {
  const store = await openStore({ ...config, store: url });
  const found = new Map<string, Uint8Array>();
  try {
    for await (const [key, packed] of store.allEstimates()) found.set(key, packed);
  } finally {
    await store.close();
  }
  return found;
}

/**
 * Decides for the demand of a log, and makes that the table of a side. `without`: POPs that are away;
 * `hasRanges`: says how sure the loads are, too.
 */
export function decideSide(
  ground: Ground,
  demand: readonly LocatedDemand[],
  how: { readonly name: string; readonly without: readonly string[]; readonly hasRanges?: boolean },
): Side {
  const { world, image, estimates, nowMs } = ground;
  const { config, places } = world;
  const decided = estimates.size === 0 && image !== undefined ? asSaved(image) : anew(ground, demand, how);
  const popState = popStateWords(config.fleet.pops.length);
  const out = [...ground.out, ...how.without];
  for (const { code, index } of config.fleet.pops) if (out.includes(code)) popState[index] = 1;
  const answering = createAnswering({ ...world.answerData, popState });
  const rows = buildRowMap(answering.clients(), decided.image);
  const table = answering.setTable(decided.image.bytes, rows);
  if (typeof table === 'string') throw new Error(`the table that was decided is refused: ${table}`);
  const { terms, basis, ranges } = decided;
  const { fleet } = config;
  const rtt = createRttView({ fleet, geometry: places, terms, packed: estimates, nowMs });
  return { name: how.name, world, answering, terms, rtt, basis, ranges };
}

/** The saved table as it is: what is out goes to the next in each row. */
function asSaved(image: SteeringImage) {
  const basis =
    `the saved table of epoch ${image.epoch} as it is: clients of a POP that is away get the next of their ` +
    'row, whatever its load; round-trip times by distance (modelled), for no estimates were given (--store)';
  return { image, terms: decodeTerms(image.termsText), basis, ranges: undefined };
}

function anew(
  ground: Ground,
  demand: readonly LocatedDemand[],
  { without, hasRanges = false }: { readonly without: readonly string[]; readonly hasRanges?: boolean },
) {
  const { estimates } = ground;
  const { deciding, known, foresight, whole } = asThingsAre(ground, demand);
  const decided = without.length === 0 ? whole : foresight.settle(without);
  const { image, terms, ticks, isSettled } = decided;
  const from =
    estimates.size === 0
      ? 'geography alone (modelled)'
      : `the estimates of ${formatCount(estimates.size)} cells in the store`;
  const rest = isSettled ? 'at rest' : 'not at rest';
  const basis =
    `decided by the production engine from ${from}, for the demand of the log's busiest window; ` +
    `${rest} after ${ticks} ticks`;
  if (!hasRanges || estimates.size === 0) return { image, terms, basis, ranges: undefined };
  const plainRps = loadOf(decided, { fleet: deciding.fleet, groupCount: deciding.groups.length, demand });
  const ranges = loadRanges(deciding, known, { without, plainRps }).map((range, pop) => {
    return { ...range, rps: plainRps[pop] as number };
  });
  return { image, terms, basis, ranges };
}

/** An engine that came to rest as things are, before anything is taken away. */
interface AtRest {
  readonly demand: readonly LocatedDemand[];
  readonly deciding: ForesightGround;
  readonly known: KnownWorld;
  readonly foresight: Foresight;
  readonly whole: Foreseen;
}

/** Where both worlds stand on one ground, the second goes on from where the first came to rest. */
const atRest = new WeakMap<Ground, AtRest>();

function asThingsAre(ground: Ground, demand: readonly LocatedDemand[]): AtRest {
  const before = atRest.get(ground);
  if (before?.demand === demand) return before;
  const { world, image, estimates, nowMs, out } = ground;
  const { config, groups, places, policyNetworks, locator } = world;
  const located = { placeId: 0, asn: 0, known: false };
  const saved: SavedCell[] = [...estimates].map(([key, packed]) => {
    const prefix = parsePrefix(key);
    if (typeof prefix === 'string') return { key, packed };
    locator.locate(prefix.address, located);
    return { key, packed, at: { placeId: located.placeId, asn: located.asn } };
  });
  const isHere = (code: string): boolean => config.fleet.pops.some((pop) => pop.code === code);
  const deciding: ForesightGround = {
    fleet: config.fleet,
    geometry: places,
    placesDigest: places.digest,
    groups,
    params: config.steering,
    networks: policyNetworks,
  };
  const overrides = out.filter(isHere).map((pop) => ({ pop, reason: 'out now' }));
  const known: KnownWorld = { nowMs, image, estimates: saved, demand, overrides };
  const foresight = createForesight(deciding, known);
  const made = { demand, deciding, known, foresight, whole: foresight.settle([]) };
  atRest.set(ground, made);
  return made;
}

/** Answers a question as this side; gives the length of the answer in `out`, and the outcome. */
export function answerAs(
  { context }: Answering,
  { octets, client: address, transport }: LoggedQuestion,
  out: Uint8Array,
): { readonly length: number; readonly outcome: Readonly<Outcome> } {
  const length = answer(context, octets, octets.length, { address, port, transport }, out);
  return { length, outcome: context.outcome };
}
