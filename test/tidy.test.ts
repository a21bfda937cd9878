import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/**
 * The house rules, held by a test: who may import whom, what pure rooms may not touch, and how long things
 * may get. A rule that is in the way is changed here, with its reason, not worked around.
 */

const root = fileURLToPath(new URL('..', import.meta.url));
const FILE_LINES_MAX = 300;
const FUNCTION_LINES_MAX = 70;
const COLUMNS_MAX = 110;

/** Room -> rooms it may import. `main.ts`, `bin.mjs` and `cli/` may import everything. */
const PURE: Readonly<Record<string, readonly string[]>> = {
  base: [],
  wire: ['base'],
  geo: ['base'],
  steering: ['base'],
  netmodel: ['base'],
  lab: ['base', 'netmodel', 'steering', 'replay'],
  // Of `wire` the names of record types and response codes.
  config: ['base', 'steering', 'wire'],
  zone: ['base', 'wire'],
  // Of `config` the reader of YAML, which knows lines.
  migrate: ['base', 'wire', 'zone', 'config'],
  // What would be, if: it reads images and logs, and has decisions made.
  replay: ['base', 'wire', 'geo', 'steering'],
  answer: ['base', 'wire', 'zone', 'geo', 'steering'],
};
const SHELLS = ['native', 'server', 'store', 'transfer', 'probe', 'control', 'pop', 'delays', 'console'];
const shellImports = [...Object.keys(PURE), 'store', 'native'];
/** The image readers, which are all that `answer` may take from the rooms that decide. */
const ANSWER_MAY_READ = ['geo/client-image.ts', 'steering/image.ts'];
const IMPURE = new RegExp(
  [
    "\\bfrom 'node:|\\bimport\\('node:",
    '\\bDate\\.now\\b|\\bnew Date\\(\\)|\\bperformance\\.now\\b',
    '\\bMath\\.random\\b|\\bsetTimeout\\b|\\bsetInterval\\b|\\bprocess\\.(?:env|argv|hrtime)',
  ].join('|'),
);
/** Started by path, not by import: a thread's entry, the programs, the web console and what builds it. */
const ENTRIES = [
  'src/main.ts',
  'src/bin.mjs',
  'src/console/build.ts',
  'src/console/web/main.tsx',
  'src/console/web/atlas.d.ts',
  'src/server/worker.ts',
  'src/server/mapper-thread.ts',
  'src/cli/compile-thread.ts',
  'src/cli/describe-thread.ts',
  'src/cli/what-if-thread.ts',
  'src/cli/console-replay-thread.ts',
  'src/pop/edge/function-thread.ts',
  'src/pop/edge/lambda-thread.ts',
];

const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => /\.(?:ts|mjs|tsx)$/.test(file));
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const existing = tracked.filter((file) => {
  try {
    return read(file) !== undefined;
  } catch {
    return false; // deleted in the work tree, still in the index
  }
});
const sources = existing.filter((file) => file.startsWith('src/'));
const roomOf = (file: string): string => (file.split('/').length > 2 ? (file.split('/')[1] as string) : '');

