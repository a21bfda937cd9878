import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeMessage, encodeQuery } from '../helpers/message.ts';

export interface DemoFigures {
  /** From starting the process to its first steered answer, ms. */
  readonly firstAnswerMs: number;
  /** Resident memory after `SETTLE_MS`, and its peak, octets. */
  readonly rssOctets: number;
  readonly peakOctets: number;
}

const PORT = 5492;
const ADMIN_PORT = 5493;
const GIVE_UP_MS = 30_000;
const SETTLE_MS = 10_000;
const ASK_EVERY_MS = 10;

/** Starts the whole demo, `isochrone up`, and measures it from outside. A text says why it could not. */
export async function measureDemo(): Promise<DemoFigures | string> {
  const state = mkdtempSync(join(tmpdir(), 'isochrone-bench-'));
  const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
  const startMs = performance.now();
  const args = [main, 'up', '--port', String(PORT), '--admin-port', String(ADMIN_PORT), '--state', state];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const errors: Buffer[] = [];
  child.stderr.on('data', (chunk) => errors.push(chunk));
  const exited = once(child, 'exit').then(() => complaint(Buffer.concat(errors).toString()));
  try {
    const early = await Promise.race([exited, firstAnswer()]);
    if (typeof early === 'string') return early;
    const firstAnswerMs = performance.now() - startMs;
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const memory = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    const octets = (label: string): number =>
      Number(new RegExp(`${label}:\\s+(\\d+)`).exec(memory)?.[1]) * 1024;
    return { firstAnswerMs, rssOctets: octets('VmRSS'), peakOctets: octets('VmHWM') };
  } finally {
    child.kill('SIGTERM');
    await exited;
    rmSync(state, { recursive: true, force: true });
  }
}

/** The line that says what was wrong: the error's, where there is a stack. */
function complaint(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.find((line) => /error/i.test(line)) ?? lines[0] ?? 'it ended at once';
}

/** Asks until an address comes; undefined then, or a text after `GIVE_UP_MS`. */
async function firstAnswer(): Promise<string | undefined> {
  const socket = createSocket('udp4');
  socket.on('error', () => {});
  const query = encodeQuery({ name: 'www.cdn.example.', type: 'A', subnet: '8.8.8.0/24' });
  const timer = setInterval(() => socket.send(query, PORT, '127.0.0.1'), ASK_EVERY_MS);
  const giveUp = AbortSignal.timeout(GIVE_UP_MS);
  try {
    for (;;) {
      const [answer] = await once(socket, 'message', { signal: giveUp });
      if (decodeMessage(answer as Uint8Array).sections[0].length > 0) return undefined;
    }
  } catch {
    return `no answer within ${GIVE_UP_MS / 1000} s`;
  } finally {
    clearInterval(timer);
    socket.close();
  }
}
