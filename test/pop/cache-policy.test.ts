import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeaderField, HeaderList } from '../../src/pop/headers.ts';
import { cacheKey } from '../../src/pop/l2/cache-key.ts';
import { isNotModified } from '../../src/pop/l2/conditional.ts';
import { parseDirectives, secondsOf } from '../../src/pop/l2/directives.ts';
import { codingFor } from '../../src/pop/l2/encode.ts';
import { type Freshness, freshnessOf, usability, usableOnError } from '../../src/pop/l2/freshness.ts';
import { parseHttpDate } from '../../src/pop/l2/http-date.ts';
import { parseRanges } from '../../src/pop/l2/ranges.ts';
import { serverOf } from '../../src/pop/l2/rendezvous.ts';
import { ORIGIN_SAYS } from '../../src/pop/policies.ts';
import { matchesPattern } from '../../src/pop/router.ts';

/** The rules of RFC 9111, 9213 and 5861, of ranges, conditions, keys and patterns: each a table. */

const NOW = Date.UTC(2026, 10, 27, 12);
const date = (seconds: number): string => new Date(NOW + seconds * 1000).toUTCString();

function judged(
  headers: HeaderList,
  options: { status?: number; request?: HeaderList } = {},
): Freshness | string {
  const { status = 200, request = [] } = options;
  const times = { requestedAtMs: NOW, receivedAtMs: NOW };
  return freshnessOf({ status, headers, requestHeaders: request, ...times }, ORIGIN_SAYS);
}

const cc = (value: string): HeaderField => ['cache-control', value];

test('lifetimes in seconds, or why a response is not kept', () => {
  const table: readonly (readonly [HeaderList, number | string])[] = [
    [[cc('max-age=60')], 60],
    [[cc('MAX-AGE="60"')], 60],
    [[cc('max-age=60, s-maxage=5')], 5],
    [[cc('max-age=60'), cc('s-maxage=5')], 5],
    [[cc('extension="max-age=5", max-age=60')], 60],
    [[cc('max-age =60')], 'says nothing of its lifetime'],
    [[cc('max-age=99999999999')], 31_536_000],
    [[cc('max-age=-1')], 'is stale at once and has no validator'],
    [[cc('max-age=0'), ['etag', '"a"']], 0],
    [
      [
        ['expires', date(30)],
        ['date', date(0)],
      ],
      30,
    ],
    [
      [
        ['expires', '0'],
        ['etag', '"a"'],
      ],
      0,
    ],
    [
      [
        ['last-modified', date(-1000)],
        ['date', date(0)],
      ],
      100,
    ],
    [
      [
        ['last-modified', date(-86_400_000)],
        ['date', date(0)],
      ],
      86_400,
    ],
    [[cc('no-store, max-age=60')], 'no-store'],
    [[cc('private, max-age=60')], 'private'],
    [[cc('private="set-cookie", max-age=60')], 60],
    [[cc('max-age=60'), ['vary', 'accept, *']], 'Vary: *'],
    [[cc('no-store'), ['cdn-cache-control', 'max-age=60']], 60],
    [[cc('max-age=60'), ['cdn-cache-control', 'no-store']], 'no-store'],
    [[cc('max-age=60'), ['cdn-cache-control', 'max-age=5, ,']], 60],
    [[cc('max-age=60'), ['cdn-cache-control', 'max-age="5"']], 60],
    [
      [
        ['expires', date(30)],
        ['cdn-cache-control', 'max-age=5;x=1, foo=?0'],
      ],
      5,
    ],
    [[cc('no-store'), ['surrogate-control', 'max-age=60;isochrone']], 60],
    [[cc('max-age=5'), ['surrogate-control', 'max-age=60;other']], 5],
  ];
  for (const [headers, wanted] of table) {
    const found = judged(headers);
    assert.equal(
      typeof found === 'string' ? found : found.lifetimeMs / 1000,
      wanted,
      JSON.stringify(headers),
    );
  }
});

test('statuses, Authorization, and what a request says', () => {
  const fresh = cc('max-age=60');
  assert.match(String(judged([fresh], { status: 206 })), /206/);
  assert.match(String(judged([['last-modified', date(-1000)]], { status: 503 })), /503 without a lifetime/);
  assert.equal(typeof judged([fresh], { status: 503 }), 'object');
  assert.match(String(judged([cc('max-age=60, must-understand')], { status: 599 })), /must-understand/);
  assert.equal(typeof judged([cc('no-store, must-understand, max-age=60')]), 'object');
  const request: HeaderList = [['authorization', 'x']];
  assert.equal(judged([fresh], { request }), 'the request had Authorization');
  for (const says of ['public', 'must-revalidate', 's-maxage=60'])
    assert.equal(typeof judged([cc(`max-age=60, ${says}`)], { request }), 'object', says);
  assert.equal(judged([fresh], { request: [cc('no-store')] }), 'the request says no-store');
});

