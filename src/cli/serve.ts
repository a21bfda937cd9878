import { startFollow } from '../control/follow.ts';
import { createExplainer } from '../steering/explain.ts';
import { type Command, EXIT_OK } from './command.ts';
import { firstTable } from './first-table.ts';
import { loadGround, stateFolder } from './ground.ts';
import { startHealth } from './health.ts';
import { preferredFrom, startConfiguredIngest } from './ingest.ts';
import { ingestMetrics } from './ingest-metrics.ts';
import { configOf, LISTEN_OPTIONS, workersOf } from './listen-flags.ts';
import { startLive, systemClock } from './live.ts';
import { logTo } from './log.ts';
import { runUntilStopped } from './long-running.ts';
import { pathsElsewhere } from './network-paths.ts';
import { openStore } from './open-store.ts';
import { offerSockets, REPLACE_OPTION, takeSockets } from './replace.ts';
import { readyFacts, serveLines } from './start-lines.ts';
import { tryPorts } from './try-ports.ts';
import { valueReader } from './values.ts';
import { programVersion } from './version.ts';
import { openWorld, startImages } from './world.ts';

export const serveCommand: Command = {
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  description:
    'Runs a name server alone. It answers at once: from the snapshot in the state folder, or else from a\n' +
    'first table made of geography; then from every table that the controller publishes in the store, and\n' +
    'obeys the overrides there. With the store away the last table goes on. SIGINT or SIGTERM ends it.',
  options: { ...LISTEN_OPTIONS, ...REPLACE_OPTION },
  examples: [
    [
      'serve --config isochrone.yaml --store redis://127.0.0.1:6379',
      'a name server of the cluster in that Redis',
    ],
    ['serve --port 5310 --admin-port 5390', 'the zones of the demo, beside a running `up`'],
    ['serve --config isochrone.yaml --replace', 'a new version or configuration, with no query lost'],
  ],
  run: async (invocation) => {
    const { terminal, json, flags } = invocation;
    const reader = valueReader();
    const workers = workersOf(invocation, reader);
    const config = configOf(invocation, reader);
    // Those that run have the ports of one that replaces them.
    if (flags['replace'] !== true) await tryPorts({ flags, listen: config.listen });
    const { nowMs } = systemClock;
    const log = logTo(terminal, systemClock);
    const replaced = new AbortController();
    const stop = AbortSignal.any([terminal.stop, replaced.signal]);
    await runUntilStopped({ ...terminal, stop }, async (closeLater) => {
      const ground = loadGround(config);
      const isReplacing = flags['replace'] === true;
      const loading = startImages(ground, { terminal, othersAnswer: isReplacing, closeLater });
      const { fleet } = config;
      const store = await openStore(config);
      closeLater(() => store.close());
      const first = await firstTable(ground, store, { nowMs: nowMs(), log });
      const world = await openWorld(ground, loading, { terminal, closeLater });
      const explainer = createExplainer({ fleet, geometry: world.places });
      const explain = { world, explainer, nowMs };
      const taken = isReplacing ? await takeSockets(config) : undefined;
      if (taken !== undefined) {
        closeLater(taken.abandon);
        log(`took over the sockets of a running isochrone ${taken.version}`);
      }
      const health = startHealth(ground, { store, log, closeLater });
      const figures = ingestMetrics();
      const starting = startLive({
        health,
        role: 'serve',
        world,
        store,
        terminal,
        log,
        explain,
        first,
        workers,
        inherit: taken,
        counters: figures.read,
        paths: pathsElsewhere(world, { store, folder: stateFolder(config) }),
        closeLater,
      });
      const live = await starting.live;
      const follow = startFollow({
        store,
        fleet,
        placesDigest: world.places.digest,
        clock: systemClock,
        words: world.words,
        maintenance: world.maintenance,
        initial: first.image,
        onImage: ({ bytes }) => {
          const refused = live.table.take(bytes, 'store');
          if (refused !== undefined) log(`the published table is refused: ${refused}`);
        },
        log,
      });
      closeLater(follow.close);
      await follow.lookNow();
      health.startNameServerChecks();
      await taken?.ready();
      const preferred = preferredFrom(world);
      const ingest = await startConfiguredIngest({
        config,
        store,
        preferred,
        isShared: true,
        terminal,
        log,
        closeLater,
      });
      figures.observe(ingest);
      const version = programVersion(terminal);
      const offer = await offerSockets(config, { live, version, log, onReplaced: () => replaced.abort() });
      closeLater(offer.close);
      if (json) terminal.out(JSON.stringify({ ready: { ...readyFacts(world, live), ingest: ingest?.url } }));
      else for (const line of serveLines(world, live, store.state())) terminal.out(line);
    });
    return EXIT_OK;
  },
};
