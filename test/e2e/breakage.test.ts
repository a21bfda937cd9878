import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { StatusView } from '../../src/console/api.ts';
import { dig, type Program, runProgram, startProgram, until } from '../helpers/program.ts';
import { freePort } from '../helpers/redis.ts';

/** What goes wrong at the start: each time one clear message and the right exit code. */

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'isochrone-breakage-'));
const state = join(folder, 'state');
const STARTED_MS = [100, 400, 700];

let program: Program;
let popPort: string;

before(async () => {
  popPort = String(await freePort());
  program = await startProgram(['up', '--pop-port', popPort], { state, borrows: true });
});
after(async () => {
  await program.end();
  rmSync(folder, { recursive: true, force: true });
});

/** A state folder with the image of the databases that the first program made: what breaks is not that. */
function stateWithImage(name: string): string {
  const made = join(folder, name);
  mkdirSync(made, { recursive: true });
  copyFileSync(join(state, 'clients.image'), join(made, 'clients.image'));
  return made;
}

/** Runs `up` beside the one that runs already, expecting it to fail. */
async function failedUp(...args: string[]): Promise<string> {
  const { code, err } = await runProgram('up', '--state', stateWithImage('other'), ...args);
  assert.equal(code, 1, err);
  assert.doesNotMatch(err, /\n\s+at /, 'a stack');
  return err.trim();
}

test('a second `up` says which ports are taken and how to choose others; the first goes on', async () => {
  const admin = new URL(program.admin).port;
  const flags = ['--port', String(program.port), '--admin-port', admin, '--pop-port', popPort];
  const lines = (await failedUp(...flags)).split('\n');
  for (const [i, begin] of [
    /^--port 127\.0\.0\.1:\d+\/tcp: another program has this port.* with --port or listen\.dns$/,
    /^--port 127\.0\.0\.1:\d+\/udp: /,
    /^--admin-port 127\.0\.0\.1:\d+\/tcp: .* with --admin-port or listen\.admin$/,
    /^--pop-port 127\.64\.1\.1:\d+\/tcp and 299 other addresses: .* with --pop-port or /,
  ].entries())
    assert.match(lines[i] ?? '', begin);
  assert.equal(lines.length, 4);
  assert.equal((await dig(program.port, 'www.cdn.example')).length, 1);
});

test('every flag that is wrong is named at once, exit code 2', async () => {
  const flags = [
    '--port',
    '99999',
    '--admin-port',
    '53.5',
    '--pop-port',
    '0',
    '--seed',
    'x',
    '--store',
    'sql',
  ];
  const { code, err } = await runProgram('up', ...flags);
  assert.equal(code, 2);
  for (const fault of [
    '--port "99999" is not a port: a whole number from 0 to 65535',
    '--admin-port "53.5" is not a port',
    '--pop-port "0" is not a port: a whole number from 1 to 65535',
    '--seed "x" is not a seed',
    '--store "sql" is neither memory nor redis://HOST:PORT',
  ])
    assert.ok(err.includes(`command line: ${fault}`), err);
});

test('a damaged snapshot or certificate is told, and made anew', async () => {
  const own = stateWithImage('damaged');
  const start = async () => startProgram(['up', '--pop-port', String(await freePort())], { state: own });
  const first = await start();
  const epoch = async (): Promise<number> => {
    const reply = await fetch(`${first.admin}/api/status`);
    return ((await reply.json()) as StatusView).table?.epoch ?? 0;
  };
  const { held } = await until(epoch, (number) => number > 0, 5000);
  assert.ok(held, 'no table of its own, which would be saved');
  assert.equal(await first.end(), 0);
  truncateSync(join(own, 'steering.image'), 1000);
  writeFileSync(join(own, 'ca.crt'), 'rubbish');
  const second = await start();
  assert.match(
    second.output(),
    /the snapshot is not used, geography is: .*steering\.image: 1000 octets long/,
  );
  assert.match(second.output(), /ca\.crt or its key is damaged .*: making a new one/);
  assert.equal((await dig(second.port, 'www.cdn.example')).length, 1);
  assert.equal(await second.end(), 0);
});

test('a state folder that is none, and databases that are none', async () => {
  const file = join(folder, 'empty.mmdb');
  writeFileSync(file, '');
  const ports = ['--port', '0', '--admin-port', '0', '--pop-port', String(await freePort())];
  const { err } = await runProgram('up', ...ports, '--state', file);
  assert.match(
    err,
    /empty\.mmdb: the POPs' certificates cannot be kept here, choose another --state: EEXIST/,
  );
  const demo = readFileSync(join(root, 'geo-data/demo/demo.yaml'), 'utf8');
  const city = join(folder, 'city.mmdb');
  mkdirSync(city);
  for (const [path, wrong] of [
    [file, 'is not a MaxMind database, or its end is missing'],
    [city, 'is not a file'],
    [join(folder, 'none.mmdb'), 'cannot be read: ENOENT'],
  ] as const) {
    const text = demo
      .replace('geo: {}', `geo: { city: ${path} }`)
      .replace('../pops.csv', join(root, 'geo-data/pops.csv'))
      .replace('file: cdn', `file: ${root}geo-data/demo/cdn`);
    writeFileSync(join(folder, 'isochrone.yaml'), text);
    const said = await failedUp('--config', join(folder, 'isochrone.yaml'), ...ports);
    assert.ok(
      said.split('\n').some((line) => line.startsWith(`${path}: ${wrong}`)),
      said,
    );
  }
});

test('stopped while it starts, it ends without a word', async () => {
  for (const ms of STARTED_MS) {
    const ports = ['--port', '0', '--admin-port', '0', '--pop-port', String(await freePort())];
    const args = ['src/main.ts', 'up', ...ports, '--state', join(folder, 'stopped')];
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        said += chunk;
      });
    const ended = new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal)));
    await sleep(ms);
    child.kill('SIGINT');
    // Before the program has set its handlers the signal itself ends it.
    assert.ok([0, 'SIGINT'].includes((await ended) as number | string), said);
    if (!said.includes('Stop with Ctrl-C')) assert.equal(said, '');
  }
});
