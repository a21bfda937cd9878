import { formatPrefix, type Prefix, parsePrefix } from '../base/address.ts';
import { must } from '../base/assert.ts';
import { OperatorError } from '../base/errors.ts';
import { formatTable } from '../base/text-table.ts';
import { type Endpoint, formatEndpoint, parseEndpoint } from '../config/scalars.ts';
import { CLASS, RCODE, TYPE, typeCode, typeName } from '../wire/constants.ts';
import { formatName, parseName, ROOT_NAME } from '../wire/name.ts';
import { formatRdata } from '../wire/rdata.ts';
import { type MessageRecord, readSections } from '../wire/records.ts';
import { readResponseOpt } from '../wire/response-opt.ts';
import { type Command, EXIT_OK, hasFlag, type Invocation, textFlag } from './command.ts';
import { askStub, type StubReply } from './stub.ts';
import { valueReader } from './values.ts';

const SERVER_DEFAULT = '127.0.0.1:5300';

export const askCommand: Command = {
  operands: 'NAME [TYPE]',
  operandsMin: 1,
  operandsMax: 2,
  description:
    'Asks a name server one question, as dig does, for machines without dig: over UDP, and over TCP when ' +
    'the answer does not fit. With --client it asks for that network through EDNS client subnet, as a ' +
    'public resolver would, and shows the scope of the answer. Any DNS response is a success, "no such ' +
    'name" too; no response is a failure.',
  options: {
    client: { type: 'string', value: 'PREFIX', help: 'client subnet to send: 200.147.0.0/16, 2001:db8::/48' },
    server: { type: 'string', value: 'ADDR:PORT', help: `the name server (default ${SERVER_DEFAULT})` },
    tcp: { type: 'boolean', help: 'ask over TCP' },
    short: { type: 'boolean', help: 'print the data of the answer only, one record a line' },
  },
  examples: [
    ['ask www.cdn.example --client 200.147.0.0/16', 'the address that a client in Brazil gets'],
    ['ask www.cdn.example HTTPS --client 2001:4860::/32 --short', 'where and how to connect, data only'],
    ['ask cdn.example SOA --tcp --server [::1]:5300', 'of a server on IPv6, over TCP'],
  ],
  run: async (invocation) => {
    const { flags, json, terminal } = invocation;
    const asked = readQuestion(invocation);
    const reply = await askStub({ ...asked, tcp: hasFlag(flags, 'tcp'), stop: terminal.stop });
    const view = viewOf(asked, reply);
    if (json) terminal.out(JSON.stringify(view, undefined, 2));
    else for (const line of hasFlag(flags, 'short') ? shortLines(view) : longLines(view)) terminal.out(line);
    return EXIT_OK;
  },
};

interface Asked {
  readonly server: Endpoint;
  /** As dns2 takes it. */
  readonly name: string;
  /** In presentation form. */
  readonly shownName: string;
  readonly type: number;
  readonly client?: Prefix;
}

/** Reads operands and flags. Throws `OperatorError('bad-usage')` with everything that is wrong. */
function readQuestion({ operands, flags }: Invocation): Asked {
  const reader = valueReader();
  const [nameText = '', typeText = 'A'] = operands;
  const wire = parseName(nameText, ROOT_NAME);
  const type = typeCode(typeText) ?? reader.wrong(`${JSON.stringify(typeText)} is no record type`);
  const server = parseEndpoint(textFlag(flags, 'server') ?? SERVER_DEFAULT);
  const clientText = textFlag(flags, 'client');
  const client = clientText === undefined ? undefined : parsePrefix(clientText);
  const name = typeof wire === 'string' ? reader.wrong(`name: ${wire}`) : plainName(wire);
  if (typeof wire !== 'string' && name === undefined)
    reader.wrong(`${JSON.stringify(nameText)}: a dot inside a label cannot be asked for here`);
  if (typeof server === 'string') reader.wrong(`--server ${server}`);
  else if (server.port === 0) reader.wrong('--server: port 0 is no port to ask');
  if (typeof client === 'string') reader.wrong(`--client ${client}`);
  if (reader.problems.length > 0) throw new OperatorError('bad-usage', reader.problems);
  return {
    server: server as Endpoint,
    name: must(name, 'name'),
    shownName: formatName(wire as Uint8Array),
    type: must(type, 'type'),
    // Texts were problems above.
    ...(client === undefined ? {} : { client: client as Prefix }),
  };
}

/** The name as dns2 takes it: its octets as characters, dots between labels; undefined if a label has one. */
function plainName(wire: Uint8Array): string | undefined {
  const labels: string[] = [];
  for (let at = 0; wire[at] !== 0; at += (wire[at] as number) + 1)
    labels.push(String.fromCharCode(...wire.subarray(at + 1, at + 1 + (wire[at] as number))));
  return labels.some((label) => label.includes('.')) ? undefined : labels.join('.');
}

/** One record as it is printed. */
interface RecordView {
  readonly name: string;
  readonly ttl: number;
  readonly class: string;
  readonly type: string;
  readonly data: string;
}

