import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { duplexPair } from 'node:stream';
import { after, before, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { type DemoOrigin, startDemoOrigin } from '../../src/pop/demo-origin.ts';
import { HEAD_MAX, readHttp1 } from '../../src/pop/l1/http1-request.ts';
import { until } from '../contract/harness.ts';
import { type PopStage, startPopStage } from '../helpers/pop-stage.ts';

/** Plain GET and HEAD of HTTP/1.1, which are read and answered without Node's own server. */

let origin: DemoOrigin;
let stage: PopStage;
const sockets: TLSSocket[] = [];

before(async () => {
  origin = await startDemoOrigin({ nowMs: Date.now });
  stage = await startPopStage({
    net: 97,
    origin: origin.url,
    behaviour: {
      viewerResponse: [
        {
          name: 'splitter',
          run: (response, request) =>
            request.target === '/static/split'
              ? { ...response, headers: [...response.headers, ['x-a', 'b\r\nset-cookie: c=d']] }
              : response,
        },
      ],
    },
  });
});
after(async () => {
  for (const socket of sockets) socket.destroy();
  await stage.close();
  await origin.close();
});

const HOST = 'host: www.cdn.example\r\n';
const get = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\n${HOST}${more}\r\n`;

test('what is read here: the plainest grammar, and nothing else', () => {
  const read = (text: string): string => {
    const found = readHttp1(text, 0);
    return typeof found === 'string' ? found : `${found.method} ${found.target} ${found.authority}`;
  };
  const plain = 'GET /a HTTP/1.1\r\nHost: b\r\n';
  const table: readonly (readonly [string, string])[] = [
    [`${plain}\r\n`, 'GET /a b'],
    ['HEAD /a?b=%20 HTTP/1.1\r\nHOST:\t b \r\nConnection: Keep-Alive\r\n\r\n', 'HEAD /a?b=%20 b'],
    ['G', 'more'],
    ['GET /a HTTP/1.1\r\nHost: b\r\n', 'more'],
    ['HEAD', 'more'],
    ['POST /a HTTP/1.1\r\nHost: b\r\n\r\n', 'other'],
    ['PO', 'other'],
    [`\r\n${plain}\r\n`, 'other'],
    ['GET /a HTTP/1.0\r\nHost: b\r\n\r\n', 'other'],
    ['GET http://b/a HTTP/1.1\r\nHost: b\r\n\r\n', 'other'],
    ['GET  /a HTTP/1.1\r\nHost: b\r\n\r\n', 'other'],
    ['GET /a#b HTTP/1.1\r\nHost: b\r\n\r\n', 'other'],
    ['GET /\xe4 HTTP/1.1\r\nHost: b\r\n\r\n', 'other'],
    ['GET /a HTTP/1.1\nHost: b\n\n\r\n\r\n', 'other'],
    ['GET /a HTTP/1.1\r\n\r\n', 'other'],
    [`${plain}Host: b\r\n\r\n`, 'other'],
    [`${plain}x-a : c\r\n\r\n`, 'other'],
    [`${plain}x-a: c\r\n d\r\n\r\n`, 'other'],
    [`${plain}x-a: c\rd\r\n\r\n`, 'other'],
    [`${plain}x-a: \0\r\n\r\n`, 'other'],
    [`${plain}x-a: \xe4\r\n\r\n`, 'other'],
    [`${plain}: c\r\n\r\n`, 'other'],
    ...['content-length: 0', 'Transfer-Encoding: chunked', 'Expect: 100-continue', 'Connection: close'].map(
      (line) => [`${plain}${line}\r\n\r\n`, 'other'] as const,
    ),
    [`${plain}Connection: keep-alive, x-a\r\n\r\n`, 'other'],
    [`${plain}Upgrade: h2c\r\n\r\n`, 'other'],
    [`${plain}${'a: b\r\n'.repeat(100)}\r\n`, 'other'],
    [`${plain}x-a: ${'b'.repeat(HEAD_MAX)}\r\n\r\n`, 'other'],
    [`${plain}x-a: ${'b'.repeat(HEAD_MAX)}`, 'other'],
  ];
  for (const [text, wanted] of table) assert.equal(read(text), wanted, JSON.stringify(text.slice(0, 80)));
});

/** Requests of a text as Node's own server sees them. */
async function asNodeReads(text: string, count: number): Promise<string[]> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(JSON.stringify([request.method, request.url, request.rawHeaders]));
    response.end();
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  const [client, own] = duplexPair();
  client.resume();
  client.on('error', () => undefined);
  own.on('error', () => undefined);
  server.emit('connection', own);
  client.write(Buffer.from(text, 'latin1'));
  await until(() => seen.length >= count, `${count} requests seen by Node`);
  own.destroy();
  return seen.slice(0, count);
}

test("whatever is read here Node's parser reads in the same way, and ends in the same place", async () => {
  const piece = fc.constantFrom(
    ...[
      'GET ',
      'HEAD ',
      'POST ',
      '/a',
      '/b?c',
      ' HTTP/1.1',
      '\r\n',
      '\r\n',
      '\n',
      '\r',
      ' ',
      '\t',
      '\0',
      ':',
    ],
    ...[
      'Host: b',
      'x-a: c',
      'content-length: 3',
      'transfer-encoding: chunked',
      'connection: keep-alive',
      '\xe4',
    ],
    ...[
      'GET /x HTTP/1.1\r\nhost: y\r\n\r\n',
      'HEAD /z HTTP/1.1\r\nHost:\t y \r\nX-Q: "1"\r\n\r\n',
      'abc',
      '0',
    ],
  );
  const head = fc.constantFrom(
    'GET /p HTTP/1.1\r\nHost: q\r\nAccept: */*\r\n\r\n',
    'HEAD /p?q=r HTTP/1.1\r\nhost:q:8443\r\ncookie: a=b; c="d"\r\nx-empty:\r\n\r\n',
    "GET /~!$&'()*+,;=:@ HTTP/1.1\r\nConnection:  Keep-Alive\r\nHost: q\r\n\r\n",
  );
  // Whole heads, one of them perhaps with something wedged in, and odd pieces.
  const wedged = fc.tuple(head, fc.nat(), piece).map(([text, at, what]) => {
    const place = at % (text.length + 1);
    return text.slice(0, place) + what + text.slice(place);
  });
  const texts = fc
    .array(fc.oneof({ weight: 3, arbitrary: head }, { weight: 3, arbitrary: wedged }, piece), {
      minLength: 1,
      maxLength: 5,
    })
    .map((parts) => parts.join(''));
  let reads = 0;
  await fc.assert(
    fc.asyncProperty(texts, async (text) => {
      const here: string[] = [];
      for (let at = 0; at < text.length; ) {
        const read = readHttp1(text, at);
        if (typeof read === 'string') break;
        here.push(JSON.stringify([read.method, read.target, read.headers.flat()]));
        at = read.end;
      }
      reads += here.length;
      const node = await asNodeReads(text, here.length);
      const small = node.map((one) => {
        const [method, url, raw] = JSON.parse(one) as [string, string, string[]];
        return JSON.stringify([
          method,
          url,
          raw.map((value, i) => (i % 2 === 0 ? value.toLowerCase() : value)),
        ]);
      });
      assert.deepEqual(small, here);
    }),
    { numRuns: 250 },
  );
  assert.ok(reads > 100, `only ${reads} requests were read`);
});

/** A connection, and what came over it. */
async function open(): Promise<{ readonly socket: TLSSocket; readonly text: () => string }> {
  const ca = readFileSync(stage.certificate.caFile);
  const host = stage.addressOf('FRA');
  const socket = connect({ host, port: stage.port, servername: 'www.cdn.example', ca });
  sockets.push(socket);
  socket.on('error', () => undefined);
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
  });
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  return { socket, text: () => text };
}

const answers = (text: string): number => text.split('HTTP/1.1 ').length - 1;
const closed = (socket: TLSSocket): Promise<unknown> =>
  new Promise((resolve) => socket.once('close', resolve));

test('requests in a row are answered in order, whichever parser reads them', async () => {
  const { socket, text } = await open();
  const post = `POST /echo HTTP/1.1\r\n${HOST}content-length: 3\r\n\r\nabc`;
  // A miss that is waited for, hits behind it, and what only the complete parser takes.
  socket.write(get('/slow/50') + get('/static/a') + get('/static/a') + post + get('/dynamic'));
  await until(() => answers(text()) === 5 && text().includes('"for"'), 'five answers');
  const order = ['after 50 ms', 'Miss from', 'Hit from', '"body": "abc"', '"for"'].map((sign) =>
    text().indexOf(sign, text().indexOf('after 50 ms')),
  );
  assert.deepEqual(
    order,
    order.toSorted((one, other) => one - other),
  );
  assert.ok(order.every((at) => at >= 0));
  assert.ok(stage.logLines.some((line) => line.includes('\tPOST\t') && line.includes('/echo')));
});

test('heads in pieces, HEAD, 304, bodies of known and of unknown length', async () => {
  const { socket, text } = await open();
  for (const sign of get('/static/pieces')) socket.write(sign);
  await until(() => text().includes('demo origin.\n'), 'the answer to a head in pieces');
  const one = await open();
  one.socket.write(get('/static/whole'));
  await until(() => one.text().endsWith('0\r\n\r\n') || one.text().endsWith('origin.\n'), 'the first answer');
  const etag = /etag: (.*)\r\n/.exec(one.text())?.[1] ?? '';
  const before = one.text().length;
  one.socket.write(
    `HEAD /static/whole HTTP/1.1\r\n${HOST}\r\n${get('/static/whole', `if-none-match: ${etag}\r\n`)}`,
  );
  await until(
    () => answers(one.text()) === 3 && one.text().endsWith('\r\n\r\n'),
    'two answers without a body',
  );
  const without = one.text().slice(before);
  assert.ok(without.startsWith('HTTP/1.1 200 OK\r\n'));
  assert.match(without, /content-length: \d{3,}\r\n\r\nHTTP\/1\.1 304 Not Modified\r\n/);
  const large = await open();
  for (let i = 0; i < 2; i++) {
    const from = large.text().length;
    large.socket.write(get('/large/3000'));
    await until(() => large.text().length - from > 3_000 * 1_024, 'a large answer');
    const [head = '', ...rest] = large.text().slice(from).split('\r\n\r\n');
    assert.match(head, /content-length: 3072000/);
    assert.equal(rest.join('\r\n\r\n').length, 3_072_000);
  }
});

test('a stage cannot break out of a field; who asks much and reads nothing is not read on', async () => {
  const { socket, text } = await open();
  socket.write(get('/static/split'));
  await closed(socket);
  assert.ok(!text().includes('set-cookie'));
  assert.ok(stage.lines.some((line) => line.includes('cannot be written')));
  const greedy = await open();
  greedy.socket.write(get('/large/60'));
  await until(() => greedy.text().length > 60 * 1_024, 'the object to be kept');
  greedy.socket.pause();
  const before = stage.logLines.length;
  greedy.socket.write(get('/large/60').repeat(600));
  let seen = -1;
  // Until no more are answered.
  await until(() => {
    const [last, now] = [seen, stage.logLines.length - before];
    seen = now;
    return now > 0 && now === last;
  }, 'the answers to stop');
  assert.ok(seen < 400, `${seen} answers of 60 KiB for one that reads nothing`);
  greedy.socket.resume();
  await until(() => stage.logLines.length - before === 600, 'the answers to go on');
});
