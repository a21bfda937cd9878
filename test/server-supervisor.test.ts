import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { OperatorError } from '../src/base/errors.ts';
import { POP_DOWN, setPopBit } from '../src/base/pop-state.ts';
import { readPlaces } from '../src/geo/places.ts';
import { loadLibc } from '../src/server/native-libc.ts';
import { type NameServerEvent, type NameServerOptions, startNameServer } from '../src/server/supervisor.ts';
import { ask } from './helpers/ask.ts';
import { loadEdge, nearestImage } from './helpers/edge.ts';
import { startLoad } from './helpers/steady-load.ts';
import { compileZones } from './helpers/zones.ts';

const { data, image } = loadEdge();
const placesFile = new URL('../geo-data/places.csv', import.meta.url);
const places = readPlaces(readFileSync(placesFile, 'utf8'), 'places.csv');
const native = 'libc' in (await loadLibc());
/** Without koffi the portable sockets alone can be tested here. */
const KINDS = native ? (['native', 'portable'] as const) : (['portable'] as const);

/** Threads that are alive, by name: `dns` or `mapper`; oldest first. */
const alive: Worker[] = [];
process.on('worker', (worker) => {
  alive.push(worker);
  worker.on('exit', () => alive.splice(alive.indexOf(worker), 1));
});
const threads = (name: string): Worker[] => alive.filter((worker) => worker.threadName === name);

async function start(context: TestContext, options: Partial<NameServerOptions> = {}) {
  const events: NameServerEvent[] = [];
  const server = await startNameServer({
    listen: [{ host: '127.0.0.1', port: 0 }],
    data,
    image,
    workers: 1,
    onEvent: (event) => events.push(event),
    ...options,
  });
  context.after(() => server.close());
  const [address] = server.addresses;
  assert.ok(address);
  const first = async (name: string, options: object = {}): Promise<string | undefined> =>
    (await ask({ server: address, name, type: 'A', ...options })).sections[0][0];
  const count = (name: string): number =>
    server
      .counters()
      .families.find((family) => family.name === name)
      ?.samples.reduce((sum, sample) => sum + sample.value, 0) ?? 0;
  return { server, address, events, first, count };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}

for (const io of KINDS)
  test(`it answers over UDP and TCP, IPv4 and IPv6, and counts (${io})`, async (context) => {
    const listen = [
      { host: '127.0.0.1', port: 0 },
      { host: '::1', port: 0 },
    ];
    const { server, first, count } = await start(context, { listen, io });
    assert.equal(server.io.kind, io);
    for (const transport of ['udp', 'tcp'])
      for (const address of server.addresses) {
        const options = { server: address, transport, subnet: '10.1.2.0/24' };
        assert.equal(await first('www.edge.test.', options), 'www.edge.test. 30 A 192.0.2.2');
      }
    assert.equal(await first('www.edge.test.', { subnet: '192.0.2.0/24' }), 'www.edge.test. 30 A 192.0.2.3');
    assert.equal(count('isochrone_dns_queries_total'), 5);
    assert.equal(count('isochrone_dns_worker_queries_total'), 5);
    assert.equal(count('isochrone_dns_pop_answers_total'), 5);
    assert.equal(count('isochrone_dns_tcp_accepted_total'), 2);
    assert.equal(server.imageEpoch(), 1);
  });

test('a POP marked down is skipped by the next query', async (context) => {
  const { first } = await start(context);
  const ashburn = { subnet: '10.1.2.0/24' };
  setPopBit(data.popState, { popIndex: 1, bit: POP_DOWN, on: true });
  assert.notEqual(await first('www.edge.test.', ashburn), 'www.edge.test. 30 A 192.0.2.2');
  setPopBit(data.popState, { popIndex: 1, bit: POP_DOWN, on: false });
  assert.equal(await first('www.edge.test.', ashburn), 'www.edge.test. 30 A 192.0.2.2');
});

test('a new image is taken by every thread, a damaged one refused and the old one kept', async (context) => {
  const tables: number[] = [];
  const onTable = ({ epoch }: { epoch: number }): unknown => tables.push(epoch);
  const { server, events, first } = await start(context, { onTable, workers: 2 });
  const broken = Uint8Array.from(image);
  broken[100] = (broken[100] as number) ^ 1;
  server.setImage(broken);
  await until(() => events.length > 0);
  assert.deepEqual(events, [{ kind: 'table-refused', reason: 'damaged: the checksum differs' }]);
  assert.equal(server.imageEpoch(), 1);
  server.setImage(nearestImage(data, places, 2));
  await until(() => server.imageEpoch() === 2);
  assert.ok(await first('www.edge.test.'));
  assert.deepEqual(tables, [1, 2]);
});

test('of images that come faster than tables are built, the last is used', async (context) => {
  const tables: number[] = [];
  const onTable = ({ epoch }: { epoch: number }): unknown => tables.push(epoch);
  const { server } = await start(context, { onTable });
  for (let epoch = 2; epoch <= 9; epoch++) server.setImage(nearestImage(data, places, epoch));
  await until(() => server.imageEpoch() === 9);
  assert.deepEqual(tables, [1, 2, 9]);
});

