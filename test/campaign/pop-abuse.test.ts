import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startLonePop } from '../helpers/lone-pop.ts';

/**
 * `npm run test:pop-abuse`: 5,000 slow connections hold on to a POP, half with a head that never ends, half
 * with a body that drips; good clients are served meanwhile, each over a new connection.
 */

const SLOW = 5_000;
/** It lasts so long after the last of them: longer than it takes to end the first; and so long in all. */
const LASTS_MS = 15_000;
const LASTS_MAX_MS = 180_000;
/** Good clients that are not served, and what the slowest but one in a hundred may take, ms. */
const FAILED_SHARE = 0.005;
const P99_MS = 5_000;

/** Each connection from an address of its own; what is ended is not opened again. */
const ATTACK = `
const tls = require('node:tls'), net = require('node:net');
const [address, port, count] = process.argv.slice(1);
const secureContext = tls.createSecureContext();
let tried = 0, open = 0, ended = 0;
for (let i = 0; i < Number(count); i++) setTimeout(() => {
  const from = '127.97.' + (i >> 7) + '.' + ((i & 127) + 1);
  const tcp = net.connect({ host: address, port: Number(port), localAddress: from });
  tcp.on('error', () => {});
  const socket = tls.connect({ socket: tcp, rejectUnauthorized: false, secureContext });
  tried++;
  socket.on('error', () => {});
  const head = 'Host: bench.example\\r\\n';
  const first = i % 2 ? 'GET /object HTTP/1.1\\r\\n' + head
    : 'POST /object HTTP/1.1\\r\\n' + head + 'Content-Length: 100000\\r\\n\\r\\n';
  socket.once('secureConnect', () => {
    open++;
    socket.write(first);
    const timer = setInterval(() => socket.write(i % 2 ? 'x-a: b\\r\\n' : 'a'), 1000);
    socket.once('close', () => { open--; ended++; clearInterval(timer); });
  });
}, i * 2);
setInterval(() => console.log(JSON.stringify({ tried, open, ended })), 500);
`;

test('5,000 slow connections: good clients are served', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-pop-abuse-'));
  const pop = await startLonePop(folder, '127.96.3.1');
  const args = ['-e', ATTACK, pop.address, String(pop.port), String(SLOW)];
  const attack = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(async () => {
    attack.kill();
    await pop.close();
    rmSync(folder, { recursive: true, force: true });
  });
  let openMax = 0;
  let endedNow = 0;
  let triedNow = 0;
  attack.stdout.setEncoding('utf8').on('data', (text: string) => {
    const { tried, open, ended } = JSON.parse(text.trim().split('\n').at(-1) ?? '{}');
    triedNow = tried;
    openMax = Math.max(openMax, open);
    endedNow = ended;
  });
  const times: number[] = [];
  const failures: string[] = [];
  const lastMs = performance.now() + LASTS_MAX_MS;
  let allTriedMs = Number.POSITIVE_INFINITY;
  while (performance.now() < Math.min(lastMs, allTriedMs + LASTS_MS)) {
    if (triedNow === SLOW) allTriedMs = Math.min(allTriedMs, performance.now());
    const beganMs = performance.now();
    const outcome = await pop.ask().catch((error: Error) => error.message);
    if (outcome === 200) times.push(performance.now() - beganMs);
    else failures.push(String(outcome));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  times.sort((one, other) => one - other);
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0;
  const figures = `${openMax} slow connections at once, ${endedNow} ended by the POP`;
  const served = `${times.length} new connections of good clients served, ${failures.length} not`;
  t.diagnostic(`${figures}; ${served}; median ${at(0.5).toFixed(0)} ms, p99 ${at(0.99).toFixed(0)} ms`);
  assert.ok(endedNow > 0, 'slow connections are ended');
  assert.ok(failures.length <= FAILED_SHARE * (times.length + failures.length), failures.join());
  assert.ok(at(0.99) < P99_MS, `p99 ${at(0.99)} ms`);
});
