import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { openRedisStore } from '../src/store/redis.ts';
import type { PopReport, Sample, Store } from '../src/store/store.ts';
import { until } from './contract/harness.ts';
import { type AgentProcess, startAgentProcess } from './helpers/agent.ts';
import { runCli } from './helpers/cli.ts';
import { startRedis, withoutRedis } from './helpers/redis.ts';

/** `isochrone agent` as a process, with a real Redis, measuring addresses of this machine. */

const folder = mkdtempSync(join(tmpdir(), 'isochrone-agent-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const DEMO = readFileSync('geo-data/demo/demo.yaml', 'utf8')
  .replace('file: cdn', `file: ${resolve('geo-data/demo')}/cdn`)
  .replace('pops: ../', `pops: ${resolve('geo-data')}/`);

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

async function open(url: string): Promise<Store> {
  return openRedisStore({ url, cluster: 'isochrone', pops: ['FRA', 'AMS'] });
}

async function samplesOf(store: Store): Promise<Sample[]> {
  const { batches } = await store.readSamples('', 10_000);
  for (const { pop, source } of batches) assert.deepEqual([pop, source], ['FRA', 'measured']);
  return batches.flatMap(({ samples }) => samples);
}

async function reportOf(store: Store): Promise<PopReport | undefined> {
  return (await store.reports()).find(({ pop }) => pop === 'FRA');
}

async function stopAfter(t: TestContext, agent: AgentProcess): Promise<void> {
  t.after(() => agent.end());
}

async function metric(agent: AgentProcess, name: string): Promise<number> {
  const page = await (await fetch(`${agent.ready.admin}/metrics`)).text();
  const line = page.split('\n').find((one) => one.startsWith(`isochrone_agent_${name} `));
  assert.ok(line !== undefined, `${name} is among the metrics`);
  return Number(line.split(' ')[1]);
}

const skip = withoutRedis();

test('it measures what is wanted by several ways, and says of whom it knows no address', {
  skip,
}, async (t) => {
  const server = createServer();
  server.listen(0, '0.0.0.0');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const targets = `network,address,method,port
127.0.1.0/24,127.0.1.1,icmp,
127.0.2.0/24,127.0.2.1,tcp,${port}
`;
  write('targets.csv', targets);
  write('optout.txt', '# wants none\n127.0.4.0/25\n');
  const measure = 'measure: { targets: targets.csv, optOut: optout.txt, contact: noc@example.com }\n';
  const config = write('isochrone.yaml', DEMO + measure);
  const redis = await startRedis();
  t.after(redis.stop);
  const agent = await startAgentProcess('--pop', 'fra', '--config', config, '--store', redis.url);
  await stopAfter(t, agent);
  const { pop, connected, targets: known } = agent.ready;
  assert.deepEqual([pop, connected, known], ['FRA', true, 2]);
  const store = await open(redis.url);
  t.after(() => store.close());
  await store.putTargets(
    new Map([
      [
        'FRA',
        [
          { network: '127.0.1.0/24' },
          { network: '127.0.2.0/24' },
          { network: '127.0.3.0/24', address: '127.0.3.1', method: 'tcp', port },
          { network: '127.0.4.0/24', address: '127.0.4.1', method: 'tcp', port },
          { network: '127.0.5.0/24' },
        ],
      ],
    ]),
  );
  await until(async () => (await samplesOf(store)).length === 3, 'three networks are measured');
  const samples = new Map((await samplesOf(store)).map((sample) => [sample.network, sample]));
  const icmp = agent.ready.declined.length === 0 ? 'icmp' : 'tcp';
  const methods = ['127.0.1.0/24', '127.0.2.0/24', '127.0.3.0/24'].map((one) => samples.get(one)?.method);
  assert.deepEqual(methods, [icmp, 'tcp', 'tcp']);
  for (const { rttMs, jitterMs, sent, lost } of samples.values()) {
    assert.ok(rttMs !== undefined && rttMs > 0 && rttMs < 100, `${rttMs}`);
    assert.ok(jitterMs !== undefined && jitterMs >= 0);
    assert.deepEqual([sent, lost], [3, 0]);
  }
  assert.equal(await metric(agent, 'bursts_total'), 3);
  assert.equal(await metric(agent, 'samples_total{way="tcp"}'), icmp === 'tcp' ? 3 : 2);
  assert.deepEqual([await metric(agent, 'pings_total'), await metric(agent, 'pings_lost_total')], [9, 0]);
  for (const last of ['last_batch', 'last_report']) {
    const atMs = 1000 * (await metric(agent, `${last}_timestamp_seconds`));
    assert.ok(Math.abs(Date.now() - atMs) < 60_000, `${last}: ${atMs}`);
  }
  await until(async () => (await metric(agent, 'unknown_targets_total')) === 1, 'one has no address');
  const optedOut = 'held_back_bursts_total{reason="opted-out"}';
  await until(async () => (await metric(agent, optedOut)) === 1, 'one wants none');
  const { code, tookMs } = await agent.end();
  assert.equal(code, 0);
  // Within a second; twice that on a machine that does other things as well.
  assert.ok(tookMs < 2000, `it ended after ${tookMs} ms`);
});

test('it reports load, links, connections and a wish for a drain; clients measure their own', {
  skip,
}, async (t) => {
  let requests = 0;
  const exporter = createHttp((_, response) => {
    requests += 500;
    response.end(`# TYPE hits counter
hits_total{host="a",code="200"} ${requests}
hits_total{host="b",code="200"} 7
`);
  });
  exporter.listen(0, '127.0.0.1');
  const service = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  service.listen(0, '0.0.0.0');
  await Promise.all([once(exporter, 'listening'), once(service, 'listening')]);
  t.after(() => {
    exporter.close();
    service.close();
  });
  const { port } = service.address() as AddressInfo;
  const url = `http://127.0.0.1:${(exporter.address() as AddressInfo).port}/metrics`;
  const client = connect({ port, host: '127.0.0.1', localAddress: '127.9.8.7' });
  t.after(() => client.destroy());
  await once(client, 'connect');
  const redis = await startRedis();
  t.after(redis.stop);
  const drainFile = join(folder, 'drain');
  const agent = await startAgentProcess(
    ...['--pop', 'FRA', '--store', redis.url, '--passive', String(port), '--link', 'FRA-a=lo:1000'],
    ...['--exporter', url, '--requests', 'hits_total{host="a"}', '--capacity', '900'],
    ...['--drain-file', drainFile, '--admin-port', '127.0.0.2:0'],
  );
  assert.match(agent.ready.admin, /^http:\/\/127\.0\.0\.2:\d+$/);
  await stopAfter(t, agent);
  const store = await open(redis.url);
  t.after(() => store.close());
  const chatter = setInterval(() => client.write('x'.repeat(50_000)), 100);
  t.after(() => clearInterval(chatter));
  client.resume();
  await until(async () => ((await reportOf(store))?.loadRps ?? 0) > 20, 'the load is that of the exporter');
  const report = await reportOf(store);
  assert.ok(report !== undefined && report.loadRps > 20 && report.loadRps < 400, `${report?.loadRps}`);
  const { capacityRps, healthy, source, cpu = -1, connections, drain, links } = report;
  assert.deepEqual([capacityRps, healthy, source, connections, drain], [900, true, 'measured', 1, undefined]);
  assert.ok(cpu > 0 && cpu <= 1, `${cpu}`);
  assert.equal(links[0]?.id, 'FRA-a');
  assert.ok((links[0]?.throughputMbps ?? 0) > 0.1 && links[0]?.capacityMbps === 1000);
  await until(async () => (await samplesOf(store)).length >= 1, 'the connection is a sample');
  const [sample] = await samplesOf(store);
  assert.deepEqual([sample?.network, sample?.method], ['127.9.8.0/24', 'passive']);
  const [demand] = await store.demand();
  assert.equal(demand?.network, '127.9.8.0/24');
  writeFileSync(drainFile, 'new kernel\n');
  await until(async () => (await reportOf(store))?.drain === 'new kernel', 'the wish of the file');
  rmSync(drainFile);
  await until(async () => (await reportOf(store))?.drain === undefined, 'and no more');
  agent.signal('SIGUSR1');
  await until(async () => (await reportOf(store))?.drain === 'its host wishes it', 'the wish of the signal');
});

test('campaigns come at their times; while the store is away samples wait, and all come', {
  skip,
}, async (t) => {
  const rows = Array.from({ length: 20 }, (_, i) => `127.2.${i}.1`).join('\n');
  write('all.csv', `address\n${rows}\n`);
  const measure = `measure:
  targets: all.csv
  burstsPerSecond: 1000
  gapMs: 5
  campaigns: [{ cron: "*/2 * * * * *", method: tcp, networks: all, pings: 2 }]
`;
  const config = write('campaigns.yaml', DEMO + measure);
  const redis = await startRedis();
  t.after(redis.stop);
  const agent = await startAgentProcess('--pop', 'FRA', '--config', config, '--store', redis.url);
  await stopAfter(t, agent);
  const store = await open(redis.url);
  t.after(() => store.close());
  await until(async () => (await samplesOf(store)).length >= 20, 'a campaign reaches every network');
  const sample = (await samplesOf(store))[0];
  assert.deepEqual([sample?.sent, sample?.lost, sample?.method], [2, 0, 'tcp'], 'a reset is an answer');
  await redis.kill('SIGKILL');
  const before = await metric(agent, 'sent_batches_total');
  await until(async () => (await metric(agent, 'waiting_batches')) >= 2, 'batches wait');
  assert.match(agent.output(), /cannot be reached: samples wait here, the newest 1000 batches/);
  const waiting = await metric(agent, 'waiting_batches');
  await redis.start();
  await until(async () => (await metric(agent, 'sent_batches_total')) >= before + waiting, 'they come');
  assert.equal(await metric(agent, 'dropped_batches_total'), 0);
  assert.match(agent.output(), /is back: \d+ batches waited, 0 were dropped/);
});

test('what is wrong with flags and files is said at once, each with its place', async () => {
  const flags = [
    '--pop',
    'FRX',
    '--passive',
    'http',
    '--link',
    'FRA-a',
    '--method',
    'smoke',
    '--requests',
    'x',
  ];
  const wrong = await runCli('agent', ...flags, '--store', 'redis://127.0.0.1:1');
  assert.equal(wrong.code, 2);
  for (const text of ['no POP "FRX"', '--passive "http"', '--link "FRA-a"', '--method "smoke"', '--requests'])
    assert.ok(wrong.err.includes(text), `${text} in ${wrong.err}`);
  for (const [port, says] of [
    ['99999', '"99999" is not a port'],
    ['1.2.3:5390', '"1.2.3:5390" is not ADDRESS:PORT'],
  ] as const)
    for (const role of [['agent', '--pop', 'FRA'], ['pop']]) {
      const { code, err } = await runCli(...role, '--admin-port', port, '--store', 'redis://127.0.0.1:1');
      assert.equal(code, 2);
      assert.equal(err.split('--admin-port').length, 2, 'said once');
      assert.ok(err.includes(`--admin-port ${says}`), err);
    }
  assert.match((await runCli('agent')).err, /missing: --pop CODE/);
  assert.match((await runCli('agent', '--pop', 'FRA')).err, /needs a store that others see/);
  write(
    'bad.csv',
    `network,address,method,port,extra
1.2.3.0/24,1.2.3.4,tcp,80,
`,
  );
  write(
    'worse.csv',
    'network,address,method,port\n1.2.3.0/24,1.2.4.4,tcp,80\n,nowhere,smoke,0\n1.2.3.0/25,1.2.3.4,,\n',
  );
  write('bad.txt', '10.0.0.0/8\n10.0.0.1/8\n');
  const measure = `measure:
  targets: worse.csv
  optOut: bad.txt
  campaigns: [{ cron: "61 * * * *", networks: bad.csv }, { cron: "* * * * *", networks: missing.csv }]
agents: { FRX: {} }
`;
  const config = write('bad.yaml', DEMO + measure);
  const checked = await runCli('check', '--config', config);
  assert.equal(checked.code, 1);
  assert.match(checked.out, /no POP has the code "FRX"/);
  write('bad.yaml', DEMO + measure.replace(/agents.*/, ''));
  const { code, out } = await runCli('check', '--config', config);
  assert.equal(code, 1);
  for (const text of [
    'worse.csv:2: network: "1.2.3.0/24" does not hold 1.2.4.4',
    'worse.csv:3: address: "nowhere" is not an IP address; method: "smoke" is none of',
    'worse.csv:4: network: "1.2.3.0/25" is not a /24 of IPv4 or a /48 of IPv6',
    'bad.txt:2: "10.0.0.1/8" has host bits set',
    'measure.campaigns[0].cron: "61 * * * *" is no cron expression',
    'bad.csv:1: no such column: "extra"',
    'missing.csv: no such file',
  ])
    assert.ok(out.includes(text), `${text} in ${out}`);
});
