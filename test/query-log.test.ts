import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
} from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openAccessLog } from '../src/cli/access-log-file.ts';
import { openDnstapSocket } from '../src/cli/dnstap-socket.ts';
import { openRotatingFile } from '../src/cli/rotating-file.ts';
import { ACCESS_LOG_HEAD } from '../src/pop/access-log.ts';
import { CONTROL, controlFrame } from '../src/wire/dnstap.ts';
import { until as soon } from './contract/harness.ts';
import { until } from './helpers/program.ts';

const LINE = Buffer.from(`${'a'.repeat(99)}\n`);
const STREAM = { head: Buffer.from('HEAD'), tail: Buffer.from('TAIL') };

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-query-log-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function opened(path: string, options: { rotateOctets?: number; isStream?: boolean } = {}) {
  const said: string[] = [];
  const { rotateOctets = 1 << 20, isStream = false } = options;
  const log = (message: string): void => void said.push(message);
  const file = openRotatingFile({ path, rotateOctets, keep: 3, log, ...(isStream ? STREAM : {}) });
  const put = (octets: Uint8Array): Promise<boolean> => new Promise((resolve) => file.put(octets, resolve));
  return { ...file, put, said };
}

/** Files of this process may have so many octets: what is beyond fails in the middle, as on a full disk. */
function limitFiles(octets: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${octets}:unlimited`]);
}

test('a disk that is full takes no part of a line; what is lost is counted; then it goes on', async (t) => {
  for (const isStream of [false, true]) {
    const path = join(folderOf(t), 'log');
    const file = opened(path, { isStream });
    const head = isStream ? STREAM.head.length : 0;
    const noMore = (): void => undefined;
    process.on('SIGXFSZ', noMore);
    t.after(() => process.removeListener('SIGXFSZ', noMore));
    try {
      assert.deepEqual(await Promise.all([LINE, LINE].map(file.put)), [true, true]);
      limitFiles(head + 250);
      assert.deepEqual(await Promise.all([LINE, LINE].map(file.put)), [false, false]);
      assert.equal(await file.put(LINE), false);
      assert.equal(readFileSync(path).length, head + 200);
    } finally {
      limitFiles('unlimited');
    }
    assert.equal(await file.put(LINE), true);
    await file.close();
    assert.equal(readFileSync(path, 'latin1').slice(head, head + 300), String(LINE).repeat(3));
    assert.match(file.said.join('\n'), /^\S+log cannot be written.*EFBIG.*\n\S+log is written again$/);
  }
});

test('files are put aside when they are long, and so many are kept', async (t) => {
  const folder = folderOf(t);
  const file = opened(join(folder, 'log'), { rotateOctets: 250, isStream: true });
  for (let i = 0; i < 12; i++) assert.equal(await file.put(LINE), true);
  await file.close();
  assert.deepEqual(readdirSync(folder).sort(), ['log', 'log.1', 'log.2', 'log.3']);
  for (const name of readdirSync(folder))
    assert.match(readFileSync(join(folder, name), 'latin1'), /^HEAD(a{99}\n){2}TAIL$/);
  assert.deepEqual(file.said, []);
});

test('a file that another program took away, or cut, begins anew', async (t) => {
  for (const isStream of [false, true]) {
    const path = join(folderOf(t), 'log');
    const file = opened(path, { isStream });
    assert.equal(await file.put(LINE), true);
    renameSync(path, `${path}.gone`);
    assert.equal(await file.put(LINE), true);
    truncateSync(path);
    assert.equal(await file.put(LINE), true);
    await file.close();
    const whole = isStream ? `HEAD${LINE}TAIL` : String(LINE);
    assert.deepEqual(
      [`${path}.gone`, path].map((one) => readFileSync(one, 'latin1')),
      [whole, whole],
    );
  }
});

test('while one process replaces another each ends its own stream, and nothing kept is lost', async (t) => {
  const folder = folderOf(t);
  const path = join(folder, 'log');
  const [before, after] = [opened(path, { isStream: true }), opened(path, { isStream: true })];
  assert.equal(await before.put(LINE), true);
  for (let i = 0; i < 5; i++) for (const one of [after, before]) assert.equal(await one.put(LINE), true);
  await Promise.all([before.close(), after.close()]);
  assert.deepEqual(readdirSync(folder).sort(), ['log', 'log.1']);
  assert.equal(readFileSync(`${path}.1`, 'latin1'), `HEAD${String(LINE).repeat(6)}TAIL`);
  assert.equal(readFileSync(path, 'latin1'), `HEAD${String(LINE).repeat(5)}TAIL`);
});

test('what comes faster than the disk is refused beyond a bound', async (t) => {
  const file = opened(join(folderOf(t), 'log'), { rotateOctets: 1 << 30 });
  const all = Array.from({ length: 12 }, () => file.put(new Uint8Array(1 << 20)));
  const written = (await Promise.all(all)).filter((one) => one).length;
  await file.close();
  assert.ok(written >= 4 && written <= 6, `${written} of 12 MiB`);
});

test('a collector that is slow, away or none is told of; frames it did not get are lost', async (t) => {
  const path = join(folderOf(t), 'tap.sock');
  const sockets: Socket[] = [];
  let greeting: Uint8Array = controlFrame(CONTROL.ACCEPT);
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write(greeting);
      socket.pause();
    });
  });
  const listening = (): Promise<void> => new Promise((resolve) => server.listen(path, resolve));
  await listening();
  const said: string[] = [];
  const tap = openDnstapSocket(path, (message) => void said.push(message));
  t.after(() => tap.close());
  t.after(() => server.close());
  const put = (octets: number): Promise<boolean> =>
    new Promise((resolve) => tap.put(new Uint8Array(octets), resolve));
  const heard = async (what: RegExp): Promise<void> => {
    await until(
      async () => said.join('\n'),
      (text) => what.test(text),
      12_000,
    );
  };
  await until(
    () => put(8),
    (isTaken) => isTaken,
    5000,
  );
  // Nobody reads: what the kernel does not hold waits here, up to the bound.
  const all = Array.from({ length: 12 }, () => put(1 << 20));
  assert.deepEqual(await Promise.race([all[11], put(1)]), false);
  greeting = Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n');
  for (const socket of sockets) socket.destroy();
  assert.ok((await Promise.all(all)).filter((isTaken) => isTaken).length <= 1);
  assert.equal(await put(8), false);
  await heard(/tap\.sock: .*; frames are lost until it is back$/);
  await until(
    async () => sockets.length,
    (count) => count >= 2,
    8000,
  );
  greeting = controlFrame(CONTROL.ACCEPT);
  await heard(/takes frames again$/);
  assert.equal(said.length, 2, said.join('\n'));
  assert.ok(existsSync(path));
});

test('an access log of two threads: one head, a new file after logrotate, a full disk', async (t) => {
  const path = join(folderOf(t), 'access.log');
  const said: string[] = [];
  const open = () => openAccessLog(path, (line) => said.push(line));
  const [one, other] = [await open(), await open()];
  one.write('a');
  await soon(() => readFileSync(path, 'utf8').endsWith('a\n'), 'the first line');
  other.write('b');
  await soon(() => readFileSync(path, 'utf8') === `${ACCESS_LOG_HEAD}a\nb\n`, 'the second line');
  renameSync(path, `${path}.1`);
  one.write('c');
  await soon(() => existsSync(path) && readFileSync(path, 'utf8') === `${ACCESS_LOG_HEAD}c\n`, 'a new file');
  const noMore = (): void => undefined;
  process.on('SIGXFSZ', noMore);
  t.after(() => process.removeListener('SIGXFSZ', noMore));
  try {
    limitFiles(ACCESS_LOG_HEAD.length + 20);
    for (const line of ['d'.repeat(60), 'e']) one.write(line);
    await soon(() => one.lost() === 2, 'two lines lost');
  } finally {
    limitFiles('unlimited');
  }
  one.write('f');
  await one.close();
  await other.close();
  const parts = readFileSync(path, 'utf8').slice(ACCESS_LOG_HEAD.length).split('\n');
  assert.deepEqual([parts[0], parts.at(-2), parts.length], ['c', 'f', 4]);
  assert.deepEqual(
    said.map((line) => line.replace(path, 'FILE').replace(/: E.*/, '')),
    ['FILE cannot be written, and its lines are lost', 'FILE is written again'],
  );
  const nowhere = openAccessLog(join(path, 'x'), () => undefined);
  await assert.rejects(nowhere, /the access log cannot be written: ENOTDIR/);
});
