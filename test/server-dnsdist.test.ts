import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { accessList, parseAccessRule } from '../src/base/access-list.ts';
import { serverPort } from '../src/server/free-port.ts';
import { startNameServer } from '../src/server/supervisor.ts';
import { testAuthority } from './helpers/certificates.ts';
import { loadEdge } from './helpers/edge.ts';

const run = promisify(execFile);
const missing = spawnSync('dnsdist', ['--version']).status === 0 ? false : 'no dnsdist on this machine';
const LOOK_MS = 50;

function rules(...texts: readonly string[]) {
  return accessList(
    texts.map((text) => {
      const rule = parseAccessRule(text);
      if (typeof rule === 'string') throw new Error(rule);
      return rule;
    }),
  );
}

/** A name server at which 127.0.0.5 may not ask, and 127.0.0.1 is a proxy. */
async function start(context: TestContext): Promise<number> {
  const { data, image } = loadEdge();
  const server = await startNameServer({
    listen: [{ host: '127.0.0.1', port: 0, access: rules('!127.0.0.5', 'any') }],
    data,
    image,
    workers: 1,
    proxies: rules('127.0.0.1'),
  });
  context.after(() => server.close());
  return server.addresses[0]?.port ?? 0;
}

const ask = async (port: number, ...options: readonly string[]): Promise<string> =>
  (await run('kdig', ['@127.0.0.1', '-p', String(port), 'www.edge.test', '+retry=0', ...options])).stdout;

test('kdig sends a PROXY header, over UDP and TCP, and is steered by it', async (context) => {
  const port = await start(context);
  for (const transport of ['+notcp', '+tcp']) {
    assert.match(await ask(port, transport, '+proxy=10.1.2.3-127.0.0.1'), /192\.0\.2\.2/);
    assert.match(await ask(port, transport, '+proxy=192.0.2.3-127.0.0.1'), /192\.0\.2\.3/);
    assert.match(await ask(port, transport, '+proxy=127.0.0.5-127.0.0.1'), /REFUSED/);
  }
});

test('behind dnsdist, clients are who they are', { skip: missing }, async (context) => {
  const port = await start(context);
  const front = serverPort();
  const { folder } = testAuthority(context);
  const file = join(folder, 'dnsdist.conf');
  const lines = [
    `setLocal('127.0.0.1:${front}')`,
    "setACL({'127.0.0.0/8'})",
    `newServer({address='127.0.0.1:${port}', useProxyProtocol=true}):setUp()`,
    'setSecurityPollSuffix("")',
  ];
  writeFileSync(file, lines.join('\n'));
  const dnsdist = spawn('dnsdist', ['--supervised', '--disable-syslog', '-C', file], { stdio: 'ignore' });
  context.after(() => dnsdist.kill('SIGKILL'));
  for (let tries = 0; ; tries++) {
    const answered = await ask(front, '+timeout=1').catch(() => '');
    if (answered.includes('NOERROR')) break;
    assert.ok(tries < 200, 'dnsdist starts');
    await sleep(LOOK_MS);
  }
  for (const transport of ['+notcp', '+tcp']) {
    assert.match(await ask(front, transport, '-b', '127.0.0.4'), /NOERROR/);
    assert.match(await ask(front, transport, '-b', '127.0.0.5'), /REFUSED/);
  }
});
