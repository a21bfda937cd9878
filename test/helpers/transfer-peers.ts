import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** NSD, Knot and BIND as a primary or a secondary of one zone, with one key, each in a folder of its own. */

const PATH = `${process.env['PATH']}:/usr/sbin:/sbin`;
export const KEY = {
  name: 'xfer-key',
  algorithm: 'hmac-sha384',
  secret: 'c2VjcmV0c2VjcmV0c2VjcmV0MTIzNDU2Nzg=',
};

export type PeerKind = 'nsd' | 'knot' | 'bind';
const PROGRAMS: Readonly<Record<PeerKind, string>> = { nsd: 'nsd', knot: 'knotd', bind: 'named' };

/** What the peer serves, and where the other side is. */
export interface PeerSetup {
  readonly port: number;
  /** Of the name server under test. */
  readonly other: number;
  readonly zone: string;
  /** Text of the zone where the peer is its primary. */
  readonly text?: string;
  /** BIND alone: transfers go over TLS. */
  readonly tls?: PeerTlsSetup;
}

/** Files, PEM, of both sides: the peer's own, and the authority of the other's certificate. */
interface PeerTlsSetup {
  readonly certificate: string;
  readonly key: string;
  readonly ca: string;
  /** Where the peer, as a primary, speaks TLS, or where the server under test does. */
  readonly port: number;
  /** Name in the certificate of the server under test. */
  readonly hostname: string;
}

/** A running peer. */
export interface Peer {
  /** Replaces a file, that of its zone where no other is named, and has zones read. */
  readonly change: (text: string, name?: string) => Promise<void>;
  readonly stop: () => Promise<void>;
  readonly log: () => string;
}

/** Whether the server is installed. */
export function hasPeer(kind: PeerKind): boolean {
  return spawnSync('sh', ['-c', `command -v ${PROGRAMS[kind]}`], { env: { PATH } }).status === 0;
}

/** Starts it: the primary with a text, else a secondary of the server under test. */
export function startPeer(context: TestContext, kind: PeerKind, setup: PeerSetup): Promise<Peer> {
  const files = setup.text === undefined ? {} : { zone: setup.text };
  return startServer(context, kind, { files, conf: (folder) => CONFIGURATIONS[kind](folder, setup) });
}

