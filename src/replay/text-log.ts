import { parseAddress, parsePrefix } from '../base/address.ts';
import { typeCode } from '../wire/constants.ts';
import { parseName, ROOT_NAME } from '../wire/name.ts';
import { createLines } from './lines.ts';
import type { LogEvents, LoggedQuestion, LogReader, Questions } from './questions.ts';
import { queryOf, UDP_OCTETS } from './rebuilt.ts';

/** What a line says was asked, as it stands there. */
interface Words {
  readonly client: string;
  readonly name: string;
  readonly type: string;
  readonly isTcp: boolean;
  /** Empty: no client subnet was named. */
  readonly subnet: string;
  /** Payload size, octets; 0: the query had no OPT. */
  readonly ednsOctets: number;
  readonly isDnssecOk: boolean;
  /** When, where it does not stand at the beginning of the line. */
  readonly at?: string;
}

/**
 * BIND's category `queries`: `client @0x… ADDR#PORT (NAME): view V: query: NAME CLASS TYPE FLAGS (SERVER)
 * [ECS NET/SCOPE]`. Flags: S signed, E(version), T TCP, D DO, C CD, V or K a cookie.
 */
const BIND = RegExp(
  String.raw`client (?:@0x[0-9a-f]+ )?([0-9A-Fa-f.:]+)#\d+.* query: (\S+) (\S+) (\S+) [-+](\S*)` +
    String.raw`(?: \([^)]*\))?(?: \[ECS (\S+)\/\d+\])?`,
);
/** PowerDNS with `log-dns-queries`: `Remote ADDR<-SUBNET wants 'NAME|TYPE', do = 0, bufsize = 1 (2)`. */
const POWERDNS = RegExp(
  String.raw`(TCP )?Remote ([0-9A-Fa-f.:]+)(?:<-(\S+))? wants '(\S+)\|(\S+)', do = ([01]), ` +
    String.raw`bufsize = (\d+)(?: \((\d+)\))?`,
);
/** Route 53's public query logging: version, time, zone, name, type, code, way, edge, resolver, subnet. */
const ROUTE53 = RegExp(
  String.raw`(?:^|\s)1\.\d+ (\d{4}-\d\d-\d\dT\S+) Z\w+ (\S+) (\S+) \S+ (UDP|TCP) \S+ ` +
    String.raw`([0-9A-Fa-f.:]+) (\S+)\s*$`,
);
/** Payload size of a query without EDNS (RFC 1035 §4.2.1). */
const PLAIN_OCTETS = 512;

/** No line that tells of a query is longer, octets. */
const LINE_MAX = 4096;

const NO_QUERY = 'lines that tell of no query';
const OTHER_CLASS = 'queries of another class than IN';
const OTHER_TYPE = 'queries of unknown types';
const utf8 = new TextDecoder();

/** Reads query logs that are text: those of BIND, PowerDNS and Route 53, also as syslog has them. */
export function createTextReader(questions: Questions, events: LogEvents): LogReader {
  const timeOf = createClock();
  return createLines((octets, line) => {
    if (octets.length === 0) return;
    const text = octets.length > LINE_MAX ? '' : utf8.decode(octets);
    const words = wordsOf(text);
    if (typeof words === 'string') {
      events.onSkipped(words);
      return;
    }
    const qtype = typeCode(words.type);
    if (qtype === undefined) {
      events.onSkipped(OTHER_TYPE);
      return;
    }
    let faults: readonly string[] = [];
    const question = questions.of(keyOf(words), () => {
      const made = questionOf(words, qtype);
      if (!Array.isArray(made)) return made as Omit<LoggedQuestion, 'id'>;
      faults = made;
      return undefined;
    });
    const atMs = timeOf(words.at ?? text);
    if (Number.isNaN(atMs)) faults = [...faults, 'no time stands at its beginning'];
    if (faults.length > 0 || question === undefined) events.onDamaged(`line ${line}`, faults.join('; '));
    else events.onQuery(question, atMs);
  });
}

