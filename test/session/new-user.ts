/**
 * `npm run test:new-user`: walks docs/first-hour.md on a clean clone of what is committed, with the Node and
 * the npm of the machine, and prints how long each step took. What stays running has a network of its own
 * (Linux, root). Ends with 1 at the first step that fails.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runsInOwnNetwork } from './own-network.ts';
import { type Command, stepsOf } from './walk.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Commands that need what was just started are typed again until they succeed, ms. */
const PATIENCE_MS = 180_000;
const AGAIN_MS = 500;
const STOP_MS = 10_000;

interface Running {
  readonly command: string;
  readonly child: ChildProcess;
}

const [given] = process.argv.slice(2);
if (given !== undefined) await walk(given);
else {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-new-user-'));
  try {
    execFileSync('git', ['clone', '--quiet', root, folder], { stdio: 'inherit' });
    const beganMs = performance.now();
    execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--silent'], { cwd: folder, env: plainEnv() });
    tell('npm ci', beganMs);
    runsInOwnNetwork(fileURLToPath(import.meta.url), [folder]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function walk(folder: string): Promise<void> {
  const running: Running[] = [];
  try {
    for (const { title, stopsDemo, commands } of stepsOf(
      readFileSync(join(folder, 'docs/first-hour.md'), 'utf8'),
    )) {
      const beganMs = performance.now();
      if (stopsDemo) await stop(running.splice(0, 1));
      for (const command of commands.filter(({ text }) => text !== 'npm ci'))
        if (command.stays) running.push({ command: command.text, child: started(command, folder) });
        else await succeeded(command, folder, running);
      tell(title, beganMs);
    }
  } finally {
    await stop(running.reverse());
  }
}

function started({ text }: Command, cwd: string): ChildProcess {
  console.log(`  ${text} &`);
  // A group of its own, as a terminal makes one: Ctrl-C reaches all of it.
  return spawn('sh', ['-c', text], { cwd, env: plainEnv(), stdio: 'ignore', detached: true });
}

/** Types a command until it ends well and says something; a query of Prometheus must find something. */
async function succeeded({ text }: Command, cwd: string, running: readonly Running[]): Promise<void> {
  console.log(`  ${text.split('\n', 1)[0]}`);
  const isSilent = text.startsWith('mkdir') || text.startsWith('cat >');
  const untilMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const { status, stdout, stderr } = spawnSync('sh', ['-c', text], {
      cwd,
      env: plainEnv(),
      encoding: 'utf8',
    });
    const says = stdout.trim() !== '' && !stdout.includes('"result":[]');
    if (status === 0 && (isSilent || says)) {
      for (const line of stdout.trim().split('\n').slice(0, 3))
        if (line !== '') console.log(`    ${line.slice(0, 150)}`);
      return;
    }
    const dead = running.find(({ child }) => child.exitCode !== null);
    if (dead !== undefined) throw new Error(`${dead.command} has ended with ${dead.child.exitCode}`);
    if (performance.now() > untilMs) throw new Error(`${text}: exit code ${status}\n${stdout}${stderr}`);
    await sleep(AGAIN_MS);
  }
}

async function stop(these: readonly Running[]): Promise<void> {
  for (const { child } of these) {
    if (child.exitCode !== null || child.pid === undefined) continue;
    const ended = once(child, 'exit');
    process.kill(-child.pid, 'SIGINT');
    await Promise.race([ended, sleep(STOP_MS)]);
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL');
  }
}

function tell(what: string, beganMs: number): void {
  console.log(`${((performance.now() - beganMs) / 1000).toFixed(1).padStart(6)} s  ${what}`);
}

/** As a newcomer has it: without the programs of this project's own packages in the path. */
function plainEnv(): NodeJS.ProcessEnv {
  const { PATH = '', NODE_OPTIONS: _, ...rest } = process.env;
  const path = PATH.split(delimiter).filter((one) => !one.includes('node_modules'));
  const others = Object.entries(rest).filter(([name]) => !name.startsWith('npm_'));
  return { ...Object.fromEntries(others), PATH: path.join(delimiter) };
}
