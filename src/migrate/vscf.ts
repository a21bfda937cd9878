import type { Draft, Place } from './draft.ts';
import { type Files, folderOf, glob, namesIn } from './files.ts';

/** A value of gdnsd's configuration language. */
export type Value = Text | List | Hash;

export interface Text {
  readonly kind: 'text';
  readonly text: string;
  readonly place: Place;
}

export interface List {
  readonly kind: 'list';
  readonly items: readonly Value[];
  readonly place: Place;
}

export interface Hash {
  readonly kind: 'hash';
  /** In the order as written. */
  readonly entries: ReadonlyMap<string, Value>;
  readonly place: Place;
}

/** Files and brackets within each other. */
const DEPTH_MAX = 40;

/** Reads a configuration file, and what it includes. Tells of what it cannot read. */
export function readVscf(file: string, files: Files, draft: Draft): Hash {
  return readHashFile(file, { files, draft, depth: 0 });
}

interface Token {
  readonly text: string;
  /** `string`, `$include`, a sign, or the end. */
  readonly kind: 'string' | 'include' | 'sign' | 'end';
  readonly place: Place;
}

interface Reading {
  readonly files: Files;
  readonly draft: Draft;
  readonly depth: number;
}

interface Parsing extends Reading {
  readonly file: string;
  readonly tokens: readonly Token[];
  at: number;
}

function readHashFile(file: string, reading: Reading): Hash {
  const tokens = tokensOf(reading.files.readText(file), file);
  const parsing: Parsing = { ...reading, file, tokens, at: 0 };
  const entries = readEntries(parsing, 'end');
  return { kind: 'hash', entries, place: { file, line: 1 } };
}

