import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { QueryLine, QueryReason } from '../../src/cli/query-line.ts';
import type { ReplayReport } from '../../src/replay/report.ts';
import { runCli } from '../helpers/cli.ts';
import { dig, type Program, runTool, until } from '../helpers/program.ts';
import { explain, opened } from './steps.ts';

const NAME = 'www.cdn.example';
const CLIENTS = Array.from({ length: 12 }, (_, i) => `5.9.${i}.0/24`);

/** A name server that logs every query, to files and to a collector. */
function writeConfig(folder: string, log: string): string {
  const pops = [
    ['FRA', 'DE', 50.03, 8.57],
    ['JFK', 'US', 40.64, -73.78],
  ].map(([code, country, latitude, longitude], i) => {
    const links = `[{ transit: one, capacityMbps: 1000, ipv4: 192.0.2.${i + 1} }]`;
    const where = `country: ${country}, region: r, latitude: ${latitude}, longitude: ${longitude}`;
    return `  - { code: ${code}, city: ${code}, ${where}, capacityRps: 1000, links: ${links} }`;
  });
  writeFileSync(
    join(folder, 'zone'),
    '@ 60 SOA ns h 1 60 60 60 60\n@ 60 NS ns\nns 60 A 192.0.2.53\nwww 60 STEER web\n',
  );
  const path = join(folder, 'log.yaml');
  const zones = 'zones: [{ origin: cdn.example, file: zone }]';
  writeFileSync(path, [zones, 'services: { web: {} }', log, `pops:\n${pops.join('\n')}\n`].join('\n'));
  return path;
}

async function askAll(server: Program): Promise<void> {
  for (const client of CLIENTS) await dig(server.port, NAME, `+subnet=${client}`);
  await dig(server.port, 'cdn.example', 'SOA', '+tcp');
  await dig(server.port, 'none.cdn.example', 'AAAA');
}

const linesOf = (path: string): QueryLine[] =>
  existsSync(path)
    ? readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line))
    : [];

test('each query is a line of JSON with the reason of explain, and two dnstap frames', async (t) => {
  const open = opened(t);
  const folder = open.folder();
  const files = 'json: { file: queries.json }, dnstap: { file: queries.tap }';
  const log = `log: { queries: { oneOf: 1, perSecondMax: 1000, ${files} } }`;
  const server = await open.program(['serve', '--config', writeConfig(folder, log)]);
  await askAll(server);
  const file = join(folder, 'queries.json');
  const wanted = CLIENTS.length + 2;
  const { value: lines } = await until(
    async () => linesOf(file),
    (all) => all.length >= wanted,
    8000,
  );
  assert.equal(lines.length, wanted);
  const steered = lines.filter(({ name }) => name === `${NAME}.`);
  assert.equal(steered.length, CLIENTS.length);
  for (const line of steered) {
    const view = await explain(server, line.subnet ?? '');
    const why = line.why as QueryReason;
    assert.equal(typeof why, 'object', String(why));
    assert.equal(why.epoch, view.table.epoch);
    assert.deepEqual(why.chosen, { pop: view.chosen.pop, link: view.chosen.link });
    assert.deepEqual(why.runnerUp, view.runnerUp);
    assert.deepEqual([why.cell, why.scopeLength], [view.cell.key, view.scopeLength]);
    assert.equal(why.terms[0]?.scoreMs, view.pops[0]?.scoreMs);
    assert.deepEqual(line.addresses, view.chosen.addresses);
    assert.deepEqual([line.client, line.transport, line.rcode], ['127.0.0.0/24', 'udp', 'NOERROR']);
  }
  const soa = lines.find(({ type }) => type === 'SOA');
  assert.deepEqual([soa?.name, soa?.transport, soa?.why], ['cdn.example.', 'tcp', undefined]);
  assert.equal(lines.find(({ type }) => type === 'AAAA')?.rcode, 'NXDOMAIN');
  const metrics = await (await fetch(`${server.admin}/metrics`)).text();
  assert.match(metrics, new RegExp(`^isochrone_query_log_queries_total ${wanted}$`, 'm'));
  // Whoever looks at what is asked takes nothing from the log.
  const shown = await runCli('top', '--once', '--json', '--admin', server.admin);
  assert.equal(shown.code, 0, shown.err);
  await server.end();
  const config = join(folder, 'log.yaml');
  const flags = ['--config', config, '--without', 'FRA', '--state', server.state, '--json'];
  const replayed = await runCli('replay', '--log', join(folder, 'queries.tap'), ...flags);
  assert.equal(replayed.code, 0, replayed.err);
  const { comparison, before } = JSON.parse(replayed.out) as ReplayReport;
  assert.deepEqual([comparison.queries, comparison.steered], [wanted, CLIENTS.length]);
  assert.match(before.basis, /^the saved table of epoch|^decided by the production engine from geography/);
  const { code, out, err } = await runTool('dnstap-read', [join(folder, 'queries.tap')]);
  if (String(code) === 'ENOENT') return t.diagnostic('no dnstap-read on this machine');
  assert.equal(code, 0, err);
  const frames = out.split('\n').filter((line) => line !== '');
  t.diagnostic(frames[0] ?? '');
  assert.equal(frames.length, 2 * wanted);
  assert.equal(
    frames.filter((line) => / AQ 127\.0\.0\.0:0 .* UDP .* www\.cdn\.example\/IN\/A/.test(line)).length,
    CLIENTS.length,
  );
  assert.equal(frames.filter((line) => / AR .* TCP .* cdn\.example\/IN\/SOA/.test(line)).length, 1);
});

test('a collector takes the frames over a socket, also one that comes later', async (t) => {
  if (String((await runTool('fstrm_capture', ['-h'])).code) === 'ENOENT')
    return t.skip('no fstrm_capture on this machine');
  const open = opened(t);
  const folder = open.folder();
  const log = 'log: { queries: { oneOf: 1, addresses: full, dnstap: { socket: tap.sock } } }';
  const server = await open.program(['serve', '--config', writeConfig(folder, log)]);
  await askAll(server);
  const captured = join(folder, 'captured.tap');
  const args = ['-t', 'protobuf:dnstap.Dnstap', '-u', join(folder, 'tap.sock'), '-w', captured];
  const collector = spawn('fstrm_capture', args, { stdio: 'ignore' });
  const ended = new Promise((resolve) => collector.once('exit', resolve));
  open.closeLater(() => collector.kill('SIGKILL'));
  await until(
    async () => server.output(),
    (text) => text.includes('takes frames again'),
    12_000,
  );
  await askAll(server);
  await sleep(500);
  await server.end();
  collector.kill('SIGTERM');
  await ended;
  const { code, out, err } = await runTool('dnstap-read', [captured]);
  assert.equal(code, 0, err);
  const queries = out.split('\n').filter((line) => / AQ 127\.0\.0\.1:[1-9]\d* /.test(line));
  assert.equal(queries.length, CLIENTS.length + 2, out);
});
