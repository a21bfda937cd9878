import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { constants } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildClient, CommitmentPolicy, RawRsaKeyringNode } from '@aws-crypto/client-node';
import { getSignedCookies, getSignedUrl } from '@aws-sdk/cloudfront-signer';
import { type Program, runProgram, runTool, startProgram, until } from '../helpers/program.ts';
import { freePort } from '../helpers/redis.ts';
import { HOST, POP_ADDRESS, type SecurityWorld, startSecurityWorld } from '../helpers/security-world.ts';

/** Every security feature by curl, in front of an origin that tells what reached it. */

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const GERMANY = '127.3.0.1';
const OFFICE = '127.3.0.9';
const JAPAN = '127.1.0.1';

let world: SecurityWorld;
let program: Program;
let port: number;

before(async () => {
  port = await freePort();
  world = await startSecurityWorld(port);
  program = await startProgram(['up', '--config', world.config, '--pop-port', String(port)]);
});
after(async () => {
  await world.close();
  await program.end();
});

interface Fetched {
  readonly status: number;
  readonly body: string;
  readonly headers: string;
}

/** Fetches a path as a client at an address does. */
async function fetched(
  target: string,
  args: readonly string[] = [],
  client = GERMANY,
  at = port,
): Promise<Fetched> {
  const { code, out, err } = await runTool('curl', [
    ...[
      '--silent',
      '--show-error',
      '--max-time',
      '20',
      '--path-as-is',
      '--cacert',
      join(program.state, 'ca.crt'),
    ],
    ...['--interface', client, '--resolve', `${HOST}:${at}:${POP_ADDRESS}`, '--dump-header', '-'],
    ...[...args, `https://${HOST}:${at}${target}`],
  ]);
  assert.equal(code, 0, `${err}${program.output()}`);
  const end = out.indexOf('\r\n\r\n');
  const headers = out.slice(0, end);
  return { status: Number(/^HTTP\/\S+ (\d+)/.exec(headers)?.[1]), headers, body: out.slice(end + 4) };
}

test('WAF: attacks are blocked at L1, in query and body; others pass, and rules mark them', async () => {
  const count = world.seen.length;
  const { status, headers } = await fetched('/?id=1%27%20OR%20%271%27=%271', ['-H', 'X-Isochrone-Trace: 1']);
  assert.equal(status, 403);
  // Why nobody behind was asked: `isochrone trace` shows it.
  assert.match(headers, /iso-skip-l2;desc="L1 answered, WafBlocked"/);
  assert.equal((await fetched('/', ['--data', 'something evil'])).status, 403);
  assert.equal(world.seen.length, count, 'nothing reached the origin');
  assert.equal((await fetched('/?id=5', ['-H', 'x-amzn-waf-office: forged'])).status, 200);
  assert.equal(world.seen.at(-1)?.headers['x-amzn-waf-office'], undefined);
  assert.equal((await fetched('/?id=6', ['-H', 'x-amzn-waf-office: forged'], OFFICE)).status, 200);
  assert.equal(world.seen.at(-1)?.headers['x-amzn-waf-office'], 'yes');
  const long = 'x'.repeat(200_000);
  writeFileSync(join(world.folder, 'long'), long);
  assert.equal((await fetched('/', ['--data', `@${join(world.folder, 'long')}`])).status, 200);
  assert.equal(world.seen.at(-1)?.body, long, 'a body that goes on behind what rules look at arrives whole');
});

test('WAF: a rate rule with a response of its own', async () => {
  const statuses: number[] = [];
  for (let i = 0; i < 12; i++) statuses.push((await fetched('/limited')).status);
  assert.deepEqual(statuses, [...Array(10).fill(200), 429, 429]);
  assert.equal((await fetched('/limited')).body, 'slow down');
  assert.equal((await fetched('/limited', [], OFFICE)).status, 200, 'another client');
});

test('geo restriction: by the country of the address', async () => {
  const refused = await fetched('/', [], JAPAN);
  assert.equal(refused.status, 403);
  assert.match(refused.body, /GeoRestricted/);
  assert.equal((await fetched('/', [])).status, 200);
});

