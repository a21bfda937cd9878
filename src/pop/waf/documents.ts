import { type Prefix, parsePrefix } from '../../base/address.ts';
import type { Problem } from '../../base/errors.ts';
import { readYaml } from '../../config/document.ts';
import { type Fields, fields, items, type Node, report, text } from './reading.ts';
import { regexTest } from './statement.ts';

/** A file of the WAF's, by name and content. */
export interface WafFile {
  readonly file: string;
  readonly text: string;
}

/** What a file is, as its outermost key says; a bare object is what its keys look like. */
export type DocumentKind = 'WebACL' | 'RuleGroup' | 'IPSet' | 'RegexPatternSet';

/** One file, read but for its rules. */
export interface Document {
  readonly kind: DocumentKind;
  readonly node: Node;
  /** It is what the command line of AWS printed: search strings in it are base64. */
  readonly isFromCommandLine: boolean;
}

const KINDS: readonly DocumentKind[] = ['WebACL', 'RuleGroup', 'IPSet', 'RegexPatternSet'];
const PREFIXES_MAX = 10_000;
const PATTERNS_MAX = 100;

/**
 * Reads a file as `aws wafv2 get-web-acl` and its kin print it (`{"WebACL": …, "LockToken": …}`), or the
 * object alone. JSON, and where it is not JSON says so. Undefined, with problems, where it is none of these.
 */
export function readDocument({ file, text: content }: WafFile, problems: Problem[]): Document | undefined {
  // JSON is YAML, and the reader of YAML knows lines; but what is no JSON is not for AWS either.
  try {
    JSON.parse(content);
  } catch (error) {
    problems.push({ file, message: `is not JSON: ${(error as Error).message}` });
    return undefined;
  }
  const yaml = readYaml(content, file);
  problems.push(...yaml.problems);
  const root: Node = { value: yaml.value, path: [], source: { file, ...yaml }, problems };
  if (!yaml.usable || typeof yaml.value !== 'object' || yaml.value === null)
    return report(root, 'is not an object');
  const keys = Object.keys(yaml.value);
  const wrapped = KINDS.find((kind) => keys.includes(kind));
  if (wrapped !== undefined) {
    const inner = fields(root, [wrapped], ['LockToken', 'ApplicationIntegrationURL']);
    const node = inner?.[wrapped];
    return node && { kind: wrapped, node, isFromCommandLine: keys.includes('LockToken') };
  }
  const kind = kindOf(keys);
  if (kind === undefined) return report(root, `is none of ${KINDS.join(', ')}`);
  return { kind, node: root, isFromCommandLine: false };
}

function kindOf(keys: readonly string[]): DocumentKind | undefined {
  if (keys.includes('DefaultAction')) return 'WebACL';
  if (keys.includes('Rules')) return 'RuleGroup';
  if (keys.includes('Addresses')) return 'IPSet';
  return keys.includes('RegularExpressionList') ? 'RegexPatternSet' : undefined;
}

/** The ARN of a thing; where it has none, its name stands for it. */
export function arnOf(inner: Fields | undefined): string | undefined {
  return text(inner?.['ARN'], { min: 1, max: 2048 }) ?? text(inner?.['Name'], { min: 1, max: 128 });
}

/** Fields that say what a thing is called, and change nothing. */
export const ABOUT = ['Id', 'ARN', 'Description', 'Scope', 'Tags'];

/** Reads an `IPSet`. */
export function readIpSet(node: Node): { readonly arn: string; readonly prefixes: readonly Prefix[] } {
  const inner = fields(node, ['Name', 'Addresses'], [...ABOUT, 'IPAddressVersion']);
  const prefixes = items(inner?.['Addresses'], { min: 0, max: PREFIXES_MAX }).flatMap((item) => {
    const written = text(item, { min: 1, max: 64 });
    const prefix = written === undefined ? undefined : parsePrefix(written);
    if (typeof prefix === 'string') report(item, prefix);
    return prefix === undefined || typeof prefix === 'string' ? [] : [prefix];
  });
  return { arn: arnOf(inner) ?? '', prefixes };
}

/** Reads a `RegexPatternSet`: its patterns compile. */
export function readPatternSet(node: Node): { readonly arn: string; readonly patterns: readonly string[] } {
  const inner = fields(node, ['Name', 'RegularExpressionList'], ABOUT);
  const list = items(inner?.['RegularExpressionList'], { min: 1, max: PATTERNS_MAX });
  const patterns = list.flatMap((item) => {
    const pattern = text(fields(item, ['RegexString'])?.['RegexString'], { min: 1, max: 512 });
    const test = pattern === undefined ? undefined : regexTest(pattern);
    if (typeof test === 'string') report(item, test);
    return pattern === undefined ? [] : [pattern];
  });
  return { arn: arnOf(inner) ?? '', patterns };
}
