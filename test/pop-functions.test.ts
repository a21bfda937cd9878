import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, test } from 'node:test';
import { functionFault } from '../src/pop/edge/function-file.ts';
import { edgeFunctions } from '../src/pop/edge/functions.ts';
import { readKeyValues } from '../src/pop/edge/key-values.ts';
import type { PopRequest, PopResponse } from '../src/pop/request-path.ts';
import { popContext, popRequest, textOf } from './helpers/pop-request.ts';

/** CloudFront Functions: what they see, what they may do, and that nothing they do holds up a POP. */

const FUNCTIONS = new Map(
  Object.entries({
    index: `function handler(event) {
      var request = event.request;
      if (request.uri.endsWith('/')) request.uri += 'index.html';
      request.headers['x-seen'] = { value: JSON.stringify(event) };
      return request;
    }`,
    redirect: `async function handler(event) {
      await Promise.resolve();
      return { statusCode: 302, statusDescription: 'Found', headers: { location: { value: '/new' } },
        cookies: { id: { value: '1', attributes: 'Secure; Path=/' } } };
    }`,
    token: `const crypto = require('crypto');
    function handler(event) {
      const { request } = event;
      const [head, body, sign] = request.querystring.jwt.value.split('.');
      const good = crypto.createHmac('sha256', 'secret').update(head + '.' + body).digest('base64url');
      if (good !== sign) return { statusCode: 401, body: { encoding: 'text', data: 'no' } };
      const claims = JSON.parse(Buffer.from(body, 'base64url').toString());
      request.headers['x-user'] = { value: claims.sub };
      delete request.querystring.jwt;
      return request;
    }`,
    secure: `function handler(event) {
      var response = event.response;
      response.headers['strict-transport-security'] = { value: 'max-age=63072000' };
      response.headers['x-was'] = { value: String(response.statusCode) };
      return response;
    }`,
    replaced: `function handler(event) {
      event.response.body = { encoding: 'text', data: 'other' };
      return event.response;
    }`,
    routes: `import cf from 'cloudfront';
      import { createHash } from "crypto"
      import * as qs from 'querystring';
      const kvs = cf.kvs();
      async function handler(event) {
        const { request } = event;
        let to = '/none';
        try { to = await kvs.get(request.uri); } catch (error) { console.log(error.message); }
        const { to: json } = await kvs.get('rules', { format: 'json' });
        const bytes = await kvs.get('/old', { format: 'bytes' });
        const facts = [json, bytes.length, await kvs.exists('empty'), await kvs.exists('x'),
          (await kvs.meta()).keyCount, await kvs.count(), qs.stringify({ a: 'b c' }),
          createHash('md5').update('a').digest('hex').slice(0, 4)];
        request.headers['x-facts'] = { value: facts.join(' ') };
        return { ...request, uri: to };
      }`,
    state: `var count = 0; function handler(event) {
      event.request.headers['x-count'] = { value: String(++count) }; return event.request; }`,
    loop: 'function handler() { for (;;); }',
    sort: 'function handler() { return new Array(3e4).fill(0).map((_, i) => -i).sort(() => { for (;;); }); }',
    regex: 'function handler() { return /^(([a-z])+.)+[A-Z]([a-z])+$/.test("a".repeat(40)); }',
    memory: 'function handler() { var all = []; for (;;) all.push("x".repeat(9999) + all.length); }',
    deep: 'function handler() { return handler() + 1; }',
    throws: 'function handler(event) { throw new Error("no luck"); }',
    waits: 'function handler() { return new Promise(function () {}); }',
    nothing: 'function handler() {}',
    broken: 'function handler( {',
    none: 'function other() {}',
    host: 'function handler(e) { e.request.headers.host = { value: "evil.example" }; return e.request; }',
    forbidden: 'function handler(e) { e.request.headers["x-real-ip"] = { value: "1" }; return e.request; }',
    capitals: 'function handler(e) { e.request.headers["X-A"] = { value: "1" }; return e.request; }',
    split: 'function handler(e) { e.request.headers["x-a"] = { value: "1\\r\\nx-b: 2" }; return e.request; }',
    away: 'function handler(e) { e.request.uri = "https://evil.example/"; return e.request; }',
    evals: 'function handler(e) { return eval("e.request"); }',
    host_objects:
      'function handler(e) { e.request.uri = "/" + typeof process + typeof fetch; return e.request; }',
  }),
);
const { store: STORE } = readKeyValues(
  JSON.stringify({
    data: [
      { key: '/old', value: '/new' },
      { key: 'rules', value: '{"to":"/json"}' },
      { key: 'empty', value: '' },
    ],
  }),
  '2026-11-27T00:00:00.000Z',
);
const logged: string[] = [];
const counted: string[] = [];
const edge = edgeFunctions({
  functions: new Map(Array.from(FUNCTIONS, ([name, code]) => [name, { code, store: STORE }] as const)),
  memoryOctets: 2 * 1024 * 1024,
  limitMs: 500,
  threads: 1,
  log: (message) => logged.push(message),
  count: (ended) => counted.push(ended),
});
after(() => edge.close());