test('signed: URL and cookies open, without them and with others nothing does', async () => {
  const keys = { keyPairId: 'KSIGN', privateKey: world.signingKey };
  const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
  const url = getSignedUrl({ ...keys, url: `https://${HOST}/films/1.mp4?q=%2F`, dateLessThan: inAnHour });
  const target = url.slice(`https://${HOST}`.length);
  assert.equal((await fetched(target)).status, 200);
  assert.equal(world.seen.at(-1)?.url, '/films/1.mp4?q=%2F', 'what signs does not reach the origin');
  const again = await fetched(target, ['--http1.1']);
  assert.match(again.headers, /x-cache: hit/i, 'nor the key of the cache');
  assert.equal((await fetched('/films/1.mp4?q=%2F')).status, 403, 'what is cached is not for all');
  assert.equal((await fetched(target.replace('1.mp4', '2.mp4'))).status, 403);
  const past = getSignedUrl({ ...keys, url: `https://${HOST}/films/1.mp4`, dateLessThan: '2020-01-01' });
  assert.equal((await fetched(past.slice(`https://${HOST}`.length))).status, 403);
  const policy = JSON.stringify({
    Statement: [
      {
        Resource: `https://${HOST}/films/*`,
        Condition: {
          DateLessThan: { 'AWS:EpochTime': Math.floor(Date.now() / 1000) + 3600 },
          IpAddress: { 'AWS:SourceIp': `${GERMANY}/32` },
        },
      },
    ],
  });
  const cookies = Object.entries(getSignedCookies({ ...keys, policy, algorithm: 'SHA256' }))
    .map(([name, value]) => `${name}=${value}`)
    .join('; ');
  assert.equal((await fetched('/films/3.mp4', ['--cookie', `a=1; ${cookies}`])).status, 200);
  assert.equal(world.seen.at(-1)?.headers['cookie'], 'a=1');
  assert.equal((await fetched('/films/3.mp4', ['--cookie', cookies], OFFICE)).status, 403, 'another address');
});

