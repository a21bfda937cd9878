import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AccessRule, accessList, parseAccessRule } from '../src/base/access-list.ts';
import { type Prefix, parsePrefix } from '../src/base/address.ts';
import { addressSet } from '../src/base/address-set.ts';
import { loadLibc } from '../src/server/native-libc.ts';
import type { RateLimitOptions } from '../src/server/rate-limit.ts';
import type { NameServerEvent, NameServerOptions } from '../src/server/supervisor.ts';
import { startServer } from './helpers/abuse-server.ts';
import { ask } from './helpers/ask.ts';
import { loadEdge } from './helpers/edge.ts';
import { decodeMessage, encodeQuery, type Message, type QueryOptions } from './helpers/message.ts';

const { data } = loadEdge();
const KINDS = 'libc' in (await loadLibc()) ? (['native', 'portable'] as const) : (['portable'] as const);
const COOKIE = 10;
const WWW = { name: 'www.edge.test.', type: 'A', edns: 1232 };
const LIMIT: RateLimitOptions = {
  perSecond: { responses: 20, referrals: 20, nodata: 20, nxdomains: 10, errors: 5 },
  burstMs: 1000,
  slip: 2,
  dryRun: false,
  prefixes: 4096,
};

async function start(context: TestContext, options: Partial<NameServerOptions>) {
  const events: NameServerEvent[] = [];
  const { server, address, count } = await startServer(context, {
    onEvent: (event) => events.push(event),
    ...options,
  });
  /** Asks the same so many times at once from this address, and gives what comes back of it. */
  const burst = async (options: { from: string; times: number; query: QueryOptions }): Promise<Message[]> => {
    const { from, times, query } = options;
    const dropped = (): number =>
      count('isochrone_dns_drops_total', 'rate-limit') +
      count('isochrone_dns_drops_total', 'udp', 'drop-list');
    const before = dropped();
    const socket = createSocket('udp4');
    const got: Message[] = [];
    socket.on('message', (octets) => got.push(decodeMessage(octets)));
    socket.bind({ address: from });
    await once(socket, 'listening');
    for (let id = 0; id < times; id++) {
      socket.send(encodeQuery({ ...query, id }), address.port, address.host);
      // The socket's buffer need not hold all.
      if (id % 50 === 49) await sleep(1);
    }
    while (got.length + dropped() - before < times) await sleep(5);
    socket.close();
    return got;
  };
  return { server, address, events, count, burst };
}

const isCut = ({ flags, sections }: Message): boolean => flags.includes('tc') && sections.flat().length === 0;

for (const io of KINDS) {
  test(`who gets too much is cut off, with a good cookie or over TCP nobody is (${io})`, async (context) => {
    const { address, count, burst } = await start(context, { io, rateLimit: LIMIT });
    const from = '127.0.0.1';
    const first = await ask({ server: address, ...WWW, options: [[COOKIE, '0102030405060708']] });
    const [[, cookie] = []] = first.options;
    assert.equal(cookie?.length, 48);
    const startMs = performance.now();
    const got = await burst({ from, times: 200, query: WWW });
    const mostWhole = 22 + ((performance.now() - startMs) / 1000) * 20;
    const whole = got.filter((one) => !isCut(one)).length;
    // A burst of a second, and what came due while it was sent.
    assert.ok(whole >= 20 && whole <= mostWhole, `${whole} of 200 whole`);
    const limited = 200 - whole;
    assert.ok(Math.abs(got.filter(isCut).length - limited / 2) <= 1, 'one in two is told to use TCP');
    assert.equal(
      count('isochrone_dns_rate_limited_total', 'responses', 'slipped', 'enforced'),
      got.filter(isCut).length,
    );
    assert.equal(count('isochrone_dns_drops_total', 'rate-limit'), 200 - got.length);
    // A client of the same address that has shown that it is there.
    const query = { ...WWW, options: [[COOKIE, cookie as string]] as const };
    const own = await burst({ from, times: 100, query });
    assert.equal(own.filter((one) => one.sections[0].length === 1).length, 100);
    // One whose cookie is made up is nobody.
    const forged = { ...WWW, options: [[COOKIE, `${'ab'.repeat(8)}01000000${'cd'.repeat(12)}`]] as const };
    const others = await burst({ from, times: 100, query: forged });
    const cut = others.filter(isCut);
    assert.ok(cut.length >= 20, `${cut.length} cut`);
    // What is cut off says where to get a cookie all the same.
    assert.equal(cut[0]?.options[0]?.[1].length, 48);
    for (let i = 0; i < 40; i++) {
      const { sections } = await ask({ server: address, ...WWW, transport: 'tcp' });
      assert.equal(sections[0].length, 1);
    }
  });

  test(`categories are limited apart; errors leak as they are (${io})`, async (context) => {
    const { count, burst } = await start(context, { io, rateLimit: LIMIT });
    const refused = await burst({
      from: '127.0.0.2',
      times: 100,
      query: { name: 'elsewhere.test.', type: 'A' },
    });
    assert.ok(refused.length >= 40 && refused.length <= 62, `${refused.length} errors`);
    assert.ok(refused.every(({ rcode, flags }) => rcode === 5 && !flags.includes('tc')));
    const name = { name: 'nothing.edge.test.', type: 'A' };
    const missing = await burst({ from: '127.0.0.2', times: 100, query: name });
    const cut = missing.filter(isCut);
    assert.ok(cut.length >= 30 && cut.every(({ rcode }) => rcode === 0), 'what is cut off says nothing');
    assert.ok(missing.length - cut.length >= 10 && missing.length - cut.length <= 40);
    // Answers have a rate of their own.
    const good = await burst({ from: '127.0.0.2', times: 20, query: WWW });
    assert.equal(good.filter((one) => !isCut(one)).length, 20);
    for (const category of ['errors', 'nxdomains'])
      assert.ok(count('isochrone_dns_rate_limited_total', category, 'dropped', 'enforced') > 20, category);
    assert.equal(count('isochrone_dns_rate_limited_total', 'responses'), 0);
  });
}

