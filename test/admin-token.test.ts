import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { adminToken } from '../src/cli/admin-token.ts';
import { readConfig } from '../src/cli/config-file.ts';
import { processTerminal } from '../src/cli/terminal.ts';
import { startAdmin } from '../src/console/admin.ts';
import { adminApi } from './helpers/admin.ts';
import { runCliIn } from './helpers/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'isochrone-token-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, 'admin.token');
const config = readConfig({}, processTerminal(process, new AbortController().signal));

/** The token of a process with that environment and configuration, and what it logs. */
function tokenOf(options: { variable?: string; token?: string; host?: string; state?: string } = {}): {
  token: string;
  where: string;
  logged: string[];
} {
  const logged: string[] = [];
  const { host = '127.0.0.1', state = folder, token } = options;
  const found = adminToken(
    { admin: token === undefined ? {} : { token }, listen: { ...config.listen, admin: { host, port: 0 } } },
    {
      folder: state,
      terminal: { environment: { ISOCHRONE_TOKEN: options.variable } },
      log: (message) => logged.push(message),
    },
  );
  return { ...found, logged };
}

test('the token: of the environment, of the configuration, else one that is made and kept', () => {
  const configured = 'one-of-the-configuration';
  assert.equal(tokenOf({ variable: 'of-the-environment', token: configured }).token, 'of-the-environment');
  assert.equal(tokenOf({ variable: '', token: configured }).token, configured);
  assert.deepEqual(readdirSync(folder), [], 'none is made where there is one');
  const made = tokenOf();
  assert.match(made.token, /^[\w-]{43}$/);
  assert.deepEqual([made.where, made.logged], [`in ${file}`, []]);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(folder), ['admin.token'], 'nothing is left beside it');
  assert.equal(tokenOf().token, made.token, 'the next start has the same');
  assert.equal(tokenOf({ host: '192.0.2.1' }).where, 'in admin.token of the state folder');
  chmodSync(file, 0o644);
  assert.equal(tokenOf().token, made.token);
  assert.equal(statSync(file).mode & 0o777, 0o600, 'not for everybody to read');
  writeFileSync(file, 'short\n');
  assert.notEqual(tokenOf().token, 'short', 'what is no token is made anew');
  writeFileSync(file, 'of-my-own-choosing\n');
  assert.equal(tokenOf().token, 'of-my-own-choosing');
  const lost = tokenOf({ state: join(file, 'below') });
  assert.match(lost.logged.join(), /no token for changes can be kept: .*set ISOCHRONE_TOKEN/);
  assert.equal(lost.token.length, 43, 'changes need one that nobody knows');
});

test('commands find the token by themselves, and tell it to this machine, for changes alone', async () => {
  const api = adminApi();
  const { token } = tokenOf();
  const admin = await startAdmin({
    listen: { host: '127.0.0.1', port: 0 },
    token,
    tokenWhere: `in ${file}`,
    api,
    onError: (error) => assert.fail(String(error)),
  });
  const run = (...args: string[]) => runCliIn({}, ...args, '--admin', admin.url);
  const { code, err } = await run('drain', 'FRA', '--state', join(folder, 'other'));
  assert.equal(code, 1);
  assert.match(err, /changes need the token, which is in .*admin\.token/);
  assert.match(err, /give the token with --token or ISOCHRONE_TOKEN, or say with --state DIR where it is/);
  assert.deepEqual(await api.store.overrides(), []);
  assert.equal((await run('drain', 'FRA', '--state', folder)).code, 0);
  assert.equal((await run('restore', 'FRA', '--token', 'wrong', '--state', folder)).code, 1);
  assert.equal((await run('restore', 'FRA', '--token', token)).code, 0);
  await admin.close();

  const told: (string | undefined)[] = [];
  const listener = createServer((request, response) => {
    told.push(request.headers.authorization);
    response.end('{"changes":[],"pops":[]}');
  }).listen(0, '0.0.0.0');
  await new Promise((resolve) => listener.once('listening', resolve));
  const { port } = listener.address() as AddressInfo;
  const own = ['--state', folder];
  await runCliIn({}, 'model', '--reset', '--admin', `http://localhost:${port}`, ...own);
  await runCliIn({}, 'model', '--admin', `http://127.0.0.1:${port}`, ...own);
  // Names this machine too, but does not look like it.
  await runCliIn({}, 'model', '--reset', '--admin', `http://0.0.0.0:${port}`, ...own);
  assert.deepEqual(told, [`Bearer ${token}`, undefined, undefined]);
  listener.close();
});