const PATTERN = new RegExp(
  [
    /\n|[#;][^\n]*/,
    /"((?:[^"\\]|\\[\s\S])*)"/,
    /\$include\{\s*("(?:[^"\\]|\\.)*"|[^}\s]+)\s*\}/,
    /=>|[{}[\]=,]/,
    /(?:[^\][}{;#,"=\\\s]|\\\d{3}|\\[^\d])+/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'g',
);

function tokensOf(text: string, file: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  for (const [all, quoted, include] of text.matchAll(PATTERN)) {
    const place = { file, line };
    line += all.split('\n').length - 1;
    if (all === '\n' || /^[#;]/.test(all)) continue;
    if (include !== undefined)
      tokens.push({ kind: 'include', text: plain(include.replace(/^"|"$/g, '')), place });
    else if (quoted !== undefined) tokens.push({ kind: 'string', text: plain(quoted), place });
    else if (all === '=>' || /^[{}[\]=,]$/.test(all)) tokens.push({ kind: 'sign', text: all, place });
    else tokens.push({ kind: 'string', text: plain(all), place });
  }
  tokens.push({ kind: 'end', text: 'the end of the file', place: { file, line } });
  return tokens;
}

function plain(text: string): string {
  return text.replace(/\\(?:(\d{3})|([\s\S]))/g, (_, code: string | undefined, other: string) =>
    code === undefined ? other : String.fromCharCode(Number(code)),
  );
}

function next(parsing: Parsing): Token {
  const token = parsing.tokens[Math.min(parsing.at, parsing.tokens.length - 1)] as Token;
  parsing.at++;
  return token;
}

function readEntries(parsing: Parsing, end: '}' | 'end'): Map<string, Value> {
  const { draft } = parsing;
  const entries = new Map<string, Value>();
  for (;;) {
    const key = next(parsing);
    if (key.kind === 'end' || (key.kind === 'sign' && key.text === '}')) {
      if ((key.kind === 'end') !== (end === 'end'))
        draft.lost(key.place, 'the rest of the file', 'its brackets do not match');
      return entries;
    }
    if (key.kind === 'sign' && key.text === ',') continue;
    if (key.kind === 'include') {
      for (const hash of included(parsing, key))
        for (const [name, value] of hash.entries) entries.set(name, value);
      continue;
    }
    const sign = next(parsing);
    if (key.kind !== 'string' || sign.kind !== 'sign' || (sign.text !== '=>' && sign.text !== '=')) {
      draft.lost(key.place, `${key.text} ${sign.text}`, 'it is not KEY => VALUE');
      continue;
    }
    const value = readValue(parsing);
    if (value !== undefined) entries.set(key.text, value);
  }
}

function readValue(parsing: Parsing): Value | undefined {
  const token = next(parsing);
  const { place } = token;
  if (token.kind === 'string') return { kind: 'text', text: token.text, place };
  if (token.kind === 'include') return included(parsing, token)[0];
  if (parsing.depth > DEPTH_MAX) {
    parsing.draft.lost(place, token.text, `more than ${DEPTH_MAX} brackets within each other`);
    parsing.at = parsing.tokens.length;
    return undefined;
  }
  const inner: Parsing = { ...parsing, depth: parsing.depth + 1 };
  let value: Value | undefined;
  if (token.text === '{') value = { kind: 'hash', entries: readEntries(inner, '}'), place };
  else if (token.text === '[') value = { kind: 'list', items: readItems(inner), place };
  else parsing.draft.lost(place, token.text, 'it is no value');
  parsing.at = inner.at;
  return value;
}

function readItems(parsing: Parsing): Value[] {
  const items: Value[] = [];
  for (;;) {
    const token = parsing.tokens[parsing.at];
    if (token === undefined || token.kind === 'end') {
      parsing.draft.lost({ file: parsing.file }, 'the rest of the file', 'its brackets do not match');
      return items;
    }
    if (token.kind === 'sign' && (token.text === ']' || token.text === ',')) {
      parsing.at++;
      if (token.text === ']') return items;
      continue;
    }
    const item = readValue(parsing);
    if (item !== undefined) items.push(item);
  }
}

function included(parsing: Parsing, { text, place }: Token): Hash[] {
  const { files, draft, file, depth } = parsing;
  const path = text.startsWith('/') ? text : folderOf(file) + text;
  const inFolder = namesIn(path, files).map((name) => `${path.replace(/\/$/, '')}/${name}`);
  const found = inFolder.length > 0 ? inFolder : glob(path, files);
  if (depth > DEPTH_MAX || found.length === 0) {
    draft.lost(place, `$include{${text}}`, found.length === 0 ? 'it cannot be read' : 'too deep');
    return [];
  }
  return found.map((one) => readHashFile(one, { files, draft, depth: depth + 1 }));
}

/** A value of a hash; undefined where it has none, or is none. */
export function get(value: Value | undefined, ...path: readonly string[]): Value | undefined {
  let at = value;
  for (const key of path) at = at?.kind === 'hash' ? at.entries.get(key) : undefined;
  return at;
}

/** Text of a value; undefined where it is none. */
export function text(value: Value | undefined): string | undefined {
  return value?.kind === 'text' ? value.text : undefined;
}

/** Texts of a value: a single one stands for a list of one. */
export function texts(value: Value | undefined): string[] {
  if (value?.kind === 'text') return [value.text];
  return value?.kind === 'list' ? value.items.flatMap((item) => text(item) ?? []) : [];
}

/** Entries of a hash; a list counts as one with keys from 1 on, as gdnsd has it. */
export function entriesOf(value: Value | undefined): [string, Value][] {
  if (value?.kind === 'hash') return [...value.entries];
  if (value?.kind === 'list') return value.items.map((item, i) => [String(i + 1), item]);
  return value === undefined ? [] : [['1', value]];
}

/** A hash with what it does not say itself taken from others, the nearest first. */
export function inherit(value: Hash, ...from: readonly (Value | undefined)[]): Hash {
  const entries = new Map(value.entries);
  for (const other of from)
    if (other?.kind === 'hash')
      for (const [key, one] of other.entries) if (!entries.has(key)) entries.set(key, one);
  return { ...value, entries };
}
