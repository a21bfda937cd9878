import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../src/base/random.ts';
import { createNews } from '../src/probe/news.ts';
import { isReportNews } from '../src/probe/report-news.ts';
import type { PopReport } from '../src/store/store.ts';

const networks = Array.from({ length: 40 }, (_, i) => `10.0.${i}.0/24`);
const clean = { lost: 0 };

/** News of a POP that measured every network once, at 20 ms and more. */
function settled() {
  const news = createNews();
  const random = seededRandom(1);
  const rttMs = (): number => 20 + 3 * random.next();
  for (const network of networks) news.note(network, { ...clean, rttMs: rttMs() });
  assert.equal(news.take(0), false, 'what was never measured has not changed');
  return { news, rttMs };
}

test('round-trip times that changed to one side for many networks are news, once', () => {
  const { news, rttMs } = settled();
  for (const network of networks) news.note(network, { ...clean, rttMs: rttMs() });
  assert.equal(news.take(10_000), false, 'noise');
  for (const network of networks.slice(0, 5)) news.note(network, { ...clean, rttMs: rttMs() + 80 });
  assert.equal(news.take(20_000), false, 'five are too few');
  news.note(networks[5] as string, { ...clean, rttMs: rttMs() + 80 });
  assert.equal(news.take(20_000), true);
  assert.equal(news.take(30_000), false, 'told');
  for (const network of networks.slice(0, 6)) news.note(network, { ...clean, rttMs: rttMs() + 80 });
  assert.equal(news.take(40_000), false, 'as they were');
  for (const network of networks.slice(0, 6)) news.note(network, { ...clean, rttMs: rttMs() });
  assert.equal(news.take(40_500), true, 'back again');
});

test('single networks that come and go are no news; nor is what follows within a second', () => {
  const { news, rttMs } = settled();
  for (const [i, network] of networks.entries())
    news.note(network, { ...clean, rttMs: i % 3 === 0 ? rttMs() + 80 : rttMs() });
  assert.equal(news.take(10_000), false);
  for (const network of networks.slice(1, 20)) news.note(network, { ...clean, rttMs: 200 });
  assert.equal(news.take(20_000), true);
  for (const network of networks.slice(20)) news.note(network, { ...clean, rttMs: 200 });
  assert.equal(news.take(20_900), false);
  assert.equal(news.take(21_000), true, 'it waits');
});

test('packets that begin to be lost are news, and that they are lost no more', () => {
  const { news } = settled();
  const lose = (bursts: number, lost: number): void => {
    for (let i = 0; i < bursts; i++) news.note(networks[i] as string, { lost });
  };
  lose(30, 0);
  lose(5, 1);
  assert.equal(news.take(10_000), false);
  lose(1, 1);
  assert.equal(news.take(10_000), true);
  lose(30, 1);
  assert.equal(news.take(20_000), false, 'known');
  lose(8, 0);
  assert.equal(news.take(30_000), false);
  lose(1, 0);
  assert.equal(news.take(30_000), true, 'over');
});

test('a burst out of order makes the agent measure others again; two in a row, more of them', () => {
  const { news, rttMs } = settled();
  for (const network of networks) news.note(network, { ...clean, rttMs: rttMs() });
  assert.deepEqual(news.doubted(0), [], 'noise');
  const [first, second] = networks.slice(-2) as [string, string];
  news.note(first, { ...clean, rttMs: rttMs() + 80 });
  const two = news.doubted(0);
  assert.deepEqual(two, networks.slice(-24, -22));
  assert.deepEqual(news.doubted(0), [], 'told');
  for (const network of two) news.note(network, { ...clean, rttMs: rttMs() });
  assert.deepEqual(news.doubted(0), [], 'it was one network');
  news.note(first, { ...clean, rttMs: rttMs() });
  news.note(second, { ...clean, rttMs: rttMs() + 80 });
  for (const network of news.doubted(0)) news.note(network, { ...clean, rttMs: rttMs() + 80 });
  const more = news.doubted(0);
  assert.equal(more.length, 8);
  for (const network of more) news.note(network, { ...clean, rttMs: rttMs() + 80 });
  assert.equal(news.take(0), true, 'one burst of its turn was enough');
});

test('a POP with few networks has those measured again that did not raise the doubt', () => {
  const news = createNews();
  for (const network of networks.slice(0, 8)) news.note(network, { ...clean, rttMs: 20 });
  news.note(networks[3] as string, { ...clean, rttMs: 100 });
  news.note(networks[4] as string, { ...clean, rttMs: 100 });
  assert.deepEqual(
    news.doubted(0),
    [0, 1, 2, 5, 6, 7].map((i) => networks[i]),
  );
});

test('lost packets raise a doubt, and bursts without loss where there was some; with a bound', () => {
  const { news, rttMs } = settled();
  const burst = (lost: number): void => news.note(networks[0] as string, { lost, rttMs: rttMs() });
  for (let i = 0; i < 10; i++) burst(0);
  burst(1);
  assert.deepEqual(news.doubted(0), [], 'one packet');
  burst(1);
  assert.equal(news.doubted(0).length, 8);
  burst(1);
  assert.equal(news.doubted(10).length, 8);
  burst(1);
  assert.deepEqual(news.doubted(999), [], 'enough');
  burst(2);
  assert.equal(news.doubted(1000).length, 8);
  assert.equal(news.take(1000), true, 'six packets');
  burst(0);
  burst(0);
  assert.deepEqual(news.doubted(3000), []);
  burst(0);
  assert.equal(news.doubted(3000).length, 8, 'it may be over');
});

test('a report is news when its load, its capacity or a link changed much', () => {
  const link = { id: 'a', throughputMbps: 100, capacityMbps: 1000, queueMs: 0, lossRate: 0 };
  const report = (change: Partial<PopReport> = {}, linkChange: Partial<typeof link> = {}): PopReport => ({
    pop: 'FRA',
    atMs: 0,
    source: 'modelled',
    loadRps: 300,
    capacityRps: 1000,
    healthy: true,
    links: [{ ...link, ...linkChange }],
    ...change,
  });
  const table: [now: PopReport, isNews: boolean][] = [
    [report({ loadRps: 490 }), false],
    [report({ loadRps: 510 }), true],
    [report({ loadRps: 90 }), true],
    [report({ expectedRps: 590 }), false],
    [report({ expectedRps: 610 }), true],
    [report({ capacityRps: 500 }), true],
    [report({}, { throughputMbps: 290 }), false],
    [report({}, { throughputMbps: 310 }), true],
    [report({}, { queueMs: 6 }), true],
    [report({}, { lossRate: 0.02 }), true],
    [report({ links: [link, link] }), true],
  ];
  for (const [now, isNews] of table) assert.equal(isReportNews(report(), now), isNews, JSON.stringify(now));
  assert.equal(isReportNews(undefined, report()), false, 'the first is none');
});