test('ages: what the origin took, what was sent, and what is none', () => {
  const age = (...lines: string[]): number => {
    const found = judged([cc('max-age=60'), ...lines.map((line): HeaderField => ['age', line])]);
    return typeof found === 'string' ? -1 : found.ageMs / 1000;
  };
  assert.deepEqual([age(), age('7'), age('07'), age('0,7200')], [0, 7, 7, 0]);
  for (const lines of [['x'], ['-1'], ['1.0'], ['1', '2'], ['1, 2'], ['0, 0'], ['1,x'], ['1;a=b']])
    assert.equal(age(...lines), Number.POSITIVE_INFINITY, lines.join());
});

test('stale responses: while they are fetched anew, on errors, or never', () => {
  const table: readonly (readonly [string, number, string, boolean, boolean])[] = [
    ['max-age=10', 9, 'fresh', true, true],
    ['max-age=10', 11, 'stale', true, false],
    ['max-age=10, stale-while-revalidate=5', 11, 'stale-while-revalidate', true, false],
    ['max-age=10, stale-while-revalidate=5', 16, 'stale', true, false],
    ['max-age=10, stale-if-error=5', 11, 'stale', true, true],
    ['max-age=10, stale-if-error=5', 16, 'stale', false, false],
    ['max-age=10, must-revalidate, stale-if-error=5', 11, 'stale', false, false],
    ['s-maxage=10, stale-while-revalidate=5', 11, 'stale', false, false],
    ['max-age=10, no-cache', 1, 'stale', false, false],
  ];
  for (const [says, seconds, state, unreachable, error] of table) {
    const found = judged([cc(says), ['etag', '"a"']]);
    assert.ok(typeof found !== 'string', says);
    const atMs = NOW + seconds * 1000;
    assert.equal(usability(found, atMs), state, `${says} at ${seconds}`);
    if (state === 'fresh') continue;
    assert.equal(
      usableOnError(found, 'unreachable', atMs),
      unreachable,
      `${says} at ${seconds}: unreachable`,
    );
    assert.equal(usableOnError(found, 'error', atMs), error, `${says} at ${seconds}: error`);
  }
});

test('directives and dates as they come', () => {
  const found = parseDirectives(['a="x, y=\\"1\\"", B', 'max-age=1, max-age=2']);
  assert.deepEqual(
    [...found],
    [
      ['a', 'x, y="1"'],
      ['b', true],
      ['max-age', '1'],
    ],
  );
  assert.equal(secondsOf(found, 'max-age'), 1000);
  const at = Date.UTC(1994, 10, 6, 8, 49, 37);
  for (const text of [
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
    'SUN, 06 NOV 1994 08:49:37 gmt',
  ])
    assert.equal(parseHttpDate(text, NOW), at, text);
  for (const text of ['0', 'Sun, 06 Nov 1994 08:49:37 UTC', 'Sun, 06 Nov 94 08:49:37 GMT', '06 Nov 1994'])
    assert.equal(parseHttpDate(text, NOW), undefined, text);
});

test('ranges: those that can be had, those to ignore, and none', () => {
  const table: readonly (readonly [string, string])[] = [
    ['bytes=0-1', '0-1'],
    ['bytes=8-', '8-9'],
    ['bytes=-3', '7-9'],
    ['bytes=-30', '0-9'],
    ['bytes=0-99', '0-9'],
    ['bytes=0-0, 2-3', '0-0 2-3'],
    ['bytes=10-', ''],
    ['bytes=-0', ''],
    ['bytes=3-2', 'ignored'],
    ['bytes=a-b', 'ignored'],
    ['items=0-1', 'ignored'],
    ['bytes=0-5,1-6,2-7,3-8', 'ignored'],
  ];
  for (const [text, wanted] of table) {
    const found = parseRanges(text, 10)
      ?.map(({ first, last }) => `${first}-${last}`)
      .join(' ');
    assert.equal(found ?? 'ignored', wanted, text);
  }
});

