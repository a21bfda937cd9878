import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { COMMANDS } from '../src/cli/table.ts';

/** What README.md and docs/ name must be there: commands, flags, scripts, files, sections. */

const root = fileURLToPath(new URL('../', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const documents = [
  ...['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md'],
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
/** Flags that every command has. */
const COMMON_FLAGS = ['json', 'help'];
/** Folders of the repository; files in others are the reader's own. */
const OURS = 'deploy|docs|geo-data|src|test';

test('commands and flags that documents name are there', async () => {
  const flags = new Map<string, readonly string[]>();
  for (const { name, load } of COMMANDS) flags.set(name, Object.keys((await load()).options));
  const wrong = documents.flatMap((path) =>
    wrongCommands(read(path), flags).map((what) => `${path}: ${what}`),
  );
  assert.deepEqual(wrong, []);
  for (const planted of ['`npx isochrone explian x`', '`isochrone drain FRA --fro 1h`'])
    assert.equal(wrongCommands(planted, flags).length, 1, planted);
});

test('npm scripts that documents name are there', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  for (const path of documents)
    for (const [what, name = ''] of read(path).matchAll(/\bnpm run ([\w:-]+)/g))
      assert.ok(name in scripts, `${path}: ${what}`);
  const files = Object.values(scripts).flatMap(
    (script) => script.match(/\b(?:test|deploy)\/[\w/-]+\.ts/g) ?? [],
  );
  for (const file of files) assert.ok(existsSync(join(root, file)), `package.json: ${file}`);
});

test('files that documents name are there', () => {
  const wrong = documents.flatMap((path) => missingFiles(read(path)).map((file) => `${path}: ${file}`));
  assert.deepEqual(wrong, []);
  assert.deepEqual(missingFiles('`deploy/no-such.yaml`, `docs/architecture.md`'), ['deploy/no-such.yaml']);
});

test('the page of the architecture has every room', () => {
  const page = read('docs/architecture.md');
  const rooms = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((one) => one.isDirectory());
  for (const { name } of rooms)
    assert.match(page, new RegExp(`^\\| (?:\`\\w+\`, )*\`${name}\`[,| ]`, 'm'), name);
});

test('links between documents lead to files and sections', () => {
  const wrong: string[] = [];
  for (const path of documents)
    for (const [, target = ''] of read(path).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file = '', section] = target.split('#');
      const to = file === '' ? path : join(dirname(path), file);
      if (!existsSync(join(root, to))) wrong.push(`${path}: ${target}`);
      else if (section !== undefined && !sectionsOf(read(to)).includes(section))
        wrong.push(`${path}: ${target}`);
    }
  assert.deepEqual(wrong, []);
});

/** Lines and code spans that begin with `isochrone`, and have a command or a flag that is not. */
function wrongCommands(text: string, flags: ReadonlyMap<string, readonly string[]>): string[] {
  const spans = [...text.matchAll(/(?:^|`)(?:npx )?isochrone ([a-z][^`\n]*)/gm)].map(([, rest = '']) => rest);
  return spans.filter((span) => {
    const [name = '', ...words] = span.split(/\s+/);
    if (name === 'help' || name === 'version') return words[0] !== undefined && !flags.has(words[0]);
    const known = flags.get(name);
    const used = words.flatMap((word) => /^\[?--([a-z][\w.-]*)/.exec(word)?.[1] ?? []);
    return known === undefined || used.some((flag) => !known.includes(flag) && !COMMON_FLAGS.includes(flag));
  });
}

/** Paths in code spans and blocks, from the root or from src/; several by `*`. */
function missingFiles(text: string): string[] {
  const pattern = new RegExp(`(?<![\\w./-])(?:${OURS})/[\\w./*@-]*[\\w*/]`, 'g');
  return [...text.matchAll(pattern)]
    .map(([path]) => path)
    .filter((path) => !existsSync(join(root, path.includes('*') ? dirname(path) : path)));
}

/** The anchors that GitHub makes of headings. */
function sectionsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test('each decision has a number of its own, in its name and in its title', () => {
  const names = readdirSync(join(root, 'docs/decisions')).filter((name) => /^\d/.test(name));
  const numbers = names.map((name) => Number.parseInt(name, 10));
  assert.deepEqual(
    numbers.filter((number, i) => numbers.indexOf(number) !== i),
    [],
  );
  for (const [i, name] of names.entries())
    assert.match(read(`docs/decisions/${name}`), new RegExp(`^# ${numbers[i]}\\. \\S`), name);
});
