import type { CounterSnapshot } from '../base/counters.ts';
import { OperatorError } from '../base/errors.ts';
import type { Pop } from '../base/fleet.ts';
import { nearest } from '../base/nearest.ts';
import { POP_DRAINED, popStateWords, setPopBit } from '../base/pop-state.ts';
import type { Config } from '../config/config.ts';
import type { Endpoint } from '../config/scalars.ts';
import { startMetricsServer } from '../console/metrics-server.ts';
import { followInvalidations } from '../pop/invalidations.ts';
import type { Store } from '../store/store.ts';
import { clientsInUse } from './clients-in-use.ts';
import { type Command, EXIT_OK, textFlag } from './command.ts';
import { demoCertificate } from './demo.ts';
import { loadGround } from './ground.ts';
import { rereadAtHangup } from './hangup.ts';
import { loadClients } from './images.ts';
import { configOf, LISTEN_OPTIONS } from './listen-flags.ts';
import { systemClock } from './live.ts';
import { logTo } from './log.ts';
import { type CloseLater, runUntilStopped } from './long-running.ts';
import { METRICS_OPTION, metricsEndpoint } from './metrics-flag.ts';
import { popPortOf } from './network-paths.ts';
import { openStore } from './open-store.ts';
import { reportPops } from './pop-report.ts';
import { locatesClients, startPopTier } from './pop-tier.ts';
import {
  DELAY_OPTIONS,
  SEED_OPTION,
  seedOf,
  startDelays,
  tryDelays,
  wantedDelays,
  withDelays,
  withStandIns,
} from './real-delays.ts';
import { tryPorts } from './try-ports.ts';
import { valueReader } from './values.ts';
import { programVersion } from './version.ts';

const { config: CONFIG, store: STORE, state: STATE } = LISTEN_OPTIONS;
/** Requests under way have so long when the process ends, ms. */
const GRACE_MS = 10_000;
/** POPs that are named one by one when it starts. */
const NAMED_MAX = 8;
/** How often drains are read without a nudge, ms. */
const DRAINS_EVERY_MS = 2_000;

export const popCommand: Command = {
  operands: '[POP...]',
  operandsMin: 0,
  operandsMax: 512,
  description:
    'Runs POPs alone, those named or all of the configuration: HTTPS servers on the addresses of their ' +
    'links, caches, and the way to the origins, as `distributions` says. They report their load, their ' +
    'connections and the demand of their client networks to the store, so that steering counts with ' +
    'them. SIGUSR1 drains them, or takes that back: new answers go elsewhere, connections end with what ' +
    'they were asked. SIGINT or SIGTERM lets requests under way end, for 10 s at most, and ends it.',
  options: {
    ...(CONFIG === undefined ? {} : { config: CONFIG }),
    ...(STORE === undefined ? {} : { store: STORE }),
    ...(STATE === undefined ? {} : { state: STATE }),
    port: { type: 'string', value: 'N', help: `HTTPS port (default: the services', or 8443)` },
    ...METRICS_OPTION,
    ...DELAY_OPTIONS,
    seed: SEED_OPTION,
  },
  examples: [
    [
      'pop FRA --config isochrone.yaml --store redis://127.0.0.1:6379',
      'the POP in Frankfurt, on its addresses',
    ],
    ['pop --store redis://127.0.0.1:6379 --admin-port 9100', 'all POPs of the demo, with metrics'],
  ],
  run: async (invocation) => {
    const { terminal, json, flags, operands } = invocation;
    const reader = valueReader();
    const port = reader.whole('port', textFlag(flags, 'port'), { min: 1, max: 65_535, what: 'a port' });
    const listen = metricsEndpoint(flags, reader);
    const seed = seedOf(flags, reader);
    // Here --port is the POPs', not that of DNS.
    const { port: _, 'admin-port': __, ...others } = flags;
    const delays = wantedDelays(flags, reader);
    const plain = configOf({ ...invocation, flags: others }, reader);
    const config = delays === undefined ? plain : withStandIns(plain, delays);
    const own = popsOf(config, operands);
    const popPort = port ?? popPortOf(config);
    const links = own.flatMap((pop) => pop.links);
    const { services } = config;
    await tryPorts({ flags, metrics: listen, pops: { links, port: popPort, flag: 'port', services } });
    await tryDelays(delays);
    const log = logTo(terminal, systemClock);
    await runUntilStopped(terminal, async (closeLater) => {
      closeLater(rereadAtHangup(terminal, log, []));
      const ground = loadGround(config);
      // Loading takes seconds where the image must be made: not for nothing.
      const loading = locatesClients(config) ? loadClients(ground, terminal) : undefined;
      if (loading !== undefined) closeLater(loading.cancel);
      const store = await openStore(config);
      closeLater(() => store.close());
      const popState = popStateWords(config.fleet.pops.length);
      const drains = followOwnDrains(store, own, { popState, closeLater });
      const clients = loading && clientsInUse(ground, await loading.clients);
      const certificate = demoCertificate(config, log);
      const pops = await startPopTier({
        config,
        port: popPort,
        certificate,
        only: own,
        anyAddress: true,
        popState,
        believesClients: false,
        clients: () => clients?.loaded().bytes,
        places: ground.places,
        log,
        closeLater,
      });
      // Lets what is under way end: no request is lost.
      closeLater(() => {
        drains.drainAll();
        return pops.finish(GRACE_MS);
      });
      closeLater(followInvalidations({ store, invalidate: pops.invalidate, log }).stop);
      closeLater(reportPops(own, { pops, store, wish: drains.wish }));
      const delayCounters = await startDelays({
        wanted: delays,
        fleet: config.fleet,
        places: ground.places,
        seed,
        pops: new Set(own.map(({ index }) => index)),
        popPort,
        dnsPorts: [],
        store,
        log,
        closeLater,
      });
      const counters = withDelays(pops.counters, delayCounters);
      const metrics = await startMetrics(listen, { counters, log, version: programVersion(terminal) });
      if (metrics !== undefined) closeLater(metrics.close);
      const { address, connected } = store.state();
      const ca = certificate.caFile;
      const ends = { port: popPort, ca, store: address, connected, admin: metrics?.url };
      const ready = { pops: own.map(({ code }) => code), addresses: pops.addressCount, ...ends };
      if (json) terminal.out(JSON.stringify({ ready }));
      else for (const line of startLines(ready)) terminal.out(line);
    });
    return EXIT_OK;
  },
};

