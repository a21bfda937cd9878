import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { decodeMessage, encodeQuery } from './helpers/message.ts';
import { type SecureStage, startSecure } from './helpers/secure-server.ts';

const run = promisify(execFile);
const WWW = { name: 'www.edge.test.', type: 'A', subnet: '10.1.2.0/24' } as const;
const WWW_ANSWER = 'www.edge.test. 30 A 192.0.2.2';

const frame = (query: Uint8Array): Buffer => Buffer.from([query.length >> 8, query.length & 0xff, ...query]);

/** A connection for DNS over TLS; fails as the handshake does. */
async function open(
  context: TestContext,
  { dotPort, authority }: SecureStage,
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  const ca = authority.ca;
  const socket = connect({ host: '127.0.0.1', port: dotPort, ca, ALPNProtocols: ['dot'], ...options });
  context.after(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

/** The next messages on a connection, so many. */
async function messages(socket: TLSSocket, count: number) {
  const got: ReturnType<typeof decodeMessage>[] = [];
  let held = Buffer.alloc(0);
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    held = Buffer.concat([held, chunk as Buffer]);
    while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
      const end = 2 + held.readUInt16BE(0);
      got.push(decodeMessage(held.subarray(2, end)));
      held = held.subarray(end);
    }
    if (got.length >= count) break;
  }
  return got;
}

test('kdig asks over TLS, checks the certificate, and gets a padded answer', async (context) => {
  const { dotPort, authority, count } = await startSecure(context);
  const tls = ['+tls', `+tls-ca=${authority.caFile}`, '+tls-host=edge.test'];
  const { stdout } = await run('kdig', [
    ...['@127.0.0.1', '-p', String(dotPort), 'www.edge.test'],
    ...tls,
    '+subnet=10.1.2.0/24',
  ]);
  assert.match(stdout, /TLS1\.3/);
  assert.match(stdout, /192\.0\.2\.2/);
  assert.match(stdout, /PADDING:/);
  assert.match(stdout, /Received 468 B/);
  assert.equal(count('isochrone_dns_queries_total', 'tls', 'A', 'NOERROR'), 1);
  assert.equal(count('isochrone_dns_tls_accepted_total', 'tls'), 1);
});

test('questions in one write are answered in order; a client may end its side before', async (context) => {
  const stage = await startSecure(context);
  const socket = await open(context, stage);
  const ids = Array.from({ length: 300 }, (_, i) => i);
  const queries = ids.map((id) => frame(encodeQuery({ ...WWW, id })));
  socket.end(Buffer.concat(queries));
  const got = await messages(socket, ids.length);
  assert.deepEqual(
    got.map(({ id }) => id),
    ids,
  );
  assert.deepEqual(got[0]?.sections[0], [WWW_ANSWER]);
  assert.equal(stage.count('isochrone_dns_queries_total', 'tls'), ids.length);
});

test('ALPN: dot or nothing, and nothing else; what came before TLS 1.2 is refused', async (context) => {
  const stage = await startSecure(context);
  assert.equal((await open(context, stage)).alpnProtocol, 'dot');
  assert.equal((await open(context, stage, { ALPNProtocols: [] })).alpnProtocol, false);
  await assert.rejects(open(context, stage, { ALPNProtocols: ['h2'] }), { code: /ALPN|NO_APPLICATION/ });
  const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  await assert.rejects(open(context, stage, old));
  assert.equal(stage.count('isochrone_dns_tls_handshakes_total', 'failed'), 2);
});

test('a session is resumed, at another thread too; an idle connection ends with a word', async (context) => {
  const stage = await startSecure(context, { idleMs: 300 });
  const first = await open(context, stage);
  const ticket = once(first, 'session');
  first.write(frame(encodeQuery(WWW)));
  await messages(first, 1);
  const [session] = (await ticket) as [Buffer];
  // close_notify (RFC 8446 §6.1) is what Node calls the end; without it a connection only closes.
  await once(first, 'end');
  const another = await stage.openAgain();
  await stage.listeners.close();
  const again = await open(context, stage, { session });
  assert.ok(again.isSessionReused());
  again.write(frame(encodeQuery(WWW)));
  const [answer] = await messages(again, 1);
  assert.deepEqual(answer?.sections[0], [WWW_ANSWER]);
  assert.equal(stage.count('isochrone_dns_tls_handshakes_total', 'resumed'), 1);
  assert.equal(stage.count('isochrone_dns_tls_closed_total', 'tls', 'idle'), 1);
  await another.close();
});

test('who connects and never speaks TLS is closed, and keeps nobody else waiting', async (context) => {
  const stage = await startSecure(context, { firstQueryMs: 300 });
  const mute = connectPlain(stage.dotPort, '127.0.0.1');
  const noise = connectPlain(stage.dotPort, '127.0.0.1');
  for (const socket of [mute, noise]) socket.on('error', () => {}).resume();
  const closed = Promise.all([once(mute, 'close'), once(noise, 'close')]);
  await Promise.all([once(mute, 'connect'), once(noise, 'connect')]);
  noise.write('GET / HTTP/1.1\r\n\r\n');
  const socket = await open(context, stage);
  socket.write(frame(encodeQuery(WWW)));
  assert.equal((await messages(socket, 1)).length, 1);
  await closed;
  assert.equal(stage.count('isochrone_dns_tls_closed_total', 'tls', 'no-query'), 1);
  assert.ok(stage.count('isochrone_dns_tls_handshakes_total', 'tls', 'failed') >= 1);
});

test('a new certificate is for connections that begin; those that are open go on', async (context) => {
  const stage = await startSecure(context);
  const { listeners, authority, credentials } = stage;
  const before = await open(context, stage);
  const next = authority.issue();
  listeners.setCredentials({ ...credentials, ...next });
  const serial = new X509Certificate(next.certificate).serialNumber;
  const serialOf = (socket: TLSSocket): string => socket.getPeerCertificate().serialNumber;
  assert.equal(serialOf(await open(context, stage)), serial);
  assert.notEqual(serialOf(before), serial);
  before.write(frame(encodeQuery(WWW)));
  assert.deepEqual((await messages(before, 1))[0]?.sections[0], [WWW_ANSWER]);
});
