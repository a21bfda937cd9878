import type { Clock } from '../base/clock.ts';
import type { Endpoint } from '../config/scalars.ts';
import { type Admin, startAdmin } from '../console/admin.ts';
import type { TakenSockets } from '../server/handover-take.ts';
import type { QueryReader } from '../server/query-samples.ts';
import { createAdminApi } from './admin-api.ts';
import { adminToken } from './admin-token.ts';
import { demandView } from './demand-view.ts';
import { stateFolder } from './ground.ts';
import type { Live, LiveOptions } from './live.ts';
import { createLiveViews } from './live-views.ts';
import { packedFrom } from './packed.ts';
import { createPast, type Past } from './past.ts';
import { popViews } from './pop-views.ts';
import { createQueryRates } from './query-rates.ts';
import { watchStoreMemory } from './store-memory.ts';
import { createTopWatch, type TopWatch } from './top-view.ts';
import type { ZoneCare } from './zone-care.ts';

const RATES_EVERY_MS = 1000;

/** Starts the console of a process that answers queries. Throws as `startAdmin` does. */
export async function startConsole(
  options: LiveOptions & { readonly clock: Clock },
  running: {
    readonly live: Live;
    readonly care: ZoneCare;
    readonly listen: Endpoint;
    readonly queries: QueryReader;
  },
): Promise<Admin> {
  const { role, world, store, clock, terminal, log, closeLater } = options;
  const { live, care, listen, queries } = running;
  const { table, nameServer } = live;
  const rates = createQueryRates(() => nameServer.counters());
  const timer = setInterval(() => rates.observe(clock.nowMs()), RATES_EVERY_MS);
  closeLater(() => clearInterval(timer));
  const notReady = (): string | undefined => {
    if (!nameServer.serving()) return 'a serving thread is not answering';
    return table.image() === undefined ? 'there is no steering table yet' : undefined;
  };
  const past = pastOf(options, live);
  const shared = { store, clock, notReady, rates: rates.rates };
  const views = createLiveViews({
    ground: world,
    image: table.image,
    terms: table.terms,
    clients: world.answering.clients,
    log,
    past,
    ...shared,
  });
  closeLater(views.close);
  const top = startTop(options, live, queries);
  closeLater(top.close);
  const api = createAdminApi({
    ...shared,
    role,
    world,
    table,
    nameServer,
    care,
    dns: live.dns,
    live: views,
    top: top.view,
    terminal,
    control: options.control ?? (() => undefined),
    counters: options.counters ?? (() => []),
    pops: options.pops ?? (() => undefined),
    paths: options.paths,
    health: options.health,
    explain: options.explain,
    packed: packedFrom(options),
    memory: watchStoreMemory(store, { log, closeLater }),
    past,
  });
  const { token, where } = adminToken(world.config, { folder: stateFolder(world.config), terminal, log });
  const admin = await startAdmin({
    listen,
    token,
    tokenWhere: where,
    api,
    inherit: inheritedConsole(options.inherit, listen),
    onError: (error) => log(`console: ${error instanceof Error ? error.stack : String(error)}`),
  });
  closeLater(admin.close);
  return admin;
}

/** What explanations of the last hour are made from. */
function pastOf(options: LiveOptions & { readonly clock: Clock }, { table }: Live): Past {
  const { world, explain } = options;
  const { locator } = world;
  return createPast({
    ...options,
    ground: world,
    image: table.image,
    locator,
    explainer: explain.explainer,
  });
}

/** What is asked most, for whoever looks. */
function startTop(
  { world, clock }: LiveOptions & { readonly clock: Clock },
  { nameServer, table }: Live,
  queries: QueryReader,
): TopWatch {
  return createTopWatch({
    counters: nameServer.counters,
    queries,
    demand: (max) => demandView(world, nameServer, max),
    pops: () => popViews(world, table.terms()),
    nowMs: clock.nowMs,
  });
}

/** The descriptor of the console's socket in the process before, if it listens where this one is to. */
function inheritedConsole(taken: TakenSockets | undefined, listen: Endpoint): number | undefined {
  const { admin } = taken ?? {};
  if (admin === undefined || admin.address.host !== listen.host) return undefined;
  return listen.port === 0 || listen.port === admin.address.port ? admin.fd : undefined;
}
