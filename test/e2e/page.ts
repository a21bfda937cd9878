import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { Waterfall } from '../../src/console/api-trace.ts';
import { runCli } from '../helpers/cli.ts';
import { dig, type Ended, type Program, runTool, until } from '../helpers/program.ts';
import { stage } from './stage.ts';

/**
 * On the stage of console.test.ts: curl fetches the page over HTTPS from the POP that dig gave, trusting
 * the development authority alone.
 */

const NAME = 'www.cdn.example';
const CLIENTS = ['200.147.0.0/16', '91.0.0.0/16', '114.144.0.0/16', '105.208.0.0/16', '1.120.0.0/16'];
const TRIES = 5;

let program: Program;
let port: string;
let popAt: (address: string) => string | undefined;

before(async () => {
  ({ program, port, popAt } = await stage);
});

/** `curl` that trusts the authority of this run and writes status and protocol after the body. */
const curl = (...args: string[]): Promise<Ended> =>
  runTool('curl', [
    ...['--silent', '--show-error', '--max-time', '10', '--cacert', join(program.state, 'ca.crt')],
    ...['--write-out', '\n%{http_code} %{http_version} %{remote_ip}', ...args],
  ]);

test('the page comes from the POP that DNS gave, over HTTP/2 and HTTP/1.1, and says so', async () => {
  for (const prefix of CLIENTS)
    for (const [version, accept] of [
      ['2', '*/*'],
      ['1.1', 'text/html'],
    ] as const) {
      const { address, out } = await fetchedFrom(prefix, `--http${version}`, '-H', `Accept: ${accept}`);
      const pop = popAt(address);
      const named = accept === '*/*' ? out.startsWith(`${pop} `) : out.includes(`class="code">${pop}</span>`);
      assert.ok(named, `${prefix}: ${address}`);
      assert.ok(out.includes('DNS gives this client this POP.'), `${prefix}: ${address}`);
      assert.ok(out.endsWith(`\n200 ${version} ${address}`), out.slice(-60));
    }
});

test('as JSON, with terms that add up', async () => {
  const { address, out } = await fetchedFrom('91.0.0.0/16', '--header', 'Accept: application/json');
  const { pop, choice } = JSON.parse(out.slice(0, out.lastIndexOf('\n')));
  assert.deepEqual([pop.code, choice.pop], [popAt(address), popAt(address)]);
  for (const { terms, scoreMs } of choice.rows) {
    const sum = terms.reduce((total: number, ms: number) => total + ms, 0);
    assert.equal(Math.round(sum * 100), Math.round(scoreMs * 100));
  }
});

test('HTTPS records name the port of the POPs; --connect-to does as well as --resolve', async () => {
  const [record = ''] = await dig(program.port, NAME, 'HTTPS', '+subnet=114.144.0.0/16');
  const [, address = ''] = /ipv4hint=(\S+)/.exec(record) ?? [];
  assert.match(record, new RegExp(`^1 \\. alpn="h2,http/1\\.1" port=${port} ipv4hint=127`));
  const { code, out, err } = await curl('--connect-to', `${NAME}:443:${address}:${port}`, `https://${NAME}/`);
  assert.equal(code, 0, err);
  assert.ok(out.endsWith(`\n200 2 ${address}`), out.slice(-60));
});

test('other names under the zone are served, others are not, and no other authority will do', async () => {
  const [address = ''] = await dig(program.port, NAME);
  const fetched = (host: string, ...args: string[]): Promise<Ended> =>
    curl('--resolve', `${host}:${port}:${address}`, ...args, `https://${host}:${port}/`);
  for (const host of ['cdn.example', 'eu.cdn.example', NAME])
    assert.equal((await fetched(host)).code, 0, host);
  assert.equal((await fetched('www.other.example')).code, 60, 'a name that the certificate is not for');
  const system = await fetched(NAME, '--cacert', '/etc/ssl/certs/ca-certificates.crt');
  assert.ok([60, 77].includes(system.code), `the system's authorities: ${system.code} ${system.err}`);
  const other = await runTool('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
    ...['-subj', '/CN=Isochrone development CA', '-keyout', join(program.state, 'other.key')],
    ...['-out', join(program.state, 'other.crt')],
  ]);
  assert.equal(other.code, 0, other.err);
  const wrong = await fetched(NAME, '--cacert', join(program.state, 'other.crt'));
  assert.equal(wrong.code, 60, wrong.err);
});

