import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { COMMANDS } from '../src/cli/table.ts';
import { startAdmin } from '../src/console/admin.ts';
import { openRedisStore } from '../src/store/redis.ts';
import { adminApi, explainView } from './helpers/admin.ts';
import { runCli, runCliIn } from './helpers/cli.ts';
import { runTool } from './helpers/program.ts';
import { startRedis, withoutRedis } from './helpers/redis.ts';

const TOKEN = 'a-token-for-the-tests';
const api = adminApi();
const admin = await startAdmin({
  listen: { host: '127.0.0.1', port: 0 },
  token: TOKEN,
  tokenWhere: 'in state/admin.token',
  api,
  onError: (error) => assert.fail(String(error)),
});
after(() => admin.close());
const ask = (...args: string[]) => runCliIn({ ISOCHRONE_TOKEN: TOKEN }, ...args, '--admin', admin.url);

test('help names every command, and every command has help with an example', async () => {
  const { code, out } = await runCli('--help');
  assert.equal(code, 0);
  for (const { name, summary } of COMMANDS) {
    assert.ok(out.includes(`  ${name} `) && out.includes(summary), name);
    const help = await runCli('help', name);
    assert.equal(help.code, 0);
    assert.match(
      help.out,
      new RegExp(`usage: isochrone ${name}[\\s\\S]*--json[\\s\\S]*examples:\\n  isochrone ${name}`),
    );
    assert.equal((await runCli(name, '--help')).out, help.out);
    const lines = help.out.split('\n');
    for (const line of lines) assert.ok(line.length <= 120, line);
    const text = lines.slice(4, lines.indexOf('flags:') - 1);
    for (const [i, line] of text.slice(1).entries()) {
      const [word = ''] = line.split(' ');
      assert.ok((text[i] as string).length + 1 + word.length > 100, `broken too early: ${text[i]}`);
    }
  }
  assert.match((await runCli('version')).out, /^isochrone \d+\.\d+\.\d+\n$/);
});

test('a reader that closes the pipe early is no failure', async () => {
  const { err } = await runTool('sh', [
    '-c',
    `{ "$0" src/main.ts help; echo "ended with $?" >&2; } | true`,
    process.execPath,
  ]);
  assert.equal(err, 'ended with 0\n');
});

test('a wrong command line: everything that is wrong at once, exit code 2', async () => {
  const { code, err, out } = await runCli('drain', 'F!', '--fro', '2h', '--for', 'soon', '--for', '--json');
  assert.equal(code, 2);
  assert.equal(out, '');
  assert.match(err, /no such flag: --fro; did you mean --for\?/);
  assert.match(err, /--for needs a value: --for TIME/);
  assert.match(err, /see: isochrone help drain\n$/);
  const values = await runCli('model', 'FRA', '--rtt', 'fast', '--loss', '2', '--link', 'FRA-a');
  assert.equal(values.code, 2);
  for (const words of [/--rtt "fast" is not a number of milliseconds/, /--loss "2"/, /--link needs/])
    assert.match(values.err, words);
  assert.match((await runCli('drian')).err, /no such command: "drian"; did you mean "drain"\?/);
  assert.match((await runCli('restore')).err, /missing: isochrone restore POP/);
  assert.match((await runCli('status', 'FRA')).err, /too much: "FRA"/);
  assert.match((await runCli('explain', 'a.example')).err, /--client is missing/);
  assert.match((await runCli('model', 'FRA', '--outage=yes')).err, /--outage takes no value/);
  const json = await runCli('status', '--admin', 'nowhere', '--json');
  assert.equal(json.code, 2);
  assert.equal(JSON.parse(json.out).error.code, 'bad-usage');
});

test('nothing listens there', async () => {
  const { code, err } = await runCli('status', '--admin', 'http://127.0.0.1:5549');
  assert.equal(code, 1);
  assert.match(err, /^http:\/\/127\.0\.0\.1:5549: nothing listens there: start `isochrone up`/);
});

