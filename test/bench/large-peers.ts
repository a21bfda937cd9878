import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LargeSources } from './large-sources.ts';
import { nsdServer } from './peer-servers.ts';

/** NSD and Knot with the zones of a large installation, on 127.0.0.1. */

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
