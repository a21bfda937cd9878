import { algorithmDueS, isChanging, stepAlgorithm } from './algorithm-roll.ts';
import type { KeyRole, KeyState } from './key-state.ts';

/**
 * The life of a zone's keys (RFC 6781 §4.1, RFC 7583): one is published before it signs, and stays published
 * after it; an entry point waits besides for the parent's DS, and then both DS stand side by side. Pure:
 * a function from states to states, so that it goes on where it was after any restart. Waits count from when
 * the zone was served so, not from when that was decided.
 */

/** How long things take, in seconds. */
export interface RolloverTimes {
  /** TTL of the DNSKEY RRset. */
  readonly keyTtlS: number;
  /** Longest TTL of any RRset of the zone. */
  readonly zoneTtlMaxS: number;
  /** TTL of the parent's DS RRset. */
  readonly dsTtlS: number;
  /** Until every server of the zone has what is new. */
  readonly propagationS: number;
  /** After so long a key is replaced; 0: only when an operator asks. */
  readonly lifetimeS: Readonly<Record<KeyRole, number>>;
}

/** What is known from outside. */
export interface RolloverNews {
  readonly nowS: number;
  /** The image in use was made from these very states. */
  readonly isServed: boolean;
  /** Tags of the DS RRsets that the parent's servers have; undefined: not asked, or no answer. */
  readonly ds: { readonly everywhere: readonly number[]; readonly anywhere: readonly number[] } | undefined;
}

/** What follows. */
export interface RolloverStep {
  readonly states: readonly KeyState[];
  /** Roles, and algorithms, of keys to be made and added as `published`. */
  readonly wanted: readonly { readonly role: KeyRole; readonly algorithm: number }[];
}

/** One step: the states as they are to be from now on. The same states, if nothing is due. */
export function stepKeys(
  states: readonly KeyState[],
  times: RolloverTimes,
  news: RolloverNews,
): RolloverStep {
  const noted = states.map((state) => note(state, news));
  const due = noted.find((state) => state.phase === 'published' && isReady(state, times, news));
  const next = (due === undefined ? noted : activate(noted, due, news.nowS)).map((state) =>
    state.phase === 'retiring' && isForgotten(state, times, news)
      ? { ...begun(state, news.nowS), phase: 'removed' as const }
      : state,
  );
  const changed = stepAlgorithm(next, times, news);
  return { states: changed, wanted: wantedKeys(changed, times, news) };
}

/** A key that was just made, beside the others. */
export function addKey(
  states: readonly KeyState[],
  key: Pick<KeyState, 'tag' | 'algorithm' | 'role'>,
  nowS: number,
): KeyState[] {
  const { tag, algorithm, role } = key;
  return [...states, { tag, algorithm, role, phase: 'published', sinceS: nowS }];
}

/** Why no new key of the role may be introduced; undefined if one may. */
export function whyNotNow(states: readonly KeyState[], role: KeyRole): string | undefined {
  const changing = states.find(isChanging);
  if (changing !== undefined) return `key ${changing.tag} is ${changing.phase}: the algorithm changes`;
  const own = states.filter((state) => state.role === role);
  if (!own.some(({ phase }) => phase === 'active')) return `no ${role} is active`;
  const busy = own.find(({ phase }) => phase === 'published' || phase === 'retiring');
  return busy === undefined ? undefined : `key ${busy.tag} is ${busy.phase}: one rollover at a time`;
}

/** What a key waits for, in words; undefined if it waits for nothing. */
export function waitOf(state: KeyState, times: RolloverTimes): string | undefined {
  const { phase, servedS, dsS, role, tag } = state;
  if (isChanging(state)) return algorithmWait(state, times);
  if (phase !== 'published' && phase !== 'retiring') return undefined;
  if (servedS === undefined) return 'to be served';
  if (role !== 'zsk' && dsS === undefined)
    return phase === 'published' ? `the parent's DS for ${tag}` : `the parent's DS for ${tag} to go`;
  const untilS = phase === 'published' ? readyAtS(state, times) : forgottenAtS(state, times);
  return `caches, until ${new Date(untilS * 1000).toISOString()}`;
}

