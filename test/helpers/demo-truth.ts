import { readConfig } from '../../src/cli/config-file.ts';
import { readGeoData } from '../../src/cli/geo-files.ts';
import { loadGround } from '../../src/cli/ground.ts';
import { DEMO_SEED } from '../../src/cli/real-delays.ts';
import { processTerminal } from '../../src/cli/terminal.ts';
import { createNetModel } from '../../src/netmodel/model.ts';
import { readClientNetworks } from '../../src/netmodel/networks.ts';
import { clientsOf } from '../../src/probe/clients.ts';

/** How the POPs stand for one network of the demo, whatever was measured of it. */
export interface TruthOf {
  /** The nearest POP by round-trip time on a quiet day. */
  readonly pop: string;
  /** By how much it leads the next, ms. */
  readonly leadMs: number;
  /** Round-trip time to each POP on a quiet day, ms, by its code. */
  readonly rttMs: ReadonlyMap<string, number>;
}

let truth: ReadonlyMap<string, TruthOf> | undefined;

/** By network, as `203.0.113.0/24`: what the modelled internet of `up` is like. Worked out once. */
export function demoTruth(): ReadonlyMap<string, TruthOf> {
  truth ??= workOut();
  return truth;
}

function workOut(): ReadonlyMap<string, TruthOf> {
  const { config, places } = loadGround(
    readConfig({}, processTerminal(process, new AbortController().signal)),
  );
  const { fleet } = config;
  const model = createNetModel({ fleet, places, seed: DEMO_SEED });
  const { text, file } = readGeoData('networks.csv');
  const clients = clientsOf(readClientNetworks(text, file), { fleet, places });
  return new Map(
    clients.map(({ network, placeId, asn }) => {
      const rttMs = fleet.pops.map(({ links }) =>
        Math.min(...links.map(({ index }) => model.baseRttMs(placeId, asn, index))),
      );
      const [bestMs = 0, nextMs = 0] = [...rttMs].sort((one, other) => one - other);
      const pop = fleet.pops[rttMs.indexOf(bestMs)]?.code ?? '';
      const byCode = new Map(fleet.pops.map(({ code, index }) => [code, rttMs[index] ?? 0]));
      return [network, { pop, leadMs: nextMs - bestMs, rttMs: byCode }];
    }),
  );
}
