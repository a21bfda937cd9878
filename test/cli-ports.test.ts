import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { OperatorError } from '../src/base/errors.ts';
import { tryListen, type WantedPort } from '../src/server/try-listen.ts';
import { runCli } from './helpers/cli.ts';

/** Ports that another program has: every command says so before it starts anything, all of them at once. */

const HOST = '127.0.0.1';
/** Of FRA in the demo. */
const POP_HOSTS = ['127.64.1.1', '127.64.1.2'];
const closes: (() => void)[] = [];
const folder = mkdtempSync(join(tmpdir(), 'isochrone-ports-'));
const config = join(folder, 'isochrone.yaml');
/** By what it is for. */
const port = { dns: 0, admin: 0, ingest: 0, pop: 0, dot: 0, doh: 0, udp: 0 };

async function takeTcp(host: string, wanted = 0): Promise<number> {
  const server = createServer().listen(wanted, host);
  await once(server, 'listening');
  closes.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function takeUdp(): Promise<number> {
  const socket = createSocket('udp4').bind(0, HOST);
  await once(socket, 'listening');
  closes.push(() => socket.close());
  return socket.address().port;
}

before(async () => {
  for (const name of ['dns', 'admin', 'ingest', 'dot', 'doh'] as const) port[name] = await takeTcp(HOST);
  port.udp = await takeUdp();
  const [first = '', second = ''] = POP_HOSTS;
  port.pop = await takeTcp(first);
  await takeTcp(second, port.pop);
  const listen = `dns: ['${HOST}:${port.udp}'], admin: '${HOST}:${port.admin}'`;
  const more = `ingest: '${HOST}:${port.ingest}', dot: ['${HOST}:${port.dot}'], doh: ['${HOST}:${port.doh}']`;
  const pops = [
    'pops:',
    '  - { code: FRA, city: F, country: DE, region: eu, latitude: 50, longitude: 8, capacityRps: 9,',
    `      links: [{ transit: t, capacityMbps: 9, ipv4: ${first} },`,
    `              { transit: u, capacityMbps: 9, ipv4: ${second} }] }`,
  ];
  writeFileSync(join(folder, 'e.zone'), '@ SOA ns. h. 1 1 1 1 1\n@ NS ns.example.net.\n');
  writeFileSync(
    config,
    [
      `listen: { ${listen}, ${more} }`,
      `store: redis://${HOST}:1`,
      `zones: [{ origin: example, file: e.zone }]`,
      `services: { shop: { https: { port: ${port.pop} } } }`,
      ...pops,
    ].join('\n'),
  );
});
after(() => {
  for (const close of closes) close();
  rmSync(folder, { recursive: true, force: true });
});

const others = (choose: string): string => `or choose another with ${choose}`;
/** Lines of the error: who wants which port, and how another is chosen. */
const CASES: readonly (readonly [line: () => string, ...expected: (() => readonly [string, string])[]])[] = [
  [
    () =>
      `up --port ${port.dns} --admin-port ${port.admin} --pop-port ${port.pop} ` +
      `--ingest-listen ${HOST}:${port.ingest}`,
    () => [`--port ${HOST}:${port.dns}/tcp`, others('--port or listen.dns')],
    () => [`--admin-port ${HOST}:${port.admin}/tcp`, others('--admin-port or listen.admin')],
    () => [`--ingest-listen ${HOST}:${port.ingest}/tcp`, others('--ingest-listen or listen.ingest')],
    () => [
      `--pop-port 127.64.1.1:${port.pop}/tcp and 1 other addresses`,
      others('--pop-port or services.web'),
    ],
  ],
  [
    () => `serve --config ${config}`,
    () => [`listen.dns ${HOST}:${port.udp}/udp`, `ss -lnpu 'sport = :${port.udp}'`],
    () => [`listen.dot ${HOST}:${port.dot}/tcp`, others('--dot-port or listen.dot')],
    () => [`listen.doh ${HOST}:${port.doh}/tcp`, others('--doh-port or listen.doh')],
    () => [`listen.admin ${HOST}:${port.admin}/tcp`, others('--admin-port or listen.admin')],
    () => [`listen.ingest ${HOST}:${port.ingest}/tcp`, others('--ingest-listen or listen.ingest')],
  ],
  [
    () => `control --config ${config} --ingest-listen off`,
    () => [`listen.admin ${HOST}:${port.admin}/tcp`, `ss -lnpt 'sport = :${port.admin}'`],
  ],
  [
    () => `pop FRA --config ${config} --admin-port ${port.admin}`,
    () => [`--admin-port ${HOST}:${port.admin}/tcp`, others('--admin-port')],
    () => [
      `services.shop.https.port 127.64.1.1:${port.pop}/tcp and 1 other addresses`,
      others('--port or services.shop.https.port'),
    ],
  ],
];

test('ports that others have: each command names all, with the flag or key that asks for them', async () => {
  for (const [line, ...expected] of CASES) {
    const begunMs = performance.now();
    const { code, out, err } = await runCli(...line().split(' '), '--state', folder);
    assert.deepEqual([code, out], [1, ''], `${line()}: ${err}`);
    const lines = err.trimEnd().split('\n');
    assert.equal(lines.filter((text) => text.includes('another program has')).length, expected.length, err);
    for (const [at, words] of expected.map((make) => make()))
      assert.ok(
        lines.some((text) => text.includes(`${at}: `) && text.includes(words)),
        `${at} ${words}\n${err}`,
      );
    assert.ok(performance.now() - begunMs < 5_000, 'nothing was started first');
  }
});

const wanted = (listen: string, rest: Partial<WantedPort> = {}): WantedPort => {
  const [, host = '', text = ''] = /^(.*):(\d+)$/.exec(listen) ?? [];
  return {
    listen: { host, port: Number(text) },
    transport: 'tcp',
    by: `by ${listen}`,
    choose: 'a flag',
    ...rest,
  };
};

test('what can be had can be had twice; what is wanted twice, or is no address, is told', async () => {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port: free } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const fine = [
    wanted(`${HOST}:${free}`),
    wanted(`${HOST}:${free}`, { transport: 'udp' }),
    wanted(`:::${free}`),
  ];
  const any = [wanted(`${HOST}:0`), wanted(`${HOST}:0`)];
  for (let i = 0; i < 3; i++) await tryListen([...fine, ...any]);

  for (const [list, code, ...words] of [
    [[wanted(`${HOST}:${free}`), wanted(`0.0.0.0:${free}`)], 'bad-config', /by 0.* by 127.*is the same/],
    [[wanted(`:::${free}`, { isDual: true }), wanted(`${HOST}:${free}`)], 'bad-config', /is the same/],
    [[wanted(`192.0.2.1:${free}`)], 'bad-config', /^by 192.*no interface of this machine has this address/],
    [
      [wanted(`192.0.2.1:${free}`), wanted(`${HOST}:${port.udp}`, { transport: 'udp' })],
      'port-in-use',
      /no interface/,
      /another program/,
    ],
  ] as const)
    await assert.rejects(tryListen(list), (error) => {
      assert.ok(error instanceof OperatorError, String(error));
      assert.deepEqual([error.code, error.problems.length], [code, words.length]);
      for (const pattern of words) assert.match(error.message, new RegExp(pattern.source, 'm'));
      return true;
    });
});
