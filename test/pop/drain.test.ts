import assert from 'node:assert/strict';
import { Agent } from 'node:https';
import { after, before, test } from 'node:test';
import { type DemoOrigin, startDemoOrigin } from '../../src/pop/demo-origin.ts';
import { followDrains } from '../../src/pop/drains.ts';
import { until } from '../contract/harness.ts';
import { get, type PopStage, startPopStage } from '../helpers/pop-stage.ts';

/** A POP that is left loses no request; what real clients ask is seen as its load. */

let origin: DemoOrigin;
let stage: PopStage;
const draining = new Set<number>();

before(async () => {
  origin = await startDemoOrigin({ nowMs: Date.now });
  stage = await startPopStage({
    net: 96,
    origin: origin.url,
    more: {
      isDraining: (popIndex) => draining.has(popIndex),
      believesClients: true,
      serviceOf: (host) => (host === 'www.cdn.example' ? 'web' : undefined),
    },
  });
});
after(async () => {
  await stage.close();
  await origin.close();
});

test('drained under load every request is answered; the POP closes, and opens when restored', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 10 });
  let isOver = false;
  let answered = 0;
  const failed: string[] = [];
  const ask = async (): Promise<void> => {
    while (!isOver)
      try {
        const { status } = await get(stage, 'FRA', '/slow/30', { agent });
        if (status === 200) answered++;
        else failed.push(String(status));
      } catch (error) {
        failed.push((error as Error).message);
      }
  };
  const clients = Array.from({ length: 10 }, ask);
  await until(() => answered > 20, 'clients are served');
  draining.add(0);
  const before = answered;
  await until(() => answered > before + 50, 'they are served while the POP is drained');
  isOver = true;
  await Promise.all(clients);
  agent.destroy();
  assert.deepEqual(failed, []);
  const { headers } = await get(stage, 'FRA', '/static/x', { headers: { connection: 'keep-alive' } });
  assert.equal(headers.connection, 'close');
  const stop = followDrains({
    fleet: stage.fleet,
    pops: stage.pops,
    isDraining: (popIndex) => draining.has(popIndex),
    answersLastMs: 0,
    log: (line) => stage.lines.push(line),
  });
  const refused = (): Promise<boolean> =>
    get(stage, 'FRA', '/healthz').then(
      () => false,
      (error: { code?: string }) => error.code === 'ECONNREFUSED',
    );
  await until(refused, 'it is closed');
  assert.equal((await get(stage, 'AMS', '/healthz')).status, 200);
  draining.clear();
  await until(async () => !(await refused()), 'it is open again');
  stop();
});

test('requests of real clients are load, and demand of their networks for a service', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const index = stage.fleet.pops.findIndex(({ code }) => code === 'NRT');
  const asked = { agent, headers: { 'x-isochrone-client': '203.0.113.9' } };
  const load = () => stage.pops.load(index);
  await until(async () => {
    await Promise.all(Array.from({ length: 20 }, () => get(stage, 'NRT', '/static/load', asked)));
    return load().rps > 0;
  }, 'a window is over');
  const { rps, demand, mbps } = load();
  const connections = stage.pops.connections(index);
  assert.deepEqual(
    demand.map(({ network, service }) => [network, service]),
    [['203.0.113.0/24', 'web']],
  );
  assert.ok(Math.abs((demand[0]?.rps ?? 0) - rps) < 1e-9);
  assert.ok(connections >= 1 && connections <= 4, String(connections));
  assert.ok((mbps.get(stage.fleet.pops[index]?.links[0]?.index ?? -1) ?? 0) > 0);
  agent.destroy();
  const others = stage.pops.load(index - 1);
  assert.equal(others.rps, 0);
});
