import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { startAdmin } from '../src/console/admin.ts';
import { readAssets } from '../src/console/assets.ts';
import { adminApi } from './helpers/admin.ts';

const admin = await startAdmin({
  listen: { host: '127.0.0.1', port: 0 },
  token: 'a-token-for-the-tests',
  tokenWhere: 'in the test',
  api: adminApi(),
  onError: (error) => assert.fail(String(error)),
});
after(() => admin.close());

interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** As it comes: `fetch` would decode it, and tidy the path. */
function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Got> {
  return new Promise((resolve, reject) => {
    const { port } = admin.endpoint;
    httpRequest({ host: '127.0.0.1', port, path, headers, method }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
    })
      .on('error', reject)
      .end();
  });
}

/** Files that the page names, and those that these name. */
async function named(): Promise<string[]> {
  const page = (await get('/')).body.toString();
  const direct = Array.from(page.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g), ([, path = '']) => path);
  assert.ok(direct.length >= 2, page);
  const texts = await Promise.all(direct.map(async (path) => (await get(path)).body.toString()));
  const further = texts.flatMap((text) => text.match(/(?<=["'`(])\/?assets\/[\w.-]+/g) ?? []);
  return [...new Set([...direct, ...further.map((path) => path.replace(/^\/?/, '/'))])];
}

test('the page: a strict policy that it keeps, nothing from elsewhere, asked for anew', async () => {
  const { status, headers, body } = await get('/');
  assert.deepEqual([status, headers['content-type']], [200, 'text/html; charset=utf-8']);
  assert.equal(
    headers['content-security-policy'],
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
      "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  );
  for (const [name, value] of [
    ['x-content-type-options', 'nosniff'],
    ['referrer-policy', 'no-referrer'],
    ['cross-origin-opener-policy', 'same-origin'],
    ['cross-origin-resource-policy', 'same-origin'],
    ['cache-control', 'no-cache'],
  ] as const)
    assert.equal(headers[name], value);
  const text = body.toString();
  assert.doesNotMatch(text, /<script(?![^>]* src=)| style=| on\w+=|<style/);
  for (const [, url = ''] of text.matchAll(/(?:src|href)="([^"]+)"/g)) assert.match(url, /^\/[a-z]/);
});

test('its files are there, for ever, in the coding that the client takes, under 300 kB in all', async () => {
  const paths = await named();
  assert.ok(
    paths.some((path) => path.endsWith('.json')),
    'the map is among them',
  );
  let loaded = (await get('/', { 'accept-encoding': 'br' })).body.length;
  for (const path of paths) {
    const plain = await get(path);
    assert.deepEqual([plain.status, plain.headers['content-encoding']], [200, undefined], path);
    assert.equal(plain.headers['cache-control'], 'public, max-age=31536000, immutable');
    assert.equal(plain.headers.vary, 'accept-encoding');
    const best = await get(path, { 'accept-encoding': 'gzip, deflate, br, zstd' });
    loaded += best.body.length;
    const coding = best.headers['content-encoding'];
    if (!/\.(?:js|css|json)$/.test(path)) continue;
    assert.equal(coding, 'br');
    assert.ok(brotliDecompressSync(best.body).equals(plain.body), path);
    const zipped = await get(path, { 'accept-encoding': 'gzip, br;q=0' });
    assert.equal(zipped.headers['content-encoding'], 'gzip');
    assert.ok(gunzipSync(zipped.body).equals(plain.body), path);
    assert.equal(new Set([plain, best, zipped].map(({ headers }) => headers.etag)).size, 3);
  }
  assert.ok(loaded < 300_000, `${loaded} octets`);
});

test('what the client has is not sent again; what is not there is not found', async () => {
  const { headers } = await get('/');
  const etag = String(headers.etag);
  for (const known of [etag, `"x", W/${etag}`, '*']) {
    const again = await get('/', { 'if-none-match': known });
    assert.deepEqual([again.status, again.body.length, again.headers.etag], [304, 0, etag], known);
    assert.equal(again.headers['content-length'], undefined);
  }
  assert.equal((await get('/', { 'if-none-match': '"x"' })).status, 200);
  const head = await get('/', {}, 'HEAD');
  assert.deepEqual([head.status, head.body.length], [200, 0]);
  assert.equal(head.headers['content-length'], String((await get('/')).body.length));
  const gone = [
    '/assets/',
    '/assets/none.js',
    '/assets/../admin.ts',
    '/assets/%2e%2e/index.html',
    '/assets/..%2f..%2fadmin.ts',
  ];
  for (const path of gone) assert.equal((await get(path)).status, 404, path);
  const [script = ''] = await named();
  assert.equal((await get(`${script}.br`)).status, 404, 'a variant has no name of its own');
});

test('an application that is not built, and a folder with strange things in it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-assets-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const asked = { headers: {} } as IncomingMessage; // Headers are all that is read of it.
  const none = (await readAssets(join(folder, 'none'))).reply('/', asked);
  assert.equal(none.status, 404);
  assert.match(String(none.body), /not built: npm run console/);
  mkdirSync(join(folder, 'assets', 'x.js'), { recursive: true });
  writeFileSync(join(folder, 'index.html'), 'page');
  writeFileSync(join(folder, 'secret.key'), 'secret');
  const assets = await readAssets(folder);
  assert.equal(assets.reply('/', asked).status, 200);
  for (const path of ['/secret.key', '/assets/x.js']) assert.equal(assets.reply(path, asked).status, 404);
});
