import type { Fleet, Pop } from '../base/fleet.ts';
import { POP_DOWN, POP_DRAINED } from '../base/pop-state.ts';
import type { PopView } from '../console/api.ts';
import type { PopTermsRecord, SteeringTerms } from '../steering/terms.ts';

/**
 * All POPs as `status`, metrics and the page show them: what the table knew of them, and their state words
 * now.
 */
export function popViews(
  fleet: Fleet,
  popState: Int32Array,
  terms: SteeringTerms | undefined,
): readonly PopView[] {
  return fleet.pops.map((pop) => popView(pop, Atomics.load(popState, pop.index), terms));
}

function popView(pop: Pop, word: number, terms: SteeringTerms | undefined): PopView {
  const { code, city, country, region, index, biasMs } = pop;
  const known: PopTermsRecord | undefined = terms?.pops[index];
  const state = (word & POP_DRAINED) !== 0 ? 'drained' : (word & POP_DOWN) !== 0 ? 'down' : 'up';
  return {
    code,
    city,
    country,
    region,
    state,
    ...(state === 'up' ? {} : { why: known?.why || state }),
    ...(known?.reportedRps === undefined ? {} : { loadRps: known.reportedRps }),
    capacityRps: known?.capacityRps ?? pop.capacityRps,
    priceMs: known?.priceMs ?? 0,
    biasMs,
    share: known?.share ?? 0,
    links: pop.links.map(({ id, transit, ipv4, ipv6, index: link }) => ({
      id,
      transit,
      ipv4,
      ...(ipv6 === undefined ? {} : { ipv6 }),
      congestionMs: terms?.links[link]?.congestionMs ?? 0,
    })),
  };
}
