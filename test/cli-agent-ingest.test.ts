import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCli } from './helpers/cli.ts';

test('agent: everything wrong with --ingest and what goes with it is said at once', async () => {
  const said = async (...args: string[]): Promise<string[]> => {
    const { code, err } = await runCli('agent', '--pop', 'FRA', ...args);
    assert.equal(code, 2, err);
    return err.split('\n').filter((line) => line.startsWith('command line: '));
  };
  assert.deepEqual(
    await said('--ingest', 'ftp://x/', '--store', 'redis://127.0.0.1', '--ingest-ca', 'nofile'),
    [
      'command line: --ingest "ftp://x/" is neither https://HOST:PORT nor http://HOST:PORT',
      'command line: --store and --ingest do not stand together',
      'command line: --ingest needs the secret of the POP: --token SECRET, or ISOCHRONE_INGEST_TOKEN',
      'command line: --ingest-ca "nofile": no such file',
    ],
  );
  assert.deepEqual(await said('--token', 'x', '--ingest-ca', 'y'), [
    'command line: --token stands with --ingest',
    'command line: --ingest-ca stands with --ingest',
  ]);
  assert.equal((await said('--ingest', 'https://h:1/path', '--token', 'x')).length, 1);
});
