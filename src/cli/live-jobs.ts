import type { Clock } from '../base/clock.ts';
import type { CounterSnapshot } from '../base/counters.ts';
import type { NameServer } from '../server/supervisor.ts';
import type { SecureServerOptions } from '../server/supervisor-secure.ts';
import { watchCertificate } from './certificate.ts';
import { watchDropList } from './drop-list.ts';
import { rereadAtHangup } from './hangup.ts';
import type { LoadedImage } from './images.ts';
import type { loadLater } from './later.ts';
import type { LiveOptions } from './live.ts';
import { allZones } from './members.ts';
import { renewZones } from './renew-zones.ts';
import { watchStaleness } from './staleness.ts';
import type { TableInUse } from './table-in-use.ts';
import type { ZoneCare } from './zone-care.ts';
import { zoneCounters } from './zone-metrics.ts';

/** What the jobs of a running name server work on. */
interface LiveJobs {
  readonly server: NameServer;
  readonly table: TableInUse;
  readonly clock: Clock;
  /** Absent: TLS is not spoken. */
  readonly secure: SecureServerOptions | undefined;
  readonly later: Pick<
    Awaited<ReturnType<typeof loadLater>>,
    'startSlowJobs' | 'startKeyCare' | 'startZoneCare'
  >;
}

/** Starts what looks after zones, keys, databases, certificate and lists while queries are answered. */
export function startLiveJobs(
  options: LiveOptions,
  { server, table, clock, secure, later }: LiveJobs,
): { readonly care: ZoneCare; readonly counters: () => readonly CounterSnapshot[] } {
  const { world, terminal, log, closeLater } = options;
  const { config } = world;
  const care = later.startZoneCare({ world, server, terminal, log });
  closeLater(care.close);
  const setClients = (made: LoadedImage) => {
    const opened = world.answering.setClients(made.bytes);
    if (typeof opened === 'string') return opened;
    server.setClients(made.bytes);
    world.images.clients = made;
    world.describer.reopen();
    return opened;
  };
  const clients = (): LoadedImage => world.images.clients;
  const slow = later.startSlowJobs({ ground: world, table, clients, setClients, terminal, log });
  closeLater(slow.close);
  const rereadings = [
    { what: 'zones', again: care.refresh },
    { what: 'geo databases', again: slow.lookAtGeo },
    // The certificate's own watch hears the signal.
    ...(secure === undefined ? [] : [{ what: 'certificate', again: () => undefined }]),
  ];
  closeLater(rereadAtHangup(terminal, log, rereadings));
  closeLater(watchDropList({ config, terminal, take: server.setDrops, log }));
  const remake = (stop: AbortSignal) => care.renew(() => renewZones(options, server, stop));
  const keyCare = later.startKeyCare({ world, log, remake });
  closeLater(keyCare.close);
  closeLater(watchStaleness(world, table, clock));
  const zones = (): CounterSnapshot =>
    zoneCounters(world, allZones(world), { ...care.figures(), keys: keyCare.keys });
  if (secure === undefined) return { care, counters: () => [zones()] };
  const pair = secure.credentials;
  const use = server.setCredentials;
  const watch = watchCertificate({ config, terminal, clock, pair, use, log });
  closeLater(watch.close);
  return { care, counters: () => [zones(), watch.counters()] };
}
