import type { Problem } from '../../base/errors.ts';
import { nearest } from '../../base/nearest.ts';
import type { Path } from '../../config/document.ts';
import { named, quote, type Source } from '../../config/problems.ts';

/** A value somewhere in a JSON file, and where to complain about it. */
export interface Node {
  readonly value: unknown;
  readonly path: Path;
  readonly source: Source;
  /** Every problem found so far, in all files. */
  readonly problems: Problem[];
}

/** A mapping whose keys are known to be right. */
export type Fields = Readonly<Record<string, Node>>;

/** Reports a problem at the node. */
export function report(node: Node, message: string): undefined {
  const place = node.source.valuePlace(node.path);
  node.problems.push({ file: node.source.file, ...place, message: named(node.source, node.path, message) });
}

/**
 * The fields of a mapping that are there. Keys that are neither `required` nor `optional`, and required ones
 * that are missing, are reported. Undefined where it is no mapping.
 */
export function fields(
  node: Node,
  required: readonly string[],
  optional: readonly string[] = [],
): Fields | undefined {
  const inner = entriesOf(node);
  if (inner === undefined) return undefined;
  const known = [...required, ...optional];
  for (const [key, child] of Object.entries(inner)) {
    if (known.includes(key)) continue;
    const meant = nearest(key, known);
    const hint =
      meant === undefined ? `; known here: ${known.join(', ')}` : `; did you mean ${JSON.stringify(meant)}?`;
    report(child, `no such key${hint}`);
  }
  for (const key of required) if (inner[key] === undefined) report(node, `${key} is missing`);
  return inner;
}

/** The fields of a mapping with any keys; undefined, reported, where it is none. */
export function entriesOf(node: Node): Fields | undefined {
  const { value } = node;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return report(node, `${quote(value)} is not a mapping`);
  const children = Object.entries(value).map(([key, one]) => [key, child(node, key, one)]);
  return Object.fromEntries(children) as Fields;
}

/** The entries of a list; empty, reported, where it is none or not of a good length. */
export function items(node: Node | undefined, bounds: { min: number; max: number }): readonly Node[] {
  if (node === undefined) return [];
  const { value } = node;
  if (!Array.isArray(value)) {
    report(node, `${quote(value)} is not a list`);
    return [];
  }
  if (value.length < bounds.min || value.length > bounds.max)
    report(node, `a list of ${value.length}: ${bounds.min} to ${bounds.max} are allowed`);
  return value.slice(0, bounds.max).map((one, i) => child(node, i, one));
}

/** A text of bounded length. */
export function text(node: Node | undefined, bounds = { min: 1, max: 4096 }): string | undefined {
  if (node === undefined) return undefined;
  const { value } = node;
  if (typeof value !== 'string') return report(node, `${quote(value)} is not text`);
  if (value.length < bounds.min || value.length > bounds.max)
    return report(node, `${value.length} characters: ${bounds.min} to ${bounds.max} are allowed`);
  return value;
}

/** One of some words. */
export function word<T extends string>(node: Node | undefined, words: readonly T[]): T | undefined {
  if (node === undefined) return undefined;
  const found = words.find((one) => one === node.value);
  if (found !== undefined) return found;
  const meant = typeof node.value === 'string' ? nearest(node.value, words) : undefined;
  const hint = meant === undefined ? `none of ${words.join(', ')}` : `not known; did you mean ${meant}?`;
  return report(node, `${quote(node.value)} is ${hint}`);
}

/** A whole number within bounds. */
export function integer(node: Node | undefined, bounds: { min: number; max: number }): number | undefined {
  if (node === undefined) return undefined;
  const { value } = node;
  if (!Number.isInteger(value) || (value as number) < bounds.min || (value as number) > bounds.max)
    return report(node, `${quote(value)} is not a whole number from ${bounds.min} to ${bounds.max}`);
  return value as number;
}

/** The only key of a mapping that has one; undefined, reported, where it has none or several. */
export function onlyKey(node: Node): readonly [key: string, child: Node] | undefined {
  const inner = entriesOf(node);
  if (inner === undefined) return undefined;
  const all = Object.entries(inner);
  const [only, ...others] = all;
  if (only !== undefined && others.length === 0) return only;
  return report(node, all.length === 0 ? 'is empty' : `must have one key, not ${all.length}`);
}

function child(node: Node, step: string | number, value: unknown): Node {
  return { ...node, value, path: [...node.path, step] };
}
