import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isSqlInjection } from '../../src/pop/waf/sqli.ts';
import { isCrossSiteScript } from '../../src/pop/waf/xss.ts';

/**
 * Detection and false-positive rates of SQL injection and cross-site scripting on public corpora out of
 * Debian packages, beside libinjection on the very same lines. Half of the attacks, by a hash of each line,
 * was looked at while the detectors were made; the other half never was: their rates stand apart.
 * `npm run bench:waf -- FOLDER`; the folder keeps what was fetched.
 */

type Kind = 'sqli' | 'xss';
type Detect = (octets: readonly string[]) => boolean[];

const [given = 'waf-corpora'] = process.argv.slice(2);
const folder = resolve(given);
const here = fileURLToPath(new URL('.', import.meta.url));
mkdirSync(folder, { recursive: true });
execFileSync('sh', [join(here, 'waf-corpora.sh'), folder], { stdio: ['ignore', 'ignore', 'inherit'] });
const libinjection = join(folder, 'libinjection', 'src');
const peer = join(folder, 'peer');
const objects = ['sqli', 'xss', 'html5'].map((part) => join(libinjection, `libinjection_${part}.c`));
const cc = ['-O2', '-w', `-I${libinjection}`, '-DLIBINJECTION_VERSION="debian"', '-o', peer];
execFileSync('cc', [...cc, join(here, 'libinjection-peer.c'), ...objects]);

/** Lines with something in them, without comments, each once. */
function linesOf(file: string): string[] {
  const lines = readFileSync(file, 'latin1').split('\n');
  return Array.from(new Set(lines.filter((line) => line.trim() !== '' && !line.startsWith('#'))));
}

/** Which half a line is of: fixed when the detectors were made, so it stays as it is. */
function isSeen(line: string): boolean {
  let hash = 0;
  for (const sign of line) hash = (Math.imul(hash, 31) + sign.charCodeAt(0)) | 0;
  return (hash >>> 3) % 2 === 0;
}

function decoded(line: string): string {
  return line
    .replaceAll('+', ' ')
    .replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function filesIn(path: string, fits: (name: string) => boolean): string[] {
  return readdirSync(path)
    .filter(fits)
    .map((name) => join(path, name));
}

const attacks = join(folder, 'libinjection', 'data');
const fortunes = join(folder, 'packages/usr/share/games/fortunes');
const words = join(folder, 'packages/usr/share/dirb/wordlists');
const HARMLESS: Readonly<Record<string, readonly string[]>> = {
  "libinjection's false positives": linesOf(join(attacks, 'false_positives.txt')).map(decoded),
  'sayings (fortunes)': filesIn(fortunes, (name) => !/\.(?:dat|u8)$/.test(name)).flatMap(linesOf),
  'paths (dirb)': filesIn(words, (name) => name.endsWith('.txt'))
    .flatMap(linesOf)
    .map(decoded),
};

function peerDetect(kind: Kind): Detect {
  return (octets) => {
    const input = octets.map((text) => `${Buffer.from(text, 'latin1').toString('hex')}\n`).join('');
    const output = execFileSync(peer, [kind], { input, encoding: 'utf8', maxBuffer: 1 << 28 });
    return output
      .trimEnd()
      .split('\n')
      .map((line) => line === '1');
  };
}

const DETECTORS: readonly (readonly [name: string, of: (kind: Kind) => Detect])[] = [
  ['isochrone', (kind) => (octets) => octets.map((text) => own(kind, text, 'LOW'))],
  ['isochrone, HIGH', (kind) => (octets) => octets.map((text) => own(kind, text, 'HIGH'))],
  ['libinjection', peerDetect],
];

function own(kind: Kind, text: string, level: 'LOW' | 'HIGH'): boolean {
  return kind === 'xss' ? isCrossSiteScript(text) : isSqlInjection(text, level);
}

const share = (found: readonly boolean[]): string => {
  const count = found.filter((one) => one).length;
  return `${((100 * count) / found.length).toFixed(2)} % (${count} of ${found.length})`;
};

for (const kind of ['sqli', 'xss'] as const) {
  const lines = filesIn(attacks, (name) => name.startsWith(`${kind}-`)).flatMap(linesOf);
  const seen = lines.filter((line) => isSeen(line));
  const unseen = lines.filter((line) => !isSeen(line));
  console.log(`\n${kind === 'sqli' ? 'SQL injection' : 'cross-site scripting'}`);
  for (const [name, of] of DETECTORS) {
    if (kind === 'xss' && name.endsWith('HIGH')) continue;
    const detect = of(kind);
    const beganMs = performance.now();
    console.log(`  ${name}`);
    console.log(`    detected, lines seen before    ${share(detect(seen.map(decoded)))}`);
    console.log(`    detected, lines never seen     ${share(detect(unseen.map(decoded)))}`);
    console.log(`    time, µs a line                ${us(performance.now() - beganMs, lines.length)}`);
    for (const [corpus, texts] of Object.entries(HARMLESS))
      console.log(`    taken for attacks: ${corpus.padEnd(31)} ${share(detect(texts))}`);
  }
}

function us(spentMs: number, count: number): string {
  return ((spentMs * 1000) / count).toFixed(1);
}
