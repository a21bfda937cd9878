import { type Address, formatPrefix, parsePrefix } from '../base/address.ts';
import { typeCode } from '../wire/constants.ts';
import { parseName, ROOT_NAME } from '../wire/name.ts';
import { createLines } from './lines.ts';
import {
  LOGGED_TRANSPORTS,
  type LogEvents,
  type LoggedQuestion,
  type LoggedTransport,
  type LogReader,
  type Questions,
} from './questions.ts';
import { queryOf, UDP_OCTETS } from './rebuilt.ts';

/** A line of the JSON log as far as it is replayed; the log has more. */
interface LoggedLine {
  readonly at?: unknown;
  readonly client?: unknown;
  readonly transport?: unknown;
  readonly name?: unknown;
  readonly type?: unknown;
  readonly subnet?: unknown;
}

const BRACE = 0x7d;
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
  const clock = createLineClock();
  return createLines((octets, line) => {
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
  });
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
  const octets = queryOf({ qname, qtype, subnet, edns: EDNS });
  return { octets, client: client.address, transport: via satisfies LoggedTransport };
}

type LoggedPrefix = { readonly address: Address; readonly length: number };

function prefixOf(value: unknown): LoggedPrefix | string {
  return typeof value === 'string' ? parsePrefix(value) : 'is missing';
}

/** Logs do not tell what the OPT named. */
const EDNS = { octets: UDP_OCTETS, isDnssecOk: false };
