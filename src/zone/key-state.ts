import { isEntryPoint } from './key.ts';
import type { SigningKey } from './rrsig.ts';
import type { PlannedKey } from './zone-in-hand.ts';

/** What a key is for: all, the keys' own RRsets, or everything else. */
export type KeyRole = 'csk' | 'ksk' | 'zsk';

/**
 * Where a key stands in its life. `published`: in the DNSKEY RRset, so that caches come to know it; nothing
 * but that RRset is signed with it. `active`: signs. `retiring`: signs no more, but caches hold signatures by
 * it, and perhaps a DS. `removed`: not in the zone.
 *
 * Where a zone gets another algorithm (algorithm-roll.ts), keys of the new one are `signing`: everything, and
 * not in the DNSKEY RRset; `joining`: in it too; `offered`: the parent is to have their DS; then active.
 * Those of the old one are `leaving`: as before, but for the DS; `fading`: as `signing`; then removed.
 */
export type KeyPhase =
  | 'published'
  | 'active'
  | 'retiring'
  | 'removed'
  | 'signing'
  | 'joining'
  | 'offered'
  | 'leaving'
  | 'fading';

/** One key's place in the life of a zone's keys. */
export interface KeyState {
  readonly tag: number;
  readonly algorithm: number;
  readonly role: KeyRole;
  readonly phase: KeyPhase;
  /** When the phase began, seconds since 1970 UTC. */
  readonly sinceS: number;
  /** When the zone was first served so; absent until then: waits count from here. */
  readonly servedS?: number;
  /** When the parent's DS for it was first seen, or, of a retiring key, was first seen gone. */
  readonly dsS?: number;
}

/** The state of keys that nothing is known of but themselves: as they were made or imported. */
export function initialStates(keys: readonly SigningKey[], nowS: number): KeyState[] {
  return keys.map((key) => {
    const { tag, algorithm } = key;
    return { tag, algorithm, role: roleOf(key, keys), phase: 'active', sinceS: nowS };
  });
}

/** An entry point without a ZSK of its algorithm beside it does all. */
export function roleOf(key: SigningKey, all: readonly SigningKey[]): KeyRole {
  if (!isEntryPoint(key)) return 'zsk';
  const split = all.some((other) => !isEntryPoint(other) && other.algorithm === key.algorithm);
  return split ? 'ksk' : 'csk';
}

/** The parent is to have a DS for entry points in these. */
const WANTED: readonly KeyPhase[] = ['published', 'active', 'offered'];

/** What the keys do now. Keys without a state, and removed ones, do nothing. */
export function plannedKeys(keys: readonly SigningKey[], states: readonly KeyState[]): PlannedKey[] {
  return keys.flatMap((key) => {
    const state = states.find(({ tag, algorithm }) => tag === key.tag && algorithm === key.algorithm);
    if (state === undefined || state.phase === 'removed') return [];
    const { role, phase } = state;
    return [
      {
        key,
        signsKeys: role !== 'zsk',
        signsData: role !== 'ksk' && phase !== 'published' && phase !== 'retiring',
        isPublished: phase !== 'signing' && phase !== 'fading',
        isWanted: role !== 'zsk' && WANTED.includes(phase),
      },
    ];
  });
}
