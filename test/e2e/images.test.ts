import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  openSync,
  readFileSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { IMAGE_HEADER } from '../../src/base/image-file.ts';
import { dig, type Program, runProgram } from '../helpers/program.ts';
import { smallGeo } from '../helpers/small-geo.ts';
import { opened } from './steps.ts';

/** Images on disk: used when they are good, made anew with a word why when they are not. */

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What the `ready` line says of an image. */
interface Ready {
  readonly zones: { readonly origin: string; readonly zones: number; readonly names: number };
  readonly clients: { readonly origin: string; readonly ranges: number };
}

function readyOf(program: Program): Ready {
  const line =
    program
      .output()
      .split('\n')
      .find((one) => one.startsWith('{"ready"')) ?? '{}';
  return (JSON.parse(line) as { ready: Ready }).ready;
}

/** A folder with a configuration of two zones and small databases of its own. */
function writeConfig(folder: string, zones = '[{ dir: zones }]'): string {
  mkdirSync(join(folder, 'zones'), { recursive: true });
  writeZone(folder, 'a.test', 'www STEER edge\nplain A 192.0.2.77\n');
  writeZone(folder, 'b.test', '$INCLUDE part.inc\n');
  writeFileSync(join(folder, 'zones/part.inc'), 'plain A 192.0.2.78\n');
  const edge = readFileSync(join(root, 'test/bench/edge.yaml'), 'utf8');
  const text = edge.replace(/zones:\n.*\n/, `zones: ${zones}\n`);
  assert.notEqual(text, edge);
  const file = join(folder, 'isochrone.yaml');
  writeFileSync(file, `${text}\ngeo: ${smallGeo(folder)}\n`);
  return file;
}

function writeZone(folder: string, origin: string, records: string): void {
  const head = '@ 300 SOA ns1 hostmaster 1 7200 900 1209600 300\n@ 300 NS ns1\nns1 300 A 192.0.2.53\n';
  writeFileSync(join(folder, `zones/${origin}.zone`), head + records);
}

test('the second start uses the files; what is damaged or changed is made anew, and said', async (t) => {
  const { program, folder } = opened(t);
  const own = folder();
  const state = join(own, 'state');
  const config = writeConfig(own);
  const start = () => program(['serve', '--config', config, '--workers', '1'], { state });
  const first = await start();
  assert.deepEqual([readyOf(first).zones.origin, readyOf(first).clients.origin], ['sources', 'sources']);
  assert.deepEqual([readyOf(first).zones.zones, readyOf(first).zones.names], [2, 7]);
  assert.deepEqual(await dig(first.port, 'plain.a.test'), ['192.0.2.77']);
  assert.deepEqual(await dig(first.port, 'plain.b.test'), ['192.0.2.78']);
  assert.deepEqual(await dig(first.port, 'www.a.test', '+subnet=10.0.0.0/8'), ['192.0.2.2']);
  assert.equal(await first.end(), 0);

  const second = await start();
  assert.deepEqual([readyOf(second).zones.origin, readyOf(second).clients.origin], ['file', 'file']);
  assert.deepEqual(await dig(second.port, 'plain.b.test'), ['192.0.2.78']);
  assert.deepEqual(await dig(second.port, 'www.a.test', '+subnet=10.0.0.0/8'), ['192.0.2.2']);
  assert.equal(await second.end(), 0);

  const zones = join(state, 'zones.image');
  const clients = join(state, 'clients.image');
  flip(zones, 100);
  truncateSync(clients, 5000);
  const third = await start();
  assert.deepEqual([readyOf(third).zones.origin, readyOf(third).clients.origin], ['sources', 'sources']);
  assert.match(
    third.output(),
    /zones\.image is not used: damaged: the checksum differs; made anew from the zone files/,
  );
  assert.match(
    third.output(),
    /clients\.image is not used: 5000 octets long, its header says \d+; made anew/,
  );
  assert.deepEqual(await dig(third.port, 'plain.a.test'), ['192.0.2.77']);
  assert.equal(await third.end(), 0);

  flip(zones, IMAGE_HEADER.VERSION);
  writeFileSync(join(own, 'zones/part.inc'), 'plain A 192.0.2.79\n');
  const fourth = await start();
  assert.match(fourth.output(), /zones\.image is not used: format version \d+, this program reads \d+; made/);
  assert.deepEqual(await dig(fourth.port, 'plain.b.test'), ['192.0.2.79']);
  assert.equal(readyOf(fourth).clients.origin, 'file');
  assert.equal(await fourth.end(), 0);

  // An included file and a zone more: both change what the image is made from.
  writeFileSync(join(own, 'zones/part.inc'), 'plain A 192.0.2.80\n');
  utimesSync(join(own, 'zones/part.inc'), 1e9, 1e9);
  const fifth = await start();
  assert.match(
    fifth.output(),
    /zones\.image is out of date: the zone files or the program changed since; made/,
  );
  assert.deepEqual(await dig(fifth.port, 'plain.b.test'), ['192.0.2.80']);
  assert.equal(await fifth.end(), 0);
  writeZone(own, 'c.test', 'plain A 192.0.2.81\n');
  const sixth = await start();
  assert.equal(readyOf(sixth).zones.zones, 3);
  assert.deepEqual(await dig(sixth.port, 'plain.c.test'), ['192.0.2.81']);
});

