import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { decodeBatch } from '../../src/store/codec.ts';
import type { SampleBatch } from '../../src/store/store.ts';
import { until } from '../helpers/program.ts';
import { makeNet, type Net, type NetHost, netnsMissing } from './net.ts';
import { type Role, startRole } from './roles.ts';

/**
 * A real browser loads the example page of the demo. All of it runs in one network namespace that has the
 * address of a client in Germany, so that this is whom the listener sees.
 */

const BROWSER = '/usr/bin/chromium';
const CLIENT: NetHost = { name: 'client', address: '91.0.0.1' };
const NETWORK = '91.0.0.0/24';
const INGEST = `${CLIENT.address}:5381`;
const PAGE = 'https://127.64.1.1:8443/beacon.html';
const missing = netnsMissing() ?? (existsSync(BROWSER) ? undefined : `there is no ${BROWSER}`);
/** Texts of all batches in Redis that hold what a browser measured. */
const BEACONS = `local found = {}
for _, key in ipairs(redis.call('KEYS', '*samples*')) do
  for _, entry in ipairs(redis.call('XRANGE', key, '-', '+')) do
    for _, text in ipairs(entry[2]) do
      if string.find(text, '"beacon"', 1, true) then found[#found + 1] = text end
    end
  end
end
return found`;

let net: Net;
let demo: Role;
const folder = mkdtempSync(join(tmpdir(), 'isochrone-beacon-'));

before(async () => {
  if (missing !== undefined) return;
  net = await makeNet([CLIENT]);
  net.start('client', 'redis-server', [
    '--port',
    '6379',
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--dir',
    folder,
  ]);
  const flags = ['--store', 'redis://127.0.0.1:6379', '--state', folder, '--ingest-listen', INGEST];
  demo = await startRole(net, 'client', ['up', ...flags]);
});
after(() => {
  net?.close();
  rmSync(folder, { recursive: true, force: true });
});

test('the page posts times that arrive as samples of the sender’s network', {
  skip: missing ?? false,
}, async () => {
  const browser = net.start('client', BROWSER, [
    ...['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
    ...['--disable-component-update', '--disable-sync', '--ignore-certificate-errors'],
    ...[`--user-data-dir=${join(folder, 'browser')}`, '--remote-debugging-port=0', PAGE],
  ]);
  let said = '';
  browser.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4000);
  });
  browser.stdout.resume();
  const { value, held, ms } = await until(beaconBatches, (batches) => batches.length >= 4, 60_000);
  assert.ok(held, `${value.length} batches after ${ms} ms; the browser: ${said}; the demo: ${demo.output()}`);
  const pops = new Set(value.map(({ pop }) => pop));
  assert.equal(pops.size, 4, 'four POPs were timed');
  for (const { pop, source, samples } of value) {
    assert.equal(source, 'measured');
    for (const { network, method, sent, lost, rttMs = 0 } of samples) {
      assert.deepEqual([network, method, sent, lost], [NETWORK, 'beacon', 3, 0], pop);
      assert.ok(rttMs > 0 && rttMs < 500, `${pop}: ${rttMs} ms`);
      console.log(`${pop}: ${rttMs} ms for ${network}, ${Math.round(ms)} ms after the browser started`);
    }
  }
});

async function beaconBatches(): Promise<readonly SampleBatch[]> {
  const { out } = await net.run('client', 'redis-cli', ['-p', '6379', '--raw', 'EVAL', BEACONS, '0']);
  return out
    .split('\n')
    .map(decodeBatch)
    .filter((batch) => batch !== undefined);
}
