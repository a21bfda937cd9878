import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusal } from '../../src/pop/l1/steps.ts';
import { SharedCache, type Upstream } from '../../src/pop/l2/cache.ts';
import { contentRange, parseRanges } from '../../src/pop/l2/ranges.ts';
import { plainBehaviour, plainOrigin } from '../../src/pop/policies.ts';
import type { PopResponse } from '../../src/pop/request-path.ts';
import { popContext, popRequest, textOf } from '../helpers/pop-request.ts';

/** Ranges of objects that are still coming in, or too large to be kept whole, while their origin changes. */

const OCTETS_MAX = 160_000;
const { caching } = plainBehaviour(plainOrigin('origin', new URL('http://127.0.0.1:1'), ''));

/** An origin of one object, of which tests change the content. */
function objectOrigin(octets: number) {
  const object = { version: 1, isGone: false, asked: [] as string[] };
  const fields = (): [string, string][] => [
    ['etag', `"${object.version}"`],
    ['cache-control', 'max-age=60'],
    ['accept-ranges', 'bytes'],
  ];
  const upstream: Upstream = (request): PopResponse => {
    const by = { from: 'l3', result: 'Miss' } as const;
    const body = Buffer.alloc(octets, String(object.version));
    const of = (name: string): string | undefined => request.headers.find(([one]) => one === name)?.[1];
    object.asked.push(of('range') ?? 'all');
    if (object.isGone) return { ...refusal(502, 'gone', 'OriginConnectError'), from: 'l3' };
    const isFit = (of('if-range') ?? `"${object.version}"`) === `"${object.version}"`;
    const [range] = isFit ? (parseRanges(of('range') ?? '', octets) ?? []) : [];
    const part = range === undefined ? body : body.subarray(range.first, range.last + 1);
    const headers = [...fields(), ['content-length', String(part.length)] as [string, string]];
    if (range === undefined) return { status: 200, headers, body: part, ...by };
    headers.push(['content-range', contentRange(range, octets)]);
    return { status: 206, headers, body: part, ...by };
  };
  return { object, upstream };
}

function cacheFor(upstream: Upstream) {
  assert.ok(caching !== 'off');
  const cache = new SharedCache({ layer: 'l2', octetsMax: OCTETS_MAX, upstream, clock: { nowMs: () => 0 } });
  return (range?: string) => {
    const headers = range === undefined ? [] : ([['range', range]] as const);
    return cache.handle(popRequest({ headers }), popContext(0), caching);
  };
}

test('a range of an object that is still coming in is given as soon as it is there', async () => {
  let more: (chunk: string) => void = () => undefined;
  const wait = (): Promise<string> => new Promise((resolve) => (more = resolve));
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('0123456789');
    yield Buffer.from(await wait());
  }
  const headers = [
    ['content-length', '20'],
    ['cache-control', 'max-age=60'],
  ] as const;
  const ask = cacheFor(() => ({ status: 200, headers, body: body(), from: 'l3', result: 'Miss' }));
  const part = await ask('bytes=2-4');
  assert.deepEqual([part.status, await textOf(part.body)], [206, '234']);
  const late = await ask('bytes=-3');
  more('abcdefghij');
  assert.equal(await textOf(late.body), 'hij');
});

test('parts of what changed at the origin are never given together', async () => {
  const { object, upstream } = objectOrigin(100_000);
  const ask = cacheFor(upstream);
  const first = await ask('bytes=0-4');
  assert.deepEqual([first.status, await textOf(first.body)], [206, '11111']);
  object.version = 2;
  const kept = await ask('bytes=5-9');
  assert.deepEqual([kept.result, await textOf(kept.body)], ['Hit', '11111'], 'fresh is fresh');
  // The first part is there, the next one changed: the answer breaks off.
  const torn = await ask('bytes=9998-10002');
  await assert.rejects(textOf(torn.body), /changed or ended/);
  const other = await ask('bytes=50000-50004');
  assert.deepEqual([other.status, await textOf(other.body)], [206, '22222']);
  const again = await ask('bytes=50000-50004');
  assert.deepEqual([again.status, await textOf(again.body)], [206, '22222']);
});

test('what is too large is asked for in parts once it is known to be; a failure is a failure', async () => {
  const { object, upstream } = objectOrigin(100_000);
  const ask = cacheFor(upstream);
  for (let i = 0; i < 2; i++) assert.equal((await textOf((await ask()).body)).length, 100_000);
  assert.equal((await ask('bytes=0-4')).status, 206);
  assert.deepEqual(object.asked, ['all', 'all', 'bytes=0-9999']);
  object.isGone = true;
  const lost = await ask('bytes=30000-30004');
  assert.deepEqual([lost.status, lost.fault], [502, 'OriginConnectError']);
  assert.equal(await textOf((await ask('bytes=1-3')).body), '111', 'what is there is served');
  // A request fills a quarter of the cache at most.
  object.isGone = false;
  object.asked = [];
  assert.equal((await textOf((await ask('bytes=0-')).body)).length, 100_000);
  assert.equal(object.asked.length, 9);
  assert.equal((await textOf((await ask('bytes=0-')).body)).length, 100_000);
  assert.equal(object.asked.length, 9 + 6);
});
