import { type Address, formatPrefix, parsePrefix } from '../base/address.ts';
import { CLASS, OPTION, TYPE, typeCode } from '../wire/constants.ts';
import { parseName, ROOT_NAME } from '../wire/name.ts';
import {
  BrokenLog,
  LOGGED_TRANSPORTS,
  type LogEvents,
  type LoggedQuestion,
  type LoggedTransport,
  type LogReader,
  type Questions,
} from './questions.ts';

/** A line of the JSON log as far as it is replayed; the log has more. */
interface LoggedLine {
  readonly at?: unknown;
  readonly client?: unknown;
  readonly transport?: unknown;
  readonly name?: unknown;
  readonly type?: unknown;
  readonly subnet?: unknown;
}

const LINE_END = 0x0a;
const BRACE = 0x7d;
const LINE_MAX = 1 << 20;
/** Lines that this program writes begin so: `{"at":"2026-01-02T03:04:05.678Z","client":`. */
const HEAD = '{"at":"';
const TIME_AT = HEAD.length;
const TIME_LENGTH = 24;
/** What is asked, and by whom, ends before this. */
const ASKED_END = new TextEncoder().encode(',"rcode":');
const latin1 = new TextDecoder('latin1');
const utf8 = new TextDecoder();

/**
 * Reads the JSON log. A line that begins as one before did up to its response code asks the same: it is not
 * parsed again.
 */
export function createJsonReader(questions: Questions, events: LogEvents): LogReader {
  let rest = new Uint8Array(0);
  let line = 0;
  const clock = createLineClock();
  const take = (octets: Uint8Array): void => {
    line++;
    if (octets.length === 0) return;
    const asked = octets.at(-1) === BRACE ? askedPart(octets) : 0;
    let parsed: LoggedLine | string | undefined;
    const make = (): Omit<LoggedQuestion, 'id'> | undefined => {
      parsed = parseLine(octets);
      return typeof parsed === 'string' ? undefined : questionOfLine(parsed, (why) => (parsed = why));
    };
    const key = asked === 0 ? '' : latin1.decode(octets.subarray(TIME_AT + TIME_LENGTH, asked));
    const question = asked === 0 ? slow(questions, make) : questions.of(key, make);
    if (question === undefined) {
      if (parsed === NO_QUESTION) events.onSkipped(NO_QUESTION);
      else events.onDamaged(`line ${line}`, typeof parsed === 'string' ? parsed : 'no query');
      return;
    }
    const atMs = asked === 0 || parsed !== undefined ? Date.parse(timeOf(parsed, octets)) : clock(octets);
    if (Number.isNaN(atMs)) events.onDamaged(`line ${line}`, 'at: is no time');
    else events.onQuery(question, atMs);
  };
  return {
    push: (chunk) => {
      let from = 0;
      for (let end = chunk.indexOf(LINE_END); end >= 0; end = chunk.indexOf(LINE_END, from)) {
        const tail = chunk.subarray(from, end);
        take(rest.length === 0 ? tail : joined(rest, tail));
        rest = new Uint8Array(0);
        from = end + 1;
      }
      if (from < chunk.length) rest = joined(rest, chunk.subarray(from));
      if (rest.length > LINE_MAX)
        throw new BrokenLog(`line ${line + 1}`, `longer than ${LINE_MAX} octets: this is no JSON log`);
    },
    end: () => {
      if (rest.length > 0) take(rest);
    },
  };
}

/** Where what is asked ends, in a line of the common form; 0 in others. */
function askedPart(octets: Uint8Array): number {
  for (let i = 0; i < TIME_AT; i++) if (octets[i] !== HEAD.charCodeAt(i)) return 0;
  if (octets[TIME_AT + TIME_LENGTH] !== 0x22) return 0;
  // Quotes inside of values are escaped: this is nowhere but where the code begins.
  for (let at = octets.indexOf(0x2c, TIME_AT + TIME_LENGTH); at >= 0; at = octets.indexOf(0x2c, at + 1)) {
    let i = 1;
    while (i < ASKED_END.length && octets[at + i] === ASKED_END[i]) i++;
    if (i === ASKED_END.length) return at;
  }
  return 0;
}

/** Times of lines: those within a minute differ in their last digits alone. */
function createLineClock(): (octets: Uint8Array) => number {
  const MINUTE_LENGTH = 16;
  let minute = '';
  let minuteMs = Number.NaN;
  return (octets) => {
    const text = latin1.decode(octets.subarray(TIME_AT, TIME_AT + TIME_LENGTH));
    const now = text.slice(0, MINUTE_LENGTH);
    if (now !== minute) {
      minute = now;
      minuteMs = Date.parse(`${now}:00.000Z`);
    }
    return minuteMs + 1000 * Number(text.slice(MINUTE_LENGTH + 1, -1));
  };
}

