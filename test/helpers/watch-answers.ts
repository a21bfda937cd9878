import { createSocket } from 'node:dgram';
import { fileURLToPath } from 'node:url';
import { decodeMessage, encodeQuery } from './message.ts';

/**
 * Asks a name server again and again, and prints every change of its answer as `MS ADDRESS`, MS since 1970:
 * `node watch-answers.ts HOST PORT NAME SUBNET`. No answer in time is printed as `none`.
 */

/** A line of its. */
export interface SeenAnswer {
  readonly atMs: number;
  readonly answer: string;
}

export const WATCH_ANSWERS = fileURLToPath(import.meta.url);

/** Reads what it printed. */
export function seenAnswers(printed: string): readonly SeenAnswer[] {
  return printed
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({ atMs: Number(line.split(' ')[0]), answer: line.split(' ')[1] ?? '' }));
}

const EVERY_MS = 5;
const WAIT_MS = 500;

function watch(host: string, port: number, name: string, subnet: string): void {
  const socket = createSocket('udp4');
  const asked = new Map<number, number>();
  let id = 0;
  let last = '';
  const say = (answer: string): void => {
    if (answer !== last) console.log(`${Date.now()} ${answer}`);
    last = answer;
  };
  socket.on('message', (octets) => {
    if (!asked.delete(octets.readUInt16BE(0))) return;
    say(decodeMessage(octets).sections[0][0]?.split(' ').at(-1) ?? 'nothing');
  });
  setInterval(() => {
    id = (id + 1) & 0xffff;
    asked.set(id, performance.now());
    socket.send(encodeQuery({ name, type: 'A', id, subnet }), port, host);
    for (const [old, atMs] of asked)
      if (performance.now() - atMs > WAIT_MS) {
        asked.delete(old);
        say('none');
      }
  }, EVERY_MS);
}

if (process.argv[1] === WATCH_ANSWERS) {
  const [host = '', port = '', name = '', subnet = ''] = process.argv.slice(2);
  watch(host, Number(port), name, subnet);
}
