import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyOutcome, OUTCOME, TRANSPORT, TRANSPORTS } from '../src/answer/context.ts';
import { counterBlock, readCounters } from '../src/base/counters.ts';
import {
  countBatch,
  countDrop,
  countHandling,
  countOctets,
  countOutcome,
  openCounters,
  serverLayout,
} from '../src/server/counters.ts';
import { countAccepted, countClosed } from '../src/server/counters-streams.ts';
import { countSubnet } from '../src/server/counters-subnet.ts';
import { emptyQueryView } from '../src/wire/query.ts';

const layout = serverLayout(['FRA', 'IAD']);

function samplesOf(blocks: readonly ReturnType<typeof counterBlock>[], name: string): [string, number][] {
  const family = readCounters(layout, blocks).families.find((one) => one.name === name);
  return family?.samples.map(({ values, value }) => [values.join(), value]) ?? [];
}

test('outcomes are counted by transport, type, rcode, kind and POP, and threads are added up', () => {
  const blocks = [counterBlock(layout), counterBlock(layout)];
  const steered = { ...emptyOutcome(), kind: OUTCOME.STEERED, qtype: 65, popIndex: 1, usedEcs: true };
  const strange = {
    ...emptyOutcome(),
    kind: OUTCOME.REFUSED,
    qtype: 64_000,
    rcode: 3841,
    transport: TRANSPORT.TCP,
  };
  for (const block of blocks) {
    const counters = openCounters(layout, block);
    countOutcome(counters, steered);
    countOutcome(counters, { ...strange, truncated: true });
    countOutcome(counters, emptyOutcome());
  }
  assert.deepEqual(samplesOf(blocks, 'isochrone_dns_queries_total'), [
    ['udp,HTTPS,NOERROR', 2],
    ['tcp,other,other', 2],
  ]);
  assert.deepEqual(samplesOf(blocks, 'isochrone_dns_pop_answers_total'), [['IAD,ecs', 2]]);
  assert.deepEqual(samplesOf(blocks, 'isochrone_dns_truncated_total'), [['tcp', 2]]);
  assert.deepEqual(samplesOf(blocks, 'isochrone_dns_answers_total'), [
    ['dropped', 2],
    ['refused', 2],
    ['steered', 2],
  ]);
});

test('client subnets are counted by length, and scopes of answers that were chosen by them', () => {
  const block = counterBlock(layout);
  const counters = openCounters(layout, block);
  const subnet = { ...emptyQueryView().edns, ecs: true };
  const steered = { ...emptyOutcome(), kind: OUTCOME.STEERED, usedEcs: true };
  for (const [ecsFamily, ecsSourceLength, change] of [
    [1, 24, { scopeLength: 16 }],
    [1, 32, { scopeLength: 32 }],
    [2, 128, { scopeLength: 128 }],
    [2, 56, { scopeLength: 0 }],
    // Not located, not steered, not understood, no address at all.
    [1, 0, { usedEcs: false }],
    [1, 24, { kind: OUTCOME.ANSWER, usedEcs: false }],
    [1, 24, { kind: OUTCOME.REJECTED, usedEcs: false }],
    [0, 0, { usedEcs: false }],
  ] as const)
    countSubnet(counters, { ...steered, ...change }, { ...subnet, ecsFamily, ecsSourceLength });
  assert.deepEqual(samplesOf([block], 'isochrone_dns_ecs_queries_total'), [
    ['ipv4,0', 1],
    ['ipv4,24', 2],
    ['ipv4,32', 1],
    ['ipv6,56', 1],
    ['ipv6,128', 1],
  ]);
  assert.deepEqual(samplesOf([block], 'isochrone_dns_ecs_answers_total'), [
    ['ipv4,16', 1],
    ['ipv4,32', 1],
    ['ipv6,0', 1],
    ['ipv6,128', 1],
  ]);
});

test('octets and drops are counted by transport, each in slots of its own', () => {
  const block = counterBlock(layout);
  const counters = openCounters(layout, block);
  for (const [index, transport] of TRANSPORTS.entries()) {
    countOctets(counters, transport, 10 + index, 100 + index);
    countDrop(counters, transport, 'unanswerable', 1 + index);
  }
  assert.deepEqual(
    samplesOf([block], 'isochrone_dns_octets_total'),
    TRANSPORTS.flatMap((transport, index) => [
      [`${transport},in`, 10 + index],
      [`${transport},out`, 100 + index],
    ]),
  );
  assert.deepEqual(
    samplesOf([block], 'isochrone_dns_drops_total'),
    TRANSPORTS.map((transport, index) => [`${transport},unanswerable`, 1 + index]),
  );
});

test('a thread that takes over a block keeps its counters, and starts its gauge anew', () => {
  const block = counterBlock(layout);
  const first = openCounters(layout, block);
  countAccepted(first);
  countAccepted(first);
  countClosed(first, 'idle');
  assert.deepEqual(samplesOf([block], 'isochrone_dns_tcp_connections'), [['', 1]]);
  openCounters(layout, block);
  assert.deepEqual(samplesOf([block], 'isochrone_dns_tcp_connections'), [['', 0]]);
  assert.deepEqual(samplesOf([block], 'isochrone_dns_tcp_accepted_total'), [['', 2]]);
  assert.deepEqual(samplesOf([block], 'isochrone_dns_tcp_closed_total'), [['idle', 1]]);
});

test('handling times fall into buckets whose bounds belong to them', () => {
  const block = counterBlock(layout);
  const counters = openCounters(layout, block);
  for (const seconds of [1e-6, 1.5e-6, 10]) countHandling(counters, seconds);
  const [histogram] = readCounters(layout, [block]).histograms;
  assert.ok(histogram);
  assert.equal(histogram.counts.length, histogram.bounds.length + 1);
  assert.deepEqual(histogram.bounds.slice(2, 4), [1e-6, 2e-6]);
  assert.deepEqual([histogram.counts[2], histogram.counts[3], histogram.counts.at(-1)], [1, 1, 1]);
  assert.equal(histogram.sum, 10 + 2.5e-6);
});

test('batches fall into the bucket of the power of two that holds them', () => {
  const block = counterBlock(layout);
  const counters = openCounters(layout, block);
  for (const datagrams of [1, 2, 3, 4, 5, 33, 64]) countBatch(counters, datagrams);
  const { histograms } = readCounters(layout, [block]);
  const batches = histograms.find(({ name }) => name === 'isochrone_dns_batch_datagrams');
  assert.deepEqual(batches?.bounds, [1, 2, 4, 8, 16, 32, 64]);
  assert.deepEqual(batches?.counts, [1, 1, 2, 1, 0, 0, 2, 0]);
  assert.equal(batches?.sum, 112);
});
