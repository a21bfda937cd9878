import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Redis } from 'ioredis';
import { openRedisStore } from '../src/store/redis.ts';
import { ACL_ROLES, type AclRole, aclRules } from '../src/store/redis-acl.ts';
import type { Store } from '../src/store/store.ts';
import { heard, until } from './contract/harness.ts';
import { reportOf } from './contract/store.ts';
import { viewOf } from './contract/store-health.ts';
import { batchAt } from './contract/store-samples.ts';
import { runCli } from './helpers/cli.ts';
import { startRedis, type TestRedis, withoutRedis } from './helpers/redis.ts';
import { makeCertificates, withoutTls } from './helpers/redis-tls.ts';

const skip = withoutRedis() || withoutTls();
const file = (name: string) => readFileSync(new URL(`../deploy/redis/${name}`, import.meta.url), 'utf8');
let redis: TestRedis;

/** The server of deploy/redis, its paths and its port changed. */
before(async () => {
  if (skip !== false) return;
  redis = await startRedis({
    conf: (folder) => {
      makeCertificates(folder);
      writeFileSync(join(folder, 'users.acl'), file('users.acl'));
      return file('redis.conf')
        .replaceAll('/etc/redis/tls/redis.', join(folder, 'leaf.'))
        .replaceAll('/etc/redis/tls/', `${folder}/`)
        .replaceAll('/etc/redis/', `${folder}/`)
        .replace(/^bind .*$/gm, '');
    },
    args: (_folder, port) => ['--port', '0', '--tls-port', String(port)],
  });
});
after(() => redis?.stop());

const address = (user: string, role: string) =>
  `rediss://${user}:change-me-${role}@localhost:${redis.port}/0?ca=${join(redis.folder, 'ca.crt')}`;
const open = (user: string, role: string) =>
  openRedisStore({ url: address(user, role), cluster: 'isochrone', pops: ['FRA', 'AMS'] });

const targets = new Map([['FRA', [{ network: '203.0.113.0/24' }]]]);
const drain = { pop: 'FRA', state: 'drain', reason: '', sinceMs: 1 } as const;

/** Every kind of call, with the roles that may make it. */
const CALLS: readonly (readonly [
  what: string,
  roles: readonly AclRole[],
  call: (store: Store) => unknown,
])[] = [
  ['append its samples', ['agent'], (store) => store.appendSamples(batchAt(1), true)],
  ['report', ['agent'], (store) => store.putReport(reportOf('FRA', false), true)],
  ['tell its demand', ['agent'], (store) => store.putDemand('FRA', [])],
  ['tell its view', ['agent'], (store) => store.putHealth(viewOf('agent:FRA', 1), true)],
  ['take its targets', ['agent'], (store) => store.takeTargets('FRA')],
  ["append another's samples", [], (store) => store.appendSamples(batchAt(1, 'AMS'))],
  ['report for another', [], (store) => store.putReport(reportOf('AMS', true))],
  ["tell another's demand", [], (store) => store.putDemand('AMS', [])],
  ["tell another agent's view", [], (store) => store.putHealth(viewOf('agent:AMS', 1), false)],
  ["take another's targets", [], (store) => store.takeTargets('AMS')],
  ['tell a view', ['control', 'serve'], (store) => store.putHealth(viewOf('ns:a:1', 1), true)],
  ['read the views', ['control', 'serve', 'operator'], (store) => store.healthViews()],
  ['read samples', ['control', 'operator'], (store) => store.readSamples('', 10)],
  ['read reports', ['control', 'serve', 'operator'], (store) => store.reports()],
  ['read demand', ['control', 'serve', 'operator'], (store) => store.demand()],
  ['take the lease', ['control'], (store) => store.takeLease('one', 5_000)],
  ['give it back', ['control'], (store) => store.releaseLease({ holder: 'one', token: 1 })],
  ['read the lease', ['control', 'serve', 'operator'], (store) => store.lease()],
  ['give targets', ['control'], (store) => store.putTargets(targets)],
  ['publish', ['control'], (store) => store.publishImage({ epoch: Date.now(), bytes: Uint8Array.of(1) })],
  ['read the epoch', ['control', 'serve', 'operator'], (store) => store.imageEpoch()],
  ['read the image', ['control', 'serve', 'operator'], (store) => store.image()],
  ['save estimates', ['control'], (store) => store.putEstimates(new Map([['world', Uint8Array.of(1)]]))],
  ['read an estimate', ['control', 'serve', 'operator'], (store) => store.estimate('world')],
  [
    'read all',
    ['control', 'serve', 'operator'],
    async (store) => {
      for await (const [cell] of store.allEstimates()) assert.ok(cell);
    },
  ],
  ['invalidate', ['control'], (store) => store.addInvalidation({ pattern: '/a' })],
  ['read invalidations', ['control', 'operator', 'agent'], (store) => store.readInvalidations('')],
  [
    'ask for its memory',
    ['control', 'serve', 'operator', 'agent'],
    async (store) => assert.equal(typeof (await store.memory()), 'object'),
  ],
  ['drain', ['control', 'operator'], (store) => store.setOverride('FRA', drain)],
  ['restore', ['control', 'operator'], (store) => store.setOverride('FRA', undefined)],
  ['read overrides', ['control', 'serve', 'operator'], (store) => store.overrides()],
  ['change the model', ['control', 'operator'], (store) => store.setModelChange('FRA', { pop: 'FRA' })],
  ['undo that', ['control', 'operator'], (store) => store.setModelChange('FRA', undefined)],
  ['read the model', ['control', 'serve', 'operator'], (store) => store.modelChanges()],
];

