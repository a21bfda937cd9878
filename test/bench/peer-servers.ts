import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './machine.ts';

/**
 * The servers that one run compares, each serving zone edge.test on 127.0.0.1 with one worker: www steered by
 * client subnet where the server can do that, static always the same.
 */

/** A server that can be started and loaded. */
export interface PeerServer {
  readonly name: string;
  readonly port: number;
  /** What must be there to run it, and the Debian packages that bring it. */
  readonly program: string;
  readonly packages: string;
  readonly transports: readonly ('udp' | 'tcp')[];
  /** Whether www is answered by client subnet; otherwise it is as static as any name. */
  readonly steers: boolean;
  /** Writes its configuration into the folder, and tells how to start it in the foreground. */
  readonly prepare: (folder: string) => readonly string[];
}

/** Records of the peers' zone beside www, relative to its origin. */
const ZONE = [
  '@ SOA ns1 hostmaster 1 7200 1800 259200 900',
  '@ NS ns1',
  'ns1 A 127.0.0.1',
  'static A 192.0.2.1',
];
/** All on 127.0.0.1; the floor over TCP has the port behind that of UDP. */
const PORT = {
  isochrone: 20740,
  gdnsd: 20741,
  nsd: 20742,
  knot: 20743,
  pdns: 20744,
  bind: 20745,
  floor: 20746,
  admin: 20749,
};
const BOTH = ['udp', 'tcp'] as const;

/** Isochrone first; the floors last. `floor` is the compiled floor.c, absent without a compiler. */
export function peerServers(floor: string | undefined): readonly PeerServer[] {
  const own = ownServer(join(root, 'test/bench/edge.yaml'));
  return [own, GDNSD, KNOT, NSD, POWERDNS, BIND, ...floorServers(floor)];
}

/** The echo over UDP, and over TCP. */
export function floorServers(floor: string | undefined): readonly PeerServer[] {
  if (floor === undefined) return [];
  return BOTH.map((transport, index) => ({
    name: 'floor',
    port: PORT.floor + index,
    program: 'gcc',
    packages: 'gcc libc6-dev',
    transports: [transport],
    steers: false,
    prepare: () => [floor, transport, `${PORT.floor + index}`],
  }));
}

/** Isochrone with this configuration. */
export function ownServer(config: string): PeerServer {
  const { isochrone: port } = PORT;
  const flags = ['--config', config, '--port', `${port}`, '--workers', '1', '--admin-port', `${PORT.admin}`];
  return {
    name: 'isochrone',
    port,
    program: 'node',
    packages: 'nodejs',
    transports: BOTH,
    steers: true,
    prepare: (folder) => {
      const state = ['--state', join(folder, 'state')];
      return [process.execPath, join(root, 'src/main.ts'), 'serve', ...flags, ...state];
    },
  };
}

const GDNSD: PeerServer = {
  name: 'gdnsd',
  port: PORT.gdnsd,
  program: 'gdnsd',
  packages: 'gdnsd',
  transports: BOTH,
  steers: true,
  prepare: (folder) => {
    for (const name of ['zones', 'run', 'state']) mkdirSync(join(folder, name), { recursive: true });
    const config = `
      options => {
        listen => [ "127.0.0.1:${PORT.gdnsd}" ], udp_threads => 1, tcp_threads => 1,
        run_dir => "${folder}/run", state_dir => "${folder}/state"
      }
      plugins => { geoip => {
        maps => { clients => {
          datacenters => [ FRA, IAD, NRT, GRU ],
          auto_dc_coords => { FRA => [ 50.03, 8.57 ], IAD => [ 38.94, -77.45 ],
                              NRT => [ 35.76, 140.38 ], GRU => [ -23.43, -46.47 ] },
          nets => { 10.0.0.0/8 => [ IAD, FRA ], 127.0.0.0/8 => [ FRA, IAD ], 192.0.2.0/24 => [ NRT, IAD ] }
        } },
        resources => { www => { map => clients, service_types => up, dcmap => {
          FRA => 192.0.2.1, IAD => 192.0.2.2, NRT => 192.0.2.3, GRU => 192.0.2.4 } } }
      } }`;
    writeFileSync(join(folder, 'config'), config);
    writeFileSync(
      join(folder, 'zones/edge.test'),
      `$TTL 30\n${[...ZONE, 'www 30/30 DYNA geoip!www', ''].join('\n')}`,
    );
    return ['gdnsd', '-c', folder, 'start'];
  },
};

