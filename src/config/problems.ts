import type { z } from 'zod';
import type { Problem } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import type { Path, Place } from './document.ts';
import { keysAt } from './json-schema.ts';

/** A fault in a value, before anybody knows its file and line. */
interface Fault {
  readonly path: Path;
  /** The key that ends `path` is at fault, not its value. */
  readonly atKey: boolean;
  readonly message: string;
}

/** Where faults are reported: the file, and how to find a place in it. */
export interface Source {
  readonly file: string;
  readonly valuePlace: (path: Path) => Place;
  readonly keyPlace: (path: Path) => Place;
  /** The path as the writer of the file knows it, where that differs. */
  readonly rename?: (path: Path) => Path;
}

type Issue = z.core.$ZodIssue;

/**
 * Problems out of the schema's issues with a value: place, path, the value as written, what would be right.
 * `at` is the path of the checked value in the whole configuration.
 */
export function problemsOf(
  issues: readonly Issue[],
  options: { value: unknown; source: Source; at?: Path },
): Problem[] {
  const { value, source, at = [] } = options;
  return issues
    .flatMap((issue) => faultsOf(issue, { value, at, within: [] }))
    .map((fault) => {
      const place = fault.atKey ? source.keyPlace(fault.path) : source.valuePlace(fault.path);
      return { file: source.file, ...place, message: named(source, fault.path, fault.message) };
    });
}

/** The message with the name of what it is about. */
export function named(source: Source, path: Path, message: string): string {
  const name = formatPath(source.rename?.(path) ?? path);
  return name === '' ? message : `${name}: ${message}`;
}

/** `services.web.pops[2]`. */
function formatPath(path: Path): string {
  let text = '';
  for (const step of path)
    text += typeof step === 'number' ? `[${step}]` : `${text === '' ? '' : '.'}${step}`;
  return text;
}

/** The value as a person recognises it: JSON, cut after 60 characters. */
export function quote(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a mapping';
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length <= 60 ? text : `${text.slice(0, 57)}…`;
}

interface Context {
  readonly value: unknown;
  /** Path of `value` in the configuration. */
  readonly at: Path;
  /** Path of the enclosing issue's value in `value`: issues of a union's branch are relative to it. */
  readonly within: Path;
}

function faultsOf(issue: Issue, context: Context): Fault[] {
  const inside = [...context.within, ...(issue.path as Path)];
  const path = [...context.at, ...inside];
  const value = valueAt(context.value, inside);
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path: [...path, key], atKey: true, message: unknownKey(key, path) }));
  if (issue.code === 'invalid_key')
    return issue.issues.map((inner) => ({
      path,
      atKey: true,
      message: `the key ${quote(path.at(-1))} ${inner.message}`,
    }));
  if (issue.code === 'invalid_union') return unionFaults(issue.errors, { ...context, within: inside }, path);
  const missing = value === undefined && issue.code === 'invalid_type';
  if (missing) return [{ path, atKey: false, message: 'is missing' }];
  const shown = path.some((step) => SECRETS.has(String(step))) ? 'what stands here' : quote(value);
  return [{ path, atKey: false, message: describe(issue, value, shown) }];
}

/** Keys whose values are never printed. */
const SECRETS: ReadonlySet<string> = new Set(['token']);

/**
 * The branch that the writer meant is the one whose issues lie deepest, or that could read the value's type;
 * when none could, say what all want.
 */
function unionFaults(branches: readonly Issue[][], context: Context, path: Path): Fault[] {
  if (valueAt(context.value, context.within) === undefined)
    return [{ path, atKey: false, message: 'is missing' }];
  const isRead = ({ path, code }: Issue): boolean =>
    path.length > 0 || code === 'custom' || code === 'unrecognized_keys';
  const meant = branches.find((issues) => issues.every(isRead));
  if (meant !== undefined) return meant.flatMap((issue) => faultsOf(issue, context));
  const wanted = branches.flat().map((issue) => wants(issue));
  const message = `${quote(valueAt(context.value, context.within))} is not ${wanted.join(' or ')}`;
  return [{ path, atKey: false, message }];
}

function unknownKey(key: string, path: Path): string {
  const keys = keysAt(path);
  const meant = nearest(key, keys);
  if (meant !== undefined) return `no such key; did you mean ${JSON.stringify(meant)}?`;
  return `no such key; known here: ${keys.join(', ')}`;
}

function describe(issue: Issue, value: unknown, shown: string): string {
  switch (issue.code) {
    case 'invalid_type':
    case 'invalid_value':
      return `${shown} is not ${wants(issue)}`;
    case 'too_big':
    case 'too_small':
      return `${sizeOf(issue.origin, value, shown)}: ${wants(issue)}`;
    case 'invalid_format':
      return `${shown} ${issue.message}`;
    default:
      return issue.message;
  }
}

function sizeOf(origin: string, value: unknown, shown: string): string {
  if (origin === 'array' && Array.isArray(value)) return `a list of ${value.length}`;
  return origin === 'string' && typeof value === 'string' ? `${shown} has ${value.length} characters` : shown;
}

/** What would have been right. */
function wants(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPE_WORDS[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return issue.values.map((value) => JSON.stringify(value)).join(' or ');
    case 'too_big':
      return `at most ${issue.maximum}`;
    case 'too_small':
      return `at least ${issue.minimum}`;
    default:
      return issue.message;
  }
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Record<string | number, unknown>)[step];
  }
  return at;
}
