import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { after, test } from 'node:test';
import { startAdmin } from '../src/console/admin.ts';
import { adminApi } from './helpers/admin.ts';

const TOKEN = 'a-token-for-the-tests';
const admin = await startAdmin({
  listen: { host: '127.0.0.1', port: 0 },
  token: TOKEN,
  tokenWhere: 'in state/admin.token',
  api: adminApi(),
  onError: (error) => assert.fail(String(error)),
});
const { port } = admin.endpoint;
after(() => admin.close());

/** Sends a change, with the token where `headers` say nothing else. */
const post = (path: string, body: object, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(admin.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}`, ...headers },
    body: JSON.stringify(body),
  });

/** `fetch` chooses Host and other headers itself; this sends those given. */
function statusWithHost(
  host: string,
  options: { path?: string; headers?: Record<string, string>; method?: string } = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const { path = '/', method = 'GET' } = options;
    const headers = { ...options.headers, host };
    const request = httpRequest({ host: '127.0.0.1', port, path, headers, method }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on('error', reject);
    request.end();
  });
}

test('changes need the token, in whole, and whoever has none is told where it is', async () => {
  const path = '/api/pops/FRA/restore';
  const withHeader = (authorization: string) => post(path, {}, { authorization });
  const none = await withHeader('');
  assert.deepEqual([none.status, none.headers.get('www-authenticate')], [401, 'Bearer']);
  assert.match(await none.text(), /the token, which is in state\/admin\.token/);
  for (const wrong of ['x', TOKEN.slice(1), `${TOKEN}x`])
    assert.equal((await withHeader(`Bearer ${wrong}`)).status, 401);
  assert.equal((await withHeader(`Basic ${TOKEN}`)).status, 401);
  assert.equal((await withHeader(`bearer  ${TOKEN}`)).status, 200);
  assert.equal((await fetch(`${admin.url}/api/status`)).status, 200, 'reading needs none');
});

test('pages of other sites get nothing: Host, Origin, Sec-Fetch-Site', async () => {
  for (const host of [
    'evil.example',
    `evil.example:${port}`,
    '127.0.0.1.evil.example',
    'localhost.evil.example',
  ])
    assert.equal(await statusWithHost(host), 403, host);
  for (const host of ['127.0.0.1', `localhost:${port}`, '[::1]:80'])
    assert.equal(await statusWithHost(host), 200, host);
  assert.equal(await statusWithHost('edge.example', { path: '/metrics' }), 403, 'on loopback even metrics');
  for (const origin of ['http://evil.example', 'null', `https://127.0.0.1:${port + 1}`])
    assert.equal((await post('/api/model', { reset: true }, { origin })).status, 403, origin);
  assert.equal((await post('/api/model', { reset: true }, { origin: admin.url })).status, 200);
  const table: [site: string, mode: string, path: string, got: number, posted: number][] = [
    ['same-origin', 'cors', '/api/status', 200, 404],
    ['none', 'navigate', '/', 200, 404],
    ['cross-site', 'no-cors', '/api/status', 403, 403],
    ['same-site', 'cors', '/api/history', 403, 403],
    ['cross-site', 'navigate', '/', 200, 403],
    ['cross-site', 'no-cors', '/healthz', 200, 403],
  ];
  for (const [site, mode, path, got, posted] of table) {
    const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': mode };
    assert.equal(
      await statusWithHost(`127.0.0.1:${port}`, { path, headers }),
      got,
      `${site} ${mode} ${path}`,
    );
    const status = await statusWithHost(`127.0.0.1:${port}`, {
      path: '/api/pops/FRX/restore',
      headers: {
        ...headers,
        authorization: `Bearer ${TOKEN}`,
        'content-type': 'application/json',
      },
      method: 'POST',
    });
    assert.equal(status, posted, `POST, ${site} ${mode}`);
  }
});
