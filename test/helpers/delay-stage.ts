import { createInterface } from 'node:readline';
import { readGeoData } from '../../src/cli/geo-files.ts';
import { DEMO_SEED, readStandIns, startDelays } from '../../src/cli/real-delays.ts';
import { readPlaces } from '../../src/geo/places.ts';
import { createNetModel } from '../../src/netmodel/model.ts';
import { startDemoOrigin } from '../../src/pop/demo-origin.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import { startPopStage } from './pop-stage.ts';

/**
 * The POPs of the small fleet with real delays, in a process and a network namespace of their own. Its first
 * line says where everything is, and how far; lines that it reads change the modelled internet, and end it.
 */

/** What the first line says, unless it is `{"refused": REASON}`: this kernel cannot do it. */
export interface DelayStageFacts {
  readonly port: number;
  readonly caFile: string;
  readonly clients: readonly {
    readonly address: string;
    readonly country: string;
    /** Round trip to each POP's first link, ms. */
    readonly rttMs: Readonly<Record<string, number>>;
  }[];
  readonly addressOf: Readonly<Record<string, string>>;
}

const COUNTRIES = ['AU', 'BR', 'ZA', 'JP', 'DE'];

const clock = { nowMs: Date.now };
const origin = await startDemoOrigin(clock);
const stage = await startPopStage({ net: 64, origin: origin.url });
const { text, file } = readGeoData('places.csv');
const places = readPlaces(text, file);
const { fleet, port } = stage;
const model = createNetModel({ fleet, places, seed: DEMO_SEED });
const standIns = readStandIns();
const store = createMemoryStore({ clock });
const closers: (() => Promise<void> | void)[] = [];
const counters = await startDelays({
  wanted: { standIns, here: -1 },
  fleet,
  places,
  seed: DEMO_SEED,
  pops: new Set(fleet.pops.keys()),
  popPort: port,
  dnsPorts: [],
  store,
  log: console.error,
  closeLater: (close) => closers.push(close),
}).catch((error: Error) => {
  console.log(JSON.stringify({ refused: error.message }));
  process.exit(0);
});
const facts: DelayStageFacts = {
  port,
  caFile: stage.certificate.caFile,
  clients: COUNTRIES.map((country) => {
    const found = standIns.find(({ network }) => network.placeKey.startsWith(`${country}/`));
    const { address = '', network } = found ?? {};
    const path = { placeId: places.idOf(network?.placeKey ?? ''), asn: network?.asn ?? 0 };
    const rttMs = fleet.pops.map(({ code, links: [link] }) => {
      const { totalMs } = model.pathRtt({ ...path, linkIndex: link?.index ?? 0 }, { weather: new Map() });
      return [code, totalMs];
    });
    return { address, country, rttMs: Object.fromEntries(rttMs) };
  }),
  addressOf: Object.fromEntries(fleet.pops.map(({ code }) => [code, stage.addressOf(code)])),
};
console.log(JSON.stringify(facts));
for await (const line of createInterface({ input: process.stdin })) {
  const [pop = '', rttMs = '0'] = line.split(' ');
  if (pop === 'end') break;
  if (pop === 'counters') console.log(JSON.stringify(counters?.().families));
  else await store.setModelChange(pop, { pop, rttMs: Number(rttMs) });
}
for (const close of closers.reverse()) await close();
await stage.close();
await origin.close();