/** Starts one with a configuration of the caller's own, and files in its folder. */
export async function startServer(
  context: TestContext,
  kind: PeerKind,
  setup: {
    readonly conf: (folder: string) => string;
    readonly files: Readonly<Record<string, string>>;
  },
): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), `isochrone-${kind}-`));
  chmodSync(folder, 0o777);
  mkdirSync(join(folder, 'db'));
  for (const [name, text] of Object.entries(setup.files)) writeFileSync(join(folder, name), text);
  const file = join(folder, 'conf');
  writeFileSync(file, setup.conf(folder));
  const child = spawn(PROGRAMS[kind], ARGUMENTS[kind](file), {
    env: { PATH, TZ: 'UTC' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    const hard = setTimeout(() => child.kill('SIGKILL'), 5000);
    await once(child, 'exit');
    clearTimeout(hard);
  };
  context.after(async () => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    change: async (text, name = 'zone') => {
      writeFileSync(join(folder, name), text);
      await reread(kind, { child, file, folder });
    },
    stop,
    log: () => printed,
  };
}

/** NSD and BIND read their zones at SIGHUP; Knot is told so. */
async function reread(
  kind: PeerKind,
  { child, folder }: { readonly child: ChildProcess; readonly file: string; readonly folder: string },
): Promise<void> {
  if (kind !== 'knot') child.kill('SIGHUP');
  else await once(spawn('knotc', ['-s', join(folder, 'sock'), 'zone-reload'], { env: { PATH } }), 'exit');
}

const ARGUMENTS: Readonly<Record<PeerKind, (file: string) => readonly string[]>> = {
  nsd: (file) => ['-d', '-c', file],
  knot: (file) => ['-c', file],
  bind: (file) => ['-g', '-c', file, '-n', '1', '-U', '1'],
};

/** What a Knot says of itself, of the other side and of the key; its zones come behind that. */
export const knotHead = (folder: string, { port, other }: Pick<PeerSetup, 'port' | 'other'>): string => `
server:
  listen: 127.0.0.1@${port}
  rundir: "${folder}"
  udp-workers: 1
  tcp-workers: 1
  background-workers: 2
database:
  storage: "${folder}/db"
  journal-db-max-size: 16M
control:
  listen: "${folder}/sock"
log:
  - target: stderr
    any: info
key:
  - id: ${KEY.name}
    algorithm: ${KEY.algorithm}
    secret: ${KEY.secret}
remote:
  - id: other
    address: 127.0.0.1@${other}
    key: ${KEY.name}
acl:
  - id: other
    address: 127.0.0.1
    key: ${KEY.name}
    action: [transfer, notify]
`;

const CONFIGURATIONS: Readonly<Record<PeerKind, (folder: string, setup: PeerSetup) => string>> = {
  nsd: (folder, { port, other, zone, text }) => `
server:
  ip-address: 127.0.0.1@${port}
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "${folder}"
  database: ""
  pidfile: "${folder}/pid"
  xfrdfile: "${folder}/xfrd"
  xfrdir: "${folder}"
  zonelistfile: "${folder}/zonelist"
  xfrd-reload-timeout: 0
  zonefiles-check: yes
remote-control:
  control-enable: no
key:
  name: "${KEY.name}"
  algorithm: ${KEY.algorithm}
  secret: "${KEY.secret}"
zone:
  name: "${zone}"
  zonefile: "zone"
${
  text === undefined
    ? `  allow-notify: 127.0.0.1 ${KEY.name}\n  request-xfr: 127.0.0.1@${other} ${KEY.name}\n`
    : `  provide-xfr: 127.0.0.1 ${KEY.name}\n  notify: 127.0.0.1@${other} ${KEY.name}\n  store-ixfr: yes\n`
}`,
  knot: (folder, { port, other, zone, text }) => `${knotHead(folder, { port, other })}zone:
  - domain: ${zone}
    file: "${folder}/zone"
    acl: other
    journal-content: changes
${text === undefined ? '    master: other\n' : '    notify: other\n    zonefile-load: difference\n'}`,
  bind: (folder, { port, other, zone, text, tls }) => `
${
  tls === undefined
    ? ''
    : `tls own { cert-file "${tls.certificate}"; key-file "${tls.key}"; };
tls other { ca-file "${tls.ca}"; remote-hostname "${tls.hostname}"; };`
}
options {
  directory "${folder}";
  listen-on port ${port} { 127.0.0.1; };
${tls === undefined || text === undefined ? '' : `  listen-on port ${tls.port} tls own { 127.0.0.1; };`}
  listen-on-v6 { none; };
  pid-file "${folder}/pid";
  session-keyfile "${folder}/session";
  recursion no;
  dnssec-validation no;
  min-refresh-time 1;
  min-retry-time 1;
  notify-delay 0;
};
controls { };
key "${KEY.name}" { algorithm ${KEY.algorithm}; secret "${KEY.secret}"; };
server 127.0.0.1 { keys { "${KEY.name}"; }; };
zone "${zone}" {
${
  text === undefined
    ? `  type secondary; primaries port ${tls?.port ?? other} { 127.0.0.1 key "${KEY.name}" ${
        tls === undefined ? '' : 'tls other'
      }; };
  file "zone"; masterfile-format text; allow-notify { key "${KEY.name}"; };`
    : `  type primary; file "zone"; allow-transfer { key "${KEY.name}"; }; ixfr-from-differences yes;
  notify explicit; also-notify { 127.0.0.1 port ${other} key "${KEY.name}"; };`
}
};
`,
};
