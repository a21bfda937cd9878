import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TraceParts, transferTrips, waterfall } from '../../src/cli/trace-bars.ts';
import { tracePage } from '../../src/cli/trace-html.ts';
import { waterfallLines } from '../../src/cli/trace-text.ts';
import type { PopPathView } from '../../src/console/api-pops.ts';
import { runCli } from '../helpers/cli.ts';

/** The waterfall of a request: what was measured here and what the network would add, in one line of time. */

const pop = (code: string, region: string, place: readonly [number, number], rttMs: number): PopPathView => ({
  pop: code,
  city: code,
  region,
  latitude: place[0],
  longitude: place[1],
  link: `${code}-a`,
  ipv4: '127.1.1.1',
  rttMs,
});
const SYD = pop('SYD', 'oc', [-33.95, 151.18], 20);
const FRA = pop('FRA', 'eu', [50.03, 8.57], 280);
const IAD = pop('IAD', 'us', [38.94, -77.46], 210);
const view = {
  client: { address: '1.120.0.0', place: 'Melbourne, AU' },
  resolverRttMs: 5,
  pops: [SYD, IAD, FRA],
  regional: { oc: 'SYD', eu: 'FRA', us: 'IAD' },
  originRegions: { demo: 'us' },
  port: 8443,
  caFile: 'ca.crt',
};

const MISS = [
  'cdn-cache-miss, cdn-pop;desc="FRA1-C1", iso-l1-rfc;dur=0.020, iso-l1-waf;dur=0.300',
  'iso-l3-connect;dur=0.500, iso-l3-origin;dur=3.000, iso-rec-total;dur=4.000, iso-l2-total;dur=4.500',
  'iso-skip-shield;desc="the distribution has none", iso-at-rec;desc="FRA", iso-at-l3;desc="FRA"',
  'iso-at-origin;desc="demo"',
].join(', ');

function parts(change: {
  readonly tlsVersion: string;
  readonly resumed: boolean;
  readonly timing: string;
  readonly octets?: number;
  readonly warm: boolean;
}): TraceParts {
  const { tlsVersion, resumed, timing, warm, octets = 1_000 } = change;
  return {
    title: 'this request',
    path: FRA,
    view,
    manner: { hasAnswer: warm, fastOpen: warm },
    dnsMs: warm ? undefined : 0.4,
    probed: {
      tcpMs: 0.1,
      tlsMs: 1.5,
      headMs: 6,
      transferMs: 0.2,
      tlsVersion,
      cipher: 'X',
      resumed,
      status: 200,
      headers: { 'server-timing': timing, 'x-cache': 'Miss from isochrone' },
      octets,
    },
  };
}

const cold12 = { tlsVersion: 'TLSv1.2', resumed: false, timing: MISS, warm: false };
const HIT = 'cdn-cache-hit, iso-l1-rfc;dur=0.020, iso-l2-total;dur=0.300';
const warm13 = { tlsVersion: 'TLSv1.3', resumed: true, timing: HIT, warm: true };

test('a cold request over TLS 1.2 has four round trips, a warm one over TLS 1.3 two', () => {
  assert.equal(waterfall(parts(cold12)).clientRoundTrips, 4);
  assert.equal(waterfall(parts({ ...cold12, tlsVersion: 'TLSv1.3' })).clientRoundTrips, 3);
  assert.equal(waterfall(parts(warm13)).clientRoundTrips, 2);
  // Resumption saves one with TLS 1.2, and none with TLS 1.3.
  assert.equal(waterfall(parts({ ...warm13, tlsVersion: 'TLSv1.2' })).clientRoundTrips, 2);
  assert.equal(waterfall(parts({ ...warm13, tlsVersion: 'TLSv1.2', resumed: false })).clientRoundTrips, 3);
  assert.equal(waterfall(parts({ ...warm13, resumed: false })).clientRoundTrips, 2);
});

