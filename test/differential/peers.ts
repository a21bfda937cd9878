import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeQuery } from '../helpers/message.ts';

const HOST = '127.0.0.1';
const PATH = `${process.env['PATH']}:/usr/sbin:/sbin`;
const START_TRIES = 300;
const TRY_MS = 100;
const ANSWER_MS = 1000;
const ASK_TRIES = 3;
const STOP_MS = 5000;

/** A name server of others, started by us. */
export interface Peer {
  readonly name: 'nsd' | 'knot' | 'bind';
  readonly ask: (query: Uint8Array) => Promise<Uint8Array>;
  readonly stop: () => Promise<void>;
}

/** Zones to load: origin without the final dot, and master file. */
export type ZoneFiles = Readonly<Record<string, string>>;

/** Whether a program can be started here. */
export function installed(program: 'nsd' | 'knotd' | 'named'): boolean {
  const found = spawnSync(program, [program === 'nsd' ? '-v' : '-V'], { env: { ...process.env, PATH } });
  return found.error === undefined;
}

/**
 * NSD on this port, with the UDP size and record order that we have, and no more in a response than was asked
 * for.
 */
export async function startNsd(
  port: number,
  zones: ZoneFiles,
  further: readonly string[] = [],
): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-nsd-'));
  const lines = [
    'server:',
    `  ip-address: ${HOST}@${port}`,
    '  server-count: 1',
    '  username: ""',
    '  chroot: ""',
    '  database: ""',
    `  zonesdir: "${folder}"`,
    `  pidfile: "${folder}/pid"`,
    `  xfrdfile: "${folder}/xfrd"`,
    `  zonelistfile: "${folder}/list"`,
    `  xfrdir: "${folder}"`,
    '  minimal-responses: yes',
    '  ipv4-edns-size: 1232',
    ...further,
    'remote-control:',
    '  control-enable: no',
    ...Object.keys(zones).flatMap((zone) => ['zone:', `  name: ${zone}`, `  zonefile: ${zone}`]),
  ];
  return start('nsd', port, folder, zones, ['-d', '-c'], lines);
}

/** Knot on this port. */
export async function startKnot(
  port: number,
  zones: ZoneFiles,
  further: readonly string[] = [],
): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-knot-'));
  const lines = [
    'server:',
    `  listen: ${HOST}@${port}`,
    `  rundir: ${folder}`,
    '  udp-workers: 1',
    '  tcp-workers: 1',
    '  background-workers: 1',
    '  udp-max-payload: 1232',
    'log:',
    '- target: stderr',
    '  any: warning',
    'database:',
    `  storage: ${folder}`,
    ...further,
    'template:',
    '- id: default',
    `  storage: ${folder}`,
    '  semantic-checks: soft',
    ...further
      .filter((line) => line.startsWith('mod-'))
      .map((line) => `  global-module: ${line.replace(':', '/default')}`),
    'zone:',
    ...Object.keys(zones).flatMap((zone) => [`- domain: ${zone}`, `  file: ${zone}`]),
  ];
  return start('knot', port, folder, zones, ['-c'], lines);
}

/** BIND on this port, without a cookie or an NS RRset that nobody asked for. */
export async function startBind(
  port: number,
  zones: ZoneFiles,
  further: readonly string[] = ['answer-cookie no;'],
): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-bind-'));
  const lines = [
    'options {',
    `  directory "${folder}";`,
    `  pid-file "${folder}/pid";`,
    `  session-keyfile "${folder}/session";`,
    `  managed-keys-directory "${folder}";`,
    `  listen-on port ${port} { ${HOST}; };`,
    '  listen-on-v6 { none; };',
    '  recursion no;',
    '  dnssec-validation no;',
    '  notify no;',
    '  minimal-responses no-auth;',
    '  minimal-any yes;',
    '  max-udp-size 1232;',
    '  edns-udp-size 1232;',
    ...further,
    '  rrset-order { order none; };',
    '  check-integrity no;',
    '  check-names primary ignore;',
    '  check-mx-cname ignore;',
    '  check-srv-cname ignore;',
    '  servfail-ttl 0;',
    '  zero-no-soa-ttl no;',
    '  empty-zones-enable no;',
    '};',
    'controls { };',
    ...Object.keys(zones).map((zone) => `zone "${zone}" { type primary; file "${fileOf(zone)}"; };`),
  ];
  return start('bind', port, folder, zones, ['-g', '-n', '1', '-c'], lines);
}

/** Zones of classless delegations have slashes in their names. */
function fileOf(zone: string): string {
  return zone.replaceAll('/', '-');
}

const PROGRAMS = { nsd: 'nsd', knot: 'knotd', bind: 'named' } as const;

async function start(
  name: Peer['name'],
  port: number,
  folder: string,
  zones: ZoneFiles,
  flags: readonly string[],
  configuration: readonly string[],
): Promise<Peer> {
  for (const [zone, text] of Object.entries(zones)) writeFileSync(join(folder, fileOf(zone)), text);
  const file = join(folder, 'conf');
  writeFileSync(file, `${configuration.join('\n')}\n`);
  const child = spawn(PROGRAMS[name], [...flags, file], {
    env: { ...process.env, PATH },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-4000)));
  const socket = createSocket('udp4');
  const ask = asker(socket, port);
  const stop = async () => {
    socket.close();
    await ended(child);
    rmSync(folder, { recursive: true, force: true });
  };
  const probes = Object.keys(zones).map((zone) => encodeQuery({ name: `${zone}.`, type: 'SOA' }));
  for (let i = 0; i < START_TRIES && child.exitCode === null; i++) {
    const replies = await Promise.all(probes.map((probe) => ask(probe).catch(() => undefined)));
    if (replies.every((reply) => reply !== undefined && ((reply[3] as number) & 15) === 0))
      return { name, ask, stop };
    await sleep(TRY_MS);
  }
  await stop();
  throw new Error(`${name} does not answer for its zones: ${said}`);
}

/** One question at a time over one socket; an answer is known by its id. */
function asker(socket: Socket, port: number): (query: Uint8Array) => Promise<Uint8Array> {
  socket.on('error', () => undefined);
  // At the start all zones are asked for at once.
  socket.setMaxListeners(0);
  let id = 0;
  const once = (query: Uint8Array) =>
    new Promise<Uint8Array | undefined>((resolve) => {
      id = (id + 1) & 0xffff;
      const sent = Uint8Array.from(query);
      sent[0] = id >> 8;
      sent[1] = id & 0xff;
      const done = (reply?: Uint8Array) => {
        clearTimeout(timer);
        socket.off('message', listen);
        resolve(reply);
      };
      const listen = (reply: Buffer) => {
        if (reply[0] === sent[0] && reply[1] === sent[1]) done(Uint8Array.from(reply));
      };
      const timer = setTimeout(done, ANSWER_MS);
      socket.on('message', listen);
      socket.send(sent, port, HOST);
    });
  return async (query) => {
    for (let i = 0; i < ASK_TRIES; i++) {
      const reply = await once(query);
      if (reply !== undefined) return reply;
    }
    throw new Error(`no answer on port ${port}`);
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const giveUp = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await gone;
  clearTimeout(giveUp);
}
