import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type GeoTruth, openGeoTruth, rowsOf } from '../helpers/geo-truth.ts';
import { dig, type Program, runTool, startProgram } from '../helpers/program.ts';
import { freePort } from '../helpers/redis.ts';

/**
 * Clients of known networks get a POP near to where the geo database puts them: by geography as the program
 * starts, and by what the agents measured half a minute later.
 */

const NEAREST = 5;
const MEASURED_AFTER_MS = 30_000;
const NAME = 'www.cdn.example';
const operators = rowsOf('test/vectors/operators.csv');

let program: Program;
let truth: GeoTruth;
let readyAtMs: number;

before(async () => {
  const popPort = String(await freePort());
  [program, truth] = await Promise.all([startProgram(['up', '--pop-port', popPort]), openGeoTruth()]);
  readyAtMs = performance.now();
});
after(() => program.end());

test('the list has 60 networks and more, on six continents, where the geo database has them too', () => {
  assert.ok(operators.length >= 60);
  assert.equal(new Set(operators.map(({ continent }) => continent)).size, 6);
  for (const { prefix = '', country } of operators)
    assert.equal(truth.locate(prefix)?.country, country, prefix);
});

test('clients get one of the five nearest POPs at once', () => allNear());

test('without client subnet the address of the resolver decides', async () => {
  const where: readonly [string, { latitude: number; longitude: number }][] = [
    ['127.1.0.1', { latitude: 35.68, longitude: 139.69 }],
    ['127.2.0.1', { latitude: -23.55, longitude: -46.63 }],
    ['127.3.0.1', { latitude: 50.11, longitude: 8.68 }],
    ['127.4.0.1', { latitude: 40.71, longitude: -74.01 }],
    ['127.5.0.1', { latitude: -33.87, longitude: 151.21 }],
    ['127.6.0.1', { latitude: -26.2, longitude: 28.05 }],
    ['127.7.0.1', { latitude: 19.08, longitude: 72.88 }],
  ];
  for (const [resolver, place] of where) {
    const [address = ''] = await dig(program.port, '-b', resolver, NAME);
    assertNear(address, place, `from ${resolver}`);
    const [told = ''] = await dig(program.port, '-b', resolver, NAME, '+subnet=114.144.0.0/16');
    assertNear(told, { latitude: 35.68, longitude: 139.69 }, `from ${resolver} for a client in Japan`, 20);
  }
});

test('they still do when measurements decide', async () => {
  await sleep(Math.max(0, readyAtMs + MEASURED_AFTER_MS - performance.now()));
  await allNear();
});

/** Every operator's clients, by A, AAAA and HTTPS. */
async function allNear(): Promise<void> {
  const far: string[] = [];
  for (const { prefix = '', operator } of operators) {
    const { addresses, scope } = await digAll(prefix);
    const pops = new Set(addresses.map((address) => truth.popAt(address)));
    // A, AAAA, two hints of HTTPS, and the addresses that go with it.
    assert.equal(addresses.length, 6, `${prefix}: ${addresses}`);
    assert.equal(pops.size, 1, `${prefix}: A, AAAA and HTTPS disagree: ${addresses}`);
    const place = truth.locate(prefix);
    assert.ok(place);
    const nearest = truth.nearest(place);
    const rank = nearest.indexOf([...pops][0] ?? '');
    if (rank < 0 || rank >= NEAREST)
      far.push(`${operator} ${prefix}: ${[...pops]} is number ${rank + 1} after ${nearest.slice(0, 5)}`);
    assert.ok(scope >= 8 && scope <= (prefix.includes(':') ? 64 : 32), `${prefix}: scope ${scope}`);
  }
  assert.deepEqual(far, []);
}

/** Addresses in the A, AAAA and HTTPS answers, and the scope; asked again if a new table came between. */
async function digAll(prefix: string, tries = 2): Promise<{ addresses: string[]; scope: number }> {
  const each = ['A', 'AAAA', 'HTTPS'].flatMap((type) => [NAME, type, `+subnet=${prefix}`]);
  const { out } = await runTool('dig', ['@127.0.0.1', '-p', String(program.port), '+time=2', ...each]);
  const addresses = [...out.matchAll(/127\.64\.\d+\.\d+|2001:db8:64:\d+::\d+/g)].map(([address]) => address);
  const scopes = [...out.matchAll(/; CLIENT-SUBNET: \S+\/(\d+)\/(\d+)$/gm)].map((match) => Number(match[2]));
  const agree = new Set([...addresses.map(truth.popAt)]).size === 1 && new Set(scopes).size === 1;
  if (!agree && tries > 1) return digAll(prefix, tries - 1);
  assert.equal(scopes.length, 3, `${prefix}: ${out}`);
  return { addresses, scope: scopes[0] ?? -1 };
}

function assertNear(
  address: string,
  place: { latitude: number; longitude: number },
  who: string,
  nearest = NEAREST,
): void {
  const pop = truth.popAt(address) ?? `nothing (${address})`;
  const codes = truth.nearest(place).slice(0, nearest);
  assert.ok(codes.includes(pop), `${who}: ${pop} is not among ${codes}`);
}
