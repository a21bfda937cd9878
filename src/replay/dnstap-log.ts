import { type Address, emptyAddress } from '../base/address.ts';
import {
  BrokenLog,
  capturedQuestion,
  createStream,
  LOGGED_TRANSPORTS,
  type LogEvents,
  type LogReader,
  type Questions,
  queryFault,
} from './questions.ts';

/** Octets of a frame at most: a longer one is no frame. */
const FRAME_MAX = 1 << 20;
const CONTROL_MAX = 512;
const FIELD = { MESSAGE: 14 } as const;
const MESSAGE = { TYPE: 1, PROTOCOL: 3, ADDRESS: 4, SEC: 8, NSEC: 9, QUERY: 10 } as const;
/** Queries that a server got: AUTH_QUERY, CLIENT_QUERY. */
const QUERY_TYPES = [1, 5];

/** Reads dnstap in frame streams: data frames with queries; their responses are passed over. */
export function createDnstapReader(questions: Questions, events: LogEvents): LogReader {
  const stream = createStream();
  let frames = 0;
  const place = (): string => `frame ${frames + 1} at octet ${stream.offset()}`;
  return {
    push: (chunk) => {
      stream.push(chunk);
      for (;;) {
        if (stream.length() < 8) return;
        const head = view(stream.peek(8));
        const length = head.getUint32(0);
        const isControl = length === 0;
        const body = isControl ? head.getUint32(4) : length;
        if (body > (isControl ? CONTROL_MAX : FRAME_MAX))
          throw new BrokenLog(place(), `says that it has ${body} octets: this is no frame`);
        const from = isControl ? 8 : 4;
        if (stream.length() < from + body) return;
        if (!isControl) take(stream.peek(from + body).subarray(from), { questions, events, place });
        stream.skip(from + body);
        frames++;
      }
    },
    end: () => {
      if (stream.length() > 0) events.onDamaged(place(), `cut after ${stream.length()} octets`);
    },
  };
}

function take(
  frame: Uint8Array,
  to: { readonly questions: Questions; readonly events: LogEvents; readonly place: () => string },
): void {
  const { questions, events, place } = to;
  const message = fieldsOf(frame)?.octets.get(FIELD.MESSAGE);
  const fields = message === undefined ? undefined : fieldsOf(message);
  if (fields === undefined) {
    events.onDamaged(place(), 'is no dnstap message');
    return;
  }
  const type = fields.numbers.get(MESSAGE.TYPE) ?? 0;
  if (!QUERY_TYPES.includes(type)) {
    events.onSkipped('messages other than queries of clients');
    return;
  }
  const query = fields.octets.get(MESSAGE.QUERY);
  const client = addressOf(fields.octets.get(MESSAGE.ADDRESS));
  const transport = LOGGED_TRANSPORTS[(fields.numbers.get(MESSAGE.PROTOCOL) ?? 0) - 1];
  const seconds = fields.numbers.get(MESSAGE.SEC);
  if (query === undefined || client === undefined || transport === undefined || seconds === undefined) {
    events.onDamaged(place(), 'a query without its message, address, transport or time');
    return;
  }
  const fault = queryFault(query);
  if (fault !== undefined) {
    events.onSkipped(fault);
    return;
  }
  const question = capturedQuestion(questions, query, { client, transport });
  const atMs = 1000 * seconds + (fields.numbers.get(MESSAGE.NSEC) ?? 0) / 1e6;
  if (question !== undefined) events.onQuery(question, atMs);
}

interface Fields {
  readonly numbers: ReadonlyMap<number, number>;
  readonly octets: ReadonlyMap<number, Uint8Array>;
}

/** Fields of a Protocol Buffers message, the last of each; undefined if it is none. */
function fieldsOf(message: Uint8Array): Fields | undefined {
  const numbers = new Map<number, number>();
  const octets = new Map<number, Uint8Array>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; at < message.length && scale <= 2 ** 56; scale *= 128) {
      const octet = message[at++] as number;
      value += (octet & 127) * scale;
      if (octet < 128) return value;
    }
    return Number.NaN;
  };
  while (at < message.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    const kind = tag % 8;
    if (kind === 0) numbers.set(field, varint());
    else if (kind === 1 || kind === 5) {
      const size = kind === 1 ? 8 : 4;
      if (at + size > message.length) return undefined;
      if (kind === 5) numbers.set(field, view(message).getUint32(at, true));
      at += size;
    } else {
      const length = kind === 2 ? varint() : Number.NaN;
      if (!(at + length <= message.length)) return undefined;
      octets.set(field, message.subarray(at, at + length));
      at += length;
    }
  }
  return { numbers, octets };
}

function addressOf(octets: Uint8Array | undefined): Address | undefined {
  if (octets?.length !== 4 && octets?.length !== 16) return undefined;
  const address = emptyAddress();
  address.family = octets.length === 4 ? 4 : 6;
  address.octets.set(octets);
  return address;
}

function view(octets: Uint8Array): DataView {
  return new DataView(octets.buffer, octets.byteOffset, octets.length);
}
