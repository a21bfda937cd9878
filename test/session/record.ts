/**
 * `npm run session`: types the README's commands at a real `isochrone up` in a network of its own (Linux,
 * root), and draws what the terminal showed as docs/session.svg.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../helpers/program.ts';
import { drawSession, type Step } from './draw.ts';
import { runsInOwnNetwork } from './own-network.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const main = join(root, 'src/main.ts');
const START_MS = 120_000;
const KNOWN_MS = 180_000;
const COLUMNS = 112;
const CLIENT = '200.147.0.0/16';
const DIG = `dig @127.0.0.1 -p 5300 www.cdn.example +short +subnet=${CLIENT}`;

const COMMANDS: readonly (readonly [says: string, command: string])[] = [
  ['Which POP does a client network in Brazil get?', DIG],
  ['Why?', `npx isochrone explain www.cdn.example --client ${CLIENT}`],
  [
    'Take that POP out: from the next query on.',
    'npx isochrone drain GIG --for 10m --reason "router upgrade"',
  ],
  ['', DIG],
  ['And back.', 'npx isochrone restore GIG'],
];

/** The demo's token is here: its state folder is not where the commands look. */
const ENV = { ...process.env, ISOCHRONE_TOKEN: randomUUID() };

if (!runsInOwnNetwork(fileURLToPath(import.meta.url))) await record();

async function record(): Promise<void> {
  const state = mkdtempSync(join(tmpdir(), 'isochrone-session-'));
  const demo = spawn(process.execPath, [main, 'up', '--state', state], {
    cwd: root,
    env: ENV,
    stdio: 'pipe',
  });
  try {
    await started(demo);
    await known();
    const steps: Step[] = COMMANDS.map(([says, command]) => ({ says, command, output: typed(command) }));
    writeFileSync(join(root, 'docs/session.svg'), drawSession(steps, COLUMNS));
    for (const { command, output } of steps) console.log(`$ ${command}\n${output}`);
  } finally {
    const ended = once(demo, 'exit');
    if (demo.exitCode === null && demo.kill('SIGTERM')) await ended;
    rmSync(state, { recursive: true, force: true });
  }
}

async function started(demo: ChildProcess): Promise<void> {
  let printed = '';
  for (const stream of [demo.stdout, demo.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  const { held } = await until(
    async () => printed,
    (text) => text.includes('Stop with Ctrl-C') || demo.exitCode !== null,
    START_MS,
  );
  if (!held || demo.exitCode !== null) throw new Error(`the demo did not start: ${printed}`);
}

/** Waits until agents measured the client's place, and its POP is the one that the commands drain. */
async function known(): Promise<void> {
  const query = new URLSearchParams({ name: 'www.cdn.example', type: 'A', client: CLIENT });
  const ask = async (): Promise<string> => {
    const reply = await fetch(`http://127.0.0.1:5380/api/explain?${query}`).catch(() => undefined);
    const view = reply?.ok === true ? await reply.json() : { pops: [] };
    // The shape is ExplainView's; only the first POP matters here.
    const [first] = (view as { pops: { pop: string; bursts: number }[] }).pops;
    return first === undefined || first.bursts < 10 ? '' : first.pop;
  };
  const { value, held } = await until(ask, (pop) => pop === 'GIG', KNOWN_MS);
  if (!held) throw new Error(`GIG did not become the POP of ${CLIENT}: ${value}`);
}

/** What a terminal shows of a command, with its colours. */
function typed(command: string): string {
  const env = {
    ...ENV,
    COLUMNS: String(COLUMNS),
    TERM: 'xterm-256color',
    npm_config_progress: 'false',
  };
  const shown = execFileSync('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    cwd: root,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return shown.replaceAll('\r\n', '\n').trimEnd();
}
