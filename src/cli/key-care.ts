import { must } from '../base/assert.ts';
import { OperatorError } from '../base/errors.ts';
import type { Dnssec } from '../config/schema-dnssec.ts';
import { TYPE } from '../wire/constants.ts';
import { formatName, namesEqual, parseName } from '../wire/name.ts';
import { readSections } from '../wire/records.ts';
import type { KeyPhase, KeyState } from '../zone/key-state.ts';
import { addKey, type RolloverNews, type RolloverTimes, stepKeys } from '../zone/rollover.ts';
import { ALGORITHM_NAMES, generateKey } from './key-files.ts';
import { readSaved, writeSaved } from './saved-files.ts';
import { askStub } from './stub.ts';
import type { World } from './world.ts';
import { readKeysWithStates, type Served, signingPaths, statesDigest } from './zone-signer.ts';
import { haveKeysMoved, signingFolder } from './zone-signers.ts';

/** What looking after keys works on. */
export interface KeyCareOptions {
  readonly world: Pick<World, 'config' | 'images'>;
  /** Has the signed zones made anew, and taken into use. */
  readonly remake: (stop: AbortSignal) => Promise<void>;
  readonly log: (message: string) => void;
}

/** A zone that is signed. */
interface SignedZone {
  readonly origin: Uint8Array;
  readonly dnssec: Dnssec;
}

/** Keys that are looked after. */
export interface KeyCare {
  /** By zone, in lower case: its keys, as they were last looked at. */
  readonly keys: ReadonlyMap<string, readonly KeyState[]>;
  readonly close: () => Promise<void>;
}

/** TTL of the longest-lived RRset where it is not known, seconds. */
const TTL_UNKNOWN_S = 86_400;

/**
 * Renews signatures before they expire and moves keys on in their lives, for as long as the program runs.
 */
export function startKeyCare(options: KeyCareOptions): KeyCare {
  const { world, log } = options;
  const zones = world.config.zones.flatMap(({ origin, dnssec }): SignedZone[] => {
    const name = parseName(origin);
    return dnssec === undefined || typeof name === 'string' ? [] : [{ origin: name, dnssec }];
  });
  const seen = new Map<string, readonly KeyState[]>();
  if (zones.length === 0) return { keys: seen, close: async () => undefined };
  const stop = new AbortController();
  const everyS = Math.min(...zones.map(({ dnssec }) => dnssec.rollover.checkS));
  let running: Promise<void> | undefined;
  const look = (): void => {
    running ??= lookAfter({ ...options, seen }, zones, stop.signal)
      .catch((error: Error) => {
        if (!stop.signal.aborted) log(`signed zones are not renewed: ${error.message}`);
      })
      .finally(() => {
        running = undefined;
      });
  };
  const timer = setInterval(look, everyS * 1000);
  look();
  return {
    keys: seen,
    close: async () => {
      clearInterval(timer);
      stop.abort();
      await running;
    },
  };
}

interface Looking extends KeyCareOptions {
  /** By zone. */
  readonly seen: Map<string, readonly KeyState[]>;
}

async function lookAfter(options: Looking, zones: readonly SignedZone[], stop: AbortSignal): Promise<void> {
  const { world, remake, log } = options;
  const { config, images } = world;
  for (const zone of zones) {
    if (stop.aborted) return;
    try {
      await moveKeys(options, zone, stop);
    } catch (error) {
      log(`keys of ${formatName(zone.origin)}: ${(error as Error).message}`);
    }
  }
  const { renewAtMs = Number.POSITIVE_INFINITY, keys = {} } = images.zones.notes;
  const isDue = Date.now() >= renewAtMs || haveKeysMoved(config.zones, signingFolder(config), keys);
  if (isDue && !stop.aborted) await remake(stop);
}

/** One zone's keys, one step. */
async function moveKeys({ world, log, seen }: Looking, zone: SignedZone, stop: AbortSignal): Promise<void> {
  const { origin, dnssec } = zone;
  const name = formatName(origin);
  const nowS = Math.floor(Date.now() / 1000);
  const paths = signingPaths(signingFolder(world.config), origin, dnssec);
  const { states, problems } = readKeysWithStates(origin, paths, nowS);
  if (problems.length > 0) throw new OperatorError('bad-zone', problems);
  const isServed = world.images.zones.notes.keys?.[name.toLowerCase()] === statesDigest(states);
  const news: RolloverNews = { nowS, isServed, ds: await seenDs(zone, states, stop) };
  const step = stepKeys(states, rolloverTimes(dnssec, readSaved<Served>(paths.served)), news);
  let next = step.states;
  for (const { role, algorithm } of step.wanted) {
    const taken = next.map(({ tag }) => tag);
    const made = generateKey({
      origin,
      algorithm: must(ALGORITHM_NAMES[algorithm === 15 ? 1 : 0], 'an algorithm'),
      isEntryPoint: role !== 'zsk',
      folder: paths.keys,
      taken,
    });
    next = addKey(next, { tag: made.key.tag, algorithm, role }, nowS);
  }
  seen.set(name.toLowerCase(), next);
  if (JSON.stringify(next) === JSON.stringify(readSaved(paths.states))) return;
  writeSaved(paths.states, JSON.stringify(next, undefined, 1));
  for (const { tag, phase, role } of next)
    if (states.find((state) => state.tag === tag)?.phase !== phase) log(`${name} ${role} ${tag} is ${phase}`);
}

/** The waits of a zone's rollovers. */
export function rolloverTimes({ keyTtlS, rollover }: Dnssec, served: Served | undefined): RolloverTimes {
  const { dsTtlS, propagationS, entryPointLifetimeS, zskLifetimeS } = rollover;
  return {
    keyTtlS,
    zoneTtlMaxS: served?.ttlMaxS ?? TTL_UNKNOWN_S,
    dsTtlS,
    propagationS,
    lifetimeS: { csk: entryPointLifetimeS, ksk: entryPointLifetimeS, zsk: zskLifetimeS },
  };
}

/** Entry points in these wait for the parent. */
const OF_DS: readonly KeyPhase[] = ['published', 'retiring', 'offered', 'leaving'];

/** Tags of the DS records that the parent's servers have, where a key waits for that. */
async function seenDs(
  { origin, dnssec }: SignedZone,
  states: readonly KeyState[],
  stop: AbortSignal,
): Promise<RolloverNews['ds']> {
  const waits = states.some(({ role, phase }) => role !== 'zsk' && OF_DS.includes(phase));
  const { parent } = dnssec.rollover;
  if (!waits || parent.length === 0) return undefined;
  const question = { name: formatName(origin).slice(0, -1), type: TYPE.DS, tcp: false, stop };
  const answers = await Promise.allSettled(parent.map((server) => askStub({ ...question, server })));
  const sets = answers.map((answer) =>
    answer.status === 'fulfilled' ? dsTagsIn(answer.value.octets, origin) : undefined,
  );
  const known = sets.filter((set) => set !== undefined);
  // One that does not answer may have anything.
  if (known.length < sets.length) return undefined;
  const anywhere = [...new Set(known.flat())];
  return { anywhere, everywhere: anywhere.filter((tag) => known.every((set) => set.includes(tag))) };
}

function dsTagsIn(octets: Uint8Array, origin: Uint8Array): number[] | undefined {
  const sections = readSections(octets);
  if (typeof sections === 'string' || ((octets[3] as number) & 15) !== 0) return undefined;
  return sections.answer
    .filter(({ type, owner }) => type === TYPE.DS && namesEqual(owner, origin))
    .map(({ rdata }) => ((rdata[0] as number) << 8) | (rdata[1] as number));
}