test('a dry run counts, tells, and sends everything; who is exempt is not counted', async (context) => {
  const exempt = accessList(
    ['!127.0.0.9', '127.0.0.8/31'].map((rule) => parseAccessRule(rule) as AccessRule),
  );
  const rateLimit = { ...LIMIT, dryRun: true, exempt };
  const { count, events, burst } = await start(context, { rateLimit, dropsToldPerSecond: 2 });
  assert.equal((await burst({ from: '127.0.0.8', times: 100, query: WWW })).length, 100);
  assert.equal(count('isochrone_dns_rate_limited_total'), 0);
  const got = await burst({ from: '127.0.0.9', times: 100, query: WWW });
  assert.equal(got.filter((one) => one.sections[0].length === 1).length, 100);
  assert.equal(count('isochrone_dns_rate_limited_total', 'enforced'), 0);
  assert.ok(count('isochrone_dns_rate_limited_total', 'dropped', 'dry-run') >= 20);
  assert.ok(count('isochrone_dns_rate_limited_total', 'slipped', 'dry-run') >= 20);
  while (events.length === 0) await sleep(20);
  const told = events.map((event) => (event.kind === 'dropped' ? event.sample : event.kind));
  assert.match(told[0] ?? '', /^rate limit: 127\.0\.0\.9 port \d+, www\.edge\.test\. A$/);
  assert.ok(told.length <= 4, `${told.length} lines`);
});

for (const io of KINDS)
  test(`clients on the drop list get nothing until it changes (${io})`, async (context) => {
    const drops = addressSet(['127.0.0.16/28'].map((text) => parsePrefix(text) as Prefix));
    const { server, address, count, burst } = await start(context, { io, data: { ...data, drops } });
    assert.equal((await burst({ from: '127.0.0.17', times: 10, query: WWW })).length, 0);
    assert.equal((await burst({ from: '127.0.0.15', times: 10, query: WWW })).length, 10);
    const socket = connect({ ...address, localAddress: '127.0.0.17' });
    socket.on('error', () => undefined).write('\0\x0c');
    await new Promise((resolve) => socket.on('close', resolve));
    assert.equal(count('isochrone_dns_drops_total', 'udp', 'drop-list'), 10);
    assert.equal(count('isochrone_dns_tcp_refused_total', 'drop-list'), 1);
    assert.equal(count('isochrone_dns_drop_list_prefixes'), 1);
    server.setDrops(addressSet([]));
    while ((await burst({ from: '127.0.0.17', times: 1, query: WWW })).length === 0);
  });

test('the log of queries has what was sent: of those over the rate only what slipped', async (context) => {
  const { server, burst } = await start(context, { rateLimit: LIMIT });
  server.queries.want(1);
  const answers = await burst({ from: '127.0.7.1', times: 100, query: WWW });
  const logged = server.queries.read();
  assert.ok(answers.length > 20 && answers.length < 100, `${answers.length} were answered`);
  assert.equal(logged.length, answers.length);
  assert.equal(server.queries.lost(), 0);
  const isCut = ({ response }: { readonly response: Uint8Array }): boolean => ((response[2] ?? 0) & 2) !== 0;
  assert.equal(logged.filter(isCut).length, answers.filter(({ flags }) => flags.includes('tc')).length);
});
