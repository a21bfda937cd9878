import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { counterBlock } from '../src/base/counters.ts';
import { seededRandom } from '../src/base/random.ts';
import { DELAY_LAYOUT, DELAY_SLOT } from '../src/delays/counters.ts';
import { createHold } from '../src/delays/hold.ts';
import { emptyEnds, readEnds } from '../src/delays/packet.ts';
import { createWaiting } from '../src/delays/waiting.ts';
import { addressWord, type WayOptions, wayFinder } from '../src/delays/ways.ts';
import { createNetModel } from '../src/netmodel/model.ts';
import { networkOfStandIn, STAND_INS_MAX, standInOf } from '../src/netmodel/stand-ins.ts';
import { smallFleet } from './helpers/fleet.ts';

/** Modelled delays made real: who stands for whom, what is held, and how long. */

const fleet = smallFleet(64);
const places = { latitude: [-33.9, 51.5], longitude: [151.2, -0.1], country: ['AU', 'GB'] };
const model = createNetModel({ fleet, places, seed: 1 });
const SYDNEY = '127.192.0.9';
const LONDON = '127.192.1.9';
const NOWHERE = '127.192.2.9';
const ways: WayOptions = {
  fleet,
  model,
  clients: { placeIds: [0, 1, -1], asns: [1, 2, 3] },
  pops: new Set([0, 1]),
  popPort: 8443,
  dnsPorts: new Set([5300]),
  here: { address: addressWord('127.0.0.1'), network: 1 },
};
const findWay = wayFinder(ways);

/** An IPv4 packet with ports. */
function packet(
  from: readonly [string, number],
  to: readonly [string, number],
  { protocol = 6, options = 0, fragment = 0 } = {},
): Uint8Array {
  const head = 20 + options * 4;
  const octets = Buffer.alloc(head + 4);
  octets[0] = 0x40 | (head / 4);
  octets.writeUInt16BE(fragment, 6);
  octets[9] = protocol;
  octets.writeUInt32BE(addressWord(from[0]), 12);
  octets.writeUInt32BE(addressWord(to[0]), 16);
  octets.writeUInt16BE(from[1], head);
  octets.writeUInt16BE(to[1], head + 2);
  return octets;
}

test('each network has a /24 of its own, and each address its network', () => {
  for (const network of [0, 1, 255, 256, 3_003, STAND_INS_MAX - 1])
    assert.equal(networkOfStandIn(addressWord(standInOf(network))), network);
  assert.equal(standInOf(3_003), '127.203.187.1');
  for (const other of ['127.0.0.1', '127.191.255.255', '126.192.0.1', '128.0.0.1'])
    assert.equal(networkOfStandIn(addressWord(other)), -1, other);
});

test('heads of packets: addresses, ports after options, and none where there are none', () => {
  const ends = emptyEnds();
  fc.assert(
    fc.property(fc.nat(65_535), fc.nat(65_535), fc.nat(10), (from, to, options) => {
      assert.ok(readEnds(packet([SYDNEY, from], ['127.64.1.1', to], { options }), ends));
      assert.deepEqual([ends.sourcePort, ends.destinationPort, ends.hasPorts], [from, to, true]);
      assert.equal(ends.destination, addressWord('127.64.1.1'));
    }),
  );
  readEnds(packet([SYDNEY, 1], ['127.64.1.1', 2], { protocol: 1 }), ends);
  assert.equal(ends.hasPorts, false);
  readEnds(packet([SYDNEY, 1], ['127.64.1.1', 2], { fragment: 185 }), ends);
  assert.equal(ends.hasPorts, false);
  // Whatever comes, it is read or it is not: never beyond its end.
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (octets) => void readEnds(octets, ends)));
  assert.equal(readEnds(Uint8Array.of(0x60), ends), false);
});

