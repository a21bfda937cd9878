import type { PopDraft } from './fleet.ts';

/** POPs that `popAddresses: modelled` can number: the third octet of 127.64.N.k. */
export const MODELLED_POPS_MAX = 255;

/**
 * The drafts with the addresses of the modelled POPs: link k of POP number N (both from 1) is 127.64.N.k and
 * 2001:db8:64:N::k, N in decimal digits in both, so that a person sees that they belong together.
 */
export function withModelledAddresses(drafts: readonly PopDraft[]): PopDraft[] {
  return drafts.map((draft, i) => {
    const value = draft.value as { links?: unknown } | null;
    if (!Array.isArray(value?.links)) return draft;
    const links = value.links.map((link: unknown, k) =>
      typeof link === 'object' && link !== null
        ? { ...link, ipv4: `127.64.${i + 1}.${k + 1}`, ipv6: `2001:db8:64:${i + 1}::${k + 1}` }
        : link,
    );
    return { ...draft, value: { ...value, links } };
  });
}
