import type { CounterSnapshot } from '../base/counters.ts';
import type { Config } from '../config/config.ts';
import { createExplainer } from '../steering/explain.ts';
import { type Command, EXIT_OK, textFlag } from './command.ts';
import { controlMetrics } from './control-metrics.ts';
import type { Demo } from './demo.ts';
import { deciderOf, firstTable } from './first-table.ts';
import { loadGround } from './ground.ts';
import { startHealth } from './health.ts';
import { preferredFrom, startConfiguredIngest } from './ingest.ts';
import { ingestMetrics } from './ingest-metrics.ts';
import { configOf, LISTEN_OPTIONS, workersOf } from './listen-flags.ts';
import { startLive, systemClock } from './live.ts';
import { logTo } from './log.ts';
import { runUntilStopped } from './long-running.ts';
import { POP_PORT, popPortOf } from './network-paths.ts';
import { openStore } from './open-store.ts';
import {
  DELAY_OPTIONS,
  SEED_OPTION,
  seedOf,
  startDelays,
  tryDelays,
  wantedDelays,
  withStandIns,
} from './real-delays.ts';
import { startControlLoop } from './start-control.ts';
import { readyFacts } from './start-lines.ts';
import { readTargetBook } from './target-book.ts';
import { tryPorts } from './try-ports.ts';
import { valueReader } from './values.ts';
import { welcome } from './welcome.ts';
import { openWorld, startImages } from './world.ts';

export const upCommand: Command = {
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  description:
    'Runs everything on this machine: the name server, the control loop, the console and /metrics, a\n' +
    'modelled internet with agents that measure it, and POPs that answer HTTPS on loopback addresses. By\n' +
    'default: the demo, 150 POPs and the zone cdn.example, state in memory. SIGINT or SIGTERM ends it.',
  options: {
    ...LISTEN_OPTIONS,
    'pop-port': {
      type: 'string',
      value: 'N',
      help: `HTTPS port of the POPs, and in HTTPS records (default: the configuration's, or ${POP_PORT})`,
    },
    seed: SEED_OPTION,
    ...DELAY_OPTIONS,
  },
  examples: [
    ['up', 'the demo; npm start does the same'],
    ['up --store redis://127.0.0.1:6379', 'the same with its state in Redis, for a second `serve` to follow'],
  ],
  run: async (invocation) => {
    const { terminal, json, flags } = invocation;
    const reader = valueReader();
    const ports = { min: 1, max: 65_535, what: 'a port' };
    const popPort = reader.whole('pop-port', textFlag(flags, 'pop-port'), ports);
    const seed = seedOf(flags, reader);
    const workers = workersOf(invocation, reader);
    const delays = wantedDelays(flags, reader);
    const plain = withPopPort(configOf(invocation, reader), popPort);
    const config = delays === undefined ? plain : withStandIns(plain, delays);
    const port = popPort ?? popPortOf(config);
    const links = config.fleet.links.filter(({ ipv4 }) => ipv4?.startsWith('127.') === true);
    const pops = { links, port, flag: 'pop-port', services: config.services };
    await tryPorts({ flags, listen: config.listen, pops });
    await tryDelays(delays);
    const { nowMs } = systemClock;
    const log = logTo(terminal, systemClock);
    await runUntilStopped(terminal, async (closeLater) => {
      const ground = loadGround(config);
      const loading = startImages(ground, { terminal, closeLater });
      const { fleet } = config;
      const store = await openStore(config);
      closeLater(() => store.close());
      const first = await firstTable(ground, store, { nowMs: nowMs(), log });
      const world = await openWorld(ground, loading, { terminal, closeLater });
      const explain = { world, explainer: createExplainer({ fleet, geometry: world.places }), nowMs };
      const metrics = controlMetrics(world);
      const decider = deciderOf(ground);
      const health = startHealth(ground, { store, log, closeLater });
      const figures = ingestMetrics();
      const development = await developmentFor(config, log);
      let running: Demo | undefined;
      let delayCounters: (() => CounterSnapshot) | undefined;
      const starting = startLive({
        health,
        role: 'up',
        world,
        store,
        terminal,
        log,
        explain,
        first,
        workers,
        development,
        control: metrics.read,
        counters: () => [
          ...figures.read(),
          ...[running?.pops.counters, delayCounters].flatMap((read) => read?.() ?? []),
        ],
        pops: () => running?.popsApi,
        packed: decider.packed,
        closeLater,
      });
      // All that takes time is done while the first table is built and the threads that serve warm up.
      const { startDemo } = await import('./demo.ts');
      const demo = await startDemo({
        world,
        store,
        explain,
        packed: decider.packed,
        popPort: port,
        seed,
        log,
        mapped: starting.mapped,
        startIngest: (defaults) =>
          startConfiguredIngest({
            config,
            store,
            preferred: preferredFrom(world),
            defaults,
            terminal,
            log,
            closeLater,
          }),
        closeLater,
      });
      figures.observe(demo.ingest);
      running = demo;
      health.startNameServerChecks();
      await startControlLoop(ground, {
        role: 'up',
        store,
        decider,
        locator: world.locator,
        health,
        metrics,
        targetBook: readTargetBook(config, terminal),
        initial: first.image,
        onImage: ({ bytes }, origin) => {
          const refused = starting.table.take(bytes, origin);
          if (refused !== undefined) log(`the new table is refused: ${refused}`);
        },
        log,
        closeLater,
      });
      const live = await starting.live;
      delayCounters = await startDelays({
        wanted: delays,
        fleet,
        places: world.places,
        seed,
        pops: new Set(fleet.pops.keys()),
        popPort: demo.popPort,
        dnsPorts: live.dns.map((endpoint) => Number(endpoint.split(':').at(-1))),
        store,
        log,
        closeLater,
      });
      if (json)
        terminal.out(
          JSON.stringify({
            ready: { ...readyFacts(world, live), ca: demo.caFile, ingest: demo.ingest?.url },
          }),
        );
      else
        for (const line of welcome({
          world,
          live,
          store: store.state(),
          demo,
          terminal,
          areDelaysReal: delays !== undefined,
        }))
          terminal.out(line);
    });
    return EXIT_OK;
  },
};

/** What TLS is spoken with where the configuration has it spoken, and names no certificate. */
async function developmentFor(config: Config, log: (message: string) => void) {
  const { listen, tls } = config;
  if (tls.certificate !== undefined || listen.dot.length + listen.doh.length === 0) return undefined;
  const { demoCertificate } = await import('./demo.ts');
  return demoCertificate(config, log);
}

/** The POPs listen where HTTPS records say: with --pop-port these say that port, and it is checked. */
function withPopPort(config: Config, port: number | undefined): Config {
  if (port === undefined) return config;
  const services = config.services.map((service) =>
    service.https === undefined ? service : { ...service, https: { ...service.https, port } },
  );
  const { health } = config;
  const checks = health.checks.map((check) =>
    check === undefined || check.kind === 'dns' ? check : { ...check, port },
  );
  return { ...config, services, health: { ...health, checks } };
}
