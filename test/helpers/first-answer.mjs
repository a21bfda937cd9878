/**
 * Asks 127.0.0.1 over UDP for www.cdn.example every 10 ms until an answer comes; prints how many ms that was
 * after the time given. Arguments: port, ms since 1970. Plain JavaScript, for whatever Node is there.
 */
import { createSocket } from 'node:dgram';

const [port, startMs] = process.argv.slice(2).map(Number);
const EVERY_MS = 10;
const GIVE_UP_MS = 60_000;
const labels = ['www', 'cdn', 'example'].flatMap((label) => [label.length, ...Buffer.from(label)]);
const query = Buffer.from([0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 1, 0, 1]);
const socket = createSocket('udp4');
const timer = setInterval(() => {
  if (Date.now() - startMs > GIVE_UP_MS) process.exit(1);
  socket.send(query, port, '127.0.0.1');
}, EVERY_MS);
socket.on('message', (answer) => {
  clearInterval(timer);
  const rcode = answer[3] & 15;
  const answers = answer.readUInt16BE(6);
  process.stdout.write(`${Date.now() - startMs}\n`);
  process.exit(rcode === 0 && answers === 1 ? 0 : 1);
});