test('zones are replaced while it answers', async (context) => {
  const { server, first } = await start(context);
  const text =
    '$TTL 60\n@ SOA ns.edge.test. admin.edge.test. 9 3600 900 604800 60\n NS ns\nns A 192.0.2.53\n' +
    'static A 192.0.2.99\n';
  server.setZones(compileZones([['edge.test.', text]], ['edge']));
  for (let answer: string | undefined; answer !== 'static.edge.test. 60 A 192.0.2.99'; )
    answer = await first('static.edge.test.');
  // A zone image made for other services is refused by the threads, which keep this one.
  server.setZones(compileZones([['edge.test.', text]], ['another']));
  await sleep(200);
  assert.equal(await first('static.edge.test.'), 'static.edge.test. 60 A 192.0.2.99');
});

for (const io of KINDS)
  test(`a thread ended from outside is replaced, with table and counters (${io})`, async (context) => {
    const { server, events, first, count } = await start(context, { io });
    server.setImage(nearestImage(data, places, 7));
    await until(() => server.imageEpoch() === 7);
    await first('static.edge.test.');
    await threads('dns')[0]?.terminate();
    await until(() => events.some((event) => event.kind === 'worker-restarted'));
    assert.deepEqual(events, [
      { kind: 'worker-died', worker: 0, error: 'the thread ended with code 1', restartInMs: 0 },
      { kind: 'worker-restarted', worker: 0 },
    ]);
    assert.equal(await first('static.edge.test.'), 'static.edge.test. 30 A 192.0.2.1');
    assert.equal(server.imageEpoch(), 7);
    assert.equal(count('isochrone_dns_queries_total'), 2);
    assert.equal(count('isochrone_dns_worker_restarts_total'), 1);
  });

test('no query is lost when threads are ended under load', { skip: !native }, async (context) => {
  const { server, address, count, events } = await start(context, { workers: 2 });
  const load = await startLoad({ port: address.port, name: 'static.edge.test.', perSecond: 2000 });
  for (let kill = 1; kill <= 5; kill++) {
    // Both are ready and the third stands by: then one dies.
    await until(() => server.serving() && threads('dns').length === 3);
    await sleep(300);
    await threads('dns')[0]?.terminate();
    await until(() => events.filter((event) => event.kind === 'worker-restarted').length === kill);
  }
  const { sent, answered } = await load.stop();
  assert.equal(answered, sent);
  assert.equal(count('isochrone_dns_worker_restarts_total'), 5);
});

test('the thread that builds tables is replaced, and its image is not lost', async (context) => {
  const { server, events } = await start(context);
  server.setImage(nearestImage(data, places, 3));
  await threads('mapper')[0]?.terminate();
  await until(() => server.imageEpoch() === 3);
  assert.deepEqual(
    events.map((event) => event.kind),
    ['mapper-died'],
  );
});

test('several threads share the port, and no other program does', async (context) => {
  for (const io of KINDS) {
    const { server, address, first } = await start(context, { workers: 2, io });
    for (let i = 0; i < 20; i++)
      assert.equal(await first('static.edge.test.'), 'static.edge.test. 30 A 192.0.2.1');
    assert.ok(server.serving());
    await assert.rejects(startNameServer({ listen: [address], data, workers: 2, io }), {
      code: 'port-in-use',
    });
  }
});

test('a port in use is named, and nothing stays open', async (context) => {
  const blocker = createServer().listen(0, '127.0.0.1');
  context.after(() => blocker.close());
  await once(blocker, 'listening');
  const taken = { host: '127.0.0.1', port: (blocker.address() as { port: number }).port };
  const { server, address: free } = await start(context);
  await server.close();
  await assert.rejects(startNameServer({ listen: [free, taken], data }), (error) => {
    assert.ok(error instanceof OperatorError);
    assert.equal(error.code, 'port-in-use');
    assert.match(
      error.message,
      new RegExp(`^127\\.0\\.0\\.1:${taken.port}/tcp: another program has this port`),
    );
    return true;
  });
  await start(context, { listen: [free] });
});

test("an address of no interface, and an image that is damaged, are the operator's errors", async () => {
  for (const io of KINDS)
    await assert.rejects(startNameServer({ listen: [{ host: '192.0.2.77', port: 5480 }], data, io }), {
      code: 'bad-config',
      message: '192.0.2.77:5480/udp: no interface of this machine has this address',
    });
  const zones = new Uint8Array(new SharedArrayBuffer(data.zones.length));
  zones.set(data.zones);
  zones[200] = (zones[200] as number) ^ 1;
  const listen = [{ host: '127.0.0.1', port: 0 }];
  await assert.rejects(startNameServer({ listen, data: { ...data, zones } }), {
    code: 'bad-image',
    message: 'zone image: damaged: the checksum differs',
  });
});