test('trace: five clients on five continents, cold and warm, bar by bar', async () => {
  const file = join(program.state, 'trace.html');
  for (const [i, client] of CLIENTS.entries()) {
    const url = `https://${NAME}:${port}/static/${i}`;
    const cold = await traced(url, client, '--cold', '--tls1.2', '--html', file);
    assert.deepEqual(
      cold.others.map(({ title, clientRoundTrips }) => [title, clientRoundTrips]),
      [
        ['another POP', 4],
        ['the farthest POP', 4],
        ['with TLS 1.3', 3],
      ],
    );
    const farthest = cold.others[1]?.bars.find(({ name }) => name === 'TCP handshake')?.ms ?? 0;
    const own = cold.bars.find(({ name }) => name === 'TCP handshake')?.ms ?? 0;
    assert.ok(farthest > 150 && farthest > own, `${client}: ${own} ms, ${farthest} ms`);
    assert.ok(
      !cold.tls.endsWith('resumed') && cold.cache === 'Miss from isochrone',
      `${cold.tls} ${cold.cache}`,
    );
    const warm = await traced(url, client, '--warm', ...(i === 0 ? [] : ['--alone']));
    assert.ok(
      warm.tls.endsWith('resumed') && warm.cache === 'Hit from isochrone',
      `${warm.tls} ${warm.cache}`,
    );
    assert.equal(warm.skipped.at(-1), 'REC, shield, L3: L2 had the object');
    assert.equal(warm.others.length, i === 0 ? 4 : 0);
    const unresumed = warm.others.find(({ title }) => title === 'without resumption');
    assert.ok(i > 0 || (unresumed?.clientRoundTrips === 2 && !unresumed.tls.endsWith('resumed')));
    for (const fall of [cold, ...cold.others, warm, ...warm.others]) {
      const sum = fall.bars.reduce((total, { ms }) => total + ms, 0);
      assert.ok(Math.abs(sum - fall.totalMs) < 1, `${client}, ${fall.title}: ${sum}, ${fall.totalMs}`);
    }
    for (const [fall, trips] of [
      [cold, 4],
      [warm, 2],
    ] as const) {
      const way = fall.bars.filter(({ layer }) => layer === 'network');
      const of = (what: 'roundTrips' | 'ms'): number => way.reduce((sum, bar) => sum + bar[what], 0);
      assert.deepEqual([fall.clientRoundTrips, of('roundTrips')], [trips, trips], client);
      assert.ok(Math.abs(of('ms') - trips * own) < 1, `${client}: ${of('ms')} ms, ${trips} times ${own}`);
    }
  }
  const url = `https://${NAME}:${port}/echo`;
  const post = await traced(url, CLIENTS[0] ?? '', '--data', 'a=1', '--header', 'content-type: text/plain');
  assert.deepEqual(
    [post.status, post.others.length, post.skipped.at(-1)],
    [200, 0, 'L2, REC, shield: POST is not cached'],
    'what may change something is sent once',
  );
  const page = readFileSync(file, 'utf8');
  assert.equal(page.match(/<svg class="fall"/g)?.length, 4);
  assert.doesNotMatch(page, /(?:src|href)=|<script|@import|url\((?!#hatch-)/);
});

/** What `trace` says as JSON. */
async function traced(url: string, client: string, ...flags: string[]) {
  const line = [
    'trace',
    url,
    '--client',
    client,
    ...flags,
    '--json',
    '--admin',
    program.admin,
    '--state',
    program.state,
  ];
  // The console of a busy machine may take longer than a command waits.
  const { value, held } = await until(
    () => runCli(...line),
    ({ code }) => code === 0,
    30_000,
  );
  assert.ok(held, `${client}: ${value.out}${value.err}`);
  return JSON.parse(value.out) as Waterfall & { readonly others: readonly Waterfall[] };
}

/** The page for a client, from the address that dig gave for it, asked again where that changed meanwhile. */
async function fetchedFrom(
  prefix: string,
  ...args: string[]
): Promise<{ readonly address: string; readonly out: string }> {
  for (let tries = 1; ; tries++) {
    const [address = ''] = await dig(program.port, NAME, `+subnet=${prefix}`);
    const url = `https://${NAME}:${port}/?client=${prefix.split('/')[0]}`;
    const { code, out, err } = await curl('--resolve', `${NAME}:${port}:${address}`, ...args, url);
    assert.equal(code, 0, err);
    const [later] = await dig(program.port, NAME, `+subnet=${prefix}`);
    if (later === address) return { address, out };
    assert.ok(tries < TRIES, `${prefix}: another answer each time`);
  }
}
