import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Address, parseAddress } from '../src/base/address.ts';
import { seededRandom } from '../src/base/random.ts';
import { openRateTable, rateTableData, withinRate } from '../src/server/rate-table.ts';

const at = (text: string): Address => parseAddress(text) as Address;

function table(rate: number, options: { burstMs?: number; prefixes?: number; nxdomains?: number } = {}) {
  const { burstMs = 1000, prefixes = 4096, nxdomains = rate } = options;
  const clock = new Float64Array(1);
  const bounds = { perSecond: [rate, nxdomains], burstMs, clock, offsetMs: 1e7 };
  const opened = openRateTable(rateTableData(prefixes, 1234), bounds);
  /** How many of so many responses, evenly over `overMs`, may go. */
  const send = (
    client: string | ((i: number) => string),
    {
      count,
      overMs,
      fromMs = 0,
      category = 0,
    }: { count: number; overMs: number; fromMs?: number; category?: number },
  ): number => {
    let passed = 0;
    for (let i = 0; i < count; i++) {
      const who = at(typeof client === 'string' ? client : client(i));
      clock[0] = fromMs + (i * overMs) / count;
      if (withinRate(opened, who, category)) passed++;
    }
    return passed;
  };
  return { opened, send };
}

test('a client gets its rate and its burst, and no more', () => {
  const { send } = table(100);
  // Ten seconds at ten times the rate: the burst of a second, and ten times the rate.
  const passed = send('192.0.2.1', { count: 10_000, overMs: 10_000 });
  assert.ok(Math.abs(passed - 1100) <= 5, `${passed} of 10,000`);
  // At its rate nothing is lost, however long.
  const fine = send('192.0.2.1', { count: 6000, overMs: 61_000, fromMs: 20_000 });
  assert.equal(fine, 6000);
  // After a pause the burst is there again, and no more than one.
  const again = send('192.0.2.1', { count: 1000, overMs: 1, fromMs: 600_000 });
  assert.ok(Math.abs(again - 101) <= 2, `${again} at once`);
});

test('categories have rates of their own, 0 is none', () => {
  const { send } = table(0, { nxdomains: 10 });
  assert.equal(send('192.0.2.1', { count: 5000, overMs: 10 }), 5000);
  assert.ok(send('192.0.2.1', { count: 5000, overMs: 10, category: 1 }) <= 12);
});

test('prefixes above a client have bounds too: many addresses of one network are not many clients', () => {
  const { send } = table(10, { burstMs: 1000, prefixes: 65_536 });
  // All of a /24, each below its rate: 256 x 10 asked in a second, 32 x 10 and their burst may go.
  const network = send((i) => `192.0.2.${i % 256}`, { count: 2560, overMs: 1000 });
  assert.ok(network >= 635 && network <= 645, `${network} to a /24`);
  // All of a /20.
  const wide = send((i) => `10.0.${i % 16}.${(i >> 4) % 256}`, { count: 40_960, overMs: 1000 });
  assert.ok(wide >= 5110 && wide <= 5130, `${wide} to a /20`);
  // An IPv6 client has a /64, however many addresses it uses of it.
  const one = send((i) => `2001:db8::${i.toString(16)}`, { count: 1000, overMs: 1000, fromMs: 5000 });
  assert.ok(Math.abs(one - 20) <= 2, `${one} to a /64`);
  // What is refused to one does not count against its neighbours.
  const flooded = table(10);
  flooded.send('192.0.2.1', { count: 10_000, overMs: 1000 });
  assert.equal(flooded.send('192.0.2.2', { count: 10, overMs: 1000, fromMs: 1000 }), 10);
});

test('a flood from everywhere does not push out those that get too much', () => {
  const random = seededRandom(7);
  const { opened, send } = table(10, { prefixes: 1024, burstMs: 1000 });
  const anyone = (): string => Array.from({ length: 4 }, () => Math.floor(random.next() * 224)).join('.');
  let heavy = 0;
  // A second: 50,000 responses to 50,000 clients, and among them 1,000 to one.
  for (let ms = 0; ms < 1000; ms++) {
    send(anyone, { count: 50, overMs: 1, fromMs: ms });
    heavy += send('192.0.2.1', { count: 1, overMs: 1, fromMs: ms });
  }
  assert.ok(heavy <= 22, `${heavy} to the one`);
  assert.ok(opened.displaced > 0, 'the table is small, and says so');
  // One that fits: nobody is pushed out.
  const large = table(10, { prefixes: 131_072 });
  large.send(anyone, { count: 50_000, overMs: 1000 });
  assert.equal(large.opened.displaced, 0);
});

test('one table of many threads is one bound', () => {
  const data = rateTableData(4096, 99);
  // Each has a clock of its own.
  const clocks = [new Float64Array(1), new Float64Array(1)] as const;
  const bounds = { perSecond: [100], burstMs: 1000 };
  const first = openRateTable(data, { ...bounds, clock: clocks[0], offsetMs: 1e6 });
  const second = openRateTable(data, { ...bounds, clock: clocks[1], offsetMs: 1e6 - 700 });
  let passed = 0;
  for (let i = 0; i < 1000; i++) {
    clocks[0][0] = i;
    clocks[1][0] = i + 700;
    if (withinRate(i % 2 === 0 ? first : second, at('2001:db8::1'), 0)) passed++;
  }
  assert.ok(Math.abs(passed - 200) <= 4, `${passed}`);
});
