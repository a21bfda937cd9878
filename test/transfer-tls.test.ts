import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { TlsOptions } from 'node:tls';
import { readPeerTls } from '../src/cli/transfer-tls.ts';
import { FETCH_LIMITS, fetchZone } from '../src/transfer/fetch.ts';
import type { PeerTls } from '../src/transfer/tls.ts';
import { TYPE } from '../src/wire/constants.ts';
import { parseName } from '../src/wire/name.ts';
import { type Pair, testAuthority } from './helpers/certificates.ts';
import { records, startPrimary } from './helpers/false-primary.ts';

/** Zones that come over TLS (RFC 9103): from whom they are taken, and that nobody else hears a question. */

const ORIGIN = parseName('zone.example.') as Uint8Array;

async function stage(context: TestContext, pair: Pair, options: TlsOptions = {}) {
  const asked: number[] = [];
  const soa = records(ORIGIN, '@ 300 SOA ns admin 2 60 30 900 60');
  const zone = [...soa, ...records(ORIGIN, '@ 300 NS ns\nns 300 A 192.0.2.1'), ...soa];
  const script = (qtype: number) => {
    asked.push(qtype);
    return [{ records: qtype === TYPE.SOA ? soa : zone }];
  };
  const tls = { cert: pair.certificate, key: pair.key, ALPNProtocols: ['dot'], ...options };
  const port = await startPrimary(context, script, undefined, tls);
  const from = async (how: Partial<PeerTls> | (() => PeerTls)): Promise<string> => {
    const tls = typeof how === 'function' ? how : () => ({ pins: [], ...how });
    const peer = { host: '127.0.0.1', port, tls };
    const limits = { ...FETCH_LIMITS, silenceMs: 5000 };
    const signal = new AbortController().signal;
    try {
      return (await fetchZone({ origin: ORIGIN, peer, limits, signal }, undefined)).kind;
    } catch (error) {
      return (error as Error).message;
    }
  };
  return { asked, from };
}

const pinOf = ({ certificate }: Pair): string => {
  const key = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(key).digest('base64');
};

test('a primary is taken by its name and authority, by its key, or as it comes', async (context) => {
  const { ca, issue } = testAuthority(context);
  const pair = issue();
  const { from, asked } = await stage(context, pair);
  const other = pinOf(issue());
  assert.match(await from({ hostname: 'edge.test' }), /unable to verify|self.signed|issuer/i);
  assert.match(await from({ hostname: 'other.test', ca }), /does not match certificate/);
  assert.match(await from({ pins: [other] }), /its key .* is none of the pins/);
  assert.match(await from({ hostname: 'edge.test', ca, pins: [other] }), /none of the pins/);
  assert.match(await from({ hostname: 'other.test', ca, pins: [pinOf(pair)] }), /does not match certificate/);
  assert.deepEqual(asked, [], 'who is not who was meant hears no question');
  for (const how of [
    { hostname: 'edge.test', ca },
    { hostname: 'edge.test.', ca, pins: [other, pinOf(pair)] },
    { pins: [pinOf(pair)] },
    {},
  ])
    assert.equal(await from(how), 'zone');
});

/** A certificate for clients, and its key. */
function clientPair(folder: string): Pair {
  const [certificate, key] = [join(folder, 'client.crt'), join(folder, 'client.key')];
  const made = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const about = ['-subj', '/CN=secondary', '-addext', 'extendedKeyUsage=clientAuth'];
  execFileSync('openssl', ['req', ...made, ...about, '-keyout', key, '-out', certificate], {
    stdio: 'ignore',
  });
  return { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
}

test('no older TLS is spoken; a primary may ask for a certificate', async (context) => {
  const { ca, folder, issue } = testAuthority(context);
  const own = clientPair(folder);
  const old = await stage(context, issue(), { maxVersion: 'TLSv1.2' });
  assert.match(await old.from({ hostname: 'edge.test', ca }), /protocol version|unsupported protocol/i);
  const asks = { requestCert: true, rejectUnauthorized: true, ca: own.certificate };
  const asking = await stage(context, issue(), asks);
  assert.notEqual(await asking.from({ hostname: 'edge.test', ca }), 'zone');
  assert.equal(await asking.from({ hostname: 'edge.test', ca, ...own }), 'zone');
  const broken = () => readPeerTls({ ca: join(folder, 'none'), pins: [], opportunistic: false });
  assert.match(await asking.from(broken), /none/);
});