const KNOT: PeerServer = {
  name: 'knot',
  port: PORT.knot,
  program: 'knotd',
  packages: 'knot knot-module-geoip',
  transports: BOTH,
  steers: true,
  prepare: (folder) => {
    writeZone(folder);
    const networks = { '10.0.0.0/8': 2, '127.0.0.0/8': 1, '192.0.2.0/24': 3 };
    const lines = Object.entries(networks).map(([net, pop]) => `  - net: ${net}\n    A: 192.0.2.${pop}\n`);
    writeFileSync(join(folder, 'geo.conf'), `www.edge.test:\n${lines.join('')}`);
    const config = `
server:
  rundir: ${folder}
  listen: 127.0.0.1@${PORT.knot}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
  edns-client-subnet: on
database:
  storage: ${folder}/db
mod-geoip:
  - id: www
    config-file: ${folder}/geo.conf
    ttl: 30
    mode: subnet
zone:
  - domain: edge.test
    storage: ${folder}
    file: zone
    module: mod-geoip/www
`;
    writeFileSync(join(folder, 'knot.conf'), config);
    return ['knotd', '-c', join(folder, 'knot.conf')];
  },
};

const NSD: PeerServer = {
  name: 'nsd',
  port: PORT.nsd,
  program: 'nsd',
  packages: 'nsd',
  transports: BOTH,
  steers: false,
  prepare: (folder) => {
    writeZone(folder);
    writeFileSync(
      join(folder, 'nsd.conf'),
      `${nsdServer(folder, PORT.nsd)}zone:\n  name: edge.test\n  zonefile: zone\n`,
    );
    return ['nsd', '-d', '-c', join(folder, 'nsd.conf')];
  },
};

/** The part of NSD's configuration that is the same with any zones. */
export function nsdServer(folder: string, port: number): string {
  return `
server:
  ip-address: 127.0.0.1@${port}
  username: ""
  zonesdir: "${folder}"
  pidfile: "${folder}/nsd.pid"
  database: ""
  logfile: "${folder}/nsd.log"
  xfrdfile: "${folder}/xfrd"
  zonelistfile: "${folder}/zonelist"
  xfrdir: "${folder}"
  server-count: 1
  rrl-ratelimit: 0
remote-control:
  control-enable: no
`;
}

const POWERDNS: PeerServer = {
  name: 'pdns',
  port: PORT.pdns,
  program: 'pdns_server',
  packages: 'pdns-server pdns-backend-geoip',
  transports: BOTH,
  steers: true,
  prepare: (folder) => {
    const config = [
      'launch=geoip',
      `geoip-zones-file=${folder}/geo.yaml`,
      'edns-subnet-processing=yes',
      'local-address=127.0.0.1',
      `local-port=${PORT.pdns}`,
      `socket-dir=${folder}`,
      'receiver-threads=1',
      '',
    ];
    writeFileSync(join(folder, 'pdns.conf'), config.join('\n'));
    const zone = `
domains:
  - domain: edge.test
    ttl: 30
    records:
      edge.test:
        - soa: ns1.edge.test hostmaster.edge.test 1 7200 1800 259200 900
        - ns: ns1.edge.test
      static.edge.test:
        - a: 192.0.2.1
      near-iad.edge.test:
        - a: 192.0.2.2
      near-fra.edge.test:
        - a: 192.0.2.1
    services:
      www.edge.test:
        default: [ 'near-fra.edge.test' ]
        '10.0.0.0/8': 'near-iad.edge.test'
`;
    writeFileSync(join(folder, 'geo.yaml'), zone);
    return ['pdns_server', `--config-dir=${folder}`, '--daemon=no', '--guardian=no'];
  },
};

const BIND: PeerServer = {
  name: 'bind',
  port: PORT.bind,
  program: 'named',
  packages: 'bind9',
  transports: BOTH,
  steers: false,
  prepare: (folder) => {
    writeZone(folder);
    const config = `
options {
  directory "${folder}";
  listen-on port ${PORT.bind} { 127.0.0.1; };
  listen-on-v6 { none; };
  recursion no;
  pid-file "${folder}/pid";
  session-keyfile "${folder}/session.key";
};
controls { };
zone "edge.test" { type primary; file "${folder}/zone"; };
`;
    writeFileSync(join(folder, 'named.conf'), config);
    return ['named', '-g', '-n', '1', '-c', join(folder, 'named.conf')];
  },
};

function writeZone(folder: string): void {
  mkdirSync(join(folder, 'db'), { recursive: true });
  writeFileSync(
    join(folder, 'zone'),
    `$ORIGIN edge.test.\n$TTL 30\n${[...ZONE, 'www A 192.0.2.1', ''].join('\n')}`,
  );
}
