import { connect } from 'node:net';
import type { ListenAddress } from '../../src/server/handler.ts';
import { decodeMessage } from '../helpers/message.ts';

export interface Conversation {
  readonly server: ListenAddress;
  readonly messages: readonly Uint8Array[];
  /** Uniform in [0, 1). */
  readonly next: () => number;
  readonly mustBeSilent: (message: Uint8Array) => boolean;
}

/** One in so many conversations lies about its last message's length. */
const LYING = 4;
const CUTS_MAX = 4;

/**
 * Sends the messages on one TCP connection, cut anywhere, and reads to its end. Returns what was wrong with
 * the answers.
 */
export async function converse(conversation: Conversation): Promise<string[]> {
  const { server, messages, next, mustBeSilent } = conversation;
  const frames = messages.map((message) =>
    Buffer.from([message.length >> 8, message.length & 0xff, ...message]),
  );
  const lying = next() * LYING < 1;
  const last = frames.at(-1);
  if (lying && last !== undefined) last.writeUInt16BE(Math.floor(next() * 65_536));
  const octets = Buffer.concat(frames);
  const socket = connect(server.port, server.host);
  socket.setTimeout(10_000, () => socket.destroy(new Error('silence')));
  let error: Error | undefined;
  socket.on('error', (thrown) => {
    error = thrown;
  });
  const received: Buffer[] = [];
  socket.on('data', (chunk) => received.push(chunk));
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => resolve());
  });
  for (let left = Math.floor(next() * CUTS_MAX), at = 0; left >= 0; left--) {
    const end = left === 0 ? octets.length : Math.floor(at + next() * (octets.length - at));
    if (left === 0) socket.end(octets.subarray(at));
    else socket.write(octets.subarray(at, end));
    at = end;
    await new Promise(setImmediate);
  }
  await closed;
  if (error?.message === 'silence') return ['a TCP connection was not closed'];
  // Up to the message that makes the server hang up. A reset may take answers with it, but may not add any.
  const hangUp = messages.findIndex(mustBeSilent);
  const ids = (hangUp < 0 ? messages : messages.slice(0, hangUp)).map(
    (m) => ((m[0] ?? 0) << 8) | (m[1] ?? 0),
  );
  return checkAnswers(Buffer.concat(received), lying ? undefined : ids);
}

/** Answers must be well-formed, and come in the order of the questions. */
function checkAnswers(octets: Buffer, ids: readonly number[] | undefined): string[] {
  const wrong: string[] = [];
  let index = 0;
  for (let at = 0; at + 2 <= octets.length; index++) {
    const answer = octets.subarray(at + 2, at + 2 + octets.readUInt16BE(at));
    at += 2 + octets.readUInt16BE(at);
    if (at > octets.length) break;
    try {
      const { id } = decodeMessage(answer);
      if (ids !== undefined && id !== ids[index])
        wrong.push(`TCP answer ${index} has id ${id}, not ${ids[index]}`);
    } catch (error) {
      wrong.push(`${(error as Error).message}: ${answer.toString('hex')} over TCP`);
    }
  }
  return wrong;
}
