import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../src/base/address.ts';
import { counterBlock } from '../src/base/counters.ts';
import { countingHandler, createAnswering } from '../src/server/answering.ts';
import { openCounters, serverLayout } from '../src/server/counters.ts';
import { deathsBlock } from '../src/server/deaths-block.ts';
import { createDemandReader } from '../src/server/demand.ts';
import { demandWords, openDemand } from '../src/server/demand-table.ts';
import { loadEdge } from './helpers/edge.ts';
import { encodeQuery } from './helpers/message.ts';

const { data } = loadEdge();

/** A worker's handler, and what it counts in. */
function worker(words = demandWords()) {
  const layout = serverLayout(data.fleet.pops.map(({ code }) => code));
  const handle = countingHandler(createAnswering(data), {
    counters: openCounters(layout, counterBlock(layout)),
    demand: openDemand(words),
    deaths: deathsBlock(),
  });
  const out = new Uint8Array(1232);
  const query = encodeQuery({ name: 'static.edge.test.', type: 'A' });
  const ask = (from: string, times: number): void => {
    const address = parseAddress(from);
    assert.ok(address);
    for (let i = 0; i < times; i++)
      handle(query, query.length, { address, port: 4000, transport: 'udp' }, out);
  };
  return { words, ask };
}

test('demand by network: estimated from samples, of all workers, of the last period', () => {
  const workers = [worker(), worker()];
  const reader = createDemandReader(
    workers.map(({ words }) => words),
    0,
  );
  for (const { ask } of workers) {
    ask('10.1.2.3', 48_000);
    ask('192.0.2.9', 16_000);
  }
  assert.deepEqual(reader.read(5).cells, [], 'no period is over yet');
  reader.turn(10_000);
  const { cells, qps, cellCount, overflowQps } = reader.read(5);
  assert.equal(cellCount, 2);
  assert.equal(overflowQps, 0);
  assert.ok(Math.abs(qps - 12_800) < 400, `${qps} a second in all`);
  assert.ok(Math.abs((cells[0]?.qps ?? 0) - 9_600) < 400, `${cells[0]?.qps} a second near Washington`);
  assert.ok(cells.every(({ serviceIndex }) => serviceIndex === -1));
  assert.notEqual(cells[0]?.placeId, cells[1]?.placeId);
  assert.equal(reader.read(1).cells.length, 1);
  workers[0]?.ask('10.1.2.3', 16_000);
  reader.turn(20_000);
  assert.equal(reader.read(5).cells.length, 1);
  reader.turn(30_000);
  assert.equal(reader.read(5).qps, 0);
});

test('a table that is full counts the rest together', () => {
  const words = demandWords();
  const slots = (words.length - 6) / 8;
  assert.equal(slots, 8192);
  // Every slot of the half in use is taken by a key that nobody has.
  for (let slot = 0; slot < slots; slot++) words.set([1e6 + slot, 1, 1, 1], 4 + slot * 4);
  worker(words).ask('10.1.2.3', 16_000);
  const reader = createDemandReader([words], 0);
  reader.turn(1_000);
  const { overflowQps } = reader.read(1);
  assert.ok(Math.abs(overflowQps - 16_000) < 1_000, `${overflowQps} a second without room`);
});
