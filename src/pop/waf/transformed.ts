import { readField } from './field.ts';
import { fields, integer, items, type Node, report, word } from './reading.ts';
import type { Inspected, Run, Statement } from './run.ts';
import { TRANSFORMATIONS, type Transform } from './transformations.ts';

/** Transformations that one statement may ask for. */
const TRANSFORMATIONS_MAX = 10;
/** Capacity units of each transformation but NONE. */
const TRANSFORMATION_UNITS = 10;
/** Characters that one part may have after a transformation. */
const PART_MAX = 262_144;

/** A part of requests, transformed: what the statement's test is done with. */
export interface TransformedField {
  readonly read: (run: Run) => Inspected;
  readonly needsBody: boolean;
  /** Capacity units of a statement whose test alone costs `base`. */
  readonly capacityOf: (base: number) => number;
}

/**
 * Reads `FieldToMatch` and `TextTransformations` of a statement. A part of a request is transformed once,
 * however many statements want it so. Undefined, reported, where they are wrong.
 */
export function readTransformed(
  fieldNode: Node | undefined,
  transformationsNode: Node | undefined,
): TransformedField | undefined {
  const field = readField(fieldNode);
  const transformations = readTransformations(transformationsNode);
  if (field === undefined || transformations === undefined) return undefined;
  const key = JSON.stringify([fieldNode?.value, transformations.names]);
  const { transform, names } = transformations;
  return {
    read: (run) => {
      const known = run.inspected.get(key);
      if (known !== undefined) return known;
      const found = field.read(run);
      const inspected = { ...found, parts: found.parts.map((part) => transform(part).slice(0, PART_MAX)) };
      run.inspected.set(key, inspected);
      return inspected;
    },
    needsBody: field.isBody,
    capacityOf: (base) =>
      base * (field.isDouble ? 2 : 1) +
      field.extra +
      TRANSFORMATION_UNITS * names.filter((name) => name !== 'NONE').length,
  };
}

/** The statement that any part, transformed, passes the test. */
export function anyPart(field: TransformedField, base: number, test: (part: string) => boolean): Statement {
  return {
    matches: (run) => {
      const { parts, instead } = field.read(run);
      return instead ?? parts.some(test);
    },
    capacity: field.capacityOf(base),
    needsBody: field.needsBody,
  };
}

/** Reads `TextTransformations`: in the order of their priorities. */
export function readTransformations(
  node: Node | undefined,
): { readonly transform: Transform; readonly names: readonly string[] } | undefined {
  const steps = items(node, { min: 1, max: TRANSFORMATIONS_MAX }).map((item) => {
    const inner = fields(item, ['Priority', 'Type']);
    const priority = integer(inner?.['Priority'], { min: 0, max: 2 ** 31 - 1 });
    const type = word(inner?.['Type'], Object.keys(TRANSFORMATIONS));
    return { item, priority, type };
  });
  for (const [i, { item, priority }] of steps.entries())
    if (priority !== undefined && steps.findIndex((step) => step.priority === priority) !== i)
      report(item, `another transformation has the priority ${priority} already`);
  if (node === undefined || steps.some(({ type, priority }) => type === undefined || priority === undefined))
    return undefined;
  const names = steps
    .toSorted((a, b) => (a.priority ?? 0) - (b.priority ?? 0))
    .map(({ type }) => type ?? 'NONE');
  const transform = (octets: string): string =>
    names.reduce((done, name) => TRANSFORMATIONS[name]?.(done) ?? done, octets);
  return { transform, names };
}