function importsOf(file: string): { path: string; typeOnly: boolean }[] {
  const found: { path: string; typeOnly: boolean }[] = [];
  const fixed = /(?:^|\n)\s*(import|export)(\s+type)?\b[^;'"]*?from\s+'(\.[^']+)'/.source;
  const dynamic = /import\('(\.[^']+)'\)|new URL\('(\.[^']+\.ts)'/.source;
  const pattern = new RegExp(`${fixed}|${dynamic}`, 'g');
  for (const match of read(file).matchAll(pattern)) {
    const target = match[3] ?? match[4] ?? match[5];
    if (target !== undefined)
      found.push({ path: normalize(join(dirname(file), target)), typeOnly: match[2] !== undefined });
  }
  return found;
}

test('rooms import only whom they may', () => {
  const wrong: string[] = [];
  for (const file of sources) {
    const room = roomOf(file);
    if (room === '' || room === 'cli') continue;
    assert.ok(room in PURE || SHELLS.includes(room), `${file}: no such room; add it to the table`);
    const allowed = PURE[room] ?? shellImports;
    for (const { path } of importsOf(file)) {
      const target = roomOf(path);
      const fine = target === room || allowed.includes(target);
      const reader = room !== 'answer' || !['geo', 'steering'].includes(target);
      if (!fine) wrong.push(`${file} imports ${path}: ${room} may import ${allowed.join(' ') || 'nothing'}`);
      else if (!reader && !ANSWER_MAY_READ.some((end) => path.endsWith(end)))
        wrong.push(`${file} imports ${path}: answer reads images through ${ANSWER_MAY_READ.join(', ')} only`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('pure rooms touch neither the machine, nor time, nor chance', () => {
  const wrong: string[] = [];
  for (const file of sources.filter((name) => roomOf(name) in PURE))
    for (const [index, line] of read(file).split('\n').entries())
      if (IMPURE.test(line) && !/^\s*(?:\*|\/\/|\/\*)/.test(line))
        wrong.push(`${file}:${index + 1}: ${line.trim()}`);
  assert.deepEqual(wrong, []);
});

test('no import cycle', () => {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (done.has(file)) return;
    assert.ok(!path.includes(file), `cycle: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`);
    for (const next of importsOf(file)) if (!next.typeOnly) visit(next.path, [...path, file]);
    done.add(file);
  };
  for (const file of sources) visit(file, []);
});

test('no dead file, no default export, every room says what it is for', () => {
  const imported = new Set(existing.flatMap((file) => importsOf(file).map(({ path }) => path)));
  const dead = sources.filter((file) => !imported.has(file) && !ENTRIES.includes(file));
  assert.deepEqual(dead, [], 'files that nothing imports');
  const usedBySource = new Set(sources.flatMap((file) => importsOf(file).map(({ path }) => path)));
  const onlyTested = sources.filter((file) => !usedBySource.has(file) && !ENTRIES.includes(file));
  assert.deepEqual(onlyTested, [], 'files that only tests import');
  assert.deepEqual(
    existing.filter((file) => /^export default\b/m.test(read(file))),
    [],
  );
  const rooms = [...new Set(sources.map(roomOf))].filter((room) => room !== '');
  for (const room of rooms) {
    const says = sources.some((file) => roomOf(file) === room && read(file).includes(`Room \`${room}\``));
    assert.ok(says, `src/${room} has no headline comment "Room \`${room}\`: …"`);
  }
});

test('files, functions and lines keep their limits', () => {
  const wrong: string[] = [];
  for (const file of existing) {
    const lines = read(file).split('\n');
    if (lines.length - 1 > FILE_LINES_MAX) wrong.push(`${file}: ${lines.length - 1} lines`);
    for (const [index, line] of lines.entries())
      if (line.length > COLUMNS_MAX) wrong.push(`${file}:${index + 1}: ${line.length} columns`);
    wrong.push(...longFunctions(file, lines));
  }
  assert.deepEqual(wrong, []);
});

test('nothing unfinished and nothing of the makers machine is in the tree', () => {
  const words = ['TO', 'FIX', 'XX'].map((start, i) => start + ['DO', 'ME', 'X'][i]).join('|');
  const unfinished = new RegExp(`\\b(?:${words})\\b|\\b(?:test|it|describe)\\.(?:only|todo)\\b`);
  const path = /['"` ]\/(?:root|work|home)\/[a-z]/;
  for (const file of existing)
    for (const [index, line] of read(file).split('\n').entries()) {
      assert.ok(!unfinished.test(line), `${file}:${index + 1}: ${line.trim()}`);
      assert.ok(!path.test(line), `${file}:${index + 1}: a path of one machine: ${line.trim()}`);
    }
});

/**
 * A function starts on a line that declares one and ends where its indentation comes back. The formatter
 * makes this exact.
 */
function longFunctions(file: string, lines: readonly string[]): string[] {
  const wrong: string[] = [];
  const arrow = /(?:const|let) \w+ = (?:async )?(?:\([^)]*\)|\w+)(?:: [^=]+)? => \{$/.source;
  const start = new RegExp(`^(\\s*)(?:export )?(?:async )?(?:function\\b|${arrow})`);
  for (const [index, line] of lines.entries()) {
    const match = start.exec(line);
    if (match === null) continue;
    const indent = match[1] as string;
    const length = lines.slice(index + 1).findIndex((next) => next.startsWith(`${indent}}`)) + 2;
    if (length > FUNCTION_LINES_MAX) wrong.push(`${file}:${index + 1}: a function of ${length} lines`);
  }
  return wrong;
}
