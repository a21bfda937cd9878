import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectH2, type IncomingHttpHeaders } from 'node:http2';
import { request } from 'node:https';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { decodeMessage, encodeQuery, type QueryOptions } from './helpers/message.ts';
import { type SecureStage, startSecure } from './helpers/secure-server.ts';

const run = promisify(execFile);
const WWW = { name: 'www.edge.test.', type: 'A', subnet: '10.1.2.0/24', id: 0 } as const;
const WWW_ANSWER = 'www.edge.test. 30 A 192.0.2.2';
const TYPE = 'application/dns-message';

interface Request {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array;
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

type Client = (request: Request) => Promise<Reply>;

/** One client for each version of HTTP. */
function clients(context: TestContext, { dohPort, authority }: SecureStage): Record<string, Client> {
  const origin = `https://127.0.0.1:${dohPort}`;
  const session = connectH2(origin, { ca: authority.ca });
  context.after(() => session.destroy());
  return {
    'HTTP/2': async ({ method = 'GET', path = '', headers = {}, body }) => {
      const stream = session.request({ ':method': method, ':path': path, ...headers });
      const response = once(stream, 'response');
      stream.on('error', () => {});
      stream.end(body);
      const [head] = (await response) as [IncomingHttpHeaders & { ':status': number }];
      return { status: head[':status'], headers: head, body: Buffer.concat(await stream.toArray()) };
    },
    'HTTP/1.1': async ({ method = 'GET', path = '', headers = {}, body }) => {
      const sent = request(`${origin}${path}`, { method, headers, ca: authority.ca, agent: false });
      sent.on('error', () => {});
      sent.end(body);
      const [response] = await once(sent, 'response');
      const { statusCode: status, headers: got } = response;
      return { status, headers: got, body: Buffer.concat(await response.toArray()) };
    },
  };
}

const inPath = (query: Uint8Array): string => `/dns-query?dns=${Buffer.from(query).toString('base64url')}`;
const get = (options: QueryOptions): Request => ({ path: inPath(encodeQuery(options)) });
const post = (body: Uint8Array, type = TYPE): Request => {
  return { method: 'POST', path: '/dns-query', headers: { 'content-type': type }, body };
};

test('kdig and curl ask over HTTPS, and check the certificate', async (context) => {
  const { dohPort, authority, count } = await startSecure(context);
  const tls = ['+https', `+tls-ca=${authority.caFile}`, '+tls-host=edge.test'];
  const where = ['@127.0.0.1', '-p', String(dohPort), 'www.edge.test', '+subnet=10.1.2.0/24'];
  for (const how of ['+https-get', '+nohttps-get']) {
    const { stdout } = await run('kdig', [...where, ...tls, how]);
    assert.match(stdout, /HTTP\/2/);
    assert.match(stdout, /192\.0\.2\.2/);
    assert.match(stdout, /Received 468 B/);
  }
  const url = `https://127.0.0.1:${dohPort}${get(WWW).path}`;
  for (const version of ['--http1.1', '--http2']) {
    const shown = ['-w', '%{stderr}%{http_version} %{response_code} %{content_type}'];
    const curl = ['-sS', version, '--cacert', authority.caFile, ...shown, url];
    const { stdout, stderr } = await run('curl', curl, { encoding: 'buffer' });
    assert.deepEqual(decodeMessage(stdout).sections[0], [WWW_ANSWER]);
    assert.equal(stderr.toString(), `${version.slice(6)} 200 ${TYPE}`);
  }
  assert.equal(count('isochrone_dns_queries_total', 'https', 'A', 'NOERROR'), 4);
});

test('GET, HEAD and POST; caches are told the least TTL, and whose answer it is', async (context) => {
  const stage = await startSecure(context);
  for (const [version, ask] of Object.entries(clients(context, stage))) {
    const got = await ask(get(WWW));
    assert.equal(got.status, 200, version);
    assert.equal(got.headers['content-type'], TYPE);
    assert.equal(got.headers['cache-control'], 'max-age=30');
    assert.deepEqual(decodeMessage(got.body).sections[0], [WWW_ANSWER]);
    const head = await ask({ ...get(WWW), method: 'HEAD' });
    assert.deepEqual([head.status, head.body.length], [200, 0]);
    assert.equal(head.headers['content-length'], String(got.body.length));
    const posted = await ask(post(encodeQuery(WWW)));
    assert.deepEqual(posted.body, got.body);
    const control = async (options: Partial<QueryOptions>) =>
      (await ask(get({ name: 'www.edge.test.', type: 'A', id: 0, ...options }))).headers['cache-control'];
    assert.equal(await control({}), 'private, max-age=30', 'steered by the address of the connection');
    assert.equal(await control({ name: 'static.edge.test.' }), 'max-age=30');
    assert.equal(await control({ name: 'nothing.edge.test.' }), 'max-age=30', "the SOA's TTL is 30 s");
    assert.equal(await control({ name: 'x.sub.edge.test.' }), 'max-age=30', 'a referral');
    assert.equal(await control({ name: 'other.test.' }), 'no-store', 'REFUSED');
  }
});

test('what is no question gets the status that says why', async (context) => {
  const stage = await startSecure(context);
  const query = encodeQuery(WWW);
  const response = Uint8Array.from(query);
  response[2] = 0x80;
  const url = inPath(query);
  const cases: readonly (readonly [status: number, request: Request])[] = [
    [404, { path: '/' }],
    [404, { path: `/other${url}` }],
    [405, { path: url, method: 'DELETE' }],
    [400, { path: '/dns-query' }],
    [400, { path: '/dns-query?name=www.edge.test' }],
    [400, { path: '/dns-query?dns=' }],
    [400, { path: `${url}==` }],
    [400, { path: `${url}&dns=AAAA` }],
    [400, { path: '/dns-query?dns=ab+/' }],
    [400, { path: '/dns-query?dns=abcde' }],
    [400, { path: inPath(response) }],
    [414, { path: `/dns-query?dns=${'A'.repeat(5500)}` }],
    [415, post(query, 'application/json')],
    [415, { method: 'POST', path: '/dns-query', body: query }],
    [400, post(new Uint8Array(0))],
    [400, post(response)],
    [413, post(new Uint8Array(5000))],
    [413, post(new Uint8Array(300_000))],
    [200, post(query, `${TYPE.toUpperCase()}; charset=utf-8`)],
    [200, { path: url.replace('?', '?ct&') }],
  ];
  for (const [version, ask] of Object.entries(clients(context, stage)))
    for (const [status, one] of cases) {
      const reply = await ask(one);
      const shown = `${version} ${one.method ?? 'GET'} ${one.path?.slice(0, 40)}`;
      assert.equal(reply.status, status, shown);
      if (status !== 200) assert.equal(reply.headers['cache-control'], 'no-store', shown);
      if (status === 405) assert.equal(reply.headers['allow'], 'GET, HEAD, POST');
    }
});

test('a hundred requests at once on a connection are all answered, each its own', async (context) => {
  const stage = await startSecure(context);
  const { 'HTTP/2': ask } = clients(context, stage);
  assert.ok(ask);
  const names = Array.from({ length: 100 }, (_, i) => `n${i}.wild.edge.test.`);
  const replies = await Promise.all(names.map((name) => ask(get({ name, type: 'TXT', id: 0 }))));
  const owners = replies.map(({ body }) => decodeMessage(body).sections[0][0]?.split(' ')[0]);
  assert.deepEqual(owners, names);
});

test('bodies that never end, and idle connections, are closed; HTTP/2 says goodbye', async (context) => {
  const stage = await startSecure(context, { idleMs: 1500, messageMs: 300 });
  const { dohPort, authority, count } = stage;
  const idle = connectH2(`https://127.0.0.1:${dohPort}`, { ca: authority.ca });
  idle.on('error', () => {});
  const goodbye = once(idle, 'goaway');
  const slow = connectH2(`https://127.0.0.1:${dohPort}`, { ca: authority.ca });
  slow.on('error', () => {});
  const headers = { ':method': 'POST', ':path': '/dns-query', 'content-type': TYPE };
  const body = slow.request(headers);
  body.on('error', () => {});
  body.write('x');
  const first = idle.request({ ':path': get(WWW).path });
  await once(first.resume(), 'end');
  const plain = connectTls({ host: '127.0.0.1', port: dohPort, ca: authority.ca });
  plain.on('error', () => {});
  plain.write(`POST /dns-query HTTP/1.1\r\nHost: x\r\nContent-Type: ${TYPE}\r\nContent-Length: 40\r\n\r\nx`);
  const closed = Promise.all([once(slow, 'close'), once(plain.resume(), 'close'), once(idle, 'close')]);
  const [code] = await goodbye;
  assert.equal(code, 0);
  await closed;
  const ended = (reason: string): number => count('isochrone_dns_tls_closed_total', 'https', reason);
  while (ended('slow-message') + ended('idle') < 3) await sleep(10);
  assert.deepEqual([ended('slow-message'), ended('idle')], [2, 1]);
});
