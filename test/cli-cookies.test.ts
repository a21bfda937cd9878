import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { cookieWords } from '../src/answer/cookies.ts';
import { OperatorError } from '../src/base/errors.ts';
import { cookieProblems, keepCookies } from '../src/cli/cookie-secrets.ts';
import { systemClock } from '../src/cli/live.ts';
import { serverFacts } from '../src/cli/server-facts.ts';
import { loadConfig } from '../src/config/config.ts';
import { startNameServer } from '../src/server/supervisor.ts';
import { loadEdge } from './helpers/edge.ts';
import { runTool, until } from './helpers/program.ts';
import { compileZones } from './helpers/zones.ts';

const SECRETS = ['e5e973e5a6b2a43f48e7dc849e37bfcf', 'dd3bdf9344b678b185a6f5cb60fca715'] as const;
const CLIENT = '2464c4abcf10c957';
const terminal = { readText: (path: string) => readFileSync(path, 'utf8') };

const configOf = (file: string, dns: string) =>
  loadConfig({
    file,
    read: terminal.readText,
    text: `zones: [{ origin: cdn.example, file: zone }]
pops: [{ code: FRA, city: F, country: DE, region: r, latitude: 50, longitude: 8, capacityRps: 1,
  links: [{ transit: t, capacityMbps: 1, ipv4: 192.0.2.9 }] }]
dns: ${dns}
`,
  });

test('cookies, NSID, CHAOS names and a report channel, as dig sees them; secrets roll over', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-cookies-'));
  const file = join(folder, 'secrets');
  const write = (text: string): void => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };
  write(`${SECRETS[0]} # makes cookies\n`);
  const dns = '{ identity: fra1, version: auto, reportTo: r.example.net, cookies: { secretsFile: secrets } }';
  const config = configOf(join(folder, 'config.yaml'), dns);
  assert.deepEqual(cookieProblems(config, terminal), []);
  const logged: string[] = [];
  const cookies = cookieWords();
  const log = (line: string) => logged.push(line);
  const stop = keepCookies({ config, words: cookies, clock: systemClock, terminal, log });
  const { data, image } = loadEdge();
  const zones = compileZones(
    [['cdn.example.', '@ 60 SOA ns h 1 1 1 1 1\n@ 60 NS ns\nns 60 A 192.0.2.1\n']],
    ['edge'],
  );
  const server = await startNameServer({
    listen: [{ host: '127.0.0.1', port: 0 }],
    data: { ...data, zones, cookies, facts: serverFacts(config, terminal) },
    image,
    workers: 1,
  });
  t.after(async () => {
    stop();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const port = String(server.addresses[0]?.port);
  const dig = async (...args: string[]) => (await runTool('dig', ['@127.0.0.1', '-p', port, ...args])).out;
  const cookieFor = async (cookie: string) =>
    /COOKIE: ([0-9a-f]+)/.exec(await dig(`+cookie=${cookie}`, 'ns.cdn.example'))?.[1] ?? '';
  const chaos = async (name: string) => (await dig('+short', name, 'CH', 'TXT')).trim();
  assert.equal(await chaos('id.server'), '"fra1"');
  assert.equal(await chaos('hostname.bind'), '"fra1"');
  assert.match(await chaos('version.bind'), /^"isochrone \d+\.\d+\.\d+"$/);
  const plain = await dig('+nsid', 'ns.cdn.example');
  assert.match(plain, /NSID: 66 72 61 31 \("fra1"\)/);
  assert.match(plain, /OPT=18: 01 72 07 65 78/);
  const cookie = await cookieFor(CLIENT);
  assert.equal(cookie.length, 48);
  assert.equal(await cookieFor(cookie), cookie, 'a good one comes back');
  // The other secret makes cookies from now on; a file that is broken later changes nothing.
  write(`${SECRETS[1]}\n${SECRETS[0]}\n`);
  const renewed = await until(
    () => cookieFor(cookie),
    (other) => other !== cookie,
    10_000,
  );
  assert.ok(renewed.held, logged.join());
  write('nonsense\n');
  const told = await until(
    async () => logged.join('\n'),
    (text) => text.includes('are kept'),
    10_000,
  );
  assert.ok(told.held);
  assert.ok(!told.value.includes('nonsense'), 'what may be a secret is not logged');
  assert.equal(await cookieFor(renewed.value), renewed.value);
  const { families } = server.counters();
  const good = families.find(({ name }) => name === 'isochrone_dns_cookies_total')?.samples;
  assert.ok(good?.some(({ values, value }) => values[0] === 'good' && value >= 2));
});

test('a file of secrets that is broken is told of by check, with its lines, and stops the start', () => {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-cookies-'));
  const file = join(folder, 'secrets');
  const config = configOf(join(folder, 'config.yaml'), '{ cookies: { secretsFile: secrets } }');
  const start = () =>
    keepCookies({ config, words: cookieWords(), clock: systemClock, terminal, log: () => undefined });
  writeFileSync(file, `# two\n${SECRETS[0]}\n0123\n${SECRETS[1]}g\n`);
  assert.deepEqual(
    cookieProblems(config, terminal).map(({ line }) => line),
    [3, 4],
  );
  assert.throws(start, OperatorError);
  writeFileSync(file, `${SECRETS[0]}\n`.repeat(4));
  assert.match(cookieProblems(config, terminal)[0]?.message ?? '', /4 secrets, but at most 3/);
  writeFileSync(file, '# nothing\n');
  assert.match(cookieProblems(config, terminal)[0]?.message ?? '', /no secret/);
  assert.throws(start, OperatorError);
  rmSync(folder, { recursive: true, force: true });
});

test('what the configuration may not say of cookies', () => {
  const problems = (dns: string): string => {
    try {
      configOf('config.yaml', dns);
      return '';
    } catch (error) {
      assert.ok(error instanceof OperatorError);
      return error.problems.map(({ message }) => message).join('; ');
    }
  };
  assert.match(problems('{ cookies: { secrets: [abc] } }'), /32 hexadecimal digits/);
  assert.match(problems(`{ cookies: { secrets: [${SECRETS[0]}], secretsFile: x } }`), /without secrets/);
  assert.match(problems('{ identity: "" }'), /identity/);
  assert.match(problems(`{ version: ${'x'.repeat(129)} }`), /version/);
  assert.match(problems('{ reportTo: "a b" }'), /not a domain name/);
});
