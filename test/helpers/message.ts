import { parseAddress } from '../../src/base/address.ts';
import { RCODE, TYPE, typeCode, typeName } from '../../src/wire/constants.ts';
import { formatName, lowerName, parseName } from '../../src/wire/name.ts';
import { formatRdata } from '../../src/wire/rdata.ts';

/** A DNS message as tests compare it: written apart from src/wire, and strict: it throws at anything odd. */
export interface Message {
  readonly id: number;
  readonly opcode: number;
  /** `aa`, `tc`, `rd`, `ra`, `z`, `ad`, `cd`: those that are set, in this order. */
  readonly flags: string;
  /** The extended one (RFC 6891 §6.1.3). */
  readonly rcode: number;
  /** `www.example. IN A`, case as on the wire; undefined without a question. */
  readonly question: string | undefined;
  /** Answer, authority, additional: `owner ttl type rdata`, names in lower case, sorted; OPT left out. */
  readonly sections: readonly [string[], string[], string[]];
  readonly edns: { readonly size: number; readonly version: number; readonly do: boolean } | undefined;
  readonly ecs:
    | { readonly family: number; readonly source: number; readonly scope: number; readonly octets: string }
    | undefined;
  /** Options of OPT other than the client subnet, in their order; data in hexadecimal digits. */
  readonly options: readonly (readonly [code: number, data: string])[];
}

/** What a test query says. */
export interface QueryOptions {
  readonly name: string;
  readonly type: string;
  readonly id?: number;
  readonly qclass?: number;
  readonly rd?: boolean;
  readonly cd?: boolean;
  /** UDP size in OPT; absent: no OPT. */
  readonly edns?: number;
  readonly version?: number;
  readonly dnssecOk?: boolean;
  /** `address/n` of either family, octets cut to the prefix. */
  readonly subnet?: string;
  /** Further options: code, and data in hexadecimal digits. */
  readonly options?: readonly (readonly [code: number, data: string])[];
}

export function encodeQuery(options: QueryOptions): Uint8Array {
  const name = parseName(options.name);
  if (typeof name === 'string') throw new Error(name);
  const type = typeCode(options.type) as number;
  const id = options.id ?? 0x1234;
  const { edns: udpSize, subnet, dnssecOk, options: further = [] } = options;
  const edns = udpSize !== undefined || subnet !== undefined || dnssecOk === true || further.length > 0;
  const octets = [id >> 8, id & 0xff, options.rd ? 1 : 0, options.cd ? 0x10 : 0];
  octets.push(0, 1, 0, 0, 0, 0, 0, edns ? 1 : 0, ...name, type >> 8, type & 0xff, 0, options.qclass ?? 1);
  if (!edns) return Uint8Array.from(octets);
  const size = udpSize ?? 1232;
  const opt = subnet === undefined ? [] : subnetOption(subnet);
  for (const [code, data] of further)
    opt.push(code >> 8, code & 0xff, 0, data.length / 2, ...Buffer.from(data, 'hex'));
  octets.push(0, 0, TYPE.OPT, size >> 8, size & 0xff, 0, options.version ?? 0, dnssecOk ? 0x80 : 0, 0);
  octets.push(opt.length >> 8, opt.length & 0xff, ...opt);
  return Uint8Array.from(octets);
}

function subnetOption(subnet: string): number[] {
  const [text = '', length = ''] = subnet.split('/');
  const count = Math.ceil(Number(length) / 8);
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  const family = address.family === 4 ? 1 : 2;
  return [0, 8, 0, 4 + count, 0, family, Number(length), 0, ...address.octets.subarray(0, count)];
}

