import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  answersOf,
  fixture,
  listenOn,
  rdataOf,
  subnetOf,
  useCityDatabase,
  writeCityDatabase,
} from '../helpers/imported.ts';
import { type Program, runProgram, startProgram, until } from '../helpers/program.ts';
import { freePort } from '../helpers/redis.ts';

/**
 * A configuration with each plugin of gdnsd, imported, checked and served, answers as the real gdnsd does
 * from the same files, where that is installed; else as its manual says.
 */

const GDNSD = '/usr/sbin/gdnsd';
const isInstalled = spawnSync(GDNSD, ['--help']).error === undefined;
const TCP_PORT = 18_181;
const folder = mkdtempSync(join(tmpdir(), 'isochrone-gdnsd-'));
const source = join(folder, 'gdnsd');
const out = join(folder, 'out');
let program: Program;
let peerPort: number | undefined;
let stopPeer: () => void = () => undefined;
let shut: () => void = () => undefined;

before(async () => {
  cpSync(fixture('gdnsd'), source, { recursive: true });
  mkdirSync(join(source, 'geoip'));
  writeFileSync(join(source, 'states'), '');
  const city = join(source, 'geoip/test.mmdb');
  writeCityDatabase(city);
  shut = await listenOn(['127.81.1.4', '127.81.2.8', '127.81.4.4', '127.81.4.2'], TCP_PORT);
  const imported = await runProgram('import', 'gdnsd', source, '--out', out);
  assert.equal(imported.code, 0, imported.out + imported.err);
  const config = join(out, 'isochrone.yaml');
  assert.match(readFileSync(config, 'utf8'), /^geo:\n {2}city: .*test\.mmdb$/m);
  useCityDatabase(config, city);
  if (isInstalled) peerPort = await startGdnsd();
  program = await startProgram(['serve', '--config', config]);
});

after(async () => {
  await program?.end();
  stopPeer();
  shut();
  rmSync(folder, { recursive: true, force: true });
});

async function startGdnsd(): Promise<number> {
  const port = await freePort();
  const dir = join(folder, 'peer');
  cpSync(source, dir, { recursive: true });
  mkdirSync(join(dir, 'run'));
  mkdirSync(join(dir, 'state'));
  const options = `listen => [ "127.0.0.1:${port}" ], udp_threads => 1, tcp_threads => 1
    run_dir => "${dir}/run", state_dir => "${dir}/state"`;
  const text = readFileSync(join(dir, 'config'), 'utf8').replace('options => {', `options => { ${options}`);
  writeFileSync(join(dir, 'config'), text.replace('file => states', `file => "${dir}/states"`));
  const child = spawn(GDNSD, ['-c', dir, 'start'], { stdio: ['ignore', 'pipe', 'pipe'] });
  stopPeer = () => child.kill('SIGKILL');
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (octets) => (said += octets));
  const ready = await until(
    () => answersOf(port, 'ns1.gdnsd.example', 'A'),
    (answers) => answers.length > 0 || child.exitCode !== null,
    10_000,
  );
  assert.deepEqual(ready.value, ['127.81.9.1'], said);
  return port;
}

/** Name, type, client subnet, and what the manual lets expect. */
const EXPECTED: readonly (readonly [name: string, type: string, subnet: string, answers: string])[] = [
  ['fixed', 'A', '', '127.81.0.1'],
  ['fixed6', 'AAAA', '', '2001:db8:81::1'],
  ['name', 'A', '', 'elsewhere.example.net.'],
  ['order', 'A', '', '127.81.1.1'],
  ['checked', 'A', '', '127.81.1.4'],
  ['both', 'A', '', '127.81.1.5'],
  ['both', 'AAAA', '', '2001:db8:81:1::5'],
  ['order', 'AAAA', '', ''],
  ['three', 'A', '', '127.81.2.1 127.81.2.2 127.81.2.3'],
  ['pair', 'A', '', '127.81.2.4 127.81.2.5'],
  ['dual', 'A', '', '127.81.2.6 127.81.2.7'],
  ['dual', 'AAAA', '', '2001:db8:81:2::6'],
  ['watched', 'A', '', '127.81.2.8'],
  ['alias', 'A', '', '127.81.2.1 127.81.2.2 127.81.2.3 three.gdnsd.example.'],
  ['names', 'A', '', 'one.example.net.'],
  ['chain', 'A', '', '127.81.4.2'],
  ['resort', 'A', '', '127.81.4.5'],
  ['nothing', 'A', '', '0.0.0.0'],
  ['mail', 'MX', '', '10 mx1.gdnsd.example.'],
  ['txt', 'TXT', '', '"plain text" "two"'],
  ['www-eu', 'A', '', '127.81.5.1'],
  ['www', 'A', subnetOf('DE'), '127.81.5.1'],
  ['www', 'A', subnetOf('FR'), '127.81.5.2 127.81.5.3'],
  ['www', 'A', subnetOf('US'), '127.81.5.2 127.81.5.3'],
  ['www', 'A', subnetOf('JP'), '127.81.5.4'],
  ['www', 'A', subnetOf('CN'), '127.81.5.1'],
  ['www', 'A', subnetOf('BR'), '127.81.5.1'],
  ['www', 'A', '10.1.2.0/24', '127.81.5.4'],
  ['near', 'A', subnetOf('DE'), '127.81.6.1'],
  ['near', 'A', subnetOf('FR'), '127.81.6.1'],
  ['near', 'A', subnetOf('US'), '127.81.6.2'],
  ['near', 'A', subnetOf('BR'), '127.81.6.2'],
  ['near', 'A', subnetOf('SG'), '127.81.6.3'],
];