test('explain prints terms that add up, who is out and why, and the margin', async () => {
  const { code, out } = await ask('explain', 'www.cdn.example', '--client', '192.0.2.1');
  assert.equal(code, 0);
  assert.match(out, /client +192\.0\.2\.1, Mainz, DE, AS64500 Example \(city\.mmdb of 2026-06-05\)/);
  const { out: verbose } = await ask('explain', 'www.cdn.example', '--client', '192.0.2.1', '--verbose');
  assert.match(verbose, /Example \(\/srv\/geo\/city\.mmdb of 2026-06-05\)/);
  assert.match(out, /cell +AS64500 in Mainz, DE \(AS64500\/DE\/50\.0,8\.0\)/);
  assert.match(out, /margin +GRU is next, 187\.50 ms worse/);
  assert.match(out, /> +FRA +FRA-a +7\.00 +0\.00 +4\.00 +1\.50 +0\.00 +12\.50 +measured, 9 bursts/);
  assert.match(out, /GRU +GRU-b +194\.50 .* 200\.00 +prior +drained: works/);
  const json = await ask('explain', 'www.cdn.example', 'https', '--client', '192.0.2.0/24', '--json');
  assert.deepEqual(JSON.parse(json.out), explainView({ type: 'HTTPS' }));
  const at = ['--client', '192.0.2.1', '--at', '2026-11-28T09:30:00+01:00'];
  assert.match((await ask('explain', 'www.cdn.example', ...at)).out, /^moment +as of 1795854600000\n/);
  const wrong = await ask('explain', 'www.cdn.example', '--client', 'x', '--at', '2026-11-28T09:30:00');
  assert.match(wrong.err, /--client "x"[\s\S]*--at "2026-11-28T09:30:00" is not a time such as/);
  const lost = await ask('explain', 'other.example', '--client', '192.0.2.1');
  assert.deepEqual([lost.code, lost.err], [1, 'request: other.example is not steered\n']);
});

test('status shows those that are not up first', async () => {
  const { code, out } = await ask('status');
  assert.equal(code, 0);
  const rows = out.split('\n').filter((line) => /^(?:FRA|GRU) /.test(line));
  assert.match(rows[0] as string, /^GRU +São Paulo <GRU> +drained .*works$/);
  assert.match(rows[1] as string, /^FRA .* up +900 +1 000 +90\.0 % +1\.50 +50\.0 %$/);
  assert.match(out, /queries +1 234\/s udp, 0\/s tcp/);
});

test('drain, restore and model change what the process has', async () => {
  assert.match((await ask('drain', 'fra', '--for', '2h', '--reason', 'a b')).out, /FRA is drained for 2.0 h/);
  assert.deepEqual(await api.store.overrides(), [
    { pop: 'FRA', state: 'drain', reason: 'a b', sinceMs: 1000, untilMs: 7_201_000 },
  ]);
  assert.equal((await ask('drain')).out, 'GRU  works\n');
  assert.deepEqual(JSON.parse((await ask('drain', '--json')).out), {
    drained: [{ code: 'GRU', why: 'works' }],
  });
  assert.match((await ask('drain', '--for', '2h')).err, /--for: of which POP\?/);
  assert.equal((await ask('restore', 'FRA')).out, 'FRA is restored\n');
  assert.deepEqual(await api.store.overrides(), []);
  const model = await ask(
    'model',
    'FRA',
    '--rtt',
    '60',
    '--congestion',
    '1.2',
    '--link',
    'fra-a',
    '--outage',
  );
  assert.equal(model.out, 'FRA: RTT +60 ms, congestion 1.2 on FRA-a, outage\n');
  assert.equal((await ask('model')).out, model.out);
  assert.match((await ask('model', '--reset')).out, /nothing is changed/);
  const unknown = await ask('drain', 'FRB');
  assert.deepEqual([unknown.code, unknown.err], [1, 'request: there is no POP "FRB"; did you mean FRA?\n']);
  const elsewhere = ['--state', 'test/no-such-folder'];
  const refused = await runCli('restore', 'FRA', '--admin', admin.url, ...elsewhere);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /changes need the token/);
});

test('drain and restore go straight to Redis with --store', { skip: withoutRedis() }, async () => {
  const redis = await startRedis();
  const store = await openRedisStore({ url: redis.url, cluster: 'isochrone' });
  try {
    const drained = await runCli('drain', 'FRA', '--store', redis.url, '--json');
    assert.equal(drained.code, 0, drained.err);
    assert.deepEqual(await store.overrides(), [JSON.parse(drained.out).override]);
    assert.equal((await runCli('drain', '--store', redis.url)).out, 'FRA  drained\n');
    assert.equal((await runCli('restore', 'FRA', '--store', redis.url)).code, 0);
    assert.deepEqual(await store.overrides(), []);
    assert.equal((await runCli('drain', '--store', redis.url)).out, 'no POP is drained\n');
  } finally {
    await store.close();
    await redis.stop();
  }
  const { code, err } = await runCli('drain', 'FRA', '--store', redis.url);
  assert.equal(code, 1);
  assert.match(err, /^store: /);
});
