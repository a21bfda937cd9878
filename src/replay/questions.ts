import type { Address } from '../base/address.ts';

/** How a query came. */
export const LOGGED_TRANSPORTS = ['udp', 'tcp', 'tls', 'https'] as const;
export type LoggedTransport = (typeof LOGGED_TRANSPORTS)[number];

/** A query of a log. Equal ones are one object, as long as there is room. */
export interface LoggedQuestion {
  /** The message; its id is 0. */
  readonly octets: Uint8Array;
  /** Whom it came from: of truncated addresses the network's first. */
  readonly client: Address;
  readonly transport: LoggedTransport;
  /** Its number, from 0 on; -1: there was no room to remember it. */
  readonly id: number;
}

/** Remembers the questions of a log, so that each is answered once, however often it was asked. */
export interface Questions {
  /** The question of a key; made when it is first seen. Undefined from `make`: no question. */
  readonly of: (
    key: string,
    make: () => Omit<LoggedQuestion, 'id'> | undefined,
  ) => LoggedQuestion | undefined;
  readonly all: () => readonly LoggedQuestion[];
}

/** Questions remembered at most: some 400 octets each. */
export const QUESTIONS_MAX = 500_000;

/** Remembers none yet. */
export function createQuestions(max = QUESTIONS_MAX): Questions {
  const known = new Map<string, LoggedQuestion>();
  const all: LoggedQuestion[] = [];
  return {
    of: (key, make) => {
      const before = known.get(key);
      if (before !== undefined) return before;
      const parts = make();
      if (parts === undefined) return undefined;
      if (all.length >= max) return { ...parts, id: -1 };
      const question = { ...parts, id: all.length };
      known.set(key, question);
      all.push(question);
      return question;
    },
    all: () => all,
  };
}

/** What a reader of a log tells. */
export interface LogEvents {
  readonly onQuery: (question: LoggedQuestion, atMs: number) => void;
  /** A record that is sound and holds no query to answer: responses, other traffic. */
  readonly onSkipped: (why: string) => void;
  /** A record that cannot be read, and where it stands: it is passed over. */
  readonly onDamaged: (place: string, why: string) => void;
}

/** Reads a log, chunk by chunk. */
export interface LogReader {
  /** Throws `BrokenLog` where nothing further can be read. */
  readonly push: (chunk: Uint8Array) => void;
  /** The log ends here. */
  readonly end: () => void;
}

/** From this place on nothing in the log can be told apart. */
export class BrokenLog extends Error {
  readonly place: string;

  constructor(place: string, why: string) {
    super(why);
    this.name = 'BrokenLog';
    this.place = place;
  }
}

/** A query of at least a header and at most so many octets, that is no response. */
const QUERY_MIN = 12;
const QUERY_MAX = 4096;

/** Whether octets look like a query to answer; else why not. */
export function queryFault(octets: Uint8Array): string | undefined {
  if (octets.length < QUERY_MIN) return 'shorter than a header';
  if (octets.length > QUERY_MAX) return `longer than ${QUERY_MAX} octets`;
  return ((octets[2] as number) & 0x80) === 0 ? undefined : 'a response';
}

const latin1 = new TextDecoder('latin1');

/** The question of a message that was captured: its id is of no matter. */
export function capturedQuestion(
  questions: Questions,
  query: Uint8Array,
  from: { readonly client: Address; readonly transport: LoggedTransport },
): LoggedQuestion | undefined {
  const { client, transport } = from;
  const address = client.octets.subarray(0, client.family === 4 ? 4 : 16);
  const key = `${transport}${latin1.decode(address)} ${latin1.decode(query.subarray(2))}`;
  return questions.of(key, () => {
    const octets = Uint8Array.from(query);
    octets[0] = 0;
    octets[1] = 0;
    return { octets, client: { family: client.family, octets: Uint8Array.from(client.octets) }, transport };
  });
}

/** Octets that come in chunks, taken in pieces of any length. */
export interface Stream {
  readonly push: (chunk: Uint8Array) => void;
  /** Octets that wait. */
  readonly length: () => number;
  /** The next so many octets, which must be there; they stay valid until the next `push`. */
  readonly peek: (length: number) => Uint8Array;
  readonly skip: (length: number) => void;
  /** Octets taken so far. */
  readonly offset: () => number;
}

/** An empty stream. */
export function createStream(): Stream {
  let buffer = new Uint8Array(0);
  let at = 0;
  let taken = 0;
  return {
    push: (chunk) => {
      if (at === buffer.length) buffer = chunk as Uint8Array<ArrayBuffer>;
      else {
        const joined = new Uint8Array(buffer.length - at + chunk.length);
        joined.set(buffer.subarray(at));
        joined.set(chunk, buffer.length - at);
        buffer = joined;
      }
      at = 0;
    },
    length: () => buffer.length - at,
    peek: (length) => buffer.subarray(at, at + length),
    skip: (length) => {
      at += length;
      taken += length;
    },
    offset: () => taken,
  };
}