/** What a line asks; a text says why it is passed over. */
function wordsOf(text: string): Words | string {
  const bind = BIND.exec(text);
  if (bind !== null) {
    const [, client = '', name = '', qclass = '', type = '', flags = '', subnet = ''] = bind;
    if (qclass !== 'IN') return OTHER_CLASS;
    const ednsOctets = flags.includes('E') ? UDP_OCTETS : 0;
    const [isTcp, isDnssecOk] = [flags.includes('T'), flags.includes('D')];
    return { client, name, type, isTcp, subnet, ednsOctets, isDnssecOk };
  }
  const powerdns = POWERDNS.exec(text);
  if (powerdns !== null) {
    const [, tcp, client = '', subnet = '', name = '', type = '', ok, held = '', said = held] = powerdns;
    const [isTcp, isDnssecOk] = [tcp !== undefined, ok === '1'];
    // It does not tell a query without EDNS from one that names 512 octets: but nobody names so few.
    const ednsOctets = Number(said) > PLAIN_OCTETS ? Math.min(65_535, Number(said)) : 0;
    return { client, name, type, isTcp, subnet, ednsOctets, isDnssecOk };
  }
  const route53 = ROUTE53.exec(text);
  if (route53 === null) return NO_QUERY;
  const [, at = '', name = '', type = '', protocol, client = '', ecs = ''] = route53;
  const subnet = ecs === '-' ? '' : ecs;
  return {
    client,
    name,
    type,
    isTcp: protocol === 'TCP',
    subnet,
    ednsOctets: UDP_OCTETS,
    isDnssecOk: false,
    at,
  };
}

function keyOf({ client, name, type, isTcp, subnet, ednsOctets, isDnssecOk }: Words): string {
  return `${client} ${name} ${type} ${isTcp} ${subnet} ${ednsOctets} ${isDnssecOk}`;
}

/** The question, or all that is wrong with it. */
function questionOf(words: Words, qtype: number): Omit<LoggedQuestion, 'id'> | readonly string[] {
  const qname = parseName(words.name, ROOT_NAME);
  const client = parseAddress(words.client);
  const subnet = words.subnet === '' ? undefined : parsePrefix(words.subnet);
  const faults = [
    ...(typeof qname === 'string' ? [`name: ${qname}`] : []),
    ...(client === undefined ? [`client: ${JSON.stringify(words.client)} is no address`] : []),
    ...(typeof subnet === 'string' ? [`subnet: ${subnet}`] : []),
  ];
  if (typeof qname === 'string' || client === undefined || typeof subnet === 'string') return faults;
  const { ednsOctets, isDnssecOk, isTcp } = words;
  const edns = ednsOctets === 0 ? undefined : { octets: ednsOctets, isDnssecOk };
  return { octets: queryOf({ qname, qtype, subnet, edns }), client, transport: isTcp ? 'tcp' : 'udp' };
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAY_TIME = String.raw`(\d\d):(\d\d):(\d\d(?:\.\d{1,9})?)`;
const ISO = RegExp(String.raw`^(\d{4})-(\d\d)-(\d\d)[T ]${DAY_TIME}(?:Z|([-+])(\d\d):?(\d\d))?`);
const BIND_TIME = RegExp(String.raw`^(\d\d)-([A-Z][a-z]{2})-(\d{4}) ${DAY_TIME}`);
const SYSLOG_TIME = RegExp(String.raw`^(?:<\d{1,3}>)?([A-Z][a-z]{2}) {1,2}(\d{1,2}) ${DAY_TIME}`);
/** Where no year is told: one that has a 29 February. Only what lies between two times counts. */
const SOME_YEAR = 2024;

/**
 * Times at the beginning of lines, ms since 1970; NaN where none stands. Without a zone they are taken as
 * UTC, without a year they go on from the line before.
 */
function createClock(): (text: string) => number {
  let year = SOME_YEAR;
  let lastMonth = 0;
  const at = (date: readonly [year: number, month: number, day: number], time: readonly string[]): number => {
    const [hours, minutes, seconds] = time.map(Number) as [number, number, number];
    return Date.UTC(date[0], date[1], date[2], hours, minutes) + Math.round(1000 * seconds);
  };
  return (text) => {
    const iso = ISO.exec(text);
    if (iso !== null) {
      const [, years, month, day, ...rest] = iso;
      const [sign, hours, minutes] = rest.slice(3);
      const offset = sign === undefined ? 0 : 60 * Number(hours) + Number(minutes);
      const ms = at([Number(years), Number(month) - 1, Number(day)], rest.slice(0, 3) as string[]);
      return ms - (sign === '-' ? -1 : 1) * offset * 60_000;
    }
    const bind = BIND_TIME.exec(text);
    if (bind !== null) {
      const [, day, month = '', years, ...time] = bind;
      const number = MONTHS.indexOf(month);
      return number < 0 ? Number.NaN : at([Number(years), number, Number(day)], time);
    }
    const syslog = SYSLOG_TIME.exec(text);
    if (syslog === null) return Number.NaN;
    const [, month = '', day, ...time] = syslog;
    const number = MONTHS.indexOf(month);
    if (number < 0) return Number.NaN;
    if (number === 0 && lastMonth === 11) year++;
    lastMonth = number;
    return at([year, number, Number(day)], time);
  };
}
