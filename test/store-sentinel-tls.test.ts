import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { openRedisStore } from '../src/store/redis.ts';
import { POPS, until } from './contract/harness.ts';
import { batchAt } from './contract/store-samples.ts';
import { startRedis, type TestRedis, withoutRedis } from './helpers/redis.ts';
import { makeCertificates, withoutTls } from './helpers/redis-tls.ts';

const deployed = (name: string) => readFileSync(new URL(`../deploy/redis/${name}`, import.meta.url), 'utf8');

/** A file of deploy/redis with its paths in a folder that has them. */
function movedTo(folder: string, text: string, files: string): string {
  return text
    .replaceAll('/etc/redis/tls/redis.', join(files, 'leaf.'))
    .replaceAll('/etc/redis/tls/', `${files}/`)
    .replaceAll('/etc/redis/', `${folder}/`)
    .replace(/^bind .*$/gm, '');
}

/** A server of deploy/redis; `files`: where certificates are, its own folder for the first. */
function startDeployed(files?: string, primary?: TestRedis): Promise<TestRedis> {
  return startRedis({
    conf: (folder) => {
      if (files === undefined) makeCertificates(folder);
      writeFileSync(join(folder, 'users.acl'), deployed('users.acl'));
      return movedTo(folder, deployed('redis.conf'), files ?? folder);
    },
    args: (_folder, port) => [
      ...['--port', '0', '--tls-port', String(port), '--replica-announce-ip', 'localhost'],
      ...['--repl-diskless-sync-delay', '0'],
      ...['--masteruser', 'isochrone-replica', '--masterauth', 'change-me-replica'],
      ...(primary === undefined ? [] : ['--replicaof', 'localhost', String(primary.port)]),
    ],
  });
}

test('the servers, users and sentinel of deploy/redis: TLS throughout, a failover, the roles as they are', {
  skip: withoutRedis() || withoutTls(),
}, async () => {
  const primary = await startDeployed();
  const files = primary.folder;
  const replica = await startDeployed(files, primary);
  const sentinel = await startRedis({
    sentinel: (folder, port) =>
      movedTo(folder, deployed('sentinel.conf'), files)
        .replace('tls-port 26379', `tls-port ${port}`)
        .replace('redis-1.example 6380 2', `localhost ${primary.port} 1`)
        .replace('milliseconds isochrone 2000', 'milliseconds isochrone 1000'),
  });
  const open = (user: string, role: string) =>
    openRedisStore({
      url:
        `rediss+sentinel://isochrone-${user}:change-me-${role}@localhost:${sentinel.port}/isochrone/0` +
        `?ca=${join(files, 'ca.crt')}`,
      cluster: 'isochrone',
      pops: POPS,
    });
  const [control, agent] = [await open('control', 'control'), await open('agent-FRA', 'agent')];
  try {
    const { token } = await control.takeLease('one', 60_000);
    await until(
      () =>
        control.publishImage({ epoch: Date.now(), bytes: Uint8Array.of(1) }, token).then(
          () => true,
          () => false,
        ),
      'published',
    );
    await agent.appendSamples(batchAt(1));
    await assert.rejects(agent.overrides(), /NOPERM/);
    await until(() => knowsReplica(sentinel), 'the sentinel knows the replica');
    await until(() => isFollowed(primary), 'the replica has it all');
    await primary.kill('SIGKILL');
    await until(() => !control.state().connected, 'the loss is noticed');
    await until(() => control.state().connected && agent.state().connected, 'the replica took over');
    assert.equal((await control.takeLease('one', 60_000)).token, token);
    await agent.appendSamples(batchAt(2));
    const { batches } = await control.readSamples('', 10);
    assert.deepEqual(batches, [batchAt(1), batchAt(2)]);
  } finally {
    await Promise.all([control.close(), agent.close()]);
    await Promise.all([sentinel.stop(), replica.stop()]);
    await primary.stop();
  }
});

/** As the operator's user sees it. */
async function isFollowed({ port, folder }: TestRedis): Promise<boolean> {
  const redis = new Redis(`rediss://isochrone-operator:change-me-operator@localhost:${port}`, {
    tls: { ca: readFileSync(join(folder, 'ca.crt'), 'utf8') },
  });
  try {
    const info = await redis.info('replication');
    const [, acknowledged] = /slave0:.*state=online,offset=(\d+)/.exec(info) ?? [];
    return acknowledged !== undefined && info.includes(`master_repl_offset:${acknowledged}\r`);
  } finally {
    redis.disconnect();
  }
}

/** A sentinel writes what it knows into its file. */
function knowsReplica({ folder }: TestRedis): boolean {
  return readFileSync(join(folder, 'sentinel.conf'), 'utf8').includes('known-replica');
}
