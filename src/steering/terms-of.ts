import type { DeciderState } from './decider-state.ts';
import { policyWords } from './policy-words.ts';
import type { SteeringTerms } from './terms.ts';

/** What `explain` and metrics need of the decisions as they stand. */
export function termsOf(state: DeciderState): SteeringTerms {
  const { options, terms, fleetState, deciding, learning, predictedRps } = state;
  const { held, standing } = learning.trust;
  const total = predictedRps.reduce((sum, load) => sum + load, 0);
  const at = (array: Float64Array, index: number): number => array[index] as number;
  const codes = options.fleet.pops.map(({ code }) => code);
  return {
    params: options.params,
    pops: options.fleet.pops.map(({ code, index }) => ({
      code,
      state: fleetState.state[index] ?? 'up',
      why: fleetState.why[index] ?? '',
      ...(fleetState.downBy[index] ? { downBy: fleetState.downBy[index] } : {}),
      ...(held[index] === 1 ? { agentStanding: Math.round(at(standing, index) * 100) / 100 } : {}),
      shiftMs: at(terms.shiftMs, index),
      priorBiasMs: at(terms.priorBiasMs, index),
      lossMs: at(terms.lossMs, index),
      congestionMs: at(terms.congestionMs, index),
      priceMs: at(terms.priceMs, index),
      ...(fleetState.reportedRps[index] === undefined ? {} : { reportedRps: fleetState.reportedRps[index] }),
      ...(fleetState.expectedRps[index] === undefined ? {} : { expectedRps: fleetState.expectedRps[index] }),
      capacityRps: at(fleetState.capacityRps, index),
      externalRps: fleetState.capacity[index]?.externalRps ?? 0,
      availableRps: at(fleetState.hardRps, index),
      share: total === 0 ? 0 : at(predictedRps, index) / total,
    })),
    links: options.fleet.links.map(({ id, index }) => ({
      id,
      congestionMs: at(fleetState.congestionMs, index),
      shared: fleetState.shared[index] === 1,
    })),
    groups: options.groups.map(({ name, serves, biasMs, policy }, group) => {
      const pops = [...serves.keys()].filter((pop) => serves[pop] === 1);
      return {
        name,
        pops,
        biasMs: pops.map((pop) => at(biasMs, pop)),
        failOpen: deciding.failOpen[group] === true,
        ...(policy === undefined ? {} : { policy: policyWords(policy.root, codes) }),
      };
    }),
  };
}