function algorithmWait(state: KeyState, times: RolloverTimes): string | undefined {
  const { phase, servedS, dsS, role, tag } = state;
  if (servedS === undefined) return 'to be served';
  if (phase === 'offered' && dsS === undefined) return `the parent's DS for ${tag}`;
  if (role !== 'zsk' && phase === 'leaving' && dsS === undefined) return `the parent's DS for ${tag} to go`;
  return `caches, until ${new Date(algorithmDueS(state, times) * 1000).toISOString()}`;
}

function note(state: KeyState, { nowS, isServed, ds }: RolloverNews): KeyState {
  let noted = state;
  if (isServed && state.servedS === undefined) noted = { ...noted, servedS: nowS };
  if (ds === undefined || state.role === 'zsk') return noted;
  const { phase, tag } = state;
  const comes = phase === 'published' || phase === 'offered';
  const goes = phase === 'retiring' || phase === 'leaving';
  const isAwaited = comes ? ds.everywhere.includes(tag) : goes && !ds.anywhere.includes(tag);
  if (isAwaited) return noted.dsS === undefined ? { ...noted, dsS: nowS } : noted;
  return comes || goes ? withoutDs(noted) : noted;
}

/** From when on every cache has the new key, and the parent's DS. */
function readyAtS({ servedS = 0, dsS = 0, role }: KeyState, times: RolloverTimes): number {
  const knownS = servedS + times.keyTtlS + times.propagationS;
  return role === 'zsk' ? knownS : Math.max(knownS, dsS + times.dsTtlS);
}

/** From when on no cache has what needs the old key. */
function forgottenAtS({ servedS = 0, dsS = 0, role }: KeyState, times: RolloverTimes): number {
  const { keyTtlS, zoneTtlMaxS, propagationS, dsTtlS } = times;
  const dataS = servedS + Math.max(keyTtlS, role === 'ksk' ? 0 : zoneTtlMaxS) + propagationS;
  return role === 'zsk' ? dataS : Math.max(dataS, dsS + dsTtlS);
}

function isReady(state: KeyState, times: RolloverTimes, { nowS }: RolloverNews): boolean {
  if (state.servedS === undefined || (state.role !== 'zsk' && state.dsS === undefined)) return false;
  return nowS >= readyAtS(state, times);
}

function isForgotten(state: KeyState, times: RolloverTimes, { nowS }: RolloverNews): boolean {
  if (state.servedS === undefined || (state.role !== 'zsk' && state.dsS === undefined)) return false;
  return nowS >= forgottenAtS(state, times);
}

/** The new key signs, those of its role and algorithm before it retire. */
function activate(states: readonly KeyState[], due: KeyState, nowS: number): KeyState[] {
  return states.map((state) => {
    if (state === due) return { ...begun(state, nowS), phase: 'active' };
    const isSame = state.role === due.role && state.algorithm === due.algorithm;
    if (isSame && state.phase === 'active') return { ...begun(state, nowS), phase: 'retiring' };
    return state;
  });
}

function begun(state: KeyState, nowS: number): KeyState {
  const { tag, algorithm, role, phase } = state;
  return { tag, algorithm, role, phase, sinceS: nowS };
}

function withoutDs({ dsS: _, ...state }: KeyState): KeyState {
  return state;
}

function wantedKeys(
  states: readonly KeyState[],
  { lifetimeS }: RolloverTimes,
  { nowS }: RolloverNews,
): RolloverStep['wanted'] {
  return states
    .filter(({ phase, role, servedS }) => {
      const life = lifetimeS[role];
      return phase === 'active' && life > 0 && servedS !== undefined && nowS >= servedS + life;
    })
    .filter(({ role }) => whyNotNow(states, role) === undefined)
    .map(({ role, algorithm }) => ({ role, algorithm }));
}
