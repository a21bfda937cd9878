import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../src/base/random.ts';
import { createNews } from '../src/probe/news.ts';
import { isReportNews } from '../src/probe/report-news.ts';
import type { PopReport } from '../src/store/store.ts';

const networks = Array.from({ length: 40 }, (_, i) => `10.0.${i}.0/24`);
const clean = { sent: 3, lost: 0 };

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
    for (let i = 0; i < bursts; i++) news.note(networks[i] as string, { sent: 3, lost });
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
