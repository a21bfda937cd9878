import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Prefix, parseAddress, parsePrefix } from '../src/base/address.ts';
import { manualClock } from '../src/base/clock.ts';
import { seededRandom } from '../src/base/random.ts';
import { createBeacon } from '../src/probe/beacon.ts';
import { BEACON_CODE } from '../src/probe/beacon-script.ts';
import { senderOf } from '../src/probe/ingest-sender.ts';
import { type Ingest, startIngest } from '../src/probe/ingest-server.ts';
import { createTokens } from '../src/probe/ingest-tokens.ts';
import { createMemoryStore } from '../src/store/memory.ts';
import type { Sample, Store } from '../src/store/store.ts';
import { smallFleet } from './helpers/fleet.ts';

/** What browsers get and post, over real sockets, before a memory store. */

const clock = manualClock(1_800_000_000_000);
/** A few hundred octets, whatever happens to the source. */
const SCRIPT_OCTETS_MAX = 600;
let store: Store;
let ingest: Ingest;

before(async () => {
  const fleet = smallFleet();
  store = createMemoryStore({ clock });
  const beacon = createBeacon({
    settings: { url: 'https://{pop}.example/o', pops: 3, postsPerNetwork: 2, samplesPerPop: 3 },
    fleet,
    store,
    clock,
    random: seededRandom(1),
    preferred: () => ['NRT', 'GRU', 'JFK'].map((code) => fleet.pops.findIndex((pop) => pop.code === code)),
  });
  ingest = await startIngest({
    listen: { host: '127.0.0.1', port: 0 },
    tokens: createTokens({}),
    proxies: [parsePrefix('127.0.0.1/32') as Prefix],
    store,
    beacon,
    clock,
    onError: assert.ifError,
  });
});
after(async () => {
  await ingest.close();
  await store.close();
});

const beaconPost = (body: string, address: string) =>
  fetch(`${ingest.url}/beacon`, { method: 'POST', body, headers: { 'x-forwarded-for': address } });

test('the script names the POPs of the client and posts to the listener', async () => {
  const response = await fetch(`${ingest.url}/beacon.js`, {
    headers: { 'x-forwarded-for': '198.51.100.9' },
  });
  const script = await response.text();
  assert.equal(response.headers.get('content-type'), 'text/javascript; charset=utf-8');
  assert.equal(response.headers.get('cache-control'), 'no-store');
  const pops = [...script.matchAll(/\["([A-Z]{3})","https:\/\/([a-z]{3})\.example\/o"\]/g)].map(
    ([, code]) => code,
  );
  assert.deepEqual(pops.slice(0, 2), ['NRT', 'GRU'], 'whom it is answered with now, and the next');
  assert.equal(new Set(pops).size, 3, 'and one by chance');
  assert.ok(BEACON_CODE.length <= SCRIPT_OCTETS_MAX, `${BEACON_CODE.length} octets`);
  assert.ok(script.startsWith(BEACON_CODE));
  assert.doesNotThrow(() => new Function(script));
});

test('times are samples of the sender’s network, whatever the page says; bounds hold', async () => {
  const body = '[["NRT",20.5,18,null],["GRU",null,null,null],["FRA"]]';
  assert.equal((await beaconPost(body, '198.51.100.9')).status, 204);
  assert.equal((await beaconPost('[["NRT",19]]', '10.9.9.9, 2001:db8:7:8::1')).status, 204);
  await until(async () => (await kept()).length >= 3);
  assert.deepEqual(await kept('NRT'), [
    { network: '198.51.100.0/24', sent: 3, lost: 1, method: 'beacon', rttMs: 18, jitterMs: 1.25 },
    { network: '2001:db8:7::/48', sent: 1, lost: 0, method: 'beacon', rttMs: 19, jitterMs: 0 },
  ]);
  assert.deepEqual(await kept('GRU'), [{ network: '198.51.100.0/24', sent: 3, lost: 3, method: 'beacon' }]);
  assert.equal((await beaconPost(body, '198.51.100.77')).status, 204, 'the same network again');
  assert.equal((await beaconPost(body, '198.51.100.7')).status, 429, 'and once too often');
  assert.equal((await beaconPost('[["NRT",19]]', '192.0.2.1')).status, 204);
  await until(async () => (await kept()).length >= 5);
  assert.equal((await kept()).length, 5, 'of one POP three a minute, and two of the other');
});

test('a bad post is refused whole, with every fault', async () => {
  const response = await beaconPost('[["NRT",0],["NRT",1],["ZZZ",1],7]', '192.0.2.200');
  assert.equal(response.status, 400);
  assert.equal(response.headers.get('access-control-allow-origin'), '*');
  const { problems } = (await response.json()) as { problems: { message: string }[] };
  assert.deepEqual(
    problems.map(({ message }) => message),
    [
      '[0][1]: is no time in ms',
      '[1][0]: NRT stands twice',
      '[2][0]: is no POP',
      '[3]: is no list of [pop, ms or null, …]',
    ],
  );
  for (const text of ['', '{}', 'null', `[${'[],'.repeat(20)}[]]`])
    assert.equal((await beaconPost(text, '192.0.2.201')).status, 400, text);
  assert.equal((await beaconPost(`"${'x'.repeat(5000)}"`, '192.0.2.201')).status, 413);
  assert.equal((await beaconPost('[]', 'nobody')).status, 400);
});

test('the sender is the last address that no trusted proxy wrote', () => {
  const proxies = [parsePrefix('10.0.0.0/8') as Prefix];
  const sender = (peer: string, forwarded?: string) =>
    senderOf(peer, forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }, proxies);
  assert.deepEqual(sender('192.0.2.1', '198.51.100.1'), parseAddress('192.0.2.1'), 'no proxy: not believed');
  assert.deepEqual(sender('::ffff:192.0.2.1'), parseAddress('192.0.2.1'));
  assert.deepEqual(sender('10.1.1.1', '1.2.3.4, 198.51.100.1, 10.2.2.2'), parseAddress('198.51.100.1'));
  assert.equal(sender('10.1.1.1', '198.51.100.1, somebody'), undefined);
  assert.equal(sender('10.1.1.1'), undefined);
});

/** Samples in the store, all of them from browsers; of one POP where it is named. */
async function kept(code?: string): Promise<readonly Sample[]> {
  const { batches } = await store.readSamples('', 1000);
  const samples = batches
    .filter(({ pop }) => code === undefined || pop === code)
    .flatMap((batch) => batch.samples);
  assert.ok(samples.every(({ method }) => method === 'beacon'));
  return samples;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < 5_000; waitedMs += 20) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail('it did not happen within 5 s');
}
