import { readConfig } from '../../src/cli/config-file.ts';
import { readGeoData } from '../../src/cli/geo-files.ts';
import { loadGround } from '../../src/cli/ground.ts';
import { processTerminal } from '../../src/cli/terminal.ts';
import { createNetModel } from '../../src/netmodel/model.ts';
import { readClientNetworks } from '../../src/netmodel/networks.ts';

/** How the POPs stand for one network of the demo, whatever was measured of it. */
export interface TruthOf {
  /** The nearest POP by round-trip time on a quiet day. */
  readonly pop: string;
  /** By how much it leads the next, ms. */
  readonly leadMs: number;
}

/** By network, as `203.0.113.0/24`: what the modelled internet of `up` with its usual seed is like. */
export function demoTruth(): ReadonlyMap<string, TruthOf> {
  const { config, places } = loadGround(
    readConfig({}, processTerminal(process, new AbortController().signal)),
  );
  const { fleet } = config;
  const model = createNetModel({ fleet, places, seed: SEED });
  const { text, file } = readGeoData('networks.csv');
  const truth = new Map<string, TruthOf>();
  for (const { prefixText, placeKey, asn } of readClientNetworks(text, file)) {
    const placeId = places.idOf(placeKey);
    if (placeId < 0) continue;
    const ranked = fleet.pops
      .map(({ code, links }) => ({
        pop: code,
        ms: Math.min(...links.map(({ index }) => model.baseRttMs(placeId, asn, index))),
      }))
      .sort((one, other) => one.ms - other.ms);
    const [best, next] = ranked;
    if (best !== undefined && next !== undefined)
      truth.set(prefixText, { pop: best.pop, leadMs: next.ms - best.ms });
  }
  return truth;
}

/** The seed of `up` without --seed. */
const SEED = 1;
