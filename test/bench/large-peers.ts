import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom } from '../../src/base/random.ts';
import type { LargeSources } from './large-sources.ts';
import type { Asked } from './peer-modes.ts';
import { floorServers, nsdServer, ownServer, type PeerServer } from './peer-servers.ts';

/** Isochrone, NSD and Knot with the zones of a large installation, on 127.0.0.1. */

/** A peer that reads plain master files. */
export interface LargePeer {
  readonly name: string;
  readonly port: number;
  readonly program: string;
  readonly packages: string;
  /** Writes its configuration into the folder, and tells how to start it in the foreground. */
  readonly prepare: (folder: string, sources: LargeSources) => readonly string[];
}

const NSD_PORT = 20732;
const KNOT_PORT = 20733;

export const LARGE_PEERS: readonly LargePeer[] = [
  {
    name: 'nsd',
    port: NSD_PORT,
    program: 'nsd',
    packages: 'nsd',
    prepare: (folder, { plainZones, origins }) => {
      const zones = origins.map(
        (origin) => `zone:\n  name: ${origin}\n  zonefile: ${plainZones}/${origin}.zone\n`,
      );
      writeFileSync(join(folder, 'nsd.conf'), nsdServer(folder, NSD_PORT) + zones.join(''));
      return ['nsd', '-d', '-c', join(folder, 'nsd.conf')];
    },
  },
  {
    name: 'knot',
    port: KNOT_PORT,
    program: 'knotd',
    packages: 'knot',
    prepare: (folder, { plainZones, origins }) => {
      mkdirSync(join(folder, 'db'));
      const config = `
server:
  rundir: ${folder}
  listen: 127.0.0.1@${KNOT_PORT}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: ${folder}/db
template:
  - id: default
    storage: ${plainZones}
    file: "%s.zone"
    semantic-checks: off
    zonefile-sync: -1
    journal-content: none
zone:
${origins.map((origin) => `  - domain: ${origin}\n`).join('')}`;
      writeFileSync(join(folder, 'knot.conf'), config);
      return ['knotd', '-c', join(folder, 'knot.conf')];
    },
  },
];

/** For the modes of `npm run bench:peers`: all of them, and the floors. */
export function largeServers(sources: LargeSources, floor: string | undefined): readonly PeerServer[] {
  const peers = LARGE_PEERS.map(
    (peer): PeerServer => ({
      ...peer,
      transports: ['udp', 'tcp'],
      // What is steered here is a plain record there.
      steers: false,
      prepare: (folder) => peer.prepare(folder, sources),
    }),
  );
  return [ownServer(sources.config), ...peers, ...floorServers(floor)];
}

/** Questions in a list: more than fit into a cache. */
const LISTED = 300_000;

/** What those servers are asked, by chance out of all names. */
export function largeAsked(sources: LargeSources, folder: string, seed: number): Asked {
  const random = seededRandom(seed);
  const draw = (name: 'steered' | 'static'): string => {
    const lines = readFileSync(sources[name], 'utf8').trimEnd().split('\n');
    const drawn = Array.from({ length: LISTED }, () => lines[Math.floor(random.next() * lines.length)]);
    const path = join(folder, `drawn-${name}`);
    writeFileSync(path, `${drawn.join('\n')}\n`);
    return path;
  };
  const first = (names: readonly string[]): string => (names[0] ?? '').replace(/\.$/, '');
  return {
    lists: { www: draw('steered'), static: draw('static') },
    one: { www: first(sources.someSteered), static: first(sources.someStatic) },
    clients: sources.clients,
  };
}
