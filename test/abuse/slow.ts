import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadLibc } from '../../src/server/native-libc.ts';
import { quantile, startServer } from '../helpers/abuse-server.ts';
import { ask } from '../helpers/ask.ts';

/**
 * Slow clients over TCP, thousands at a time, and how good ones fare meanwhile: `npm run test:abuse`. A
 * connection that the server closes is opened again at once.
 */

/** Connections that the crowd keeps. */
const SLOW = 5000;
const GOOD = 300;
const WWW = { name: 'www.edge.test.', type: 'A' };
const native = 'libc' in (await loadLibc());
const skip = native ? false : 'needs the native sockets';

/** Starts a crowd that does so; gives how many connections it has opened. */
function gather(context: TestContext, port: number, manner: string): () => number {
  const child = fork(new URL('crowd.ts', import.meta.url), [String(port), manner]);
  let opened = 0;
  child.on('message', (message) => {
    opened = Number(message);
  });
  context.after(() => child.kill());
  return () => opened;
}

/** Good clients, one after the other: each connects, asks, and reads its answer. */
async function askWell(address: { readonly host: string; readonly port: number }) {
  const tookMs: number[] = [];
  let failed = 0;
  for (let i = 0; i < GOOD; i++) {
    const startMs = performance.now();
    const answer = await ask({ server: address, ...WWW, transport: 'tcp', timeoutMs: 3000 }).catch(
      () => undefined,
    );
    if (answer?.sections[0].length === 1) tookMs.push(performance.now() - startMs);
    else failed++;
    await sleep(10);
  }
  const [p50, p99, max] = [0.5, 0.99, 1].map((share) => quantile(tookMs, share)) as [number, number, number];
  return { failed, p50, p99, max };
}

async function show(context: TestContext, manner: string): Promise<(reason: string) => number> {
  const { address, count } = await startServer(context, { io: 'native' });
  const before = await askWell(address);
  const opened = gather(context, address.port, manner);
  while (opened() < SLOW) await sleep(50);
  await sleep(1500);
  const held = count('isochrone_dns_tcp_connections');
  const during = await askWell(address);
  const ms = ({ failed, p50, p99, max }: typeof during): string =>
    `${failed} failed, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, slowest ${max.toFixed(1)} ms`;
  const closed = (reason: string): number => count('isochrone_dns_tcp_closed_total', reason);
  context.diagnostic(`${opened()} slow connections opened, ${held} of them held by the server`);
  context.diagnostic(`good clients alone: ${ms(before)}`);
  context.diagnostic(`good clients among them: ${ms(during)}`);
  const reasons = ['evicted', 'evicted-busy', 'slow-message', 'no-query', 'write-stalled'];
  context.diagnostic(`closed: ${reasons.map((reason) => `${closed(reason)} ${reason}`).join(', ')}`);
  assert.ok(held <= 1024, 'the bound holds');
  assert.equal(during.failed, 0, 'every good client is answered');
  assert.ok(during.p50 < before.p50 + 20, 'and at once');
  return closed;
}

test('5,000 connections, each with a part of a message that grows by an octet a second', {
  skip,
}, async (context) => {
  const closed = await show(context, 'dribble');
  assert.ok(closed('evicted-busy') > 0, 'who asks takes the place of who does not');
});

test('5,000 connections that say nothing', { skip }, async (context) => {
  const closed = await show(context, 'silent');
  assert.ok(closed('evicted') > 0);
});

test('5,000 connections that ask and do not read, or close their half first', { skip }, async (context) => {
  await show(context, 'deaf');
});
