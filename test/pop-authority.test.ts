import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { manualClock } from '../src/base/clock.ts';
import { OperatorError } from '../src/base/errors.ts';
import { developmentCertificate } from '../src/pop/authority.ts';

const DAY_MS = 86_400_000;
const addresses = ['127.0.0.1', '127.64.200.2'];

/** A new folder, a clock, and the certificate in it as often as asked for; lines of the log are collected. */
function bench() {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-ca-'));
  const clock = manualClock(Date.now());
  const lines: string[] = [];
  const log = (line: string) => lines.push(line);
  const read = (domains = ['cdn.example']) =>
    developmentCertificate({ folder, domains, addresses, clock, log });
  return { folder, clock, lines, read, remove: () => rmSync(folder, { recursive: true }) };
}

test('the certificate is for the domains, by an authority that may sign for no others', () => {
  const { folder, read, lines, remove } = bench();
  const { certificate, key, caFile } = read(['cdn.example', 'other.test']);
  const leaf = new X509Certificate(certificate);
  const ca = new X509Certificate(readFileSync(caFile));
  const names = 'DNS:cdn.example, DNS:*.cdn.example, DNS:other.test, DNS:*.other.test';
  assert.equal(leaf.subjectAltName, `${names}, IP Address:127.0.0.1, IP Address:127.64.200.2`);
  assert.ok(leaf.verify(ca.publicKey) && leaf.checkIssued(ca) && ca.ca && !leaf.ca);
  assert.match(key, /BEGIN PRIVATE KEY/);
  assert.equal(statSync(join(folder, 'ca.key')).mode & 0o777, 0o600);
  assert.equal(statSync(join(folder, 'pop.key')).mode & 0o777, 0o600);
  const days = (Date.parse(leaf.validTo) - Date.now()) / DAY_MS;
  assert.ok(days > 89 && days < 91, `${days} days`);
  assert.deepEqual(lines, []);
  remove();
});

test('openssl finds nothing wrong with either', { skip: withoutOpenssl() }, () => {
  const { folder, read, remove } = bench();
  read();
  const [ca, leaf] = [join(folder, 'ca.crt'), join(folder, 'pop.crt')];
  const verify = (...args: string[]) =>
    execFileSync('openssl', ['verify', '-x509_strict', '-CAfile', ca, ...args, leaf], { encoding: 'utf8' });
  assert.match(verify('-purpose', 'sslserver', '-verify_hostname', 'www.cdn.example'), /OK/);
  assert.match(verify('-purpose', 'sslserver', '-verify_ip', '127.64.200.2'), /OK/);
  const text = execFileSync('openssl', ['x509', '-in', ca, '-noout', '-text'], { encoding: 'utf8' });
  for (const part of [
    /CA:TRUE, pathlen:0/,
    /Certificate Sign, CRL Sign/,
    /DNS:cdn\.example/,
    /IP:127\.0\.0\.0\/255/,
  ])
    assert.match(text, part);
  assert.match(
    execFileSync('openssl', ['x509', '-in', leaf, '-noout', '-text'], { encoding: 'utf8' }),
    /TLS Web Server/,
  );
  remove();
});

test('what is there is used again; near its end the certificate is new, the authority is not', () => {
  const { read, clock, lines, folder, remove } = bench();
  const first = read();
  const ca = readFileSync(first.caFile, 'utf8');
  clock.advance(59 * DAY_MS);
  assert.equal(read().certificate, first.certificate);
  clock.advance(2 * DAY_MS);
  const second = read();
  assert.notEqual(second.certificate, first.certificate);
  assert.equal(readFileSync(second.caFile, 'utf8'), ca);
  assert.match(lines.join('\n'), /pop\.crt is near its end/);
  clock.advance(3_600 * DAY_MS);
  read();
  assert.notEqual(readFileSync(join(folder, 'ca.crt'), 'utf8'), ca);
  remove();
});

test('other domains, another key and damaged files are noticed and made anew', () => {
  const { folder, read, lines, remove } = bench();
  const first = read();
  const second = read(['other.test']);
  assert.match(lines.splice(0).join('\n'), /ca\.crt is for other domains.*\n.*pop\.crt is signed by another/);
  writeFileSync(join(folder, 'pop.crt'), 'garbage');
  const third = read(['other.test']);
  assert.match(lines.splice(0).join('\n'), /pop\.crt or its key is damaged/);
  assert.notEqual(third.certificate, second.certificate);
  writeFileSync(join(folder, 'pop.key'), first.key);
  read(['other.test']);
  assert.match(lines.splice(0).join('\n'), /pop\.crt does not belong to its key/);
  writeFileSync(join(folder, 'ca.key'), '');
  read(['other.test']);
  assert.match(lines.join('\n'), /ca\.crt or its key is damaged/);
  assert.deepEqual(read(['other.test']), read(['other.test']));
  remove();
});

test("a folder that cannot be used is the operator's error", () => {
  const { folder, remove } = bench();
  writeFileSync(join(folder, 'file'), '');
  const attempt = () =>
    developmentCertificate({
      folder: join(folder, 'file', 'below'),
      addresses,
      domains: ['cdn.example'],
      clock: manualClock(0),
      log: () => undefined,
    });
  assert.throws(attempt, (error) => error instanceof OperatorError && error.code === 'not-permitted');
  chmodSync(folder, 0o700);
  remove();
});

function withoutOpenssl(): string | false {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'no openssl on this machine';
  }
}
