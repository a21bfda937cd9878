import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';

const PATH = `${process.env['PATH']}:/usr/sbin:/sbin`;

/** Whether a program of another package is here; else the test is skipped, and says so. */
export function hasProgram(context: TestContext, program: string): boolean {
  if (spawnSync('sh', ['-c', `command -v ${program}`], { env: { PATH } }).status === 0) return true;
  context.skip(`${program} is not installed: Debian has it as a package`);
  return false;
}

/**
 * A server of another package that stays in the foreground; it is killed after the test. Gives what waits
 * until it answers: asks `isUp` each `everyMs`, so many times, and fails with what the server printed.
 */
export function startDaemon(
  context: TestContext,
  command: { readonly program: string; readonly args: readonly string[]; readonly folder: string },
): (isUp: () => Promise<boolean>, everyMs: number, times: number) => Promise<void> {
  const child = spawn(command.program, command.args, {
    cwd: command.folder,
    env: { PATH },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => log.push(chunk));
  const exited = once(child, 'exit');
  context.after(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  return async (isUp, everyMs, times) => {
    for (let left = times; ; left--) {
      if (child.exitCode !== null || left === 0) assert.fail(Buffer.concat(log).toString());
      if (await isUp()) return;
      await new Promise((done) => setTimeout(done, everyMs));
    }
  };
}
