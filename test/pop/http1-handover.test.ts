import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { duplexPair } from 'node:stream';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import fc from 'fast-check';
import { developmentCertificate, type PopCertificate } from '../../src/pop/authority.ts';
import { fromRawHeaders, type HeaderField } from '../../src/pop/headers.ts';
import { createConnectionGuard, DEFAULT_LIMITS } from '../../src/pop/l1/connections.ts';
import { createCrew } from '../../src/pop/l1/crew.ts';
import type { Asked } from '../../src/pop/l1/exchange.ts';
import type { PopResponse } from '../../src/pop/request-path.ts';
import { until } from '../contract/harness.ts';
import { smallFleet } from '../helpers/fleet.ts';

/**
 * Where a connection of HTTP/1.1 goes from the reader of plain requests to Node's own server: whatever comes,
 * cut in any way, gets the answers that a plain server of Node's gives, in that order.
 */

const clock = { nowMs: Date.now };
const guard = createConnectionGuard(DEFAULT_LIMITS, () => performance.now());
const folder = mkdtempSync(join(tmpdir(), 'isochrone-handover-'));
const [link] = smallFleet(88).links;
let certificate: PopCertificate;
let server: ReturnType<typeof createServer>;

before(async () => {
  certificate = developmentCertificate({
    folder,
    domains: ['h'],
    addresses: [],
    clock,
    log: () => undefined,
  });
  const crew = createCrew({
    pop: 'FRA',
    servers: 1,
    certificate: certificate.certificate,
    key: certificate.key,
    staple: () => Buffer.alloc(0),
    policyOf: () => 'TLSv1.3_2025',
    policies: ['TLSv1.3_2025'],
    exchange: ({ connection }, asked) => {
      // Some answers come at once, some later.
      const isLate = asked.body !== undefined || asked.target.length % 3 === 0;
      const failed = (): void => void connection.socket.destroy();
      if (isLate)
        return saw(asked)
          .then((answer) => asked.send(answer, 0))
          .then(() => undefined, failed);
      asked.send(answerOf([asked.method, asked.target, asked.headers, '']), 0);
      return undefined;
    },
    clock,
  });
  server = createServer((socket) => {
    assert.ok(link);
    const connection = guard.admit(socket, link);
    if (connection !== undefined) crew.take(connection);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
after(() => {
  guard.close();
  server.close();
  rmSync(folder, { recursive: true });
});

type Request = readonly [method: string, target: string, headers: readonly HeaderField[], body: string];

async function saw({ method, target, headers, body }: Asked): Promise<PopResponse> {
  let text = '';
  for await (const chunk of body ?? []) text += Buffer.from(chunk).toString('latin1');
  // Its turn comes later than that of what stands behind it.
  await new Promise((resolve) => setImmediate(resolve));
  return answerOf([method, target, headers, text]);
}

/** An answer that tells what was asked, in a field: so does that to HEAD. */
function answerOf(request: Request): PopResponse {
  const headers: HeaderField[] = [['x-saw', encodeURIComponent(JSON.stringify(request))]];
  return { status: 200, headers, body: undefined, from: 'l1', result: 'Hit' };
}

const REFUSED = '400 ';

/** Longer than any rest of a body, no line of a head, and no request: after it a connection is over. */
const END = `${'x'.repeat(64)}\r\n\r\n`;

/** What a plain server of Node's answers, if it refuses nothing before it answered what came before. */
async function answersOfNode(chunks: readonly Buffer[]): Promise<string[]> {
  let last: IncomingMessage | undefined;
  let [active, isBroken] = [0, false];
  const [client, own] = duplexPair();
  const refuseRest = (): void => {
    const isHalf = last !== undefined && !last.complete;
    if (isBroken && own.writable && active === (isHalf ? 1 : 0)) own.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  };
  const plain = createHttpServer({ keepAliveTimeout: 0, requireHostHeader: false }, (request, response) => {
    last = request;
    // Its parser reads nothing behind this.
    if (request.headers.upgrade !== undefined) response.shouldKeepAlive = false;
    active++;
    let body = '';
    request.setEncoding('latin1').on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => {
      const { method = '', url = '', rawHeaders } = request;
      const { headers } = answerOf([method, url, fromRawHeaders(rawHeaders), body]);
      response.writeHead(200, headers.flat());
      response.end(() => {
        active--;
        if (response.shouldKeepAlive) refuseRest();
      });
    });
  });
  plain.on('clientError', () => {
    isBroken = true;
    refuseRest();
  });
  plain.emit('connection', own);
  return answersIn(client, chunks);
}

/** What the POP answers, over TLS. */
async function answersHere(chunks: readonly Buffer[]): Promise<string[]> {
  const { port } = server.address() as AddressInfo;
  const ca = readFileSync(certificate.caFile);
  const socket = connect({ port, host: '127.0.0.1', servername: 'h', ca });
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  return answersIn(socket, chunks);
}

/** Sends piece by piece, each after the one before was taken; gives each answer in a line when it is over. */
async function answersIn(stream: NodeJS.ReadWriteStream, chunks: readonly Buffer[]): Promise<string[]> {
  let text = '';
  stream.on('error', () => undefined);
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  stream.on('end', end);
  stream.on('close', end);
  for (const chunk of chunks) {
    stream.write(chunk);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => isOver, `the end after ${JSON.stringify(text)}`);
  return text
    .split('HTTP/1.1 ')
    .slice(1)
    .map((answer) => {
      const said = /^x-saw: (.*)$/im.exec(answer)?.[1]?.trim();
      return `${answer.slice(0, 3)} ${said === undefined ? '' : decodeURIComponent(said)}`;
    });
}

const HOST = 'Host: h\r\n';
/** Whole requests of every kind, and what is wedged in between. */
const REQUESTS = [
  `GET /a HTTP/1.1\r\n${HOST}\r\n`,
  `GET /bc?d HTTP/1.1\r\n${HOST}Accept: */*\r\n\r\n`,
  `HEAD /e HTTP/1.1\r\n${HOST}\r\n`,
  `POST /f HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nGET /`,
  `POST /gh HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: u\r\n\r\n`,
  `PUT /i HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`,
  `GET /j HTTP/1.1\r\n${HOST}Content-Length: 18\r\n\r\nGET /k HTTP/1.1\r\n\r`,
  `DELETE /l HTTP/1.1\r\n${HOST}\r\n`,
  `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`,
  `POST /mn HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 2\r\n\r\nok`,
];
const ODD = [
  `POST /both HTTP/1.1\r\n${HOST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  `POST /two HTTP/1.1\r\n${HOST}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde`,
  `POST /cl HTTP/1.1\r\n${HOST}Content-Length: +3\r\n\r\nabc`,
  `POST /te HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
  `POST /te HTTP/1.1\r\n${HOST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
  `POST /te HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
  `POST /size HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\nZ\r\n`,
  `GET /fold HTTP/1.1\r\n${HOST}X-A: b\r\n Content-Length: 30\r\n\r\n`,
  `GET /lf HTTP/1.1\n${HOST}\n`,
  `GET /lf HTTP/1.1\r\nHost: h\nX-A: b\r\n\r\n`,
  `GET /cr HTTP/1.1\r\n${HOST}X-A: b\rContent-Length: 30\r\n\r\n`,
  `GET /colon HTTP/1.1\r\n${HOST}Content-Length : 3\r\n\r\nabc`,
  `GET http://other/abs HTTP/1.1\r\n${HOST}\r\n`,
  `GET /hosts HTTP/1.1\r\n${HOST}Host: i\r\n\r\n`,
  'GET /none HTTP/1.1\r\n\r\n',
  `GET /old HTTP/1.0\r\n${HOST}\r\n`,
  `GET /last HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`,
  `GET /up HTTP/1.1\r\n${HOST}Upgrade: h2c\r\nConnection: upgrade\r\n\r\n`,
  '\r\n',
  '\n',
  ' ',
  '\0',
];

test('whatever comes in whatever pieces gets the answers of a plain server, in order', async () => {
  const texts = fc
    .array(
      fc.oneof(
        { weight: 8, arbitrary: fc.constantFrom(...REQUESTS) },
        { weight: 1, arbitrary: fc.constantFrom(...ODD) },
      ),
      { minLength: 1, maxLength: 8 },
    )
    .map((parts) => parts.join(''));
  const cuts = fc.array(fc.nat({ max: 999 }), { maxLength: 6 });
  let answers = 0;
  await fc.assert(
    fc.asyncProperty(texts, cuts, async (text, places) => {
      const octets = Buffer.from(text + END, 'latin1');
      const at = places.map((place) => place % text.length).sort((one, other) => one - other);
      const chunks = [0, ...at].map((from, i) => octets.subarray(from, at[i] ?? octets.length));
      const wanted = await answersOfNode(chunks);
      const got = await answersHere(chunks);
      answers += got.length;
      // Where an answer closes the connection, what comes in after it may make TCP drop the last of them.
      const isRefused = wanted.at(-1) === REFUSED;
      assert.deepEqual(got, isRefused ? wanted : wanted.slice(0, got.length));
    }),
    { numRuns: Number(process.env['HANDOVER_RUNS'] ?? 80) },
  );
  assert.ok(answers > 100, `only ${answers} answers`);
});