function startLines(ready: {
  readonly pops: readonly string[];
  readonly addresses: number;
  readonly port: number;
  readonly ca: string;
  readonly store: string;
  readonly connected: boolean;
  readonly admin: string | undefined;
}): string[] {
  const { pops, addresses, port, ca, store, connected, admin } = ready;
  const named =
    pops.length <= NAMED_MAX ? `Isochrone POP ${pops.join(', ')}` : `Isochrone: ${pops.length} POPs`;
  return [
    `${named}: HTTPS on ${addresses} addresses, port ${port}; certificate by ${ca}`,
    `Store ${store}${connected ? '' : ', NOT connected yet'}; metrics ${admin ?? 'off'}`,
  ];
}

function popsOf({ fleet }: Config, operands: readonly string[]): readonly Pop[] {
  if (operands.length === 0) return fleet.pops;
  const codes = fleet.pops.map(({ code }) => code);
  const wanted = operands.map((operand) => operand.toUpperCase());
  const problems = wanted
    .filter((code) => !codes.includes(code))
    .map((code) => {
      const meant = nearest(code, codes);
      const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
      return { file: 'command line', message: `no POP has the code ${JSON.stringify(code)}${hint}` };
    });
  if (problems.length > 0) throw new OperatorError('bad-usage', problems);
  return fleet.pops.filter(({ code }) => wanted.includes(code));
}

/** Drains that operators put into the store, and the wish of this host (SIGUSR1), for the POPs' threads. */
function followOwnDrains(
  store: Store,
  own: readonly Pop[],
  parts: { readonly popState: Int32Array; readonly closeLater: CloseLater },
) {
  let drained: ReadonlySet<string> = new Set();
  let isWished = false;
  let isEnding = false;
  const tell = (): void => {
    for (const { code, index: popIndex } of own) {
      const on = isWished || isEnding || drained.has(code);
      setPopBit(parts.popState, { popIndex, bit: POP_DRAINED, on });
    }
  };
  const read = async (): Promise<void> => {
    const nowMs = systemClock.nowMs();
    // While the store is away what it said last holds.
    const overrides = await store.overrides().catch(() => undefined);
    if (overrides === undefined) return;
    drained = new Set(overrides.filter(({ untilMs = nowMs + 1 }) => untilMs > nowMs).map(({ pop }) => pop));
    tell();
  };
  const toggle = (): void => {
    isWished = !isWished;
    tell();
  };
  const timer = setInterval(() => void read(), DRAINS_EVERY_MS);
  const stop = store.onChange((topic) => {
    if (topic === 'overrides') void read();
  });
  process.on('SIGUSR1', toggle);
  parts.closeLater(() => {
    clearInterval(timer);
    stop();
    process.off('SIGUSR1', toggle);
  });
  void read();
  return {
    wish: (): string | undefined => (isEnding ? 'the POP ends' : isWished ? 'its host wishes it' : undefined),
    drainAll: (): void => {
      isEnding = true;
      tell();
    },
  };
}

async function startMetrics(
  listen: Endpoint | undefined,
  parts: { counters: () => CounterSnapshot; log: (message: string) => void; version: string },
) {
  if (listen === undefined) return undefined;
  const { counters, log, version } = parts;
  return startMetricsServer({
    listen,
    facts: { role: 'pop', version },
    counters,
    onError: (error) => log(`metrics: ${(error as Error).message}`),
  });
}
