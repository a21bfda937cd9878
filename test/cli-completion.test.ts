import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { COMMANDS } from '../src/cli/table.ts';
import { startAdmin } from '../src/console/admin.ts';
import { adminApi } from './helpers/admin.ts';
import { runCli } from './helpers/cli.ts';
import { runTool } from './helpers/program.ts';

const BIN = fileURLToPath(new URL('../src/bin.mjs', import.meta.url));

test('bash completes commands, flags, files, and the POPs of a running process', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-completion-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const { code, out } = await runCli('completion', 'bash');
  assert.equal(code, 0);
  writeFileSync(join(folder, 'script'), out);
  for (const name of ['a log.json', 'isochrone.yaml']) writeFileSync(join(folder, name), '');
  symlinkSync(BIN, join(folder, 'isochrone'));
  const admin = await startAdmin({
    listen: { host: '127.0.0.1', port: 0 },
    token: 'a-token-for-the-tests',
    tokenWhere: 'in state/admin.token',
    api: adminApi(),
    onError: (error) => assert.fail(String(error)),
  });
  t.after(() => admin.close());
  const lines: readonly (readonly string[])[] = [
    ['e'],
    ['help', 'rest'],
    ['replay', '--w'],
    ['replay', ''],
    ['replay', '--log', 'a'],
    ['replay', '--one-of', ''],
    ['check', 'isochrone.'],
    ['zone', 're'],
    ['drain', 'F'],
    ['acl', '--pop', 'G'],
    ['frobnicate', ''],
  ];
  // Every line in one bash, as it would complete it; the running process is at another port than usual.
  const script = [
    `cd '${folder}' && PATH="$PWD:$PATH" && source ./script`,
    `isochrone() { command isochrone "$@" --admin ${admin.url}; }`,
    ...lines.map((words) => {
      const all = ['isochrone', ...words].map((word) => `'${word}'`).join(' ');
      const print = `(IFS='|'; echo "\${COMPREPLY[*]}")`;
      return `COMP_WORDS=(${all}); COMP_CWORD=${words.length}; _isochrone; ${print}`;
    }),
  ].join('\n');
  const ran = await runTool('bash', ['-c', script]);
  if (String(ran.code) === 'ENOENT') return t.skip('no bash on this machine');
  assert.deepEqual([ran.code, ran.err], [0, '']);
  const replies = ran.out.split('\n');
  const flags = (replies[3] ?? '').split('|');
  assert.ok(flags.includes('--against') && flags.includes('--help'), replies[3]);
  assert.deepEqual(replies.toSpliced(3, 1), [
    COMMANDS.flatMap(({ name }) => (name.startsWith('e') ? [name] : [])).join('|'),
    'restore',
    '--without',
    'a log.json',
    '',
    'isochrone.yaml',
    'reload',
    'FRA',
    'GRU',
    '',
    '',
  ]);
  assert.match((await runCli('completion', 'fish')).err, /"fish" is no shell that is known: bash/);
});