test('a state folder that nothing can be written to is a warning', async (t) => {
  const { program, folder } = opened(t);
  const own = folder();
  const config = writeConfig(own);
  const state = join(own, 'state');
  // A file in place of the folder stops root as well as others.
  openSync(state, 'w');
  const running = await program(['serve', '--config', config], { state });
  assert.match(
    running.output(),
    /warning: .*zones\.image cannot be written, the next start will be slower: /,
  );
  assert.match(running.output(), /warning: .*clients\.image cannot be written/);
  assert.deepEqual(await dig(running.port, 'plain.a.test'), ['192.0.2.77']);
  assert.equal(await running.end(), 0);
});

test('a broken zone keeps the program from starting, with every fault, image or not', async (t) => {
  const { program, folder } = opened(t);
  const own = folder();
  const config = writeConfig(own);
  const state = join(own, 'state');
  await (await program(['serve', '--config', config], { state })).end();
  writeZone(own, 'a.test', 'plain A 192.0.2.770\nwww STEER edgy\n');
  const ports = ['--port', '0', '--admin-port', '0', '--state', state];
  const { code, err } = await runProgram('serve', '--config', config, ...ports);
  assert.equal(code, 1);
  assert.match(err, /zones\/a\.test\.zone:4:\d+: .*192\.0\.2\.770/);
  assert.match(err, /zones\/a\.test\.zone:5: .*no service "edgy"; did you mean "edge"\?/);
  const missing = writeConfig(own, '[{ origin: a.test, file: nowhere.zone }]');
  const gone = await runProgram('serve', '--config', missing, ...ports);
  assert.match(gone.err, /isochrone\.yaml:8:\d+: cannot read the zone file ".*nowhere\.zone"/);
});

test('check opens the databases and the list of networks', async (t) => {
  const { folder } = opened(t);
  const own = folder();
  const config = writeConfig(own);
  const good = await runProgram('check', '--config', config);
  assert.match(good.out, /^good: 2 zones, 9 records: 0 errors, 0 warnings\n$/);
  writeFileSync(join(own, 'city.mmdb'), 'no database');
  writeFileSync(join(own, 'networks.csv'), 'prefix,country\n10.0.0.0/8,DE\n10.0.0.1/8,Germany\n');
  const text = readFileSync(config, 'utf8').replace(/networks:\n(?: {2}.*\n)+/, 'networks: networks.csv\n');
  writeFileSync(config, text.replace(/geo: .*\n/, 'geo: { city: city.mmdb }\n'));
  const { code, out } = await runProgram('check', '--config', config);
  assert.equal(code, 1, out);
  assert.match(out, /city\.mmdb: is not a MaxMind database/);
  assert.match(out, /networks\.csv:3: .*10\.0\.0\.0\/8.*country: "Germany" is not a country code/);
  assert.match(out, /bad: 2 zones, 9 records: 2 errors, 0 warnings\n$/);
});

/** Turns one bit over. */
function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  chmodSync(file, 0o644);
  writeFileSync(file, bytes);
}
