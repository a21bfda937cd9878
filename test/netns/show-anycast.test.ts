import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runTool, until } from '../helpers/program.ts';
import { makeNet, type Net, netnsMissing } from './net.ts';
import { startRole } from './roles.ts';

/**
 * A name server with BIRD beside it, as deploy/bird has both, and a router that hears of its anycast
 * addresses by BGP, and asks it there. Part of `npm run test:netns`.
 */

const DEPLOY = fileURLToPath(new URL('../../deploy/bird/', import.meta.url));
const ANYCAST = ['198.51.100.53/32', '2001:db8:53::53/128'] as const;
const NAME = 'ns.edge.example';
/** Five good looks or three bad ones, each of which may take two seconds, and what BGP needs. */
const NEWS_MS = 20_000;

const PEER = `
router id 192.0.2.254;
protocol device { scan time 1; }
protocol kernel { ipv4 { export all; }; }
protocol kernel { ipv6 { export all; }; }
template bgp site { local as 64511; passive; }
protocol bgp site4 from site { neighbor 192.0.2.1 as 64512; ipv4 { import all; export none; }; }
protocol bgp site6 from site { neighbor 2001:db8:0:1::1 as 64512; ipv6 { import all; export none; }; }
`;

const CONFIG = `
listen: { dns: ["0.0.0.0:53", "[::]:53"], admin: 127.0.0.1:5380 }
zones: [{ origin: edge.example, file: zone }]
services: { web: {} }
pops:
  - { code: FRA, city: F, country: DE, region: eu, latitude: 50.03, longitude: 8.57, capacityRps: 1000,
      links: [{ transit: one, capacityMbps: 1000, ipv4: 192.0.2.10 }] }
`;
const ZONE = '@ 60 SOA ns h 1 60 60 60 60\n@ 60 NS ns\nns 60 A 198.51.100.53\nwww 60 STEER web\n';

/** A wire between both hosts. */
async function wire(net: Net): Promise<void> {
  const here = (host: string, ...args: string[]) => net.run(host, 'ip', args);
  const peer = `isonet${process.pid}-peer`;
  await here('site', 'link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'wire', 'netns', peer);
  for (const [host, end] of [
    ['site', '1'],
    ['peer', 'fe'],
  ] as const) {
    await here(host, 'addr', 'add', `192.0.2.${end === '1' ? '1' : '254'}/24`, 'dev', 'wire');
    await here(host, 'addr', 'add', `2001:db8:0:1::${end}/64`, 'dev', 'wire', 'nodad');
    await here(host, 'link', 'set', 'wire', 'up');
  }
}

test('anycast addresses are announced while the name server is ready, and no longer', async (t) => {
  const missing = netnsMissing();
  if (missing !== undefined) return t.skip(missing);
  if (String((await runTool('bird', ['--version'])).code) === 'ENOENT') return t.skip('no bird (bird2) here');
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-anycast-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries({ 'peer.conf': PEER, 'site.yaml': CONFIG, zone: ZONE }))
    writeFileSync(join(folder, name), text);
  const net = await makeNet([
    { name: 'site', address: '198.18.11.10' },
    { name: 'peer', address: '198.18.12.10' },
  ]);
  t.after(() => net.close());
  await wire(net);
  const confs = { site: join(DEPLOY, 'bird.conf'), peer: join(folder, 'peer.conf') };
  for (const [host, conf] of Object.entries(confs))
    net.start(host, 'bird', ['-f', '-c', conf, '-s', join(folder, `${host}.ctl`)]).stderr.resume();
  const announcer = net.start('site', join(DEPLOY, 'announce.sh'), ANYCAST);
  let said = '';
  for (const stream of [announcer.stdout, announcer.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  const routes = async (): Promise<string[]> => {
    const all = await Promise.all(
      ANYCAST.map((to) =>
        net.run('peer', 'ip', [to.includes('::') ? '-6' : '-4', 'route', 'show', 'exact', to]),
      ),
    );
    return all.map(({ out }) => /via (\S+)/.exec(out)?.[1] ?? 'none');
  };
  const asked = async (): Promise<string[]> => {
    const all = ANYCAST.map(async (to) => {
      const at = `@${to.split('/')[0]}`;
      const { out } = await net.run('peer', 'dig', [at, NAME, '+short', '+time=1', '+tries=1']);
      return out.startsWith('198.51.100.53') ? 'answered' : 'silent';
    });
    return Promise.all(all);
  };
  const routed = async (want: readonly string[]): Promise<void> => {
    const { ms, value, held } = await until(routes, (now) => now.join() === want.join(), NEWS_MS);
    assert.ok(held, `${value.join(', ')} in place of ${want.join(', ')}`);
    t.diagnostic(`routes ${want.join(', ')} after ${Math.round(ms)} ms`);
  };
  const start = () =>
    startRole(net, 'site', [
      'serve',
      '--config',
      join(folder, 'site.yaml'),
      '--state',
      join(folder, 'state'),
    ]);
  const server = await start();
  await routed(['192.0.2.1', '2001:db8:0:1::1']);
  assert.deepEqual(await asked(), ['answered', 'answered']);
  server.kill('SIGKILL');
  await routed(['none', 'none']);
  assert.deepEqual(await asked(), ['silent', 'silent']);
  await start();
  await routed(['192.0.2.1', '2001:db8:0:1::1']);
  announcer.kill('SIGTERM');
  await routed(['none', 'none']);
  const [on, off] = [`announced: ${ANYCAST.join(' ')}\n`, `withdrawn: ${ANYCAST.join(' ')}\n`];
  // The first looks, before the name server was up, found it not ready.
  assert.equal(said.replace(off, ''), `${on}${off}${on}${off}`.replace(said.startsWith(off) ? '' : off, ''));
});
