import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { lengthOf } from '../../src/pop/headers.ts';
import { readHttp2 } from '../../src/pop/l1/http2-connection.ts';
import { refusal } from '../../src/pop/l1/steps.ts';
import { until } from '../contract/harness.ts';
import { type Fields, openFrames } from '../helpers/h2-frames.ts';
import { type PopStage, startPopStage } from '../helpers/pop-stage.ts';

/** Requests over HTTP/2: what RFC 9113 forbids, what floods try, bodies both ways, and how answers end. */

const HOST = 'www.cdn.example';
const LARGE = Buffer.alloc(3 << 20, 'isochrone ');

/** What the origin saw: requests by path, uploads that came whole, and those that did not. */
const seen = {
  headers: new Map<string, string>(),
  paths: new Map<string, number>(),
  whole: [] as string[],
  broken: 0,
  cookies: [] as string[],
};

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { url = '' } = request;
  seen.paths.set(url, (seen.paths.get(url) ?? 0) + 1);
  seen.headers.set(url, request.rawHeaders.join());
  if (request.headers.cookie !== undefined) seen.cookies.push(request.headers.cookie);
  try {
    let text = '';
    for await (const chunk of request) text += chunk;
    if (request.method === 'POST') seen.whole.push(text);
  } catch {
    seen.broken++;
    return;
  }
  response.setHeader('cache-control', 'max-age=3600');
  if (url === '/large') response.setHeader('content-length', LARGE.length);
  if (url === '/twice') response.setHeader('x-twice', ['a', 'b']).setHeader('etag', '"a"');
  if (url === '/breaks') {
    response.write('the beginning');
    return void setImmediate(() => response.destroy());
  }
  if (url === '/no-status') response.statusCode = 999;
  response.end(url === '/large' ? LARGE : `answer to ${request.method} ${url}`);
}

const origin = createServer((request, response) => void serve(request, response));
let stage: PopStage;
let session: ClientHttp2Session;
let isDraining = false;
let ca: Buffer;

before(async () => {
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  const { port } = origin.address() as AddressInfo;
  stage = await startPopStage({
    net: 89,
    origin: new URL(`http://127.0.0.1:${port}`),
    behaviour: {
      viewerRequest: [
        {
          name: 'hasty',
          // Looks at the first piece of a body only, and answers.
          run: async ({ target, body }) => {
            if (target !== '/hasty' || body === undefined) return undefined;
            for await (const _ of body) break;
            return refusal(413, 'that was enough', 'InvalidRequest');
          },
        },
      ],
    },
    more: { isDraining: () => isDraining },
  });
  ca = readFileSync(stage.certificate.caFile);
  session = open();
});
after(async () => {
  session.destroy();
  await stage.close();
  origin.close();
  origin.closeAllConnections();
});

function open(): ClientHttp2Session {
  const opened = connect(`https://${stage.addressOf('FRA')}:${stage.port}`, { ca, servername: HOST });
  opened.on('error', () => undefined);
  return opened;
}

const start = (path: string, more: Readonly<Record<string, string>> = {}, endStream = true) =>
  session.request({ ':path': path, ':authority': HOST, ...more }, { endStream });

/** What came on a stream: status, fields, body, and with what it ended. */
async function answerTo(stream: ClientHttp2Stream) {
  let headers: Readonly<Record<string, string | string[] | number | undefined>> = {};
  let [body, error] = ['', ''];
  stream.on('response', (given) => {
    headers = given;
  });
  stream.on('error', ({ message }) => {
    error = message;
  });
  stream.setEncoding('latin1').on('data', (text: string) => {
    body += text;
  });
  await new Promise((resolve) => stream.once('close', resolve));
  return { status: Number(headers[':status']), headers, body, error };
}

const GOOD: Fields = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', HOST],
  [':path', '/good'],
];
const without = (name: string): Fields => GOOD.filter(([own]) => own !== name);
const put = (name: string, value: string): Fields =>
  GOOD.map((field) => (field[0] === name ? [name, value] : field));

