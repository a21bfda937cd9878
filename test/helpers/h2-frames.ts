import { connect, type TLSSocket } from 'node:tls';
import { until } from '../contract/harness.ts';

/** HTTP/2 by single frames (RFC 9113 §4.1), for what no library would send. */

const [DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY, CONTINUATION] = [0, 1, 3, 4, 7, 9];
const [END_STREAM, END_HEADERS, ACK] = [1, 4, 1];
const CANCEL = Buffer.from([0, 0, 0, 8]);
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
/** The first octet of an answer's head: the status's place in HPACK's static table (RFC 7541, appendix A). */
const STATUSES: Readonly<Record<number, string>> = { 136: '200', 139: '304', 140: '400', 141: '404' };

export type Fields = readonly (readonly [name: string, value: string])[];

/** A connection that sends what it is told. */
export interface FrameClient {
  readonly socket: TLSSocket;
  /** A whole request; gives what came of it: `200`, `400`, or `RST 1`, `GOAWAY 1`, `closed`. */
  readonly ask: (fields: Fields, data?: string) => Promise<string>;
  /** Begins a request with a body that goes on; gives what takes it back. */
  readonly begin: (fields: Fields, data: string) => () => void;
  /** So many requests, each taken back at once, in one write. */
  readonly askAndReset: (count: number, fields: Fields) => void;
  /** A head that goes on and on: so many pieces, each with a field of 1,000 octets. */
  readonly headWithoutEnd: (pieces: number, fields: Fields) => void;
  /** Error codes of GOAWAY. */
  readonly goneAway: readonly number[];
}

/** Opens one, and greets. */
export async function openFrames(to: {
  readonly host: string;
  readonly port: number;
  readonly ca: Buffer;
}): Promise<FrameClient> {
  const socket = connect({ ...to, servername: 'www.cdn.example', ALPNProtocols: ['h2'] });
  socket.on('error', () => undefined);
  const outcomes = new Map<number, string>();
  const goneAway: number[] = [];
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (; rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3); ) {
      const end = 9 + rest.readUIntBE(0, 3);
      const [type, flags, stream] = [rest[3], rest[4] ?? 0, rest.readUInt32BE(5)];
      const payload = rest.subarray(9, end);
      rest = rest.subarray(end);
      if (type === SETTINGS && (flags & ACK) === 0) socket.write(frame(SETTINGS, ACK, 0));
      if (type === HEADERS && !outcomes.has(stream))
        outcomes.set(stream, STATUSES[payload[0] ?? 0] ?? `status ${payload[0]}`);
      if (type === RST_STREAM && !outcomes.has(stream)) outcomes.set(stream, `RST ${payload.readUInt32BE()}`);
      if (type === GOAWAY) goneAway.push(payload.readUInt32BE(4));
    }
  });
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  socket.write(Buffer.concat([Buffer.from(PREFACE), frame(SETTINGS, 0, 0)]));
  let next = 1;
  const newStream = (): number => {
    const id = next;
    next += 2;
    return id;
  };
  return {
    socket,
    goneAway,
    ask: async (fields, data) => {
      const id = newStream();
      const head = frame(HEADERS, END_HEADERS | (data === undefined ? END_STREAM : 0), id, block(fields));
      const body = data === undefined ? [] : [frame(DATA, END_STREAM, id, Buffer.from(data))];
      socket.write(Buffer.concat([head, ...body]));
      const isOver = (): boolean => outcomes.has(id) || goneAway.length > 0 || socket.destroyed;
      await until(isOver, `what came of ${JSON.stringify(fields)}`);
      return outcomes.get(id) ?? (goneAway.length > 0 ? `GOAWAY ${goneAway[0]}` : 'closed');
    },
    begin: (fields, data) => {
      const id = newStream();
      const head = frame(HEADERS, END_HEADERS, id, block(fields));
      socket.write(Buffer.concat([head, frame(DATA, 0, id, Buffer.from(data))]));
      return () => void socket.write(frame(RST_STREAM, 0, id, CANCEL));
    },
    askAndReset: (count, fields) => {
      const pairs = Array.from({ length: count }, () => {
        const id = newStream();
        const head = frame(HEADERS, END_HEADERS | END_STREAM, id, block(fields));
        return Buffer.concat([head, frame(RST_STREAM, 0, id, CANCEL)]);
      });
      socket.write(Buffer.concat(pairs));
    },
    headWithoutEnd: (pieces, fields) => {
      const id = newStream();
      const more = frame(CONTINUATION, 0, id, block([['x-more', 'a'.repeat(1_000)]]));
      socket.write(
        Buffer.concat([frame(HEADERS, END_STREAM, id, block(fields)), ...Array(pieces).fill(more)]),
      );
    },
  };
}

function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Fields as literals that enter no table (RFC 7541 §6.2.2). */
function block(fields: Fields): Buffer {
  const text = (value: string): Buffer => {
    const octets = Buffer.from(value, 'latin1');
    return Buffer.concat([lengthOf(octets.length), octets]);
  };
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

/** An integer with a prefix of seven bits (RFC 7541 §5.1). */
function lengthOf(length: number): Buffer {
  if (length < 127) return Buffer.from([length]);
  const octets = [127];
  let left = length - 127;
  for (; left >= 128; left >>= 7) octets.push((left & 127) | 128);
  return Buffer.from([...octets, left]);
}
