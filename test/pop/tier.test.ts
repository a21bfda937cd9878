import assert from 'node:assert/strict';
import { Agent } from 'node:https';
import { after, before, test } from 'node:test';
import { ACCESS_LOG_FIELDS } from '../../src/pop/access-log.ts';
import { type DemoOrigin, startDemoOrigin } from '../../src/pop/demo-origin.ts';
import { plainBehaviour, plainOrigin } from '../../src/pop/policies.ts';
import { until } from '../contract/harness.ts';
import { get, type PopStage, startPopStage } from '../helpers/pop-stage.ts';

/** The layers behind L1, over real connections: what each saves the origin, and which are left out. */

let origin: DemoOrigin;
let stage: PopStage;
const asked = (path: string): number => origin.requests().get(path) ?? 0;

before(async () => {
  origin = await startDemoOrigin({ nowMs: Date.now });
  // FRA and AMS are of one region, as are NRT and SYD.
  const change = (fleet: Parameters<NonNullable<Parameters<typeof startPopStage>[0]['change']>>[0]) => ({
    ...fleet,
    links: fleet.links.map((link) => (link.id === 'FRA-a' ? { ...link, ipv6: '::1' } : link)),
    pops: fleet.pops.map((pop) => {
      const region = pop.code === 'AMS' ? 'eu-central' : pop.code === 'SYD' ? 'ap-east' : pop.region;
      return { ...pop, region };
    }),
  });
  stage = await startPopStage({ net: 91, origin: origin.url, originRegion: 'us-east', change });
});
after(async () => {
  await stage.close();
  await origin.close();
});

const traced = { 'x-isochrone-trace': '1' };

test('a POP is at the IPv6 addresses of its links as well', async () => {
  const { status, headers, body } = await get(stage, 'FRA', '/echo', { address: '::1' });
  assert.deepEqual([status, headers['x-isochrone-link']], [200, 'FRA-a']);
  assert.equal(JSON.parse(String(body)).headers['x-forwarded-for'], '::1');
  assert.equal(stage.pops.addressCount, stage.fleet.links.length + 1);
});

test('100 concurrent cold GETs are one request to the origin', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 100 });
  const all = await Promise.all(Array.from({ length: 100 }, () => get(stage, 'FRA', '/slow/300', { agent })));
  agent.destroy();
  assert.equal(asked('/slow/300'), 1);
  assert.ok(all.every(({ status, body }) => status === 200 && String(body) === 'after 300 ms\n'));
  assert.equal(all.filter(({ headers }) => headers['x-cache'] === 'Miss from isochrone').length, 1);
});