test('conditions: ETags before dates, weakly', () => {
  const stored: HeaderList = [
    ['etag', 'W/"a"'],
    ['last-modified', date(-100)],
    ['date', date(0)],
  ];
  const table: readonly (readonly [HeaderList, boolean])[] = [
    [[['if-none-match', '"a"']], true],
    [[['if-none-match', '"b", W/"a"']], true],
    [[['if-none-match', '*']], true],
    [
      [
        ['if-none-match', '"b"'],
        ['if-modified-since', date(0)],
      ],
      false,
    ],
    [[['if-modified-since', date(-100)]], true],
    [[['if-modified-since', date(-101)]], false],
    [[['if-modified-since', 'yesterday']], false],
    [[], false],
  ];
  for (const [request, wanted] of table)
    assert.equal(isNotModified(request, stored, NOW), wanted, JSON.stringify(request));
});

test('keys: what a policy takes of query, headers and cookies', () => {
  const request = {
    target: '/a?x=1&y=2&x=3',
    headers: [
      ['cookie', 'b=2; a=1'],
      ['accept', 'q'],
    ] as HeaderList,
  };
  const key = (change: Partial<typeof ORIGIN_SAYS>): string =>
    cacheKey({ ...ORIGIN_SAYS, ...change }, 'd', request);
  const only = (...names: string[]) => ({ kind: 'only', names: new Set(names) }) as const;
  assert.equal(key({}), 'd\n/a\n?x=1&y=2&x=3');
  assert.equal(key({ query: { kind: 'none' } }), 'd\n/a');
  assert.equal(key({ query: only('x') }), 'd\n/a\n?x=1&x=3');
  assert.equal(key({ query: { kind: 'all-but', names: new Set(['x']) } }), 'd\n/a\n?y=2');
  assert.equal(key({ query: { kind: 'none' }, cookies: { kind: 'all' } }), 'd\n/a\n;a=1; b=2');
  assert.equal(key({ query: { kind: 'none' }, headers: only('accept', 'x') }), 'd\n/a\naccept:q\nx:-');
});

test('codings: the best of ours that the client takes', () => {
  const of = (accept: string): string | undefined => codingFor([['accept-encoding', accept]]);
  assert.deepEqual(['gzip, br', 'gzip;q=1, br;q=0.5', 'identity', '*', 'br;q=0, gzip;q=0', 'GZIP'].map(of), [
    'br',
    'gzip',
    undefined,
    'br',
    undefined,
    'gzip',
  ]);
});

test('a lost server loses its own keys only, evenly to the others', () => {
  const keys = Array.from({ length: 10_000 }, (_, i) => `d\n/object/${i}`);
  const all = [true, true, true, true, true];
  const before = keys.map((key) => serverOf(key, all));
  const after = keys.map((key) => serverOf(key, all.with(2, false)));
  const moved = keys.filter((_, i) => before[i] !== after[i]);
  assert.ok(before.every((server, i) => server === 2 || server === after[i]));
  assert.equal(moved.length, before.filter((server) => server === 2).length);
  for (const server of [0, 1, 3, 4]) {
    const share = before.filter((one) => one === server).length / keys.length;
    const got = after.filter((one, i) => one === server && before[i] === 2).length / moved.length;
    assert.ok(Math.abs(share - 0.2) < 0.02 && Math.abs(got - 0.25) < 0.04, `${server}: ${share} ${got}`);
  }
  assert.equal(serverOf('x', [false, false]), undefined);
});

test('path patterns, as CloudFront has them', () => {
  const table: readonly (readonly [string, string, boolean])[] = [
    ['*', '/anything', true],
    ['/static/*', '/static/a/b', true],
    ['static/*', '/static/a', true],
    ['/static/*', '/staticx', false],
    ['*.jpg', '/a/b.jpg', true],
    ['*.jpg', '/a/b.JPG', false],
    ['/a?c', '/abc', true],
    ['/a?c', '/ac', false],
    ['/a*b*c', '/axxbyybzzc', true],
    ['/a*b*c', '/axxbyybzz', false],
  ];
  for (const [pattern, path, wanted] of table)
    assert.equal(matchesPattern(pattern, path), wanted, `${pattern} ${path}`);
  const beganMs = performance.now();
  assert.equal(matchesPattern(`/${'a*'.repeat(20)}b`, `/${'a'.repeat(8_000)}`), false);
  assert.ok(performance.now() - beganMs < 500, 'no backtracking without bound');
});
