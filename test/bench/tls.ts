import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeAuthority, makeServerCertificate } from '../../src/pop/certificate.ts';
import { serverPort } from '../../src/server/free-port.ts';
import { startProgram } from '../helpers/program.ts';
import { root, temporaryFolder } from './machine.ts';

/**
 * DNS over TLS and over HTTPS, beside BIND in the same run, with dnsperf; and the certificate swapped under
 * that load, each half second, while every connection lives for a hundred queries only: not one query may be
 * lost. `npm run bench:tls`, or with the seconds of each measurement: `npm run bench:tls -- 10`.
 */

const run = promisify(execFile);
const SECONDS = Number(process.argv[2] ?? 5);
const SWAP_MS = 500;
const DAY_MS = 86_400_000;
const folder = temporaryFolder();
const file = (name: string): string => join(folder, name);
const times = { notBeforeMs: Date.now() - DAY_MS, notAfterMs: Date.now() + DAY_MS };
const authority = makeAuthority({ name: 'bench CA', dnsNames: ['edge.test'], ...times });
let issued = 0;

function putCertificate(): void {
  const request = { name: 'edge.test', dnsNames: ['edge.test'], addresses: ['127.0.0.1'], ...times };
  const { certificate, key } = makeServerCertificate(request, { name: 'bench CA', key: authority.key });
  writeFileSync(file('x.key'), key.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(file('x.crt'), certificate);
  issued++;
}

interface Load {
  readonly perSecond: number;
  readonly lost: number;
  readonly wrong: number;
}

/** `perConnection`: queries on a connection before it is closed and another opened; 0: all on one. */
async function dnsperf(mode: 'dot' | 'doh', port: number, perConnection = 0): Promise<Load> {
  const own = mode === 'doh' ? ['-O', 'doh-uri=https://localhost/dns-query', '-O', 'doh-method=GET'] : [];
  const short = perConnection === 0 ? [] : ['-O', `num-queries-per-conn=${perConnection}`];
  const { stdout } = await run('dnsperf', [
    ...['-m', mode, '-s', '127.0.0.1', '-p', String(port), '-d', file('queries')],
    ...['-l', String(SECONDS), '-c', '10', '-q', '100', '-T', '1', ...own, ...short],
  ]);
  const number = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1] ?? Number.NaN);
  const sent = number(/Queries sent:\s+(\d+)/);
  const whole = number(/NOERROR (\d+)/);
  const lost = number(/Queries lost:\s+(\d+)/);
  return { perSecond: number(/Queries per second:\s+([\d.]+)/), lost, wrong: sent - whole - lost };
}

/** BIND with the same zone, certificate and transports. */
async function startNamed(ports: { readonly dot: number; readonly doh: number }) {
  const zone = readFileSync(join(root, 'test/bench/edge.zone'), 'utf8');
  writeFileSync(file('zone'), zone.replace(/STEER.*/g, 'A 192.0.2.1').replace(/^\$ORIGIN.*/m, ''));
  const listen = (port: number, how: string): string => `listen-on port ${port} ${how} {127.0.0.1;};`;
  const options = [
    `directory "${folder}"; pid-file none; recursion no; listen-on-v6 {none;};`,
    listen(ports.dot, 'tls bench'),
    listen(ports.doh, 'tls bench http default'),
  ];
  const tls = `tls bench { cert-file "${file('x.crt')}"; key-file "${file('x.key')}"; };`;
  const zones = `controls {}; zone "edge.test" { type primary; file "${file('zone')}"; };`;
  writeFileSync(file('named.conf'), `${tls} options { ${options.join(' ')} }; ${zones}`);
  const named = spawn('named', ['-g', '-n', '1', '-c', file('named.conf')], { stdio: 'pipe' });
  let printed = '';
  named.stderr.on('data', (text) => {
    printed += text;
  });
  while (!/running/.test(printed)) await once(named.stderr, 'data', { signal: AbortSignal.timeout(10_000) });
  return named;
}

putCertificate();
writeFileSync(file('ca.crt'), authority.certificate);
writeFileSync(file('queries'), 'static.edge.test A\nwww.edge.test A\nwww.edge.test AAAA\n');
const config = readFileSync(join(root, 'test/bench/edge.yaml'), 'utf8')
  .replace('edge.zone', join(root, 'test/bench/edge.zone'))
  .replace('admin: off', 'admin: "127.0.0.1:0"');
writeFileSync(file('edge.yaml'), `${config}\ntls: {certificate: x.crt, key: x.key}\n`);
const ports = { dot: serverPort(), doh: serverPort() };
const peers = { dot: serverPort(), doh: serverPort() };
const flags = ['--dot-port', String(ports.dot), '--doh-port', String(ports.doh), '--workers', '1'];
// The image of the databases is made once, and takes long on a busy machine.
const state = join(tmpdir(), 'isochrone-bench-tls-state');
const program = await startProgram(['serve', '--config', file('edge.yaml'), ...flags], { state });
const named = await startNamed(peers);
console.log(`load average ${loadavg()[0]?.toFixed(1)}: on a busy machine only the ratios say something`);
let failed = false;
try {
  for (const mode of ['dot', 'doh'] as const) {
    const own = await dnsperf(mode, ports[mode]);
    const bind = await dnsperf(mode, peers[mode]);
    failed ||= own.lost + own.wrong > 0;
    const ratio = (own.perSecond / bind.perSecond).toFixed(2);
    console.log(
      `${mode}: ${Math.round(own.perSecond)}/s, lost ${own.lost}; BIND ${Math.round(bind.perSecond)}/s; ` +
        `ratio ${ratio}`,
    );
  }
  for (const mode of ['dot', 'doh'] as const) {
    const before = issued;
    const swapping = setInterval(putCertificate, SWAP_MS);
    const { perSecond, lost, wrong } = await dnsperf(mode, ports[mode], 100);
    clearInterval(swapping);
    failed ||= lost + wrong > 0;
    const swaps = `${issued - before} certificates put in place`;
    console.log(`${mode}, ${swaps}: ${Math.round(perSecond)}/s, lost ${lost}, wrong ${wrong}`);
  }
  const metrics = await (await fetch(`${program.admin}/metrics`)).text();
  const taken = /certificate_reloads_total\{result="taken"\} (\d+)/.exec(metrics)?.[1];
  const handshakes = metrics.split('\n').filter((line) => line.startsWith('isochrone_dns_tls_handshakes'));
  console.log(`certificates taken into use: ${taken}\n${handshakes.join('\n')}`);
  assert.ok(Number(taken) > 0, 'certificates were swapped');
} finally {
  named.kill('SIGTERM');
  await program.end();
  rmSync(folder, { recursive: true });
}
process.exitCode = failed ? 1 : 0;
