import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { OperatorError } from '../src/base/errors.ts';
import { POP_DOWN, setPopBit } from '../src/base/pop-state.ts';
import { readPlaces } from '../src/geo/places.ts';
import { type NameServerEvent, type NameServerOptions, startNameServer } from '../src/server/supervisor.ts';
import { ask } from './helpers/ask.ts';
import { loadEdge, nearestImage } from './helpers/edge.ts';

const { data, image } = loadEdge();
const places = readPlaces(data.places.text, data.places.file);
const mortal = new URL('helpers/mortal-worker.ts', import.meta.url);

async function start(context: TestContext, options: Partial<NameServerOptions> = {}) {
  const events: NameServerEvent[] = [];
  const server = await startNameServer({
    listen: [{ host: '127.0.0.1', port: 0 }],
    data,
    image,
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
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

test('it answers over UDP and TCP, IPv4 and IPv6, from the image, and counts', async (context) => {
  const listen = [
    { host: '127.0.0.1', port: 0 },
    { host: '::1', port: 0 },
  ];
  const { server, first, count } = await start(context, { listen });
  for (const transport of ['udp', 'tcp'])
    for (const address of server.addresses) {
      const options = { server: address, transport, subnet: '10.1.2.0/24' };
      assert.equal(await first('www.edge.test.', options), 'www.edge.test. 30 A 192.0.2.2');
    }
  assert.equal(await first('www.edge.test.', { subnet: '192.0.2.0/24' }), 'www.edge.test. 30 A 192.0.2.3');
  assert.equal(count('isochrone_dns_queries_total'), 5);
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

test('a new image is taken, a damaged one refused and the old one kept', async (context) => {
  const { server, events, first, count } = await start(context);
  const broken = Uint8Array.from(image);
  broken[100] = (broken[100] as number) ^ 1;
  server.setImage(broken);
  await until(() => events.length > 0);
  assert.deepEqual(
    events.map((event) => event.kind),
    ['image-refused'],
  );
  assert.equal(server.imageEpoch(), 1);
  assert.equal(count('isochrone_dns_images_refused_total'), 1);
  server.setImage(nearestImage(data, places, 2));
  await until(() => server.imageEpoch() === 2);
  assert.ok(await first('www.edge.test.'));
});

for (const death of ['throw', 'reject', 'exit'])
  test(`a thread that dies (${death}) is replaced, with the last image and its counters`, async (context) => {
    const { server, events, first, count } = await start(context, { workerFile: mortal });
    server.setImage(nearestImage(data, places, 7));
    await until(() => server.imageEpoch() === 7);
    await first('static.edge.test.');
    const channel = new BroadcastChannel('mortal-worker');
    channel.postMessage(death);
    await until(() => events.some((event) => event.kind === 'worker-restarted'));
    channel.close();
    const [died] = events;
    assert.ok(died?.kind === 'worker-died');
    if (death === 'exit') assert.match(died.error, /ended with code 3/);
    else assert.match(died.error, /killed by an? [a-z]+\n\s+at .*mortal-worker/);
    await until(() => server.imageEpoch() === 7);
    assert.equal(await first('static.edge.test.'), 'static.edge.test. 30 A 192.0.2.1');
    assert.equal(count('isochrone_dns_queries_total'), 2);
    assert.equal(count('isochrone_dns_worker_restarts_total'), 1);
  });

test('it stops although its thread is stuck', async (context) => {
  const { server } = await start(context, { workerFile: mortal });
  const channel = new BroadcastChannel('mortal-worker');
  channel.postMessage('spin');
  await server.close();
  channel.close();
});

test('several threads share the port, and no other program does', async (context) => {
  const { server, address, first } = await start(context, { workers: 2 });
  for (let i = 0; i < 20; i++)
    assert.equal(await first('static.edge.test.'), 'static.edge.test. 30 A 192.0.2.1');
  assert.ok(server.serving());
  await assert.rejects(startNameServer({ listen: [address], data, workers: 2 }), { code: 'port-in-use' });
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

test("an address of no interface, and a zone that cannot be served, are the operator's errors", async () => {
  await assert.rejects(startNameServer({ listen: [{ host: '192.0.2.77', port: 5480 }], data }), {
    code: 'bad-config',
    message: '192.0.2.77:5480/udp: no interface of this machine has this address',
  });
  const zones = data.zones.map((zone) => ({ ...zone, records: zone.records.slice(1) }));
  const listen = [{ host: '127.0.0.1', port: 0 }];
  await assert.rejects(startNameServer({ listen, data: { ...data, zones } }), { code: 'bad-zone' });
});
