import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { edgeLambdas } from '../src/pop/edge/lambdas.ts';
import type { PopRequest, PopResponse, RequestContext } from '../src/pop/request-path.ts';
import { popContext, popRequest, textOf } from './helpers/pop-request.ts';

/** Lambda@Edge: modules as they are, at four events, held to their time and to the rules of headers. */

const file = (name: string): string => fileURLToPath(new URL(`fixtures/lambda/${name}`, import.meta.url));
const bounds = { limitMs: 700, memoryMb: 64, threads: 1 };
const logged: string[] = [];
const edge = edgeLambdas({
  lambdas: [
    { name: 'callback', file: file('callback.cjs'), ...bounds },
    { name: 'promise', file: file('promise.mjs'), ...bounds },
    { name: 'missing', file: file('missing.mjs'), ...bounds },
  ],
  log: (message) => logged.push(message),
  count: () => undefined,
});
after(() => edge.close());

function contextAt(): RequestContext {
  const origin = { url: new URL('http://127.0.0.1:8080/base'), headers: [], responseTimeoutMs: 30_000 };
  const context = popContext(0);
  return { ...context, behaviour: { ...context.behaviour, origins: [origin] as never } };
}

async function atRequest(
  name: string,
  asked: Partial<PopRequest> & { text?: string },
  event: 'viewer-request' | 'origin-request' = 'viewer-request',
) {
  const request = popRequest(asked);
  const context = contextAt();
  const response = await edge
    .request(name, event, asked.body !== undefined || asked.text !== undefined)
    .run(request, context);
  return { request, response, error: context.logFields.get('function-error') };
}

const headerIn = (of: { headers: PopRequest['headers'] } | undefined, name: string): string | undefined =>
  of?.headers.find(([one]) => one === name)?.[1];

test('lambda: a CommonJS module with a callback changes a request, and answers one', async () => {
  const { request, error } = await atRequest('callback', { target: '/docs/?a=%20' });
  assert.equal(error, undefined);
  assert.equal(request.target, '/docs/index.html?a=%20');
  assert.equal(headerIn(request, 'x-left-ms'), 'true');
  const { response } = await atRequest('callback', { target: '/moved' });
  assert.deepEqual([response?.status, response?.result], [302, 'LambdaGeneratedResponse']);
  assert.equal(headerIn(response, 'location'), 'https://www.cdn.example/new');
});

test('lambda: an ES module sees the body, and replaces it', async () => {
  const { request, error } = await atRequest('promise', { method: 'POST', target: '/body', text: 'abc' });
  assert.equal(error, undefined);
  assert.equal(await textOf(request.body), 'ABC');
  assert.equal(headerIn(request, 'content-length'), '3');
});

test('lambda: a handler of origin requests chooses the origin, and its host', async () => {
  const target = '/lambda/elsewhere?port=8081';
  const { request, error } = await atRequest('promise', { target }, 'origin-request');
  assert.equal(error, undefined);
  assert.equal(request.origin?.url.href, 'http://127.0.0.1:8081/base');
  assert.equal(request.origin?.hostHeader, 'elsewhere.example');
  const { request: plain } = await atRequest('promise', { target: '/' }, 'origin-request');
  assert.equal(plain.origin, undefined);
});

test('lambda: both response events', async () => {
  const response: PopResponse = {
    status: 200,
    headers: [['content-length', '4']],
    body: Buffer.from('body'),
    from: 'l3',
    result: 'Miss',
  };
  for (const event of ['origin-response', 'viewer-response'] as const) {
    const changed = await edge.response('promise', event).run(response, popRequest(), contextAt());
    assert.equal(headerIn(changed, 'x-event'), event);
    assert.equal(await textOf(changed.body), 'body');
  }
  const missing: PopResponse = { ...response, status: 404 };
  const found = await edge.response('promise', 'origin-response').run(missing, popRequest(), contextAt());
  assert.deepEqual([found.status, await textOf(found.body)], [200, 'found after all']);
  const left = await edge.response('promise', 'viewer-response').run(missing, popRequest(), contextAt());
  assert.equal(left, missing, "the viewer's event is not for errors");
});

const FAILURES: readonly (readonly [target: string, status: number, error: RegExp])[] = [
  ['/loop', 503, /took too long/],
  ['/forever', 503, /took too long/],
  ['/exit', 503, /thread ended/],
  ['/host', 502, /host is read-only/],
  ['/forbidden', 502, /x-real-ip/],
  ['/origin', 502, /origin.custom.sslProtocols cannot be changed/],
];

for (const [target, status, error] of FAILURES)
  test(`lambda: ${target} fails, and the next event runs`, async () => {
    const failed = await atRequest(
      'promise',
      { target },
      target === '/origin' ? 'origin-request' : 'viewer-request',
    );
    assert.match(failed.error ?? '', error);
    assert.equal(failed.response?.status, status);
    assert.equal((await atRequest('promise', { target: '/next' })).error, undefined);
  });

test('lambda: a handler that fails, and a module that is not there', async () => {
  assert.match((await atRequest('callback', { target: '/fails' })).error ?? '', /no luck/);
  const { response, error } = await atRequest('missing', {});
  assert.equal(response?.status, 503);
  assert.match(error ?? '', /missing/);
});
