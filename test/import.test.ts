import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { loadConfig } from '../src/config/config.ts';
import { runCli } from './helpers/cli.ts';

const root = mkdtempSync(join(tmpdir(), 'isochrone-import-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** Writes files into a folder of its own, and gives its path. */
function folderOf(name: string, files: Readonly<Record<string, string>>): string {
  for (const [path, text] of Object.entries(files)) {
    const file = join(root, name, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return join(root, name);
}

const ZONE = '$TTL 300\n; a comment\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n';

test('bind: primary zones, includes and $GENERATE are carried over, views are listed', async () => {
  const folder = folderOf('bind', {
    'named.conf': `// of the main file
acl inside { 10/8; };
options { directory "/nowhere"; listen-on { any; }; };
key "move" { algorithm hmac-sha256; secret "c2VjcmV0c2VjcmV0c2VjcmV0"; };
primaries others { 192.0.2.9 port 5353 key move; 2001:db8::9; };
include "more.conf";
zone "." { type hint; file "root.hints"; };
view "internal" { match-clients { inside; }; zone "split.example" { type master; file "x"; }; };
`,
    'more.conf': `/* an
 included file */
zone "good.example" IN { type master; file "zones/good"; also-notify { 192.0.2.1; };
  allow-transfer { key move; inside; !192.0.2.7; }; allow-update { none; }; };
zone "gen.example" { type primary; file "zones/gen"; };
zone "sec.example" { type slave; file "zones/sec"; masters { others; }; };
zone "bad.example" { type master; file "zones/bad"; };
`,
    'zones/good': ZONE,
    'zones/gen': [
      `${ZONE}$GENERATE 1-3 host-$ A 192.0.2.$`,
      `$GENERATE 10-11 h$\{0,4,x} CNAME host-1`,
      '@ MX ten mail\n',
    ].join('\n'),
    'zones/bad': `${ZONE}x A 192.0.2.999\ny CNAME ns\ny A 192.0.2.4\n`,
  });
  const out = join(folder, 'out');
  const { code, out: said } = await runCli('import', 'bind', join(folder, 'named.conf'), '--out', out);
  assert.equal(code, 0, said);
  assert.equal(readFileSync(join(out, 'zones/good.example.zone'), 'utf8'), ZONE, 'as it was');
  const made = readFileSync(join(out, 'zones/gen.example.zone'), 'utf8');
  assert.match(made, /^host-3\.gen\.example\. 300 IN A 192\.0\.2\.3$/m);
  assert.match(made, /^h000b\.gen\.example\. 300 IN CNAME host-1\.gen\.example\.$/m);
  for (const pattern of [
    /named\.conf:3: lost: listen-on/,
    /named\.conf:7: lost: zone \.: type hint is of a resolver/,
    /named\.conf:8: lost: view internal: all clients/,
    /named\.conf:8: lost: zone split\.example of view internal/,
    /more\.conf:4: lost: allow-update of zone good\.example: .*dynamic updates are refused/,
    /zones\/gen:8: lost: a record: .*"ten"/,
    /zones\/bad:6: lost: a record: .*"192\.0\.2\.999"/,
    /zones\/bad:7: lost: a record: y\.bad\.example\. has CNAME and A/,
  ])
    assert.match(said, pattern);
  const config = loadConfig({
    text: readFileSync(join(out, 'isochrone.yaml'), 'utf8'),
    file: join(out, 'isochrone.yaml'),
    read: (path) => readFileSync(path, 'utf8'),
  });
  const by = new Map(config.transfers.map(({ zone, transfer }) => [zone.origin, transfer]));
  assert.deepEqual(by.get('sec.example')?.primary, [
    { host: '192.0.2.9', port: 5353, key: 'move' },
    { host: '2001:db8::9', port: 53 },
  ]);
  assert.deepEqual(by.get('good.example')?.notify, [{ host: '192.0.2.1', port: 53 }]);
  assert.deepEqual(by.get('good.example')?.allow.keys, ['move']);
  assert.equal(by.get('gen.example'), undefined);
  assert.deepEqual(
    config.keys.map(({ name, algorithm }) => [name, algorithm]),
    [['move', 'hmac-sha256']],
  );
  const again = await runCli('import', 'bind', join(folder, 'named.conf'), '--out', out);
  assert.equal(again.code, 2);
  assert.match(again.err, /nothing is overwritten/);
});

test('what is no configuration is told of, with its line; nothing stands half done', async () => {
  const broken = folderOf('broken', {
    config: 'plugins => { simplefo => { a => { primary 192.0.2.1 } }\n',
    'zones/a.example': `${ZONE}www DYNA simplefo!a\nx DYNA nobody!b\n`,
    'records.json': '{ "ResourceRecordSets": [ { "Name": "a.example." } ]\n',
  });
  const gdnsd = await runCli('import', 'gdnsd', broken, '--out', join(broken, 'out'));
  assert.match(gdnsd.out, /config:1: lost: primary 192\.0\.2\.1: it is not KEY => VALUE/);
  assert.match(gdnsd.out, /config:2: lost: the rest of the file: its brackets do not match/);
  assert.match(gdnsd.out, /a\.example:6: lost: DYNA simplefo!a: there is no such resource/);
  assert.match(gdnsd.out, /a\.example:7: lost: DYNA nobody!b/);
  const json = await runCli('import', 'route53', join(broken, 'records.json'), '--out', join(broken, 'o2'));
  assert.equal(json.code, 1);
  assert.match(json.out, /records\.json:\d: lost: the file: /);
  const missing = await runCli('import', 'bind', join(broken, 'none.conf'), '--out', join(broken, 'o3'));
  assert.equal(missing.code, 1);
  assert.match(missing.err, /no such file/);
  assert.ok(!existsSync(join(broken, 'o3')));
  const unknown = await runCli('import', 'djbdns', broken);
  assert.equal(unknown.code, 2);
  assert.match(unknown.err, /one of gdnsd, bind and route53/);
});

/** The manual pages that gdnsd's packages install: each begins with an example of its plugin. */
const MANUAL = '/usr/share/man/man8';
const PLUGINS = ['geoip', 'metafo', 'multifo', 'simplefo', 'weighted', 'static', 'null', 'reflect'];
const TYPES = 'service_types => { www => { plugin => tcp_connect, port => 80 } }';
const pages = PLUGINS.map((plugin) => join(MANUAL, `gdnsd-plugin-${plugin}.8.gz`));

test("gdnsd's own examples, in its manual pages, are carried over", async (t) => {
  if (!pages.every((page) => existsSync(page))) return t.skip('the manual pages of gdnsd are not here');
  const configs: string[] = [];
  const records: string[] = [];
  for (const page of pages) {
    const text = execFileSync('gzip', ['-dc', page], { encoding: 'utf8' });
    const [example = ''] = /\.SH "?SYNOPSIS[\s\S]*?\.SH "?DESCRIPTION/.exec(text) ?? [];
    for (const [, block = ''] of example.matchAll(/\.Vb \d+\n([\s\S]*?)\.Ve/g)) {
      const plain = block.replace(/^\\&/gm, '').replaceAll('\\-', '-').replaceAll('\\e', '\\');
      const body = /^\s*plugins => \{([\s\S]*)\}\s*$/.exec(plain)?.[1];
      if (body !== undefined) configs.push(body);
      else records.push(...plain.split('\n').filter((line) => /\bDYN[AC]\b/.test(line)));
    }
  }
  // Examples of service types stand where plugins are: they need none.
  assert.ok(configs.length >= 5 && records.length >= 20, `${configs.length}, ${records.length}`);
  const owners = records.map((line, i) => line.trim().replace(/^\S+/, `r${i}`));
  const folder = folderOf('manual', {
    config: `${TYPES}\nplugins => {\n${configs.join('\n')}\n}\n`,
    'zones/example.com': `${ZONE}${owners.join('\n')}\n`,
  });
  const out = join(folder, 'out');
  const { code, out: said } = await runCli('import', 'gdnsd', folder, '--out', out, '--json');
  assert.equal(code, 0, said);
  const { services, pops } = JSON.parse(said) as { services: number; pops: number };
  assert.ok(services >= 15 && pops >= 25, `${services} services, ${pops} POPs`);
  const zone = readFileSync(join(out, 'zones/example.com.zone'), 'utf8');
  const kept = records.filter((_, i) => new RegExp(`^r${i}\\.example\\.com\\. `, 'm').test(zone)).length;
  // All but those of `reflect`.
  assert.equal(
    kept,
    records.filter((line) => !/\breflect\b/.test(line)).length,
    `${kept} of ${records.length}: ${said}`,
  );
});