async function atRequest(name: string, asked: Partial<PopRequest> = {}) {
  const request = popRequest(asked);
  const context = popContext(0);
  const response = await edge.request(name).run(request, context);
  return { request, response, error: context.logFields.get('function-error') };
}

const headerIn = (of: { headers: PopRequest['headers'] } | undefined, name: string): string | undefined =>
  of?.headers.find(([one]) => one === name)?.[1];

test('functions: a request as the event shows it, and as it comes back', async () => {
  const headers = [
    ['host', 'www.cdn.example'],
    ['accept', 'a'],
    ['accept', 'b'],
    ['cookie', 'id=1; theme=dark; id=2'],
    ['x-forwarded-proto', 'https'],
  ] as const;
  const { request, response } = await atRequest('index', { target: '/docs/?a=1&b=%20x&a=2&c', headers });
  assert.equal(response, undefined);
  assert.equal(request.target, '/docs/index.html?a=1&a=2&b=%20x&c');
  const event = JSON.parse(headerIn(request, 'x-seen') ?? '');
  assert.equal(event.version, '1.0');
  assert.deepEqual(event.context, {
    distributionDomainName: 'www.cdn.example',
    distributionId: 'demo',
    eventType: 'viewer-request',
    requestId: 'request-id',
  });
  assert.deepEqual(event.viewer, { ip: '192.0.2.1' });
  assert.deepEqual(event.request, {
    method: 'GET',
    uri: '/docs/index.html',
    querystring: {
      a: { value: '1', multiValue: [{ value: '1' }, { value: '2' }] },
      b: { value: '%20x' },
      c: { value: '' },
    },
    headers: {
      host: { value: 'www.cdn.example' },
      accept: { value: 'a', multiValue: [{ value: 'a' }, { value: 'b' }] },
    },
    cookies: { id: { value: '1', multiValue: [{ value: '1' }, { value: '2' }] }, theme: { value: 'dark' } },
  });
  assert.equal(headerIn(request, 'cookie'), 'id=1; id=2; theme=dark');
  assert.equal(headerIn(request, 'x-forwarded-proto'), 'https', 'what it never saw stays');
});

test('functions: a response of its own', async () => {
  const { response } = await atRequest('redirect');
  assert.deepEqual([response?.status, response?.result], [302, 'FunctionGeneratedResponse']);
  assert.equal(headerIn(response, 'location'), '/new');
  assert.equal(headerIn(response, 'set-cookie'), 'id=1; Secure; Path=/');
});

test('functions: the usual check of a token, with crypto and Buffer', async () => {
  const claims = Buffer.from('{"sub":"ada"}').toString('base64url');
  const sign = createHmac('sha256', 'secret').update(`e30.${claims}`).digest('base64url');
  const good = await atRequest('token', { target: `/?jwt=e30.${claims}.${sign}&x=1` });
  assert.equal(headerIn(good.request, 'x-user'), 'ada', good.error);
  assert.equal(good.request.target, '/?x=1');
  const bad = await atRequest('token', { target: `/?jwt=e30.${claims}.x` });
  assert.equal(bad.response?.status, 401);
  assert.equal(await textOf(bad.response?.body), 'no');
});

test('functions: a key value store, and modules as CloudFront imports them', async () => {
  for (const [target, to] of [
    ['/old', '/new'],
    ['/x', '/none'],
  ] as const) {
    const { request, error } = await atRequest('routes', { target });
    assert.equal(request.target, to, error);
    assert.equal(headerIn(request, 'x-facts'), '/json 4 true false 3 3 a=b%20c 0cc1');
  }
  assert.match(logged.at(-1) ?? '', /routes: KeyNotFound: there is no key \/x/);
});

