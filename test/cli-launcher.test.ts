import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'isochrone-launcher-'));
after(() => rmSync(folder, { recursive: true }));

/** A Node on this machine that cannot run TypeScript, if there is one outside node_modules. */
function oldNode(): string | undefined {
  for (const path of (process.env['PATH'] ?? '').split(delimiter)) {
    if (path.includes('node_modules')) continue;
    try {
      const node = join(path, 'node');
      const version = execFileSync(node, ['--version'], { encoding: 'utf8', stdio: 'pipe' });
      if (Number(version.slice(1).split('.')[0]) < 22) return node;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** A program beside the launcher, in a copy: it says what it is, and ends with 7 on SIGTERM. */
function launcherCopy(): string {
  mkdirSync(join(folder, 'src'));
  cpSync(join(root, 'src/bin.mjs'), join(folder, 'src/bin.mjs'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(
    join(folder, 'src/main.ts'),
    `const words: string = process.argv.slice(2).join('+');
     const wait = setInterval(() => undefined, 1000);
     process.on('SIGTERM', () => { clearInterval(wait); process.exitCode = 7; });
     console.log(process.versions.node, words);`,
  );
  return join(folder, 'src/bin.mjs');
}

test('the launcher goes on in the bundled Node: arguments, signals, exit code', async (context) => {
  const old = oldNode();
  if (old === undefined) return context.skip('no Node older than 22 on this machine');
  const child = spawn(old, [launcherCopy(), 'a', '--b'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  assert.match(line.toString(), /^2[2-9]\.\S+ a\+--b\n$/);
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [7, null]);
});

test('npx isochrone works from the checkout', () => {
  const text = execFileSync('npx', ['isochrone', '--help'], { cwd: root, encoding: 'utf8', stdio: 'pipe' });
  assert.match(text, /usage: isochrone COMMAND/);
});