test('what gdnsd answers by plugins, health, location and network is answered', async () => {
  // Checks of this server begin when it answers; those of gdnsd came before.
  const told = await until(
    async () => `${await ours('checked')} ${await ours('watched')} ${await ours('chain')}`,
    (text) => text === '127.81.1.4 127.81.2.8 127.81.4.2',
    15_000,
  );
  assert.ok(told.held, told.value);
  for (const [name, type, subnet, expected] of EXPECTED) {
    const what = `${name} ${type} ${subnet}`;
    const where = subnet === '' ? undefined : subnet;
    const own = (await rdataOf(program.port, `${name}.gdnsd.example`, type, where)).join(' ');
    assert.equal(own, expected, what);
    if (name === 'www') {
      const dug = await answersOf(program.port, `${name}.gdnsd.example`, type, where);
      assert.equal(dug.join(' '), expected, `dig: ${what}`);
    }
    // gdnsd leaves the target of an alias to the resolver.
    if (peerPort === undefined || name === 'alias') continue;
    const theirs = (await rdataOf(peerPort, `${name}.gdnsd.example`, type, where)).join(' ');
    assert.equal(own, theirs, `gdnsd: ${what}`);
  }
});

const ours = async (name: string): Promise<string> =>
  (await rdataOf(program.port, `${name}.gdnsd.example`, 'A')).join(' ');

test('weights divide client networks as they divide answers of gdnsd', async () => {
  const count = 240;
  const share = async (port: number, name: string): Promise<number> => {
    const asked = Array.from({ length: count }, (_, i) => `203.0.${i}.0/24`);
    let first = 0;
    for (let i = 0; i < asked.length; i += 24) {
      const some = asked.slice(i, i + 24).map((subnet) => rdataOf(port, name, 'A', subnet));
      for (const [answer] of await Promise.all(some)) if (/[13]$/.test(answer ?? '')) first++;
    }
    return first / count;
  };
  // Six standard deviations of what chance does.
  const near = (seen: number, wanted: number): boolean =>
    Math.abs(seen - wanted) < 6 * Math.sqrt(0.25 / count);
  for (const [name, wanted] of [
    ['split.gdnsd.example', 0.75],
    ['grouped.gdnsd.example', 0.5],
  ] as const) {
    const seen = await share(program.port, name);
    assert.ok(near(seen, wanted), `${name}: ${seen}`);
    if (peerPort !== undefined) assert.ok(near(await share(peerPort, name), wanted), `gdnsd: ${name}`);
  }
});

test('what cannot be carried over is listed with file and line', () => {
  const notes = readFileSync(join(out, 'not-carried-over.txt'), 'utf8');
  for (const pattern of [
    /types\.cfg:1: lost: service type ext: states are not read from files/,
    /zones\/gdnsd\.example:22: lost: DYNA reflect!best/,
    /zones\/gdnsd\.example:23: changed: DYNA null/,
    /config:4: lost: option nsid/,
  ])
    assert.match(notes, pattern);
});

test('nothing is overwritten', async () => {
  const again = await runProgram('import', 'gdnsd', source, '--out', out);
  assert.equal(again.code, 2);
  assert.match(again.err, /nothing is overwritten/);
});
