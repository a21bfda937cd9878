import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { OperatorError } from '../src/base/errors.ts';
import { certificateProblems, secureServer, watchCertificate } from '../src/cli/certificate.ts';
import { processTerminal } from '../src/cli/terminal.ts';
import { type Config, loadConfig } from '../src/config/config.ts';
import type { CertificateAndKey } from '../src/server/supervisor-secure.ts';
import { type Pair, testAuthority } from './helpers/certificates.ts';

const edge = new URL('./bench/edge.yaml', import.meta.url).pathname;

/** A configuration with a certificate in a folder of the test's own, and how to replace it. */
function stage(context: TestContext) {
  const authority = testAuthority(context);
  const files = { certificate: join(authority.folder, 'x.crt'), key: join(authority.folder, 'x.key') };
  const put = ({ certificate, key }: Partial<Pair>): void => {
    if (certificate !== undefined) writeFileSync(files.certificate, certificate);
    if (key !== undefined) writeFileSync(files.key, key);
  };
  const first = authority.issue();
  put(first);
  const config = configWith(`tls: {certificate: ${files.certificate}, key: ${files.key}}`);
  const terminal = processTerminal(process, new AbortController().signal);
  const used: CertificateAndKey[] = [];
  const log: string[] = [];
  const follow = () => {
    const watch = watchCertificate({
      config,
      terminal,
      clock: { nowMs: () => Date.now() },
      pair: first,
      use: (pair) => used.push(pair),
      log: (message) => log.push(message),
    });
    context.after(watch.close);
    return watch;
  };
  return { authority, put, first, config, terminal, used, log, follow };
}

function configWith(lines: string): Config {
  const read = (file: string): string => readFileSync(file, 'utf8');
  const listen = /listen:\n(?: .*\n)*/;
  const dot = `listen: {dns: ["127.0.0.1:0"], dot: ["127.0.0.1:0"]}\n${lines}\n`;
  return loadConfig({ text: read(edge).replace(listen, dot), file: edge, read });
}

const problemsOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof OperatorError);
    return error.problems.map(({ file, message }) => `${file}: ${message}`).join('\n');
  }
  return '';
};

test('what TLS is spoken with must be there, be in PEM form, and belong together', (context) => {
  const { authority, put, first, config, terminal } = stage(context);
  const server = secureServer(config, terminal);
  assert.deepEqual(server?.credentials, first);
  assert.deepEqual([server?.dot.length, server?.doh.length, server?.path], [1, 0, '/dns-query']);
  const bare = configWith('');
  assert.match(
    problemsOf(() => secureServer(bare, terminal)),
    /edge\.yaml: listen\.dot and listen\.doh need/,
  );
  assert.deepEqual(secureServer(bare, terminal, first)?.credentials, first, 'that of the development CA');
  put({ key: authority.issue().key });
  assert.match(
    problemsOf(() => secureServer(config, terminal)),
    /x\.key: does not belong to .*x\.crt$/,
  );
  put({ certificate: 'nothing', key: 'nothing' });
  const both = problemsOf(() => secureServer(config, terminal));
  assert.match(both, /x\.crt: is no certificate in PEM form .*\n.*x\.key: is no private key in PEM form/);
  const gone = configWith('tls: {certificate: /no/such.crt, key: /no/such.key}');
  assert.match(
    problemsOf(() => secureServer(gone, terminal)),
    /such\.crt: no such file\n.*such\.key: no such/,
  );
  const checked = certificateProblems(gone, terminal).map(({ file }) => file);
  assert.deepEqual(checked, ['/no/such.crt', '/no/such.key']);
  put(first);
  assert.deepEqual(certificateProblems(config, terminal), []);
});

test('a new certificate is used once its key is there too; SIGHUP looks at once', async (context) => {
  const { authority, put, used, log, follow } = stage(context);
  const watch = follow();
  const reloads = (): unknown => watch.counters().families[1]?.samples.map(({ value }) => value);
  const next = authority.issue();
  put({ certificate: next.certificate });
  process.kill(process.pid, 'SIGHUP');
  while (log.length < 2) await sleep(5);
  assert.match(log[1] ?? '', /the certificate in use stays: .*x\.key: does not belong to/);
  assert.deepEqual(used, []);
  assert.deepEqual(reloads(), [0, 1]);
  put({ key: next.key });
  process.kill(process.pid, 'SIGHUP');
  while (used.length < 1) await sleep(5);
  assert.deepEqual(used, [next]);
  // Without a word: seen within the time between two looks.
  const third = authority.issue();
  put(third);
  while (used.length < 2) await sleep(20);
  assert.deepEqual(used[1], third);
  assert.deepEqual(reloads(), [2, 1]);
  const endsAt = watch.counters().families[0]?.samples[0]?.value ?? 0;
  assert.ok(Math.abs(endsAt - Date.now() / 1000 - 86_400) < 60, 'a day from now');
});
