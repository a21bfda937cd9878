import { connect, type Socket } from 'node:net';
import { encodeQuery } from '../helpers/message.ts';

/**
 * A crowd of slow clients in a process of its own: keeps 5,000 connections from 250 addresses to a port of
 * 127.0.0.1 (first word); those that the server closes are opened again, up to a thousand a second. What each
 * does says the second word: `dribble` (a part of a message that grows by an octet a second), `silent`, or
 * `deaf` (asks 500 times and does not read, or asks and closes its half). Tells its parent how many it
 * opened, and dies with it.
 */

const SLOW = 5000;
const ADDRESSES = 250;
/** Opened each 10 ms, at first and later. */
const OPENED_AT_FIRST = 50;
const OPENED_AGAIN = 10;
const TRICKLE_MS = 1000;
const [port = 0, manner = 'silent'] = [Number(process.argv[2]), process.argv[3]];
const query = encodeQuery({ name: 'www.edge.test.', type: 'A', edns: 1232 });
const framed = Buffer.from([0, query.length, ...query]);
let count = 0;
let opened = 0;
let turn = 0;

function behave(socket: Socket): void {
  if (manner === 'dribble') {
    let at = 7;
    socket.write(framed.subarray(0, at));
    const timer = setInterval(() => socket.write(framed.subarray(at, ++at)), TRICKLE_MS);
    socket.on('close', () => clearInterval(timer));
  } else if (manner === 'deaf') {
    socket.pause();
    if (turn++ % 2 === 0) socket.end(framed);
    else socket.write(Buffer.concat(Array.from({ length: 500 }, () => framed)));
  }
}

function open(): void {
  for (let left = opened < SLOW ? OPENED_AT_FIRST : OPENED_AGAIN; left > 0 && count < SLOW; left--) {
    count++;
    const localAddress = `127.1.${opened++ % ADDRESSES}.1`;
    const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true });
    socket.on('connect', () => behave(socket));
    socket.on('error', () => undefined);
    socket.on('close', () => count--);
  }
  process.send?.(opened);
}

setInterval(open, 10);
process.on('disconnect', () => process.exit(0));
