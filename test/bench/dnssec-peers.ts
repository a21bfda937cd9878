import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './machine.ts';
import { ownServer, type PeerServer, peerServers } from './peer-servers.ts';

/** The servers of peer-servers.ts that steer, with the zone signed by ECDSA P-256. */

/** Isochrone, Knot and PowerDNS. Their zones are signed before the first answer. */
export function signedServers(folder: string): readonly PeerServer[] {
  const peers = new Map(peerServers(undefined).map((server) => [server.name, server]));
  return [own(folder), knot(peers.get('knot')), powerdns(peers.get('pdns'))].filter(
    (server) => server !== undefined,
  );
}

function own(folder: string): PeerServer {
  const config = join(folder, 'signed.yaml');
  const text = readFileSync(join(root, 'test/bench/edge.yaml'), 'utf8');
  const zone = join(root, 'test/bench/edge.zone');
  const keys = join(folder, 'keys');
  writeFileSync(
    config,
    text.replace(/ {2}- \{ origin.*/, `  - { origin: edge.test, file: ${zone}, dnssec: { keys: ${keys} } }`),
  );
  const words = [join(root, 'src/main.ts'), 'zone', 'keygen', 'edge.test', '--config', config];
  spawnSync(process.execPath, words, { encoding: 'utf8' });
  return ownServer(config);
}

function knot(server: PeerServer | undefined): PeerServer | undefined {
  if (server === undefined) return undefined;
  return {
    ...server,
    prepare: (folder) => {
      const command = server.prepare(folder);
      const file = join(folder, 'knot.conf');
      const text = readFileSync(file, 'utf8');
      const policy =
        'policy:\n  - id: one\n    algorithm: ecdsap256sha256\n    single-type-signing: on\nzone:';
      const signed = '    dnssec-signing: on\n    dnssec-policy: one\n';
      writeFileSync(file, `${text.replace('zone:', policy)}${signed}`);
      return command;
    },
  };
}

function powerdns(server: PeerServer | undefined): PeerServer | undefined {
  if (server === undefined) return undefined;
  return {
    ...server,
    prepare: (folder) => {
      const command = server.prepare(folder);
      const keys = join(folder, 'keys');
      mkdirSync(keys);
      appendFileSync(join(folder, 'pdns.conf'), `geoip-dnssec-keydir=${keys}\n`);
      const words = [
        `--config-dir=${folder}`,
        'add-zone-key',
        'edge.test',
        'ksk',
        '256',
        'active',
        'ecdsa256',
      ];
      spawnSync('pdnsutil', words, { encoding: 'utf8' });
      return command;
    },
  };
}