test("a second POP's miss is the regional cache's hit; an origin's own region has none", async () => {
  const first = await get(stage, 'FRA', '/static/region', { headers: traced });
  const second = await get(stage, 'AMS', '/static/region', { headers: traced });
  const third = await get(stage, 'AMS', '/static/region', { headers: traced });
  assert.equal(asked('/static/region'), 1);
  assert.equal(first.headers['x-cache'], 'Miss from isochrone');
  assert.match(String(second.headers['server-timing']), /cdn-cache-hit, .*cdn-hit-layer;desc="REC"/);
  assert.match(String(third.headers['server-timing']), /cdn-hit-layer;desc="EDGE"/);
  const near = await get(stage, 'JFK', '/static/region', { headers: traced });
  assert.match(String(near.headers['server-timing']), /iso-skip-rec;desc="the origin is in the same region/);
  assert.equal(asked('/static/region'), 2);
});

test('POST and what may not be cached go from L1 to L3, and say why', async () => {
  const posted = await get(stage, 'FRA', '/echo', { method: 'POST', body: 'a=1', headers: traced });
  const timing = String(posted.headers['server-timing']);
  assert.equal(JSON.parse(String(posted.body)).body, 'a=1');
  for (const layer of ['l2', 'rec', 'shield'])
    assert.match(timing, new RegExp(`iso-skip-${layer};desc="POST is not cached"`));
  assert.doesNotMatch(timing, /iso-l2-total/);
  for (let i = 0; i < 2; i++)
    assert.equal((await get(stage, 'FRA', '/dynamic')).headers['x-cache'], 'Miss from isochrone');
  assert.equal(asked('/dynamic'), 2);
});

test('losing an L2 server moves only its keys, and back they are fetched anew', async () => {
  const paths = Array.from({ length: 60 }, (_, i) => `/static/lost-${i}`);
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const hits = async (): Promise<boolean[]> => {
    const all = await Promise.all(paths.map((path) => get(stage, 'GRU', path, { agent })));
    return all.map(({ headers }) => String(headers['server-timing']).includes('cdn-hit-layer;desc="EDGE"'));
  };
  await hits();
  assert.ok((await hits()).every(Boolean));
  const index = stage.fleet.pops.findIndex(({ code }) => code === 'GRU');
  stage.pops.tier.setServerUp(index, 2, false);
  const lost = (await hits()).filter((hit) => !hit).length;
  assert.ok(lost > 3 && lost < 25, `a fifth of 60 keys moved, or so: ${lost}`);
  assert.ok((await hits()).every(Boolean));
  // The region still has them: the origin heard of nothing.
  assert.ok(paths.every((path) => asked(path) === 1));
  stage.pops.tier.setServerUp(index, 2, true);
  assert.equal((await hits()).filter((hit) => !hit).length, lost);
  agent.destroy();
});

test('an invalidation clears POPs and regional caches; others stay', async () => {
  for (const code of ['FRA', 'AMS', 'NRT'])
    for (const path of ['/static/gone/a', '/static/gone/b', '/static/stays']) await get(stage, code, path);
  assert.equal(stage.pops.tier.invalidate({ scope: 'test', pattern: '/static/gone/*' }), 10);
  const before = asked('/static/gone/a');
  assert.equal((await get(stage, 'AMS', '/static/gone/a')).headers['x-cache'], 'Miss from isochrone');
  assert.equal(asked('/static/gone/a'), before + 1);
  assert.equal((await get(stage, 'AMS', '/static/stays')).headers['x-cache'], 'Hit from isochrone');
  assert.equal(stage.pops.tier.invalidate({ scope: 'test', pattern: '/static/stays' }), 5);
  assert.equal(stage.pops.tier.invalidate({ scope: 'other', pattern: '/*' }), 0);
});

test('hundreds of requests go over ten connections to the origin', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 50 });
  const count = 600;
  for (let round = 0; round < count / 50; round++)
    await Promise.all(
      Array.from({ length: 50 }, (_, i) => get(stage, 'SYD', `/dynamic?${round}-${i}`, { agent })),
    );
  agent.destroy();
  const own = stage.pops.tier.figures().origins.filter(({ place }) => place === 'NRT' || place === 'SYD');
  const opened = own.reduce((sum, one) => sum + one.opened, 0);
  const requests = own.reduce((sum, one) => sum + one.requests, 0);
  assert.ok(requests >= count && opened <= 20, `${requests} requests over ${opened} connections`);
});

test('a traced cold request opens a connection to the origin; others use those that are open', async () => {
  const timingOf = async (trace: string): Promise<string> => {
    const { headers } = await get(stage, 'SYD', '/dynamic', { headers: { 'x-isochrone-trace': trace } });
    return String(headers['server-timing']);
  };
  await timingOf('1');
  assert.doesNotMatch(await timingOf('1'), /iso-l3-connect/);
  for (let i = 0; i < 2; i++) assert.match(await timingOf('cold'), /iso-l3-connect;dur=0*[1-9.]/);
});

test('with a shield one fetch serves the POPs of all regions', async () => {
  const shielded = await startPopStage({
    net: 92,
    origin: origin.url,
    distribution: { shieldRegion: 'us-east' },
  });
  for (const code of ['FRA', 'AMS', 'GRU', 'NRT', 'SYD', 'JFK'])
    await get(shielded, code, '/static/shielded');
  assert.equal(asked('/static/shielded'), 1);
  await shielded.close();
});

test('an origin that fails is stood in for: another origin, then what is stale', async () => {
  const dead = plainOrigin('dead', new URL('http://127.0.0.1:1'));
  const group = await startPopStage({
    net: 93,
    origin: origin.url,
    behaviour: {
      ...plainBehaviour(dead),
      origins: [{ ...dead, attempts: 1 }, plainOrigin('origin', origin.url)],
      failoverStatuses: new Set([503]),
    },
  });
  assert.equal((await get(group, 'FRA', '/static/second')).status, 200);
  // What may have been done already is not done again elsewhere.
  assert.equal((await get(group, 'FRA', '/echo', { method: 'POST', body: 'x' })).status, 502);
  await group.close();
  const alone = await startPopStage({ net: 93, origin: new URL('http://127.0.0.1:1') });
  const gone = await get(alone, 'FRA', '/x');
  assert.deepEqual([gone.status, gone.headers['x-cache']], [502, 'Error from isochrone']);
  assert.match(alone.logLines.at(-1) ?? '', /\tOriginConnectError\t/);
  await alone.close();
});

