import { z } from 'zod';
import { configSchema } from './schema.ts';

/** The part of JSON Schema (draft 2020-12) that the configuration's schema yields. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  /** Ours: unit of a number. */
  readonly unit?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly propertyNames?: JsonSchema;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

let made: JsonSchema | undefined;

/**
 * The configuration as JSON Schema: what an editor uses, and what the reference page and suggestions are
 * made from.
 */
export function configJsonSchema(): JsonSchema {
  made ??= z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema;
  return made;
}

/** The keys that a mapping at `path` may have; none where no mapping with fixed keys is allowed. */
export function keysAt(path: readonly PropertyKey[]): readonly string[] {
  let nodes: readonly JsonSchema[] = [configJsonSchema()];
  for (const step of path) nodes = nodes.flatMap((node) => stepInto(node, step));
  return nodes.flatMap(alternatives).flatMap((node) => Object.keys(node.properties ?? {}));
}

function stepInto(node: JsonSchema, step: PropertyKey): readonly JsonSchema[] {
  return alternatives(node).flatMap((one) => {
    if (typeof step === 'number') return one.items ?? [];
    const additional = typeof one.additionalProperties === 'object' ? one.additionalProperties : [];
    return one.properties?.[String(step)] ?? additional;
  });
}

function alternatives(node: JsonSchema): readonly JsonSchema[] {
  return node.anyOf ?? [node];
}