const FAULTS: readonly (readonly [code: string, fault: string | undefined, line?: number])[] = [
  ['async function handler(e) { return e.request; }', undefined],
  [
    "import cf from 'cloudfront';\nconst k = cf.kvs();\nfunction handler() {}",
    'none under security.keyValueStores',
  ],
  ["import a from 'crypto'\nimport b from 'fs';\nfunction handler() {}", 'imports "fs"', 2],
  ["import a from 'crypto'\nfunction handler() {", 'is no script', 2],
  ['import a\n from "crypto"; function handler() {}', undefined],
  ['export function handler() {}', 'exports something'],
  [
    "import cf from 'cloudfront'; function handler() { cf.updateRequestOrigin({}); }",
    'choose no origin here',
  ],
  [`function handler() {} // ${'x'.repeat(10_240)}`, 'at most 10240'],
];

test('functions: what is wrong with one is told when it is read', () => {
  for (const [code, wanted, line] of FAULTS) {
    const fault = functionFault({ code });
    if (wanted === undefined) assert.equal(fault, undefined, code);
    else assert.ok(fault?.message.includes(wanted), `${code}: ${fault?.message}`);
    if (line !== undefined) assert.equal(fault?.line, line, code);
  }
  const entry = (key: unknown, value: unknown) => ({ key, value });
  const data = [entry('a', '1'), entry('a', '2'), entry('', ''), entry('b', 1), entry('c', 'x'.repeat(1025))];
  assert.deepEqual(readKeyValues(JSON.stringify({ data }), '').faults, [
    'data[1] has the key a again',
    'data[2] has no "key" that is a text',
    'data[3] has no "value" that is a text',
    'data[4] has a value of more than 1024 octets',
  ]);
  assert.deepEqual(readKeyValues('[]', '').faults, ['has no list "data" of keys and values']);
});

test('functions: a response on its way back', async () => {
  const origin: PopResponse = {
    status: 200,
    headers: [
      ['content-length', '4'],
      ['etag', '"1"'],
    ],
    body: Buffer.from('body'),
    from: 'l2',
    result: 'Hit',
  };
  const run = (name: string, response: PopResponse) =>
    edge.response(name).run(response, popRequest(), popContext(0));
  const changed = await run('secure', origin);
  assert.equal(headerIn(changed, 'strict-transport-security'), 'max-age=63072000');
  assert.equal(headerIn(changed, 'x-was'), '200');
  assert.equal(await textOf(changed.body), 'body');
  const replaced = await run('replaced', origin);
  assert.deepEqual([await textOf(replaced.body), headerIn(replaced, 'content-length')], ['other', '5']);
  const failed: PopResponse = { ...origin, status: 404 };
  assert.equal(await run('secure', failed), failed, 'errors are left alone');
});

test('functions: nothing of one request is there for the next', async () => {
  for (let i = 0; i < 3; i++) assert.equal(headerIn((await atRequest('state')).request, 'x-count'), '1');
});

const FAILURES: readonly (readonly [name: string, status: number, error: RegExp])[] = [
  ['loop', 503, /ran longer than 500 ms/],
  ['sort', 503, /ran longer than 500 ms/],
  ['regex', 503, /ran longer than 500 ms/],
  ['memory', 503, /out of memory|ran longer/],
  ['deep', 503, /stack overflow|call stack/],
  ['throws', 503, /Error: no luck/],
  ['waits', 503, /never comes/],
  ['nothing', 503, /returns neither/],
  ['broken', 503, /SyntaxError/],
  ['none', 503, /no function handler/],
  ['host', 502, /host is read-only/],
  ['forbidden', 502, /x-real-ip is a header that it must not set/],
  ['capitals', 502, /"X-A" must be in lower case/],
  ['split', 502, /value of x-a cannot be sent/],
  ['away', 502, /uri must be a path/],
  ['evals', 503, /eval is not allowed/],
];

for (const [name, status, error] of FAILURES)
  test(`functions: ${name} fails, and the next one runs`, async () => {
    const failed = await atRequest(name);
    assert.match(failed.error ?? '', error);
    assert.equal(failed.response?.status, status);
    assert.equal(headerIn((await atRequest('state')).request, 'x-count'), '1');
    assert.deepEqual(counted.slice(-2), ['failed', 'passed']);
  });

test('functions: nothing of this machine can be reached', async () => {
  assert.equal((await atRequest('host_objects')).request.target, '/undefinedundefined');
});

test('functions: one that runs too long again and again rests, and keeps nobody waiting', async () => {
  const beganMs = performance.now();
  const all = await Promise.all(Array.from({ length: 50 }, () => atRequest('loop')));
  assert.ok(performance.now() - beganMs < 20_000, 'fifty of them, one after the other, would take 25 s');
  assert.ok(all.every(({ response }) => response?.status === 503));
  assert.ok(all.filter(({ error }) => error?.includes('it rests')).length >= 40);
  assert.equal(headerIn((await atRequest('state')).request, 'x-count'), '1', 'others go on');
});