test('what RFC 9113 §8 forbids of a head is refused, and the connection goes on', async () => {
  const table: readonly (readonly [string, Fields, string?])[] = [
    ['no method', without(':method')],
    ['no scheme', without(':scheme')],
    ['no path', without(':path')],
    ['neither authority nor host', without(':authority')],
    ['an empty path', put(':path', '')],
    ['a path that is none', put(':path', 'good')],
    ['a space in the path', put(':path', '/a b')],
    ['a fragment', put(':path', '/a#b')],
    ['a name and a password', put(':authority', `user@${HOST}`)],
    ['two paths', [...GOOD, [':path', '/other']]],
    ['a pseudo-header after others', [['x-a', 'b'], ...GOOD]],
    ['an unknown pseudo-header', [[':foo', 'b'], ...GOOD]],
    ['that of an answer', [[':status', '200'], ...GOOD]],
    ['extended CONNECT', [...put(':method', 'CONNECT'), [':protocol', 'websocket']]],
    ['a capital', [...GOOD, ['X-A', 'b']]],
    ['connection', [...GOOD, ['connection', 'close']]],
    ['keep-alive', [...GOOD, ['keep-alive', 'timeout=5']]],
    ['upgrade', [...GOOD, ['upgrade', 'h2c']]],
    ['a transfer coding', [...GOOD, ['transfer-encoding', 'chunked']]],
    ['te of more than trailers', [...GOOD, ['te', 'gzip']]],
    ['another host', [...GOOD, ['host', 'other.example']]],
    ['an empty host', [...GOOD, ['host', '']]],
    ['two hosts', [...without(':authority'), ['host', HOST], ['host', HOST]]],
    ['two lengths', [...GOOD, ['content-length', '2'], ['content-length', '3']], 'abc'],
  ];
  const client = await openFrames({ host: stage.addressOf('FRA'), port: stage.port, ca });
  for (const [what, fields, data] of table) {
    assert.match(await client.ask(fields, data), /^(?:400|RST 1)$/, what);
    assert.deepEqual(client.goneAway, [], what);
  }
  assert.equal(await client.ask([...without(':authority'), ['host', HOST]]), '200', 'a host alone');
  assert.equal(await client.ask([...GOOD, ['host', HOST.toUpperCase()], ['te', 'trailers']]), '200');
  for (const length of ['2', '4']) {
    const liar = await openFrames({ host: stage.addressOf('FRA'), port: stage.port, ca });
    const said: Fields = [...put(':method', 'POST'), ['content-length', length]];
    assert.match(await liar.ask(said, 'abc'), /^(?:400|RST 1|GOAWAY \d)$/, `${length} octets of 3`);
    liar.socket.destroy();
  }
  // The library leaves out fields that are none.
  const odd = [
    ['', 'b'],
    ['x:a', 'b'],
    ['x-b', 'b\r\nx-c: d'],
    ['x-d', 'b\0c'],
  ] as const;
  assert.equal(await client.ask([...put(':path', '/odd'), ...odd]), '200');
  assert.doesNotMatch(seen.headers.get('/odd') ?? '', /x:a|,x-[bcd],/);
  assert.deepEqual(
    [...seen.paths.keys()].filter((path) => path !== '/good' && path !== '/odd'),
    [],
  );
  assert.deepEqual(seen.whole, []);
  client.socket.destroy();
});

test('requests taken back at once and heads without an end close that connection', async () => {
  const before = stage.logLines.length;
  const reset = await openFrames({ host: stage.addressOf('FRA'), port: stage.port, ca });
  reset.askAndReset(3_000, put(':path', '/reset'));
  await until(() => reset.goneAway.length > 0 || reset.socket.destroyed, 'the end of rapid resets');
  const endless = await openFrames({ host: stage.addressOf('FRA'), port: stage.port, ca });
  endless.headWithoutEnd(2_000, GOOD);
  await until(() => endless.goneAway.length > 0 || endless.socket.destroyed, 'the end of an endless head');
  assert.equal((await answerTo(start('/good'))).status, 200);
  const served = stage.logLines.length - before;
  assert.ok(served <= 400, `${served} of 3,000 were served`);
  assert.equal(stage.pops.active(0), 0);
  reset.socket.destroy();
  endless.socket.destroy();
});

