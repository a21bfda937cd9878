import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { type DemoOrigin, startDemoOrigin } from '../../src/pop/demo-origin.ts';
import { plainBehaviour, plainOrigin } from '../../src/pop/policies.ts';
import type { Distribution } from '../../src/pop/request-path.ts';
import { type PopStage, startPopStage } from '../helpers/pop-stage.ts';

/** TLS of the L1 servers, as OpenSSL and Node's client see it: policies, tickets, stapling, turns. */

let origin: DemoOrigin;
let stage: PopStage;

before(async () => {
  origin = await startDemoOrigin({ nowMs: Date.now });
  const behaviours = [plainBehaviour(plainOrigin('origin', origin.url))];
  const named = (id: string): Distribution => ({
    id,
    domains: [`${id}.cdn.example`],
    behaviours,
    shieldRegion: undefined,
  });
  const policies = new Map([
    ['old', 'TLSv1.2_2018'],
    ['common', 'TLSv1.2_2021'],
    ['new', 'TLSv1.3_2025'],
  ] as const);
  const distributions = [...policies.keys()].map(named);
  stage = await startPopStage({ net: 94, origin: origin.url, more: { distributions, policies } });
});
after(async () => {
  await stage.close();
  await origin.close();
});

/** What `openssl s_client` says of a handshake. */
async function client(host: string, ...args: string[]): Promise<string> {
  const to = ['-connect', `${stage.addressOf('FRA')}:${stage.port}`, '-servername', `${host}.cdn.example`];
  const run = promisify(execFile)('openssl', [
    's_client',
    ...to,
    '-CAfile',
    stage.certificate.caFile,
    ...args,
  ]);
  run.child.stdin?.end();
  return run.then(
    ({ stdout, stderr }) => stdout + stderr,
    (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
  );
}

test('each policy allows its versions and ciphers, by the server name', async () => {
  const table: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['old', ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA256'], /Cipher is ECDHE-ECDSA-AES128-SHA256/],
    ['common', ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA256'], /handshake failure|Cipher is \(NONE\)/],
    ['common', ['-tls1_2'], /Cipher is ECDHE-ECDSA-AES128-GCM-SHA256/],
    ['common', ['-tls1_3'], /TLSv1\.3, Cipher is TLS_AES_128_GCM_SHA256/],
    ['new', ['-tls1_2'], /protocol version|Cipher is \(NONE\)/],
    ['new', ['-tls1_3'], /TLSv1\.3, Cipher is TLS_/],
    ['common', ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'], /protocol version|no protocols|Cipher is \(NONE\)/],
  ];
  for (const [host, args, wanted] of table)
    assert.match(await client(host, ...args), wanted, `${host} ${args}`);
});

test('the authority vouches for the certificate in the handshake', async () => {
  const said = await client('common', '-status');
  assert.match(said, /OCSP Response Status: successful/);
  assert.match(said, /Cert Status: good/);
  assert.match(said, /Response verify OK|Verify return code: 0/);
});

/** One connection; the last session that the server gave, and whether that of before was resumed. */
function handshake(options: {
  readonly code: string;
  readonly version: 'TLSv1.2' | 'TLSv1.3';
  readonly session?: Buffer | undefined;
}): Promise<{ readonly session: Buffer; readonly resumed: boolean }> {
  const { code, version, session } = options;
  return new Promise((resolve, reject) => {
    let given: Buffer | undefined;
    let resumed = false;
    const socket: TLSSocket = connect({
      host: stage.addressOf(code),
      port: stage.port,
      servername: 'common.cdn.example',
      ca: readFileSync(stage.certificate.caFile),
      minVersion: version,
      maxVersion: version,
      ...(session === undefined ? {} : { session }),
    });
    socket.on('session', (own) => {
      given = own;
    });
    socket.on('error', reject);
    socket.on('secureConnect', () => {
      resumed = socket.isSessionReused();
      // A ticket that is renewed in TLS 1.2 is no event of Node's client.
      if (version === 'TLSv1.2') given = socket.getSession();
      socket.write('GET /static/tls HTTP/1.1\r\nhost: common.cdn.example\r\nconnection: close\r\n\r\n');
    });
    socket.resume();
    socket.on('close', () => resolve({ session: given ?? session ?? Buffer.alloc(0), resumed }));
  });
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const)
  test(`${version}: a ticket resumes on every L1 server of its POP, and on no other POP`, async () => {
    const { session } = await handshake({ code: 'FRA', version });
    // As many as there are servers and more: each of them meets the ticket.
    for (let i = 0; i < 5; i++)
      assert.equal((await handshake({ code: 'FRA', version, session })).resumed, true, `server ${i}`);
    assert.equal((await handshake({ code: 'AMS', version, session })).resumed, false);
    stage.pops.rotateTickets(0);
    const renewed = await handshake({ code: 'FRA', version, session });
    assert.equal(renewed.resumed, true, 'one period after its key');
    stage.pops.rotateTickets(0);
    assert.equal((await handshake({ code: 'FRA', version, session })).resumed, false, 'two periods after');
    assert.equal((await handshake({ code: 'FRA', version, session: renewed.session })).resumed, true);
  });

test('no early data is taken, and 200 connections spread evenly over L1', async () => {
  assert.doesNotMatch(await client('common', '-tls1_3'), /Max Early Data: [1-9]/);
  const before = [...stage.pops.taken(2)];
  await Promise.all(Array.from({ length: 200 }, () => handshake({ code: 'JFK', version: 'TLSv1.3' })));
  const taken = stage.pops.taken(2).map((count, i) => count - (before[i] ?? 0));
  assert.deepEqual(taken, [50, 50, 50, 50]);
});
