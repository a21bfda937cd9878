import { join } from 'node:path';
import { must } from '../base/assert.ts';
import type { Problem } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import type { Dnssec } from '../config/schema-dnssec.ts';
import { togetherIn } from '../steering/policy.ts';
import { formatName, parseName } from '../wire/name.ts';
import type { ZoneImageBuilder } from '../zone/image-build.ts';
import type { KeyState } from '../zone/key-state.ts';
import type { ZoneRecord } from '../zone/record.ts';
import type { SigningGround } from './candidate-sources.ts';
import { stateFolder } from './ground.ts';
import type { ImageNotes, SignedNote } from './image-file.ts';
import { keyFileNames } from './key-files.ts';
import { readSaved } from './saved-files.ts';
import { keyProblems, type SignedByFiles, signByFiles, signingPaths, statesDigest } from './zone-signer.ts';

/** Adds zones to an image, those that are to be signed signed. */
export interface ZoneSigners {
  /** Gives all that keeps the zone from being served. `state` is told of files before they are read. */
  readonly add: (
    builder: ZoneImageBuilder,
    zone: { origin: Uint8Array; records: readonly ZoneRecord[]; dnssec: Dnssec | undefined },
    state: (path: string) => string,
  ) => readonly Problem[];
  /** Saves what the next signing goes on from. */
  readonly save: () => void;
  readonly notes: () => Pick<ImageNotes, 'renewAtMs' | 'keys' | 'signed'>;
}

/**
 * Candidates of steered names that are signed before the first answer: half a second's work. The others are
 * signed behind it.
 */
const CANDIDATES_AWAITED_MAX = 10_000;

/** What the zones of a configuration are signed with; undefined where none is. */
export function signingGround(config: Config): SigningGround | undefined {
  if (!config.zones.some(({ dnssec }) => dnssec !== undefined)) return undefined;
  return {
    services: config.services.map(({ name, ttl, https, popIndexes, ipv6Index, policy }) => {
      const together = policy === undefined ? [] : togetherIn(policy);
      return { name, ttlMin: ttl.min, ttlMax: ttl.max, https, popIndexes, ipv6Index, together };
    }),
    fleet: config.fleet,
    folder: signingFolder(config),
  };
}

/** Whether keys of any zone stand elsewhere in their lives than when it was signed. */
export function haveKeysMoved(
  zones: Config['zones'],
  folder: string,
  signedWith: NonNullable<ImageNotes['keys']>,
): boolean {
  return zones.some(({ origin, dnssec }) => {
    const name = parseName(origin);
    if (dnssec === undefined || typeof name === 'string') return false;
    // Without a file the keys are as they were made: new ones are seen by their files.
    const states = readSaved<readonly KeyState[]>(signingPaths(folder, name, dnssec).states);
    return states !== undefined && statesDigest(states) !== signedWith[formatName(name).toLowerCase()];
  });
}

/** What keeps the zones of a configuration from being signed by the keys that there are. */
export function signingProblems(config: Config): Problem[] {
  return config.zones.flatMap(({ origin, dnssec }) => {
    const name = parseName(origin);
    return dnssec === undefined || typeof name === 'string'
      ? []
      : keyProblems(name, dnssec, signingFolder(config));
  });
}

/** Folder of what signing keeps, and of keys unless the configuration names another. */
export function signingFolder(config: Config): string {
  return join(stateFolder(config), 'dnssec');
}

/** Signers of a process that makes one image. */
export function createZoneSigners(
  ground: SigningGround | undefined,
  /** Somebody waits for the image: most of what can wait does. */
  isAwaited: boolean,
): ZoneSigners {
  let candidatesMax = isAwaited ? CANDIDATES_AWAITED_MAX : undefined;
  const saves: SignedByFiles['save'][] = [];
  const keys: Record<string, string> = {};
  const done: Record<string, SignedNote> = {};
  let renewAtS = Number.POSITIVE_INFINITY;
  return {
    add: (builder, { origin, records, dnssec }, state) => {
      if (dnssec === undefined) return builder.add(origin, records);
      const { folder } = must(ground, 'what zones are signed with');
      const paths = signingPaths(folder, origin, dnssec);
      for (const file of keyFileNames(paths.keys, origin)) state(join(paths.keys, file));
      const nowS = Math.floor(Date.now() / 1000);
      const startedMs = performance.now();
      const zone = { origin, records, dnssec, candidatesMax };
      const signed = signByFiles(zone, must(ground, 'its ground'), nowS);
      if (!('records' in signed)) return signed;
      if (isAwaited) candidatesMax = signed.signing.candidates.left;
      saves.push(signed.save);
      const name = formatName(origin).toLowerCase();
      const { expiresAtS } = signed.signing.done;
      keys[name] = signed.keysDigest;
      done[name] = { expiresAtS, tookMs: performance.now() - startedMs };
      renewAtS = Math.min(renewAtS, signed.signing.done.renewAtS);
      return builder.add(origin, signed.records, signed);
    },
    save: () => {
      for (const save of saves) save();
    },
    notes: () => (saves.length === 0 ? {} : { renewAtMs: renewAtS * 1000, keys, signed: done }),
  };
}
