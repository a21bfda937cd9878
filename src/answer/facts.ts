import { assert } from '../base/assert.ts';
import { CLASS, OPTION, TYPE } from '../wire/constants.ts';
import { parseName } from '../wire/name.ts';
import { emptyNameView, type NameView, readWireName, suffixIs } from '../wire/name-view.ts';

/** What an operator lets the server say of itself. What is absent is not said. */
export interface ServerFacts {
  /** Its software: `version.bind` and `version.server`. At most 128 octets. */
  readonly version?: string | undefined;
  /** Which of several it is: `id.server` and `hostname.bind` (RFC 4892), NSID (RFC 5001). As long at most. */
  readonly identity?: string | undefined;
  /** Domain that resolvers report errors to (RFC 9567). */
  readonly reportTo?: string | undefined;
}

/** Facts as they stand in messages. */
export interface CompiledFacts {
  /** Names of class CH that are answered. */
  readonly names: readonly NameView[];
  /** Records of them: at which of the words each begins, and its octets; 0 where it is not said. */
  readonly records: Int32Array;
  readonly starts: Int32Array;
  readonly sizes: Int32Array;
  /** NSID option; empty if it is not said. */
  readonly nsid: Uint8Array;
  /** Report-Channel option; empty if nobody wants reports. */
  readonly reportChannel: Uint8Array;
}

/** Longest text, octets: with the longest question and every option it fits into 512 octets. */
export const FACT_OCTETS_MAX = 128;
const VERSION_NAMES = ['version.bind.', 'version.server.'];
const IDENTITY_NAMES = ['id.server.', 'hostname.bind.'];

/** Prepares what the server says of itself. */
export function compileFacts(facts: ServerFacts): CompiledFacts {
  const { version, identity, reportTo } = facts;
  const texts = [...VERSION_NAMES.map(() => version), ...IDENTITY_NAMES.map(() => identity)];
  const records = texts.map((text) => (text === undefined ? [] : textRecord(text)));
  const starts = new Int32Array(records.length);
  let words = 0;
  for (const [i, record] of records.entries()) {
    starts[i] = words;
    words += (record.length + 3) >> 2;
  }
  const packed = new Uint8Array(words * 4);
  for (const [i, record] of records.entries()) packed.set(record, (starts[i] as number) * 4);
  return {
    names: [...VERSION_NAMES, ...IDENTITY_NAMES].map((name) => viewOf(wireName(name))),
    records: new Int32Array(packed.buffer),
    starts,
    sizes: Int32Array.from(records, (record) => record.length),
    nsid: identity === undefined ? new Uint8Array(0) : option(OPTION.NSID, octetsOf(identity)),
    reportChannel:
      reportTo === undefined ? new Uint8Array(0) : option(OPTION.REPORT_CHANNEL, wireName(reportTo)),
  };
}

/** Position of a name of class CH among those that are answered; -1 if it is none. */
export function factNamed({ names }: CompiledFacts, qname: NameView): number {
  for (let i = 0; i < names.length; i++) {
    const { words, wordCount, hashes } = names[i] as NameView;
    if (qname.hashes[0] === hashes[0] && suffixIs(qname, 0, words, 0, wordCount)) return i;
  }
  return -1;
}

/** `question CH TXT "text"`; its TTL is 0. */
function textRecord(text: string): number[] {
  const octets = octetsOf(text);
  return [0xc0, 12, 0, TYPE.TXT, 0, CLASS.CH, 0, 0, 0, 0, 0, octets.length + 1, octets.length, ...octets];
}

function option(code: number, data: Uint8Array): Uint8Array {
  return Uint8Array.from([0, code, 0, data.length, ...data]);
}

function octetsOf(text: string): Uint8Array {
  const octets = new TextEncoder().encode(text);
  assert(octets.length > 0 && octets.length <= FACT_OCTETS_MAX, `1 to ${FACT_OCTETS_MAX} octets: ${text}`);
  return octets;
}

function wireName(text: string): Uint8Array {
  const name = parseName(text.endsWith('.') ? text : `${text}.`);
  assert(typeof name !== 'string', String(name));
  return name;
}

function viewOf(name: Uint8Array): NameView {
  const view = emptyNameView();
  readWireName(view, name, 0);
  return view;
}
