import type { Pop } from '../base/fleet.ts';
import { POP_DOWN, POP_DRAINED } from '../base/pop-state.ts';
import type { PopView } from '../console/api.ts';
import type { ProberStatus } from '../console/api-health.ts';
import type { ProberView } from '../steering/quorum.ts';
import type { PopTermsRecord, SteeringTerms } from '../steering/terms.ts';
import { aheadMs } from './ahead.ts';
import type { Ground } from './ground.ts';

/**
 * All POPs as `status`, metrics and the page show them: what the table knew of them, and their state words
 * now.
 */
export function popViews(
  { config, popState, words }: Pick<Ground, 'config' | 'popState' | 'words'>,
  terms: SteeringTerms | undefined,
): readonly PopView[] {
  const expectedInMs = aheadMs(config);
  return config.fleet.pops.map((pop) => {
    const word = Atomics.load(popState, pop.index);
    return popView(pop, { word, whyOut: words.whyOut(pop.index), terms, expectedInMs });
  });
}

/** What every prober sees, in a few words each. */
export function proberStatus(views: readonly ProberView[], nowMs: number): readonly ProberStatus[] {
  return views
    .filter((view) => view.views.length > 0)
    .map(({ prober, atMs, views: pops }) => {
      const down = pops.filter(({ state }) => state === 'down').map(({ pop, why }) => ({ pop, why }));
      return { prober, ageMs: Math.max(0, nowMs - atMs), up: pops.length - down.length, down };
    })
    .toSorted((one, other) => one.prober.localeCompare(other.prober));
}

function popView(
  pop: Pop,
  now: {
    readonly word: number;
    readonly whyOut: string | undefined;
    readonly terms: SteeringTerms | undefined;
    readonly expectedInMs: number;
  },
): PopView {
  const { word, whyOut, terms, expectedInMs } = now;
  const { code, city, country, region, latitude, longitude, index, biasMs } = pop;
  const known: PopTermsRecord | undefined = terms?.pops[index];
  const state = (word & POP_DRAINED) !== 0 ? 'drained' : (word & POP_DOWN) !== 0 ? 'down' : 'up';
  return {
    code,
    city,
    country,
    region,
    latitude,
    longitude,
    state,
    ...(state === 'up' ? {} : { why: whyOut || known?.why || state }),
    ...(known?.reportedRps === undefined ? {} : { loadRps: known.reportedRps }),
    ...(known?.expectedRps === undefined ? {} : { expectedRps: known.expectedRps, expectedInMs }),
    capacityRps: known?.capacityRps ?? pop.capacityRps,
    priceMs: known?.priceMs ?? 0,
    biasMs,
    share: known?.share ?? 0,
    agentStanding: known?.agentStanding ?? 1,
    links: pop.links.map(({ id, transit, ipv4, ipv6, cname, index: link }) => ({
      id,
      transit,
      ...(ipv4 === undefined ? {} : { ipv4 }),
      ...(cname === undefined ? {} : { cname }),
      ...(ipv6 === undefined ? {} : { ipv6 }),
      congestionMs: terms?.links[link]?.congestionMs ?? 0,
    })),
  };
}
