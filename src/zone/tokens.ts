import type { Token } from '../wire/presentation.ts';

/** A walk over the text of a master file. */
export interface Scanner {
  readonly text: string;
  /** Offset of the next character to read. */
  at: number;
  /** 1-based line at `at`. */
  line: number;
  /** How often an unclosed parenthesis made it go back; bounded, so that no text costs much. */
  rewinds: number;
}

/** One entry: a line, or several joined by parentheses, comments left out (RFC 1035 §5.1). */
export interface Entry {
  readonly tokens: readonly Token[];
  /** The line begins with a blank: the owner is the last one stated. */
  readonly blankOwner: boolean;
  /** Where the entry begins: offset and 1-based line. */
  readonly start: number;
  readonly line: number;
  /** The first thing wrong with its form; the tokens are then not to be used. */
  readonly wrong: TokenFault | undefined;
}

/** What is wrong, and where. */
export interface TokenFault {
  readonly message: string;
  /** Offset in the text. */
  readonly at: number;
}

interface EntryUnderWay {
  tokens: Token[];
  start: number;
  line: number;
  /** Parentheses open now, and where the first of them is. */
  depth: number;
  openedAt: number;
  openedLine: number;
  wrong: TokenFault | undefined;
}

const REWINDS_MAX = 20;

const TAB = 0x09;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const OPEN = 0x28;
const CLOSE = 0x29;
const SEMICOLON = 0x3b;
const BACKSLASH = 0x5c;

/** Starts at the beginning of a text, after its byte order mark if it has one. */
export function scanText(text: string): Scanner {
  return { text, at: text.charCodeAt(0) === 0xfeff ? 1 : 0, line: 1, rewinds: 0 };
}

/**
 * The next entry that is not blank; undefined at the end. An entry longer than `charsMax` is wrong. After a
 * parenthesis that is never closed, reading goes on with the line after it, so that what is wrong further
 * down is found as well.
 */
export function nextEntry(scanner: Scanner, charsMax: number): Entry | undefined {
  const { text } = scanner;
  const entry = beginEntry(scanner);
  while (scanner.at < text.length) {
    const at = scanner.at;
    const code = text.charCodeAt(at);
    if (at - entry.start > charsMax && code !== NEWLINE) {
      entry.wrong ??= { message: `the entry is longer than ${charsMax} characters`, at: entry.start };
      if (entry.depth > 0) break;
      skipLine(scanner);
    } else if (code === SPACE || code === TAB || code === RETURN) scanner.at++;
    else if (code === NEWLINE) {
      scanner.at++;
      scanner.line++;
      if (entry.depth > 0) continue;
      if (entry.tokens.length > 0 || entry.wrong !== undefined) return finishEntry(scanner, entry);
      entry.start = scanner.at;
      entry.line = scanner.line;
    } else if (code === SEMICOLON) skipLine(scanner);
    else if (code === OPEN) {
      if (entry.depth++ === 0) {
        entry.openedAt = at;
        entry.openedLine = scanner.line;
      }
      scanner.at++;
    } else if (code === CLOSE) {
      if (entry.depth === 0) entry.wrong ??= { message: '")" closes nothing', at };
      else entry.depth--;
      scanner.at++;
    } else if (code === QUOTE) readQuoted(scanner, entry);
    else readWord(scanner, entry);
  }
  if (entry.depth > 0) recover(scanner, entry);
  return entry.tokens.length > 0 || entry.wrong !== undefined ? finishEntry(scanner, entry) : undefined;
}

function beginEntry(scanner: Scanner): EntryUnderWay {
  const { at, line } = scanner;
  return { tokens: [], start: at, line, depth: 0, openedAt: 0, openedLine: 0, wrong: undefined };
}

function finishEntry(scanner: Scanner, entry: EntryUnderWay): Entry {
  const first = scanner.text.charCodeAt(entry.start);
  const { tokens, start, line, wrong } = entry;
  return { tokens, blankOwner: first === SPACE || first === TAB, start, line, wrong };
}

function skipLine(scanner: Scanner): void {
  const end = scanner.text.indexOf('\n', scanner.at);
  scanner.at = end < 0 ? scanner.text.length : end;
}

function recover(scanner: Scanner, entry: EntryUnderWay): void {
  entry.wrong ??= { message: '"(" is never closed', at: entry.openedAt };
  if (scanner.rewinds++ >= REWINDS_MAX) {
    scanner.at = scanner.text.length;
    return;
  }
  scanner.at = entry.openedAt;
  scanner.line = entry.openedLine;
  skipLine(scanner);
}

function readQuoted(scanner: Scanner, entry: EntryUnderWay): void {
  const { text, at } = scanner;
  let end = at + 1;
  let code = text.charCodeAt(end);
  while (end < text.length && code !== QUOTE && code !== NEWLINE) {
    if (code === BACKSLASH && text.charCodeAt(end + 1) !== NEWLINE) end++;
    code = text.charCodeAt(++end);
  }
  if (end < text.length && code === QUOTE) {
    entry.tokens.push({ text: text.slice(at + 1, end), quoted: true, at });
    scanner.at = end + 1;
    return;
  }
  entry.wrong ??= { message: 'the quoted string is not closed on its line', at };
  scanner.at = Math.min(end, text.length);
}

function readWord(scanner: Scanner, entry: EntryUnderWay): void {
  const { text, at } = scanner;
  let end = at;
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code === BACKSLASH) {
      const next = text.charCodeAt(end + 1);
      if (next === NEWLINE || next === RETURN || Number.isNaN(next)) {
        entry.wrong ??= { message: 'a lone backslash ends the line', at: end };
        scanner.at = end + 1;
        return;
      }
      end++;
    } else if (code <= SEMICOLON && isDelimiter(code)) break;
  }
  entry.tokens.push({ text: text.slice(at, end), quoted: false, at });
  scanner.at = end;
}

function isDelimiter(code: number): boolean {
  return (
    code === SPACE ||
    code === TAB ||
    code === NEWLINE ||
    code === RETURN ||
    code === QUOTE ||
    code === OPEN ||
    code === CLOSE ||
    code === SEMICOLON
  );
}
