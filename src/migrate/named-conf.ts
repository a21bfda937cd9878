import type { Draft, Place } from './draft.ts';
import { type Files, folderOf, glob } from './files.ts';

/** A statement of named.conf: words, and what stands in braces behind them. */
export interface Statement {
  readonly words: readonly string[];
  readonly body: readonly Statement[] | undefined;
  readonly place: Place;
}

/** Files that may include each other, and statements in braces within each other. */
const DEPTH_MAX = 20;

/** Reads named.conf and all that it includes. Relative includes start at the including file's folder. */
export function readNamedConf(file: string, files: Files, draft: Draft): Statement[] {
  return readFile(file, files, { draft, depth: 0 });
}

interface Reading {
  readonly draft: Draft;
  readonly depth: number;
}

function readFile(file: string, files: Files, { draft, depth }: Reading): Statement[] {
  const tokens = tokensOf(files.readText(file));
  const at = { next: 0 };
  const statements = readStatements(tokens, at, { file, draft, depth: 0 });
  if (at.next < tokens.length)
    draft.lost({ file, line: tokens[at.next]?.line ?? 1 }, 'the rest of the file', 'a brace too many');
  return statements.flatMap((statement) => {
    const [word, path] = statement.words;
    if (word !== 'include' || path === undefined) return [statement];
    if (depth >= DEPTH_MAX) {
      draft.lost(statement.place, `include "${path}"`, `more than ${DEPTH_MAX} files within each other`);
      return [];
    }
    const found = glob(path.startsWith('/') ? path : folderOf(file) + path, files);
    if (found.length === 0) draft.lost(statement.place, `include "${path}"`, 'it cannot be read');
    return found.flatMap((one) => readFile(one, files, { draft, depth: depth + 1 }));
  });
}

interface Token {
  readonly text: string;
  readonly quoted: boolean;
  readonly line: number;
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const pattern = /\n|\/\*[\s\S]*?(?:\*\/|$)|(?:\/\/|#)[^\n]*|"((?:[^"\\]|\\.)*)"|[{};]|[^\s{};"]+/g;
  let line = 1;
  for (const match of text.matchAll(pattern)) {
    const [all, quoted] = match;
    if (all === '\n') line++;
    else if (all.startsWith('/*')) line += all.split('\n').length - 1;
    else if (quoted !== undefined) {
      tokens.push({ text: quoted.replace(/\\(.)/g, '$1'), quoted: true, line });
      line += all.split('\n').length - 1;
    } else if (!/^(?:\/\/|#)/.test(all)) tokens.push({ text: all, quoted: false, line });
  }
  return tokens;
}

function readStatements(
  tokens: readonly Token[],
  at: { next: number },
  where: { readonly file: string; readonly draft: Draft; readonly depth: number },
): Statement[] {
  const { file, draft, depth } = where;
  const statements: Statement[] = [];
  let words: string[] = [];
  let body: Statement[] | undefined;
  let line = 0;
  const end = (): void => {
    if (words.length > 0 || body !== undefined) statements.push({ words, body, place: { file, line } });
    words = [];
    body = undefined;
  };
  for (; at.next < tokens.length; at.next++) {
    const token = tokens[at.next] as Token;
    if (words.length === 0 && body === undefined) line = token.line;
    const isSign = (sign: string): boolean => !token.quoted && token.text === sign;
    if (isSign(';')) end();
    else if (isSign('}')) break;
    else if (isSign('{')) {
      at.next++;
      if (depth >= DEPTH_MAX) {
        draft.lost({ file, line }, words.join(' '), `more than ${DEPTH_MAX} braces within each other`);
        at.next = tokens.length;
        break;
      }
      body = readStatements(tokens, at, { ...where, depth: depth + 1 });
      if (at.next >= tokens.length) draft.lost({ file, line }, words.join(' '), 'its brace is not closed');
    } else words.push(token.text);
  }
  end();
  return statements;
}
