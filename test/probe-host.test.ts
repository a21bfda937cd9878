import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { cpuReader, drainWish, hasInterface, interfaceReader } from '../src/probe/host.ts';
import { createHostFigures } from '../src/probe/host-figures.ts';

/** What an agent reads of its host. */

const skip = process.platform === 'linux' ? false : 'Linux alone has /proc and /sys';

test('the processors: nothing known at first, then the share that was used since', { skip }, () => {
  const read = cpuReader();
  assert.equal(read(), undefined);
  const untilMs = performance.now() + 200;
  while (performance.now() < untilMs);
  const used = read() ?? -1;
  assert.ok(used > 0.1 && used <= 1, `${used}`);
});

test('an interface: what it carried since the last look; none: nothing', { skip }, async () => {
  assert.deepEqual([hasInterface('lo'), hasInterface('nowhere')], [true, false]);
  const read = interfaceReader('lo');
  assert.equal(read(0), undefined);
  const socket = createSocket('udp4');
  const octets = new Uint8Array(50_000);
  for (let i = 0; i < 20; i++) await new Promise((resolve) => socket.send(octets, 9, '127.0.0.1', resolve));
  socket.close();
  const { throughputMbps = 0, lossRate = -1 } = read(1000) ?? {};
  assert.ok(throughputMbps >= 8, `a megabyte in a second is 8 Mbit/s: ${throughputMbps}`);
  assert.ok(lossRate >= 0 && lossRate < 0.5);
  assert.equal(interfaceReader('nowhere')(0), undefined);
});

test('the queue of a link is what its router’s time is over the least one seen', async () => {
  const times: (number | undefined)[] = [2, 32, undefined, 7, 1];
  const link = { id: 'FRA-a', capacityMbps: 10, gateway: '192.0.2.1' };
  const figures = createHostFigures({
    pop: { code: 'FRA', capacityRps: 100, links: [link, { id: 'FRA-b', capacityMbps: 20 }] },
    userAgent: 'test',
    near: async () => times.shift(),
    demand: (rps) => [{ network: '192.0.2.0/24', rps }],
    log: () => undefined,
  });
  const queues: (number | undefined)[] = [];
  while (times.length > 0) {
    await figures.askGateways();
    queues.push(figures.report(0).links[0]?.queueMs);
  }
  assert.deepEqual(queues, [0, 30, 30, 5, 0]);
  const { links, loadRps, capacityRps, drain } = figures.report(0);
  assert.deepEqual([links[1]?.queueMs, loadRps, capacityRps, drain], [0, 0, 100, undefined]);
  figures.setConnections(40);
  assert.deepEqual(figures.demand(), [{ network: '192.0.2.0/24', rps: 40 }], 'a connection counts for one');
});

test('a file that wishes for a drain says why in its first line', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-drain-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'drain');
  assert.equal(drainWish(file), undefined);
  writeFileSync(file, '');
  assert.equal(drainWish(file), '');
  writeFileSync(file, ' new kernel \nby Ada\n');
  assert.equal(drainWish(file), 'new kernel');
});