function timeOf(parsed: LoggedLine | string | undefined, octets: Uint8Array): string {
  const { at } = typeof parsed === 'object' ? parsed : (JSON.parse(utf8.decode(octets)) as LoggedLine);
  return typeof at === 'string' ? at : '';
}

/** A line in another form: its question is known by what it says. */
function slow(
  questions: Questions,
  make: () => Omit<LoggedQuestion, 'id'> | undefined,
): LoggedQuestion | undefined {
  const made = make();
  if (made === undefined) return undefined;
  const { client, transport, octets } = made;
  const network = formatPrefix({ address: client, length: client.family === 4 ? 32 : 128 });
  return questions.of(`${transport} ${network} ${latin1.decode(octets)}`, () => made);
}

const NO_QUESTION = 'no question could be read from the query';

function parseLine(octets: Uint8Array): LoggedLine | string {
  try {
    const value = JSON.parse(utf8.decode(octets)) as unknown;
    return typeof value === 'object' && value !== null ? value : 'no JSON object';
  } catch (error) {
    return `no JSON: ${(error as Error).message}`;
  }
}

/** The query that a line tells of; tells what is wrong with it otherwise. */
function questionOfLine(
  line: LoggedLine,
  wrong: (why: string) => void,
): Omit<LoggedQuestion, 'id'> | undefined {
  const { name, type, transport } = line;
  if (name === undefined) wrong(NO_QUESTION);
  const qname = typeof name === 'string' ? parseName(name, ROOT_NAME) : 'is no text';
  const qtype = typeof type === 'string' ? typeCode(type) : undefined;
  const client = prefixOf(line.client);
  const subnet = line.subnet === undefined ? undefined : prefixOf(line.subnet);
  const via = LOGGED_TRANSPORTS.find((one) => one === transport);
  const faults = [
    ...(typeof qname === 'string' && name !== undefined ? [`name: ${qname}`] : []),
    ...(qtype === undefined && name !== undefined ? [`type: ${JSON.stringify(type)} is no type`] : []),
    ...(typeof client === 'string' ? [`client: ${client}`] : []),
    ...(typeof subnet === 'string' ? [`subnet: ${subnet}`] : []),
    ...(via === undefined ? [`transport: ${JSON.stringify(transport)} is none`] : []),
  ];
  if (faults.length > 0) wrong(faults.join('; '));
  if (typeof qname === 'string' || typeof client === 'string' || typeof subnet === 'string') return undefined;
  if (qtype === undefined || via === undefined) return undefined;
  const octets = queryOf({ qname, qtype, subnet });
  return { octets, client: client.address, transport: via satisfies LoggedTransport };
}

type LoggedPrefix = { readonly address: Address; readonly length: number };

function prefixOf(value: unknown): LoggedPrefix | string {
  return typeof value === 'string' ? parsePrefix(value) : 'is missing';
}

/** Payload size that the OPT names, octets: logs do not tell it. */
const UDP_OCTETS = 1232;

/** A query with EDNS (RFC 6891), and the client subnet that was named (RFC 7871 §6). */
function queryOf(asked: {
  readonly qname: Uint8Array;
  readonly qtype: number;
  readonly subnet: LoggedPrefix | undefined;
}): Uint8Array {
  const { qname, qtype, subnet } = asked;
  const octets = subnet === undefined ? 0 : Math.ceil(subnet.length / 8);
  const option =
    subnet === undefined
      ? []
      : [0, OPTION.ECS, 0, 4 + octets, 0, subnet.address.family === 4 ? 1 : 2, subnet.length, 0];
  const prefix = subnet === undefined ? [] : [...subnet.address.octets.subarray(0, octets)];
  const header = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
  const end = [qtype >> 8, qtype & 255, 0, CLASS.IN];
  const size = [UDP_OCTETS >> 8, UDP_OCTETS & 255];
  const opt = [0, 0, TYPE.OPT, ...size, 0, 0, 0, 0, 0, option.length + prefix.length];
  return Uint8Array.of(...header, ...qname, ...end, ...opt, ...option, ...prefix);
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array<ArrayBuffer> {
  const octets = new Uint8Array(one.length + other.length);
  octets.set(one);
  octets.set(other, one.length);
  return octets;
}