export function decodeMessage(octets: Uint8Array): Message {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  const flags = view.getUint16(2);
  if ((flags & 0x8000) === 0) throw new Error('QR is 0');
  const names = ['aa', 'tc', 'rd', 'ra', 'z', 'ad', 'cd'];
  const cursor = { at: 12 };
  const questions: string[] = [];
  for (let i = 0; i < view.getUint16(4); i++) {
    const name = formatName(nameAt(octets, cursor));
    const qclass = view.getUint16(cursor.at + 2) === 1 ? 'IN' : 'other';
    questions.push(`${name} ${qclass} ${typeName(view.getUint16(cursor.at))}`);
    cursor.at += 4;
  }
  const sections: [string[], string[], string[]] = [[], [], []];
  let edns: Message['edns'];
  let ecs: Message['ecs'];
  let options: Message['options'] = [];
  let extended = 0;
  for (const [section, lines] of sections.entries())
    for (let i = 0; i < view.getUint16(6 + section * 2); i++) {
      const owner = nameAt(octets, cursor);
      const type = view.getUint16(cursor.at);
      const ttl = view.getUint32(cursor.at + 4);
      const end = cursor.at + 10 + view.getUint16(cursor.at + 8);
      if (end > octets.length) throw new Error('RDATA runs over the end');
      if (type === TYPE.OPT) {
        if (edns !== undefined || section !== 2 || owner.length !== 1) throw new Error('bad OPT');
        extended = (ttl >>> 24) << 4;
        edns = { size: view.getUint16(cursor.at + 2), version: (ttl >> 16) & 0xff, do: (ttl & 0x8000) !== 0 };
        const all = optionsOf(octets.subarray(cursor.at + 10, end));
        ecs = ecsOf(all);
        options = all.filter(([code]) => code !== 8);
      } else {
        const rdata = plainRdata(octets, type, cursor.at + 10, end);
        lines.push(`${formatName(lowerName(owner))} ${ttl} ${typeName(type)} ${rdata}`);
      }
      cursor.at = end;
    }
  if (cursor.at !== octets.length) throw new Error('octets follow the last record');
  for (const lines of sections) lines.sort();
  return {
    id: view.getUint16(0),
    opcode: (flags >> 11) & 15,
    flags: names.filter((_, bit) => (flags & (0x400 >> bit)) !== 0).join(' '),
    rcode: (flags & 15) | extended,
    question: questions[0],
    sections,
    edns,
    ecs,
    options,
  };
}

/** Text of a rcode. */
export function rcodeName(rcode: number): string {
  return Object.entries(RCODE).find(([, code]) => code === rcode)?.[0] ?? String(rcode);
}

/** RDATA in presentation form, its compressed names expanded. */
function plainRdata(octets: Uint8Array, type: number, start: number, end: number): string {
  const shape = new Map([
    [TYPE.NS, [0, 1]],
    [TYPE.CNAME, [0, 1]],
    [TYPE.PTR, [0, 1]],
    [TYPE.MX, [2, 1]],
    [TYPE.SOA, [0, 2]],
  ] as [number, number[]][]).get(type);
  if (shape === undefined) return formatRdata(type, octets.slice(start, end));
  const [before = 0, count = 0] = shape;
  const cursor = { at: start + before };
  const plain = [...octets.subarray(start, cursor.at)];
  for (let i = 0; i < count; i++) plain.push(...lowerName(nameAt(octets, cursor)));
  if (cursor.at > end) throw new Error('a name runs over its RDATA');
  plain.push(...octets.subarray(cursor.at, end));
  return formatRdata(type, Uint8Array.from(plain));
}

function nameAt(octets: Uint8Array, cursor: { at: number }): Uint8Array {
  const name: number[] = [];
  let at = cursor.at;
  let jumped = false;
  for (;;) {
    const size = octets[at] ?? 255;
    if (size >= 0xc0) {
      const target = ((size & 0x3f) << 8) | (octets[at + 1] ?? 0);
      if (target >= at || target < 12) throw new Error('a pointer does not point backwards');
      if (!jumped) cursor.at = at + 2;
      jumped = true;
      at = target;
      continue;
    }
    if (size > 63) throw new Error('a name runs over the end');
    name.push(...octets.subarray(at, at + size + 1));
    at += size + 1;
    if (size === 0) break;
  }
  if (name.length > 255) throw new Error('a name is too long');
  if (!jumped) cursor.at = at;
  return Uint8Array.from(name);
}

function optionsOf(rdata: Uint8Array): [code: number, data: string][] {
  const options: [number, string][] = [];
  const view = new DataView(rdata.buffer, rdata.byteOffset, rdata.length);
  for (let at = 0; at < rdata.length; ) {
    const end = at + 4 + view.getUint16(at + 2);
    if (end > rdata.length) throw new Error('an option runs over the end of OPT');
    options.push([view.getUint16(at), Buffer.from(rdata.subarray(at + 4, end)).toString('hex')]);
    at = end;
  }
  return options;
}

function ecsOf(options: readonly (readonly [code: number, data: string])[]): Message['ecs'] {
  const found = options.find(([code]) => code === 8);
  if (found === undefined) return undefined;
  const data = Buffer.from(found[1], 'hex');
  return {
    family: data.readUInt16BE(0),
    source: data[2] as number,
    scope: data[3] as number,
    octets: data.subarray(4).toString('hex'),
  };
}
