import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { after, test } from 'node:test';
import { startAdmin } from '../src/console/admin.ts';
import { createEvents } from '../src/console/events.ts';
import { adminApi } from './helpers/admin.ts';

const admin = await startAdmin({
  listen: { host: '127.0.0.1', port: 0 },
  token: 'a-token-for-the-tests',
  tokenWhere: 'in the test',
  api: adminApi(),
  onError: (error) => assert.fail(String(error)),
});
after(() => admin.close());

async function get(path: string): Promise<{ status: number; text: string }> {
  const response = await fetch(admin.url + path);
  return { status: response.status, text: await response.text() };
}

const problems = ({ text }: { text: string }): string[] =>
  (JSON.parse(text) as { problems: { message: string }[] }).problems.map(({ message }) => message);

const connections = (server: Server): Promise<number> =>
  new Promise((resolve) => server.getConnections((_, count) => resolve(count)));

test('catchments and history: parameters are checked, all faults at once', async () => {
  const json = async (path: string) => JSON.parse((await get(path)).text);
  assert.deepEqual((await json('/api/catchments?service=web&atMs=900')).atMs, 900);
  assert.equal((await json('/api/catchments')).places[0][1], 'Paris, FR');
  assert.equal((await json('/api/history')).points[0].drained[0], 'GRU');
  assert.equal((await json('/api/history/at?atMs=500')).pops[1].state, 'drained');
  assert.equal((await json('/api/history?pop=GRU')).series[0].state, 'drained');
  const faults: [path: string, status: number, count: number][] = [
    ['/api/catchments?atMs=soon&colour=red&service=a&service=b', 400, 3],
    ['/api/catchments?service=other', 404, 1],
    ['/api/history?pop=GRX&x=1', 400, 1],
    ['/api/history?pop=GRX', 404, 1],
    ['/api/history/at', 400, 1],
    ['/api/history/at?atMs=-1&x=1', 400, 2],
  ];
  for (const [path, status, count] of faults) {
    const got = await get(path);
    assert.deepEqual([got.status, problems(got).length], [status, count], path);
  }
});

test('events: the state at once and again, as many listeners as there is room for', async () => {
  const listening = new AbortController();
  const { signal } = listening;
  const responses = [];
  for (let i = 0; i < 32; i++) responses.push(await fetch(`${admin.url}/api/events`, { signal }));
  const [first] = responses as [Response];
  assert.equal(first.headers.get('content-type'), 'text/event-stream');
  assert.equal(first.headers.get('cache-control'), 'no-store');
  let text = '';
  for await (const chunk of first.body as ReadableStream<Uint8Array>) {
    text += new TextDecoder().decode(chunk);
    if (text.split('event: state').length > 2) break;
  }
  const [line = ''] = /(?<=^data: ).*$/m.exec(text) ?? [];
  assert.match(text, /^retry: 2000\n\nevent: state\ndata: /);
  const state = JSON.parse(line);
  assert.deepEqual(
    [state.epoch, state.ready, state.pops[1]],
    [
      12,
      true,
      {
        code: 'GRU',
        state: 'drained',
        why: 'works',
        loadRps: 120,
        capacityRps: 1000,
        priceMs: 0,
        share: 0,
      },
    ],
  );
  // Whoever broke off above has left; the room is free once the server knows.
  let again = await fetch(`${admin.url}/api/events`, { signal });
  while (!again.ok) again = await fetch(`${admin.url}/api/events`, { signal });
  const full = await get('/api/events');
  assert.deepEqual([full.status, problems(full)], [503, ['32 listen already: try again later']]);
  const head = await fetch(`${admin.url}/api/events`, { method: 'HEAD' });
  assert.deepEqual([head.status, await head.text()], [503, '']);
  listening.abort();
});

test('a listener that does not read is skipped, then closed; the others go on', {
  timeout: 20_000,
}, async () => {
  const big = `"${'x'.repeat(1 << 20)}"`;
  let asked = 0;
  const events = createEvents(() => (asked++ < 0 ? '' : big), { everyMs: 20, heartbeatMs: 20 });
  const server = createServer((_, response) => void events.add(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const silent = connect(port, '127.0.0.1', () => silent.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'));
  silent.pause();
  const reading = connect(port, '127.0.0.1', () => reading.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'));
  reading.resume();
  await Promise.all([silent, reading].map((socket) => once(socket, 'connect')));
  while (asked < 3 || (await connections(server)) > 1) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(!reading.destroyed && reading.bytesRead > 1 << 20);
  reading.destroy();
  silent.destroy();
  while ((await connections(server)) > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const atEnd = asked;
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(asked, atEnd, 'nobody listens: nothing is made');
  server.close();
});
