import { startFollow } from '../control/follow.ts';
import { createExplainer } from '../steering/explain.ts';
import { type Command, EXIT_OK } from './command.ts';
import { firstTable } from './first-table.ts';
import { configOf, LISTEN_OPTIONS } from './listen-flags.ts';
import { openStore, startLive, systemClock } from './live.ts';
import { logTo } from './log.ts';
import { runUntilStopped } from './long-running.ts';
import { loadWorld } from './world.ts';

export const serveCommand: Command = {
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  description:
    'Runs a name server alone. It answers at once: from the snapshot in the state folder, or else from a\n' +
    'first table made of geography; then from every table that the controller publishes in the store, and\n' +
    'obeys the overrides there. With the store away the last table goes on. SIGINT or SIGTERM ends it.',
  options: LISTEN_OPTIONS,
  examples: [
    [
      'serve --config isochrone.yaml --store redis://127.0.0.1:6379',
      'a name server of the cluster in that Redis',
    ],
    ['serve --port 5310 --admin-port 5390', 'the zones of the demo, beside a running `up`'],
  ],
  run: async (invocation) => {
    const { terminal, json } = invocation;
    const config = configOf(invocation);
    const { nowMs } = systemClock;
    const log = logTo(terminal, systemClock);
    await runUntilStopped(terminal, async (closeLater) => {
      const world = loadWorld(config, terminal);
      const { fleet } = config;
      const first = await firstTable(world, { nowMs: nowMs(), log });
      const store = await openStore(world);
      closeLater(() => store.close());
      const explainer = createExplainer({ fleet, geometry: world.places });
      const explain = { world, explainer, nowMs };
      const live = await startLive({
        role: 'serve',
        world,
        store,
        terminal,
        log,
        explain,
        first,
        closeLater,
      });
      const follow = startFollow({
        store,
        fleet,
        placesDigest: world.places.digest,
        clock: systemClock,
        popState: world.popState,
        initial: first.snapshot,
        onImage: ({ bytes }) => {
          const refused = live.table.take(bytes, 'store');
          if (refused !== undefined) log(`the published table is refused: ${refused}`);
        },
        log,
      });
      closeLater(follow.close);
      await follow.lookNow();
      if (json) terminal.out(JSON.stringify({ ready: { dns: live.dns, admin: live.adminUrl } }));
      else {
        terminal.out(`Isochrone answers on ${live.dns.join(', ')} (UDP and TCP); console ${live.adminUrl}`);
        const { address, connected } = store.state();
        terminal.out(
          `Table from ${live.table.origin()}; store ${address}${connected ? '' : ', NOT connected yet'}`,
        );
      }
    });
    return EXIT_OK;
  },
};