test('FLE: a field reaches neither origin nor log in the clear, and the SDK decrypts it', async () => {
  const secret = '4111111111111111';
  const { status } = await fetched('/pay', ['--data', `name=ada&cardNumber=${secret}`]);
  assert.equal(status, 200);
  const { body = '', headers = {} } = world.seen.at(-1) ?? {};
  assert.ok(!body.includes(secret));
  assert.equal(headers['content-length'], String(body.length));
  const values = new URLSearchParams(body);
  assert.equal(values.get('name'), 'ada');
  const keyring = new RawRsaKeyringNode({
    keyName: 'KFIELDS',
    keyNamespace: 'shop',
    rsaKey: { privateKey: world.fieldKey },
    padding: constants.RSA_PKCS1_OAEP_PADDING,
    oaepHash: 'sha256',
  });
  const message = Buffer.from(values.get('cardNumber') ?? '', 'base64');
  const { decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
  const { plaintext } = await decrypt(keyring, message);
  assert.equal(plaintext.toString(), secret);
  const read = async (): Promise<string> => readFileSync(join(world.folder, 'access.log'), 'utf8');
  const { value: log } = await until(read, (text) => text.includes('Processed'), 5000);
  assert.match(log, /\tProcessed\t1\t/, 'fle-status and fle-encrypted-fields');
  assert.ok(!log.includes(secret) && !program.output().includes(secret));
});

test('functions: change requests and responses; what they must not do ends in its bound', async () => {
  const { status, headers } = await fetched('/function/', ['-H', 'CloudFront-Viewer-Country: XX']);
  assert.equal(status, 200);
  assert.match(headers, /strict-transport-security: max-age=1/i);
  assert.equal(world.seen.at(-1)?.url, '/function/index.html');
  assert.equal(world.seen.at(-1)?.headers['x-viewer'], `${GERMANY} DE`);
  const count = world.seen.length;
  const refused = await Promise.all(['/loop', '/bomb', '/host'].map((target) => fetched(target)));
  assert.deepEqual(
    refused.map((one) => one.status),
    [503, 503, 502],
  );
  assert.match(refused[0]?.body ?? '', /FunctionExecutionError/);
  assert.match(refused[2]?.body ?? '', /FunctionValidationError/);
  assert.equal(world.seen.length, count);
  assert.equal((await fetched('/after-that', [])).status, 200, 'the POP serves on');
});

test('lambda: the events of origin and viewer', async () => {
  const { status, headers } = await fetched('/lambda/a');
  assert.equal(status, 200);
  assert.match(headers, /x-event: viewer-response/i);
  const { port: originPort } = world;
  assert.equal((await fetched(`/lambda/elsewhere?port=${originPort}`)).status, 200);
  const { url, headers: received } = world.seen.at(-1) ?? {};
  assert.equal(url, `/base/lambda/elsewhere?port=${originPort}`, 'the handler chose origin and path');
  assert.equal(received?.['host'], 'elsewhere.example');
  const found = await fetched('/lambda/missing');
  assert.deepEqual([found.status, found.body], [200, 'found after all']);
});

test('metrics tell what was done', async () => {
  const page = await (await fetch(`${program.admin}/metrics`)).text();
  assert.match(page, /isochrone_pop_waf_requests_total\{acl="main",action="block"\} [1-9]/);
  assert.match(page, /isochrone_pop_waf_rule_matches_total\{rule="main\/sql"\} 1/);
  assert.match(page, /isochrone_pop_edge_code_total\{kind="function",ended="failed"\} 3/);
});

test('isochrone pop, alone, does the same', async () => {
  const at = await freePort();
  const flags = ['--config', world.config, '--state', program.state, '--port', String(at), '--json'];
  const child = spawn(process.execPath, [MAIN, 'pop', 'FRA', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (printed += String(chunk)));
  try {
    const { held } = await until(
      async () => printed,
      (text) => text.includes('{"ready"'),
      60_000,
    );
    assert.ok(held, printed);
    const statuses = [];
    for (const target of ['/', '/?id=1%20union%20select%201', '/films/1', '/function/'])
      statuses.push((await fetched(target, [], GERMANY, at)).status);
    assert.deepEqual(statuses, [200, 403, 403, 200]);
    assert.equal((await fetched('/', [], JAPAN, at)).status, 403);
  } finally {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }
});

test('check tells every fault of every file; up does not start with them', async () => {
  const bad = join(world.folder, 'bad.yaml');
  writeFileSync(
    join(world.folder, 'bad.js'),
    'import cf from "cloudfront"; function handler() { cf.kvs(); }',
  );
  writeFileSync(join(world.folder, 'bad-pages.json'), '{"data":[{"key":"a","value":1}]}');
  writeFileSync(join(world.folder, 'worse.js'), '// handler\nfunction handler( {');
  writeFileSync(join(world.folder, 'bad-acl.json'), '{"Name":"x","DefaultAction":{"Allow":{}},"Rules":[{}]}');
  const text = readFileSync(world.config, 'utf8')
    .replace('file: acl.json', 'file: bad-acl.json')
    .replace('loop: loop.js', 'loop: bad.js')
    .replace('file: pages.json', 'file: bad-pages.json')
    .replace('bomb: bomb.js', 'bomb: worse.js')
    .replace('KFIELDS: fields.pem', 'KFIELDS: nowhere.pem')
    .replace('promise: { file: ', 'promise: { file: missing');
  writeFileSync(bad, text);
  const { code, out } = await runProgram('check', '--config', bad);
  assert.equal(code, 1);
  for (const fault of [
    /bad-acl\.json:1:\d+: Rules\[0\]: Name is missing/,
    /worse\.js:2: is no script: /,
    /bad\.js: reads a key value store: none under/,
    /bad-pages\.json: data\[0\] has no "value" that is a text/,
    /nowhere\.pem/,
    /missing.*promise\.mjs: is not there/,
  ])
    assert.match(out, fault);
  const both =
    'functions: { viewerRequest: host, viewerResponse: hsts }, lambdas: { viewerRequest: promise }';
  const names = readFileSync(world.config, 'utf8')
    .replace('[partners]', '[partner]')
    .replace('functions: [index]', 'functions: [index, indexx]')
    .replace('functions: { viewerRequest: host }', both);
  writeFileSync(bad, names);
  const named = await runProgram('check', '--config', bad);
  assert.match(
    named.out,
    /trustedKeyGroups\[0\]: security\.keyGroups has no "partner"; did you mean partners\?/,
  );
  assert.match(named.out, /pages\.functions\[1\]: security\.functions has no "indexx"; did you mean index\?/);
});