test('the bars add up to the total; each is measured or modelled, and of one layer', () => {
  for (const change of [cold12, warm13, { ...cold12, octets: 5_000_000 }]) {
    const fall = waterfall(parts(change));
    const sum = fall.bars.reduce((total, { ms }) => total + ms, 0);
    assert.ok(Math.abs(sum - fall.totalMs) < 1e-6, `${sum} ${fall.totalMs}`);
  }
  const { bars, skipped } = waterfall(parts(cold12));
  assert.deepEqual(skipped, ['shield: the distribution has none']);
  const of = (layer: string, source: string): number =>
    bars.filter((bar) => bar.layer === layer && bar.source === source).reduce((sum, { ms }) => sum + ms, 0);
  const near = (found: number, wanted: number): void =>
    assert.ok(Math.abs(found - wanted) < 1e-9, `${found}`);
  near(of('network', 'modelled'), 4 * 280);
  near(of('L2', 'measured'), 0.5);
  near(of('REC', 'measured'), 0.5);
  near(of('origin', 'measured'), 3);
  // Frankfurt to Ashburn, 6,550 km: to connect, and to ask.
  assert.ok(of('L3', 'modelled') > 2 * 64 && of('L3', 'modelled') < 2 * 110);
});

test("octets beyond TCP's first window take further round trips", () => {
  assert.deepEqual([0, 14_600, 14_601, 43_800, 43_801, 1_000_000].map(transferTrips), [0, 0, 1, 1, 2, 6]);
});

test('what asks a layer twice goes there twice, and the bars still add up', () => {
  const twice = [
    'iso-rec-total;dur=2.000, iso-l3-connect;dur=0.500, iso-l3-origin;dur=1.000',
    'iso-rec-total;dur=1.500, iso-l3-origin;dur=0.500, iso-l2-total;dur=5.000',
    'iso-at-rec;desc="IAD", iso-at-origin;desc="demo"',
  ].join(', ');
  const fall = waterfall(parts({ ...cold12, timing: twice }));
  const rec = fall.bars.filter(({ layer }) => layer === 'REC');
  assert.deepEqual(
    rec.map(({ roundTrips, source }) => [roundTrips, source]),
    [
      [2, 'modelled'],
      [0, 'measured'],
    ],
  );
  assert.ok(Math.abs((rec[1]?.ms ?? 0) - 1.5) < 1e-9, 'both times, without what lies behind');
  const sum = fall.bars.reduce((total, { ms }) => total + ms, 0);
  assert.ok(Math.abs(sum - fall.totalMs) < 1e-6, `${sum} ${fall.totalMs}`);
});

test('layers that were left out for one reason are named together', () => {
  const skips = ['l2', 'rec', 'shield'].map((layer) => `iso-skip-${layer};desc="POST is not cached"`);
  const timing = ['iso-skip-l1;desc="nothing is configured"', ...skips].join(', ');
  assert.deepEqual(waterfall(parts({ ...warm13, timing })).skipped, [
    'L1: nothing is configured',
    'L2, REC, shield: POST is not cached',
  ]);
});

test('what cannot be asked is said at once, each part of it', async () => {
  const url = 'http://www.cdn.example/';
  const fields = ['Host: a', 'no field', 'a b: c'].flatMap((line) => ['--header', line]);
  const { code, err } = await runCli('trace', url, '--cold', '--warm', '--method', 'get', ...fields);
  assert.equal(code, 2);
  for (const said of [
    'is not a URL such as https://www.cdn.example/',
    'is missing: --client ADDR',
    '--cold and --warm exclude each other',
    '--method "get" is no method such as POST',
    '--header "Host: a": trace says host itself',
    '--header "no field" is no field',
    '--header "a b: c" is no field',
  ])
    assert.ok(err.includes(said), `${said}: ${err}`);
});

test('as text and as a page that loads nothing', () => {
  const fall = waterfall(parts(cold12));
  const lines = waterfallLines(fall, false);
  assert.equal(lines.length, fall.bars.length + 2);
  assert.match(lines.join('\n'), /network +TLSv1\.2 handshake +560\.00 +2 +modelled +▒+/);
  const page = tracePage('a <b>', 'why', [fall]);
  assert.ok(page.includes('a &#60;b&#62;') && page.includes('<svg'));
  assert.doesNotMatch(page, /(?:src|href)=|<script|url\((?!#hatch-)/);
});
