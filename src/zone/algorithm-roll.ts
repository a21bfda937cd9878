import type { KeyPhase, KeyState } from './key-state.ts';
import type { RolloverNews, RolloverTimes } from './rollover.ts';

/**
 * Another algorithm for a zone (RFC 6781 §4.1.4, the conservative way; RFC 4035 §2.2, RFC 6840 §5.11): all
 * keys of the new one go together, and all of the old ones. New signatures first, then new DNSKEYs, then the
 * DS; the old DS goes, then the old DNSKEYs, and their signatures last: so no validator ever knows of an
 * algorithm for which a cache has RRsets without signatures. Pure, as rollover.ts is.
 */

/** In order: what the keys of the new algorithm go through, and then those of the old. */
const COMING: readonly KeyPhase[] = ['signing', 'joining', 'offered'];
const GOING: readonly KeyPhase[] = ['leaving', 'fading'];

/** Whether a key takes part in such a change: then it signs everything that is its to sign. */
export function isChanging({ phase }: Pick<KeyState, 'phase'>): boolean {
  return COMING.includes(phase) || GOING.includes(phase);
}

/** Why no other algorithm may be begun with; undefined if one may. */
export function whyNoAlgorithm(states: readonly KeyState[], algorithm: number): string | undefined {
  const busy = states.find(({ phase }) => phase !== 'active' && phase !== 'removed');
  if (busy !== undefined) return `key ${busy.tag} is ${busy.phase}: one rollover at a time`;
  const active = states.filter(({ phase }) => phase === 'active');
  if (active.length === 0) return 'no key is active';
  return active.some((state) => state.algorithm === algorithm) ? 'the zone has that algorithm' : undefined;
}

/** Keys of another algorithm that were just made, beside the others. */
export function addAlgorithm(
  states: readonly KeyState[],
  keys: readonly Pick<KeyState, 'tag' | 'algorithm' | 'role'>[],
  nowS: number,
): KeyState[] {
  return [...states, ...keys.map((key) => ({ ...key, phase: 'signing' as const, sinceS: nowS }))];
}

/** One step; the same states, if nothing is due or no algorithm changes. They were noted before. */
export function stepAlgorithm(
  states: readonly KeyState[],
  times: RolloverTimes,
  { nowS }: RolloverNews,
): readonly KeyState[] {
  const own = states.filter(isChanging);
  if (own.length === 0 || own.some((state) => nowS < algorithmDueS(state, times))) return states;
  const move = (from: readonly KeyPhase[], to: (state: KeyState) => KeyPhase): readonly KeyState[] =>
    states.map((state) => (from.includes(state.phase) ? moved(state, to(state), nowS) : state));
  const has = (phase: KeyPhase): boolean => own.some((state) => state.phase === phase);
  if (has('signing')) return move(['signing'], () => 'joining');
  if (has('offered'))
    // From now on the parent is to have the new DS alone.
    return move(['active', 'joining', 'offered'], ({ phase }) => (phase === 'active' ? 'leaving' : 'active'));
  if (has('joining')) return move(['joining'], ({ role }) => (role === 'zsk' ? 'joining' : 'offered'));
  if (has('leaving')) return move(['leaving'], () => 'fading');
  return move(['fading'], () => 'removed');
}

/** From when on a key may go on to its next phase, seconds; infinity where something is not seen yet. */
export function algorithmDueS(state: KeyState, times: RolloverTimes): number {
  const { phase, role, servedS = Number.POSITIVE_INFINITY, dsS = Number.POSITIVE_INFINITY } = state;
  const { keyTtlS, zoneTtlMaxS, dsTtlS, propagationS } = times;
  switch (phase) {
    case 'signing':
      // No cache has an RRset without the new signatures.
      return servedS + Math.max(keyTtlS, zoneTtlMaxS) + propagationS;
    case 'joining':
    case 'fading':
      // Every cache has the new DNSKEY RRset.
      return servedS + keyTtlS + propagationS;
    case 'offered':
    case 'leaving':
      return role === 'zsk' ? servedS : Math.max(servedS, dsS + dsTtlS);
    default:
      return Number.NEGATIVE_INFINITY;
  }
}

/** A phase begins; one that goes on is not begun anew. */
function moved(state: KeyState, phase: KeyPhase, nowS: number): KeyState {
  if (phase === state.phase) return state;
  const { tag, algorithm, role } = state;
  return { tag, algorithm, role, phase, sinceS: nowS };
}
