import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
} from 'yaml';
import type { Problem } from '../base/errors.ts';

/** Where something stands in a file: 1-based; absent where nobody knows. */
export interface Place {
  readonly line?: number;
  readonly column?: number;
}

/** Keys and positions from the root of the document to a value. */
export type Path = readonly (string | number)[];

/** A YAML file, read: its plain value, and where each part of it was written. */
export interface YamlText {
  /** Plain JavaScript value of the document; null for an empty one. */
  readonly value: unknown;
  /** Where the value at `path` stands; the nearest enclosing one that exists when there is none. */
  readonly valuePlace: (path: Path) => Place;
  /** Where the key that ends `path` stands; as `valuePlace` where it is no key. */
  readonly keyPlace: (path: Path) => Place;
  /** Syntax errors and keys that stand twice. */
  readonly problems: readonly Problem[];
  /** False when the syntax is broken: `value` then is not worth checking. */
  readonly usable: boolean;
}

/** Aliases that one file may use: a bound against files that unfold for ever. */
const ALIASES_MAX = 100;

/** Reads YAML 1.2 (core schema), one document. */
export function readYaml(text: string, file: string): YamlText {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, strict: true });
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return line === 0 ? { line: 1, column: 1 } : { line, column: col };
  };
  const problems: Problem[] = document.errors.map((error) => {
    const at = error.code === 'DUPLICATE_KEY' ? skipBlank(text, error.pos[0]) : error.pos[0];
    return { file, ...placeAt(at), message: describeYamlError(error.code, error.message, text.slice(at)) };
  });
  visit(document, {
    Pair: (_, { key }) => {
      if (isScalar(key) || isAlias(key)) return;
      problems.push({ file, ...placeAt(offsetOf(key) ?? 0), message: 'a key must be a plain text' });
    },
  });
  const keysArePlain = problems.length === document.errors.length;
  let usable = keysArePlain && document.errors.every((error) => error.code === 'DUPLICATE_KEY');
  let value: unknown = null;
  if (usable)
    try {
      value = document.toJS({ maxAliasCount: ALIASES_MAX });
    } catch (error) {
      usable = false;
      problems.push({ file, line: 1, column: 1, message: `not usable as YAML: ${(error as Error).message}` });
    }
  return {
    value,
    valuePlace: (path) => placeAt(find(document, path).value),
    keyPlace: (path) => placeAt(find(document, path).key),
    problems,
    usable,
  };
}

/** Past the blanks, line ends and comments at `offset`: the parser counts them with the key that follows. */
function skipBlank(text: string, offset: number): number {
  const blank = /(?:\s|#[^\n]*)*/y;
  blank.lastIndex = offset;
  blank.exec(text);
  return blank.lastIndex;
}

function describeYamlError(code: string, message: string, at: string): string {
  if (code !== 'DUPLICATE_KEY') return `not YAML: ${message.replaceAll('\n', ' ')}`;
  const key = /^[^:\n]*/.exec(at)?.[0] ?? at;
  return `the key ${JSON.stringify(key)} stands twice in this mapping`;
}

/** Offsets of the key and of the value at the end of the path, or of the last step that exists. */
function find(document: Document, path: Path): { key: number; value: number } {
  let node: unknown = document.contents;
  let found = { key: offsetOf(node) ?? 0, value: offsetOf(node) ?? 0 };
  for (const step of path) {
    if (isMap(node)) {
      const pair = (node.items as Pair[]).findLast(
        ({ key }) => isScalar(key) && String(key.value) === String(step),
      );
      if (pair === undefined) return found;
      const key = offsetOf(pair.key) ?? found.value;
      found = { key, value: offsetOf(pair.value) ?? key };
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      const offset = offsetOf(node) ?? found.value;
      found = { key: offset, value: offset };
    } else return found;
  }
  return found;
}

function offsetOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