test('HEAD, 304, lengths, fields that stand twice, cookies in several fields, the access log', async () => {
  const whole = await answerTo(start('/twice'));
  assert.equal(whole.body, 'answer to GET /twice');
  assert.equal(lengthOf([['content-length', String(whole.headers['content-length'])]]), whole.body.length);
  assert.equal(whole.headers['x-twice'], 'a, b');
  const head = await answerTo(start('/twice', { ':method': 'HEAD' }));
  assert.deepEqual([head.status, head.body, head.error], [200, '', '']);
  assert.equal(head.headers['content-length'], whole.headers['content-length']);
  const same = await answerTo(start('/twice', { 'if-none-match': '"a"' }));
  assert.deepEqual([same.status, same.body, same.error], [304, '', '']);
  assert.match(String(same.headers['x-cache']), /^Hit/);
  await answerTo(
    session.request({ ':path': '/cookies', ':authority': HOST, cookie: ['a=b', 'c=d'] as never }),
  );
  assert.deepEqual(seen.cookies, ['a=b; c=d']);
  const raw = [':method', 'GET', 'cookie', 'a=b', ':path', '/', 'cookie', 'c=d', 'x', 'y', 'host', 'h'];
  assert.deepEqual(readHttp2(raw).headers, [
    ['x', 'y'],
    ['host', 'h'],
    ['cookie', 'a=b; c=d'],
  ]);
  const line = stage.logLines.findLast((one) => one.includes('/twice'));
  assert.ok(line?.includes('\tHTTP/2.0\t') && line.includes('\t304\t'), line);
});

test('bodies go on whole or not at all; 100-continue; answers before the end of a body', async () => {
  const posted = start('/upload', { ':method': 'POST', expect: '100-continue' }, false);
  await new Promise((resolve) => posted.once('continue', resolve));
  posted.end('all of it');
  assert.equal((await answerTo(posted)).body, 'answer to POST /upload');
  assert.deepEqual(seen.whole, ['all of it']);
  // A client of Node's ends a body before it takes the request back.
  const frames = await openFrames({ host: stage.addressOf('FRA'), port: stage.port, ca });
  const upload = [
    ...put(':method', 'POST').filter(([name]) => name !== ':path'),
    [':path', '/upload'],
  ] as const;
  const takeBack = frames.begin(upload, 'half of it');
  await until(() => seen.paths.get('/upload') === 2, 'the second upload at the origin');
  takeBack();
  await until(() => seen.broken === 1, 'its end at the origin');
  assert.deepEqual(seen.whole, ['all of it']);
  await until(() => stage.pops.active(0) === 0, 'the end of it at the POP');
  frames.socket.destroy();
  for (const [path, method, status] of [
    ['/good', 'GET', 403],
    ['/hasty', 'POST', 413],
  ] as const) {
    const early = start(path, { ':method': method }, false);
    early.write('so far');
    const { status: got, error, body } = await answerTo(early);
    assert.deepEqual([got, error], [status, ''], path);
    assert.ok(body.startsWith(`${status}: `));
    assert.equal(early.rstCode, 0);
  }
});

test('large bodies at the pace of a client; one that breaks off does not look whole; draining', async () => {
  const slow = start('/large');
  slow.pause();
  const fast = await Promise.all([answerTo(start('/large')), answerTo(start('/good'))]);
  assert.equal(fast[0].body.length, LARGE.length);
  assert.equal(stage.pops.active(0), 1, 'that of the slow one');
  slow.resume();
  assert.equal((await answerTo(slow)).body, LARGE.toString('latin1'));
  const broken = await answerTo(start('/breaks'));
  assert.match(broken.error, /INTERNAL_ERROR/);
  const odd = await answerTo(start('/no-status'));
  assert.deepEqual([odd.status, odd.body], [502, 'The origin gave no answer: OriginCommError.\n']);
  isDraining = true;
  const ended = new Promise((resolve) => session.once('close', resolve));
  assert.equal((await answerTo(start('/good'))).status, 200);
  await ended;
  assert.equal(stage.pops.active(0), 0);
});