for (const role of ACL_ROLES.filter((one) => one !== 'up')) {
  test(`a user of role ${role} may do what that role does, and nothing else`, { skip }, async () => {
    const store = await open(`isochrone-${role}${role === 'agent' ? '-FRA' : ''}`, role);
    try {
      assert.equal(store.state().lastError, undefined);
      assert.ok(store.clockSkew() !== undefined);
      for (const [what, roles, call] of CALLS) {
        const done = Promise.resolve(call(store));
        if (roles.includes(role)) await done;
        else await assert.rejects(done, /NOPERM/, `${role} may not ${what}`);
      }
      assert.equal(store.state().connected, true);
    } finally {
      await store.close();
    }
  });
}

test("an agent's user is refused whatever is not its own, and hears of its targets", { skip }, async () => {
  const [control, agent] = [
    await open('isochrone-control', 'control'),
    await open('isochrone-agent-FRA', 'agent'),
  ];
  const raw = new Redis(address('isochrone-agent-FRA', 'agent').replace(/\?.*/, ''), {
    tls: { ca: readFileSync(join(redis.folder, 'ca.crt'), 'utf8') },
  });
  const key = (name: string) => `{isochrone}:${name}`;
  try {
    for (const command of [
      ['GET', key('report:AMS')],
      ['SET', key('lease'), '1'],
      ['SET', key('image'), '1'],
      ['XADD', key('samples:AMS'), '*', 'b', 'x'],
      ['XREAD', 'STREAMS', key('samples:FRA'), '0'],
      ['HSET', key('overrides'), 'FRA', '{}'],
      ['HGETALL', key('health')],
      ['SET', key('health:agent:AMS'), '1'],
      ['SET', key('clock'), '1'],
      ['SET', 'elsewhere', '1'],
      ['DEL', key('samples:FRA')],
      ['PUBLISH', key('nudge:image'), 'image'],
      ['EVAL', 'return 1', '0'],
      ['KEYS', '*'],
      ['CONFIG', 'GET', '*'],
      ['ACL', 'LIST'],
      ['FLUSHALL'],
      ['CLIENT', 'LIST'],
    ]) {
      const [name = '', ...rest] = command;
      await assert.rejects(raw.call(name, ...rest), /NOPERM/, command.join(' '));
    }
    const topics = heard(agent);
    await control.putTargets(targets);
    await until(() => topics.has('targets'), 'the targets are heard of');
    assert.deepEqual(await agent.takeTargets('FRA'), targets.get('FRA'));
  } finally {
    raw.disconnect();
    await Promise.all([control.close(), agent.close()]);
  }
});

test('the users of deploy/redis are those of the command', async () => {
  const lines = file('users.acl').trimEnd().split('\n');
  const user = (name: string, role: AclRole, pop = '') =>
    `user isochrone-${name} on >change-me-${role} ${aclRules(role, 'isochrone', pop)}`;
  assert.deepEqual(lines.slice(0, 5), [
    'user default off',
    ...(['control', 'serve', 'operator'] as const).map((role) => user(role, role)),
    user('agent-FRA', 'agent', 'FRA'),
  ]);
});

test('isochrone acl makes users that enter with the passwords that it tells', { skip }, async () => {
  const made = await runCli('acl', 'agent', '--pop', 'fra', '--pop', 'AMS', '--cluster', 'edge');
  assert.equal(made.code, 0, made.err);
  const [line = '', other = ''] = made.out.trimEnd().split('\n');
  assert.match(line, /^user edge-agent-FRA on #[0-9a-f]{64} resetkeys %W~\{edge\}:samples:FRA /);
  assert.match(other, /^user edge-agent-AMS /);
  const [[user, password] = []] = made.err
    .trimEnd()
    .split('\n')
    .map((one) => one.split(' '));
  assert.equal(user, 'edge-agent-FRA');
  assert.ok(!made.out.includes(String(password)));
  const plain = await startRedis();
  const admin = new Redis(plain.url);
  await admin.call('ACL', 'SETUSER', ...line.split(' ').slice(1));
  const url = `redis://${user}:${password}@127.0.0.1:${plain.port}`;
  const store = await openRedisStore({ url, cluster: 'edge' });
  try {
    await store.appendSamples(batchAt(1));
    await assert.rejects(store.overrides(), /NOPERM/);
  } finally {
    admin.disconnect();
    await store.close();
    await plain.stop();
  }
  const all = await runCli('acl', '--json');
  const users = JSON.parse(all.out) as { role: string }[];
  assert.equal(users.filter(({ role }) => role === 'agent').length, 150, 'one a POP of the demo');
  const wrong = await runCli('acl', 'root', '--pop', 'x', '--cluster', 'a b');
  assert.equal(wrong.code, 2);
  for (const says of [/"root" is no role/, /"x" is not a POP code/, /--cluster "a b"/])
    assert.match(wrong.err, says);
});