/** What `--json` prints. */
interface AskView {
  readonly status: string;
  /** `qr`, `aa`, `tc`, `rd`, `ra`, `ad`, `cd`: those that are set. */
  readonly flags: readonly string[];
  readonly question: { readonly name: string; readonly type: string };
  readonly answer: readonly RecordView[];
  readonly authority: readonly RecordView[];
  /** Without OPT. */
  readonly additional: readonly RecordView[];
  readonly edns?: { readonly version: number; readonly udpOctets: number };
  /** As the server gave it back: for whom the answer holds (RFC 7871 §7.2.1). */
  readonly clientSubnet?: { readonly prefix: string; readonly scopeLength: number };
  /** Extended DNS errors (RFC 8914). */
  readonly errors: readonly { readonly code: number; readonly text: string }[];
  readonly server: string;
  readonly transport: 'UDP' | 'TCP';
  readonly truncated: boolean;
  /** Measured. */
  readonly tookMs: number;
  readonly octets: number;
}

/** Throws `OperatorError('server-unreachable')` for a reply whose records are malformed. */
function viewOf({ server, shownName, type }: Asked, reply: StubReply): AskView {
  const { octets, transport, truncated, tookMs } = reply;
  const sections = readSections(octets);
  if (typeof sections === 'string') {
    const problem = { file: formatEndpoint(server), message: `the answer is ${sections}` };
    throw new OperatorError('server-unreachable', [problem]);
  }
  const records = (section: readonly MessageRecord[]): RecordView[] =>
    section.filter((record) => record.type !== TYPE.OPT).map(recordView);
  const optRecord = sections.additional.find((record) => record.type === TYPE.OPT);
  const opt = optRecord === undefined ? undefined : readResponseOpt(optRecord);
  const word = octets.readUInt16BE(2);
  return {
    status: rcodeText(((opt?.rcodeHigh ?? 0) << 4) | (word & 15)),
    flags: FLAGS.filter(([, bit]) => (word & bit) !== 0).map(([name]) => name),
    question: { name: shownName, type: typeName(type) },
    answer: records(sections.answer),
    authority: records(sections.authority),
    additional: records(sections.additional),
    ...(opt === undefined ? {} : { edns: { version: opt.version, udpOctets: opt.udpOctets } }),
    ...(opt?.clientSubnet === undefined ? {} : { clientSubnet: subnetView(opt.clientSubnet) }),
    errors: opt?.errors ?? [],
    server: formatEndpoint(server),
    transport,
    truncated,
    tookMs: Math.round(tookMs * 100) / 100,
    octets: octets.length,
  };
}

function rcodeText(rcode: number): string {
  return Object.entries(RCODE).find(([, code]) => code === rcode)?.[0] ?? `RCODE${rcode}`;
}

function subnetView(subnet: { prefix: Prefix; scopeLength: number }): NonNullable<AskView['clientSubnet']> {
  return { prefix: formatPrefix(subnet.prefix), scopeLength: subnet.scopeLength };
}

function recordView({ owner, type, class: code, ttl, rdata }: MessageRecord): RecordView {
  const name = formatName(owner);
  const classText = code === CLASS.IN ? 'IN' : `CLASS${code}`;
  return { name, ttl, class: classText, type: typeName(type), data: formatRdata(type, rdata) };
}

const FLAGS: readonly (readonly [name: string, bit: number])[] = [
  ['qr', 0x8000],
  ['aa', 0x0400],
  ['tc', 0x0200],
  ['rd', 0x0100],
  ['ra', 0x0080],
  ['ad', 0x0020],
  ['cd', 0x0010],
];

function shortLines(view: AskView): string[] {
  return view.answer.map(({ data }) => data);
}

/** The forms of dig, which people and scripts know. */
function longLines(view: AskView): string[] {
  const { edns, clientSubnet, answer, authority, additional } = view;
  const counts = [
    'QUERY: 1',
    `ANSWER: ${answer.length}`,
    `AUTHORITY: ${authority.length}`,
    `ADDITIONAL: ${additional.length + (edns === undefined ? 0 : 1)}`,
  ];
  return [
    ...(view.truncated ? [';; Truncated, retrying in TCP mode.'] : []),
    `;; status: ${view.status}; flags: ${view.flags.join(' ')}; ${counts.join(', ')}`,
    ...(edns === undefined ? [] : [`; EDNS: version: ${edns.version}, udp: ${edns.udpOctets}`]),
    ...(clientSubnet === undefined
      ? []
      : [`; CLIENT-SUBNET: ${clientSubnet.prefix}/${clientSubnet.scopeLength}`]),
    ...view.errors.map(({ code, text }) => `; EDE: ${code}${text === '' ? '' : ` (${text})`}`),
    '',
    ';; QUESTION SECTION:',
    `;${view.question.name}  IN  ${view.question.type}`,
    ...section('ANSWER', answer),
    ...section('AUTHORITY', authority),
    ...section('ADDITIONAL', additional),
    '',
    `;; Query time: ${view.tookMs} msec, measured`,
    `;; SERVER: ${view.server} (${view.transport})`,
    `;; MSG SIZE rcvd: ${view.octets}`,
  ];
}

const COLUMNS = [{ title: '' }, { title: '', right: true }, { title: '' }, { title: '' }, { title: '' }];

function section(title: string, records: readonly RecordView[]): string[] {
  if (records.length === 0) return [];
  const rows = records.map((record) => [
    record.name,
    String(record.ttl),
    record.class,
    record.type,
    record.data,
  ]);
  return ['', `;; ${title} SECTION:`, ...formatTable(COLUMNS, rows).slice(1)];
}
