import type { StoreState } from '../store/store.ts';
import { formatCount, formatSpan } from './format.ts';
import type { LoadedImage } from './images.ts';
import type { Live } from './live.ts';
import { allZones } from './members.ts';
import type { World } from './world.ts';
import { zonesText } from './zones-text.ts';

/** What `serve` prints once it answers. */
export function serveLines(world: World, live: Live, store: StoreState): string[] {
  const table = `${live.table.origin()}, mapped in ${formatSpan(live.table.rowMap().buildMs)}`;
  const connection = store.connected ? '' : ', NOT connected yet';
  return [
    `Isochrone answers for ${zonesText(world.config)}`,
    `DNS: ${live.dns.join(', ')}, UDP and TCP: ${socketsText(live)}`,
    ...secureLines(live).map(([name, where]) => `${name}: ${where}`),
    `Images: ${imagesText(world)}`,
    `Table from ${table}; store ${store.address}${connection}; console ${live.adminUrl ?? 'off'}`,
  ];
}

/** Where DNS is spoken over TLS and HTTPS, one line each. */
export function secureLines({ dot, doh }: Pick<Live, 'dot' | 'doh'>): [name: string, where: string][] {
  const lines: [string, readonly string[]][] = [
    ['TLS', dot],
    ['HTTPS', doh],
  ];
  return lines.filter(([, where]) => where.length > 0).map(([name, where]) => [name, where.join(', ')]);
}

/** Threads that answer, and how they read and write. */
export function socketsText({ workers, io }: Pick<Live, 'workers' | 'io'>): string {
  const threads = workers === 1 ? '1 thread' : `${workers} threads`;
  return io.kind === 'native'
    ? `${threads}, many packets a system call (koffi)`
    : `${threads}, node:dgram and node:net, a packet a call: ${io.reason}`;
}

/** Both images: what is in them, where they came from, and how long that took. */
export function imagesText({ answering, images }: World): string {
  const { nameCount } = answering.context.zones;
  const { v4, v6 } = answering.clients();
  const names = `${formatCount(nameCount)} names ${originText(images.zones, 'zone files')}`;
  const ranges = `${formatCount(v4.count + v6.count)} client ranges`;
  return `${names}, ${ranges} ${originText(images.clients, 'databases')}`;
}

/** The same for scripts, in the `ready` line of --json. */
export function readyFacts(world: World, live: Live): object {
  const { answering, images } = world;
  const { zones } = answering.context;
  const { v4, v6, siteCount } = answering.clients();
  const facts = ({ bytes, origin, tookMs }: LoadedImage): object => {
    return { origin, tookMs: Math.round(tookMs), octets: bytes.length };
  };
  return {
    dns: live.dns,
    ...(live.dot.length > 0 && { dot: live.dot }),
    ...(live.doh.length > 0 && { doh: live.doh }),
    admin: live.adminUrl,
    workers: live.workers,
    sockets: live.io.kind,
    ...(live.io.kind === 'portable' && { socketsWhy: live.io.reason }),
    zones: { ...facts(images.zones), zones: allZones(world).length, names: zones.nameCount },
    clients: { ...facts(images.clients), ranges: v4.count + v6.count, sites: siteCount },
    table: { origin: live.table.origin(), buildMs: Math.round(live.table.rowMap().buildMs) },
  };
}

function originText({ origin, tookMs }: LoadedImage, sources: string): string {
  return `${origin === 'file' ? 'from the image file' : `from the ${sources}`} in ${formatSpan(tookMs)}`;
}
