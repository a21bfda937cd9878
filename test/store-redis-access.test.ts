import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Redis } from 'ioredis';
import { OperatorError } from '../src/base/errors.ts';
import { openRedisStore } from '../src/store/redis.ts';
import { heard, POPS, until } from './contract/harness.ts';
import { everyCall } from './contract/store.ts';
import { startRedis, type TestRedis, withoutRedis } from './helpers/redis.ts';

const skip = withoutRedis();
const cluster = 'access';
let redis: TestRedis;

before(async () => {
  if (skip === false) redis = await startRedis();
});
after(() => redis?.stop());

test('a user with the rights that docs/state.md lists is enough; a wrong password says so', {
  skip,
}, async () => {
  const admin = new Redis(redis.url);
  // As in docs/state.md.
  const rights = `on >p%40ss:w/rd ~{${cluster}}:* resetchannels &{${cluster}}:* -@all
    +xadd +xtrim +xread +xrevrange +hset +hdel +hget +hmget +hvals +hgetall +hscan
    +pexpire +pttl +set +get +del +mget +getdel +eval +time +exists +publish
    +subscribe +ping +info +select +client|setname`;
  await admin.call('ACL', 'SETUSER', 'isochrone', ...rights.split(/\s+/));
  const url = (password: string) =>
    `redis://isochrone:${encodeURIComponent(password)}@127.0.0.1:${redis.port}/0`;
  const store = await openRedisStore({ url: url('p%40ss:w/rd'), cluster, pops: POPS });
  const stranger = await openRedisStore({ url: url('guess'), cluster, pops: POPS });
  try {
    await Promise.all(everyCall(store));
    const topics = heard(store);
    await store.setOverride('FRA', undefined);
    await until(() => topics.has('overrides'), 'the nudge is heard');
    assert.deepEqual([store.state().errors, store.state().lastError], [0, undefined]);
    assert.equal(store.state().address, `redis://127.0.0.1:${redis.port}/0`);
    await assert.rejects(stranger.reports(), /WRONGPASS/);
  } finally {
    admin.disconnect();
    await Promise.all([store.close(), stranger.close()]);
  }
});

test('rediss:// works with the right CA only', { skip: skip || withoutTls() }, async () => {
  const own = await startRedis({ args: tlsArguments });
  const url = `rediss://localhost:${own.port}/0`;
  const store = await openRedisStore({ url: `${url}?ca=${join(own.folder, 'ca.crt')}`, cluster, pops: POPS });
  const distrustful = await openRedisStore({ url, cluster, pops: POPS });
  try {
    await Promise.all(everyCall(store));
    await assert.rejects(distrustful.reports(), /certificate/);
    await assert.rejects(
      openRedisStore({ url: `${url}?ca=${join(own.folder, 'none.crt')}`, cluster }),
      (error) => error instanceof OperatorError && error.code === 'bad-config',
    );
  } finally {
    await Promise.all([store.close(), distrustful.close()]);
    await own.stop();
  }
});

function withoutTls(): string | false {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    const linked = execFileSync('sh', ['-c', 'ldd "$(command -v redis-server)"'], { encoding: 'utf8' });
    return linked.includes('libssl') ? false : 'this redis-server has no TLS';
  } catch {
    return 'no openssl or ldd on this machine';
  }
}

/** Makes a CA and a certificate for `localhost` in the folder; options for a server that speaks TLS only. */
function tlsArguments(folder: string, port: number): string[] {
  const [ca, caKey, leaf, leafKey] = ['ca.crt', 'ca.key', 'leaf.crt', 'leaf.key'].map((name) =>
    join(folder, name),
  );
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const make = (...args: (string | undefined)[]) =>
    execFileSync('openssl', ['req', '-x509', ...key, ...args.map(String)], { stdio: 'ignore' });
  make('-subj', '/CN=test CA', '-keyout', caKey, '-out', ca);
  const san = ['-addext', 'subjectAltName=DNS:localhost', '-addext', 'basicConstraints=critical,CA:FALSE'];
  make('-subj', '/CN=localhost', '-CA', ca, '-CAkey', caKey, '-keyout', leafKey, '-out', leaf, ...san);
  const files = ['--tls-cert-file', leaf, '--tls-key-file', leafKey, '--tls-ca-cert-file', ca].map(String);
  return ['--port', '0', '--tls-port', String(port), ...files, '--tls-auth-clients', 'no'];
}