test('large bodies pass through, in parts as well', async () => {
  const whole = await get(stage, 'FRA', '/large/6000');
  assert.equal(whole.body.length, 6000 * 1024);
  const part = await get(stage, 'FRA', '/large/100', { headers: { range: 'bytes=1000-1999' } });
  assert.deepEqual([part.status, part.body.length], [206, 1000]);
  assert.equal(part.headers['content-range'], 'bytes 1000-1999/102400');
});

test('what is too large to be kept is kept in parts; only those that are asked for are fetched', async () => {
  const path = '/large/4000';
  const all = (await get(stage, 'JFK', path)).body;
  assert.equal(asked(path), 1);
  const ask = async (range: string, more: Record<string, string> = {}) => {
    const { status, headers, body } = await get(stage, 'JFK', path, { headers: { range, ...more } });
    return { status, body, cache: headers['x-cache'], where: headers['content-range'], headers };
  };
  const size = all.length;
  // Over the end of two parts, the same again, a part of it, the last octets, one octet, none.
  for (const [range, first, last, origin, cache] of [
    ['bytes=2000000-2300000', 2_000_000, 2_300_000, 3, 'Miss'],
    ['bytes=2000000-2300000', 2_000_000, 2_300_000, 3, 'Hit'],
    ['bytes=2200000-2200009', 2_200_000, 2_200_009, 3, 'Hit'],
    ['bytes=-100', size - 100, size - 1, 4, 'Miss'],
    [`bytes=${size - 1}-`, size - 1, size - 1, 4, 'Hit'],
  ] as const) {
    const part = await ask(range);
    assert.deepEqual([part.status, part.where], [206, `bytes ${first}-${last}/${size}`], range);
    assert.ok(part.body.equals(all.subarray(first, last + 1)), range);
    assert.deepEqual([asked(path), part.cache], [origin, `${cache} from isochrone`], range);
  }
  assert.equal((await ask(`bytes=${size}-`)).status, 416);
  const known = { 'if-none-match': `"large-${size}"` };
  assert.equal((await ask('bytes=0-9', known)).status, 304);
  const head = await get(stage, 'JFK', path, { method: 'HEAD' });
  assert.equal(head.headers['content-length'], String(size));
  assert.equal(asked(path), 4, 'none of these asked the origin');
  // Together they ask once for each part; to the end of a large object, part by part.
  const many = await Promise.all(Array.from({ length: 20 }, () => ask('bytes=3000000-')));
  assert.ok(many.every(({ body }) => body.equals(all.subarray(3_000_000))));
  assert.equal(asked(path), 8);
  assert.ok(stage.pops.tier.invalidate({ scope: 'test', pattern: path }) >= 8);
  assert.equal((await ask('bytes=2200000-2200009')).cache, 'Miss from isochrone');
  assert.equal(asked(path), 10, 'all that was kept is gone: what it is, and the part');
});

test('the access log has 33 fields and the id that the client got', async () => {
  const { headers } = await get(stage, 'FRA', '/static/log?a=1', {
    headers: { 'user-agent': 'a\tagent "x"', referer: 'https://a.example/ü' },
  });
  const id = String(headers['x-amz-cf-id']);
  await until(() => stage.logLines.some((line) => line.includes(id)), 'the line');
  const fields = (stage.logLines.find((line) => line.includes(id)) ?? '').split('\t');
  assert.equal(fields.length, 33);
  const field = (name: (typeof ACCESS_LOG_FIELDS)[number]): string | undefined =>
    fields[ACCESS_LOG_FIELDS.indexOf(name)];
  assert.equal(field('x-edge-request-id'), id);
  assert.equal(field('cs(User-Agent)'), 'a%09agent%20%22x%22');
  assert.equal(field('cs(Referer)'), 'https://a.example/%C3%BC');
  assert.equal(field('cs-uri-stem'), '/static/log');
  assert.equal(field('cs-uri-query'), 'a=1');
  assert.equal(field('x-edge-location'), headers['x-amz-cf-pop']);
  assert.equal(field('x-edge-result-type'), 'Miss');
  assert.match(field('ssl-protocol') ?? '', /^TLSv1\.[23]$/);
});

test('a step on the way to the origin that fails is one 500 in the log, for all who wait', async () => {
  const broken = await startPopStage({
    net: 97,
    origin: origin.url,
    behaviour: {
      originRequest: [
        {
          name: 'broken',
          run: () => {
            throw new Error('planted');
          },
        },
      ],
    },
  });
  const all = await Promise.all(Array.from({ length: 5 }, () => get(broken, 'FRA', '/static/broken')));
  assert.deepEqual(
    all.map(({ status }) => status),
    [500, 500, 500, 500, 500],
  );
  assert.match(broken.lines.join('\n'), /FRA: a stage failed: Error: planted/);
  await broken.close();
});