test('half of the round trip each way: to POPs by their port, to the name server at the nearest', () => {
  const half = (placeId: number, asn: number, linkIndex: number): number =>
    model.pathRtt({ placeId, asn, linkIndex }, { weather: new Map() }).totalMs / 2;
  const msOf = (...ends: Parameters<typeof packet>): number | undefined =>
    findWay(packet(...ends), new Map())?.oneWay.ms;
  const frankfurt = half(0, 1, 0);
  assert.equal(msOf([SYDNEY, 9], ['127.64.1.1', 8443]), frankfurt);
  assert.equal(msOf(['127.64.1.1', 8443], [SYDNEY, 9]), frankfurt);
  assert.equal(msOf([SYDNEY, 0], ['127.64.1.1', 0], { protocol: 1 }), frankfurt);
  assert.equal(msOf([LONDON, 9], ['127.64.1.1', 8443]), half(1, 2, 0));
  assert.equal(msOf(['127.0.0.1', 9], ['127.64.1.1', 8443]), half(1, 2, 0));
  // The name server is as near as the nearest POP of the whole fleet: for Sydney that in Sydney.
  const nearest = Math.min(half(0, 1, 10), half(0, 1, 11));
  assert.equal(msOf([SYDNEY, 9], ['127.0.0.1', 5300], { protocol: 17 }), nearest);
  assert.equal(msOf(['127.0.0.1', 5300], [SYDNEY, 9], { protocol: 17 }), nearest);
  const passed: Parameters<typeof packet>[] = [
    [
      [SYDNEY, 9],
      ['127.64.1.1', 80],
    ],
    [
      [SYDNEY, 9],
      ['127.64.3.1', 8443],
    ],
    [
      [SYDNEY, 9],
      [LONDON, 8443],
    ],
    [
      [NOWHERE, 9],
      ['127.64.1.1', 8443],
    ],
    [
      ['127.0.0.3', 9],
      ['127.64.1.1', 8443],
    ],
    [['127.0.0.1', 9], ['127.0.0.1', 5300], { protocol: 17 }],
    [
      ['127.250.0.1', 9],
      ['127.64.1.1', 8443],
    ],
  ];
  for (const ends of passed) assert.equal(msOf(...ends), undefined, JSON.stringify(ends));
});

test('what waits comes out by its time, of equal times as it came, and has a bound', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 200 }), (times) => {
      const waiting = createWaiting(150);
      const kept = times.filter((time, id) => waiting.put(id, time));
      assert.equal(kept.length, Math.min(150, times.length));
      const order = kept.map((time, id) => [time, id] as const).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
      for (const [time, id] of order) {
        assert.equal(waiting.firstMs(), time);
        assert.equal(waiting.take(), id);
      }
      assert.equal(waiting.take(), -1);
    }),
  );
});

test('packets are let go in order after their time; losses and what is not ours are decided at once', () => {
  const counts = counterBlock(DELAY_LAYOUT);
  let now = 0;
  const coming: Uint8Array[] = [];
  const decided: { id: number; accept: boolean; atMs: number }[] = [];
  let id = 0;
  const hold = createHold({
    queue: {
      next: (into) => {
        const octets = coming.shift();
        if (octets === undefined) return false;
        Object.assign(into, { id: id++, octets });
        return true;
      },
      decide: (one, accept) => decided.push({ id: one, accept, atMs: now }),
      send: () => undefined,
    },
    findWay,
    nowMs: () => now,
    random: seededRandom(7),
    counts,
  });
  for (let i = 0; i < 2_000; i++) coming.push(packet([SYDNEY, 9], ['127.64.1.1', 8443]));
  coming.push(packet([SYDNEY, 9], ['127.64.1.1', 80]));
  const lossy = new Map([['FRA', { lossRate: 0.19 }]]);
  for (; now < 1_000; now++) while (hold.step(lossy) === 0);
  const { ms, jitterMs } =
    findWay(packet([SYDNEY, 9], ['127.64.1.1', 8443]), new Map())?.oneWay ?? assert.fail();
  const late = decided.filter(({ accept, atMs }) => accept && atMs > 0);
  assert.deepEqual(
    late.map((one) => one.id),
    late.map((one) => one.id).toSorted((a, b) => a - b),
  );
  assert.ok(late.every(({ atMs }) => atMs >= ms && atMs < ms + 20 * jitterMs));
  // One way loses a tenth where round trips lose 19 %.
  const lost = counts[DELAY_SLOT.LOST] ?? 0;
  assert.ok(lost > 150 && lost < 250, `${lost} lost`);
  assert.deepEqual(
    decided.find(({ id: one }) => one === 2_000),
    { id: 2_000, accept: true, atMs: 0 },
  );
  assert.equal(counts[DELAY_SLOT.HELD], 2_000 - lost);
  assert.equal(counts[DELAY_SLOT.PASSED], 1);
  assert.equal(counts[DELAY_SLOT.WAITING], 0);
});
