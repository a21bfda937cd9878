import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadLibc } from '../src/server/native-libc.ts';
import { ask } from './helpers/ask.ts';
import { type Program, runProgram, startProgram } from './helpers/program.ts';
import { startLoad } from './helpers/steady-load.ts';

const CONFIG = ['--config', 'test/bench/edge.yaml'];
const native = 'libc' in (await loadLibc());
const STATIC = 'static.edge.test. 30 A 192.0.2.1';

function stage(context: TestContext) {
  const state = mkdtempSync(join(tmpdir(), 'isochrone-test-'));
  const running: Program[] = [];
  context.after(async () => {
    for (const program of running) await program.end('SIGKILL');
    rmSync(state, { recursive: true, force: true });
  });
  const serve = async (...args: string[]): Promise<Program> => {
    const program = await startProgram(['serve', ...CONFIG, ...args], { state, borrows: true });
    running.push(program);
    return program;
  };
  return { state, serve, socket: join(state, 'handover.sock') };
}

/** Waits for a process that ends by itself; the signal means nothing to it. */
const ended = (program: Program): Promise<number | string> => program.end('SIGCONT');

test('a process is replaced several times under load: no query is lost', {
  skip: !native,
}, async (context) => {
  const { serve, socket } = stage(context);
  let current = await serve('--workers', '2');
  const { port, admin } = current;
  assert.equal(statSync(socket).mode & 0o777, 0o600);
  const load = await startLoad({ port, name: 'static.edge.test.', perSecond: 2000 });
  // Fewer threads take over all sockets; more open sockets of their own.
  for (const workers of ['1', '3', '2']) {
    await sleep(200);
    const next = await serve('--replace', '--workers', workers);
    assert.equal(await ended(current), 0);
    assert.deepEqual([next.port, next.admin], [port, admin]);
    assert.ok((await fetch(`${admin}/healthz`)).ok);
    current = next;
  }
  await sleep(200);
  const { sent, answered } = await load.stop();
  assert.equal(answered, sent);
  assert.equal(await current.end(), 0);
});

test('a connection of the replaced process is served until its client closes it', {
  skip: !native,
}, async (context) => {
  const { serve } = stage(context);
  const old = await serve('--workers', '1');
  const client = connect(old.port, '127.0.0.1');
  context.after(() => client.destroy());
  let answered = 0;
  client.on('data', () => answered++);
  const query = Buffer.from(
    '001e00010000000100000000000006737461746963046564676504746573740000010001',
    'hex',
  );
  const whole = Buffer.concat([Buffer.of(0, query.length - 2), query.subarray(2)]);
  const question = async (): Promise<void> => {
    const before = answered;
    client.write(whole);
    for (; answered === before; await sleep(5)) assert.ok(!client.destroyed, 'closed by the server');
  };
  await question();
  let isReplaced = false;
  const replaced = serve('--replace', '--workers', '1').finally(() => {
    isReplaced = true;
  });
  // A connection that is idle for long is closed.
  for (; !isReplaced; await sleep(200)) await question();
  await replaced;
  await question();
  client.end();
  assert.equal(await ended(old), 0);
});

test('when the new process fails before it answers, the old one goes on', {
  skip: !native,
}, async (context) => {
  const { state, serve } = stage(context);
  const old = await serve('--workers', '1');
  const server = { host: '127.0.0.1', port: old.port };
  // It fails once it has the sockets: another program has its console's port.
  const blocker = createServer().listen(0, '127.0.0.1');
  context.after(() => blocker.close());
  await once(blocker, 'listening');
  const taken = String((blocker.address() as { port: number }).port);
  const flags = ['--port', '0', '--admin-port', taken, '--state', state];
  const failed = await runProgram('serve', ...CONFIG, ...flags, '--replace');
  assert.match(failed.err, /took over the sockets of a running isochrone/);
  assert.equal(failed.code, 1);
  for (let i = 0; i < 5; i++)
    assert.equal((await ask({ server, name: 'static.edge.test.', type: 'A' })).sections[0][0], STATIC);
  const next = await serve('--replace', '--workers', '1');
  assert.equal(await ended(old), 0);
  assert.equal(await next.end(), 0);
});

test("with nobody to replace, it says so; the leftover of a dead process is in nobody's way", {
  skip: !native,
}, async (context) => {
  const { state, serve, socket } = stage(context);
  const args = ['serve', ...CONFIG, '--port', '0', '--admin-port', '0', '--state', state, '--replace'];
  const { code, err } = await runProgram(...args);
  assert.equal(code, 1);
  assert.equal(
    err.trim().split('\n').at(-1),
    `${socket}: no process serves from this state folder: start without --replace`,
  );
  const killed = await serve('--workers', '1');
  await killed.end('SIGKILL');
  assert.ok(statSync(socket).isSocket());
  const second = await serve('--workers', '1');
  const third = await serve('--replace', '--workers', '1');
  assert.equal(await ended(second), 0);
  assert.equal(await third.end(), 0);
  assert.throws(() => statSync(socket), { code: 'ENOENT' });
});
