import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { strangers } from '../helpers/metric-names.ts';
import { runTool, until } from '../helpers/program.ts';

/** Every command in README.md and docs/ is run as it stands, beside a demo on its default ports. */

const root = fileURLToPath(new URL('../../', import.meta.url));
const documents = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => join('docs', name))].filter(
  (name) => name.endsWith('.md'),
);
/** What starts the demo, and the tests themselves: run before this, or by whoever runs this. */
const ELSEWHERE = ['npm ci && npm start', 'sh test/run.sh'];

let demo: ChildProcess;
let printed = '';

before(async () => {
  demo = spawn(process.execPath, ['src/main.ts', 'up'], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [demo.stdout, demo.stderr])
    stream?.on('data', (chunk) => {
      printed += chunk;
    });
  const { held } = await until(
    async () => printed,
    (text) => text.includes('Stop with Ctrl-C') || demo.exitCode !== null,
    90_000,
  );
  assert.ok(held && demo.exitCode === null, `the demo needs its default ports to be free: ${printed}`);
});

after(async () => {
  const ended = new Promise((resolve) => demo.once('exit', resolve));
  if (demo.exitCode === null && demo.kill('SIGTERM')) await ended;
});

for (const document of documents)
  for (const { command, line } of commandsOf(document))
    test(`${document}:${line}: ${command}`, async () => {
      const { code, out, err } = await runTool('sh', [
        '-c',
        `PATH="$PWD/node_modules/.bin:$PATH"; ${command}`,
      ]);
      assert.equal(code, 0, `${out}${err}`);
      assert.notEqual(out.trim(), '', 'it printed nothing');
    });

test('the demo has the metrics that docs/metrics.md has, and no others', async () => {
  const page = await (await fetch('http://127.0.0.1:5380/metrics')).text();
  assert.match(page, /^isochrone_build_info\{.*role="up"/m);
  assert.deepEqual(strangers(page, 'up'), []);
});

test('the commands that the demo prints can be pasted', async () => {
  const commands = printed.split('\n').filter((line) => /^ {2}(?:dig|npx|curl) /.test(line));
  assert.equal(commands.length, 3, printed);
  for (const command of commands) {
    const { code, out, err } = await runTool('sh', ['-c', command]);
    assert.equal(code, 0, `${command}\n${out}${err}`);
    assert.notEqual(out.trim(), '', command);
  }
});

function commandsOf(document: string): { command: string; line: number }[] {
  const commands: { command: string; line: number }[] = [];
  let inside = false;
  for (const [index, text] of readFileSync(join(root, document), 'utf8').split('\n').entries()) {
    if (text.startsWith('```')) inside = text === '```sh';
    else if (inside && text.trim() !== '' && !text.startsWith('#') && !ELSEWHERE.includes(text))
      commands.push({ command: text, line: index + 1 });
  }
  return commands;
}
