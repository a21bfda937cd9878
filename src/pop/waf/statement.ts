import { RE2JS } from 're2js';
import type { Address, Prefix } from '../../base/address.ts';
import { nearest } from '../../base/nearest.ts';
import { anyAddress, prefixSet, readAddressSource } from './addresses.ts';
import { readRateBased } from './rate-statement.ts';
import { fields, integer, items, type Node, onlyKey, report, text, word } from './reading.ts';
import type { Matcher, Statement } from './run.ts';
import { isSqlInjection } from './sqli.ts';
import { anyPart, readTransformed } from './transformed.ts';
import { isCrossSiteScript } from './xss.ts';

/** What statements may refer to by ARN, and whose labels are near. */
export interface StatementContext {
  readonly ipSets: ReadonlyMap<string, readonly Prefix[]>;
  readonly patternSets: ReadonlyMap<string, readonly string[]>;
  /** Namespace of the labels of the ACL or rule group: `awswaf:111122223333:webacl:name:`. */
  readonly labelPrefix: string;
}

type Reader = (node: Node, context: StatementContext, depth: number) => Statement | undefined;

/** Statements within statements at most. */
const DEPTH_MAX = 16;
const REGEX_LENGTH_MAX = 512;
/** Capacity units by kind of statement (AWS WAF developer guide, "Rule statements list"). */
const UNITS = {
  ip: 1,
  ipAny: 5,
  geo: 1,
  asn: 1,
  label: 1,
  size: 1,
  regex: 3,
  patternSet: 25,
  sqlLow: 20,
  sqlHigh: 30,
  xss: 40,
} as const;

/** Reads a `Statement`; undefined, reported, where it is wrong. */
export const readStatement: Reader = (node, context, depth) => {
  const only = onlyKey(node);
  if (only === undefined) return undefined;
  const [kind, inner] = only;
  if (depth > DEPTH_MAX) return report(inner, `more than ${DEPTH_MAX} statements within each other`);
  const read = READERS[kind];
  if (read !== undefined) return read(inner, context, depth + 1);
  if (kind === 'ManagedRuleGroupStatement')
    return report(
      inner,
      'rule groups of AWS and of its sellers are not to be had: name your own by their ARN',
    );
  if (kind === 'RuleGroupReferenceStatement')
    return report(inner, 'stands in a rule of a web ACL only, not within a statement');
  const meant = nearest(kind, Object.keys(READERS));
  const known = `known here: ${Object.keys(READERS).join(', ')}`;
  return report(inner, `no such statement; ${meant === undefined ? known : `did you mean ${meant}?`}`);
};

const READERS: Readonly<Record<string, Reader>> = {
  AndStatement: (node, context, depth) =>
    joined(node, { context, depth }, (all) => (run) => all.every(({ matches }) => matches(run))),
  OrStatement: (node, context, depth) =>
    joined(node, { context, depth }, (all) => (run) => all.some(({ matches }) => matches(run))),
  NotStatement: (node, context, depth) => {
    const inner = fields(node, ['Statement'])?.['Statement'];
    const negated = inner && readStatement(inner, context, depth);
    return negated && { ...negated, matches: (run) => !negated.matches(run) };
  },
  RateBasedStatement: (node, context, depth) =>
    readRateBased(node, (inner) => readStatement(inner, context, depth)),
  ByteMatchStatement: (node) => byteMatch(node),
  RegexMatchStatement: (node) => {
    const inner = fields(node, ['RegexString', 'FieldToMatch', 'TextTransformations']);
    const regex = inner?.['RegexString'] && compileRegex(inner['RegexString']);
    const statement = tested(inner, UNITS.regex, regex ?? (() => false));
    return regex && statement;
  },
  RegexPatternSetReferenceStatement: (node, { patternSets }) => {
    const inner = fields(node, ['ARN', 'FieldToMatch', 'TextTransformations']);
    const patterns = referred(inner?.['ARN'], patternSets, 'regex pattern set');
    if (patterns === undefined) return undefined;
    // They were read with their file: what is no regex is reported there.
    const compiled = patterns.map((pattern) => regexTest(pattern)).filter((test) => typeof test !== 'string');
    return tested(inner, UNITS.patternSet, (part) => compiled.some((test) => test(part)));
  },
  SizeConstraintStatement: (node) => sizeConstraint(node),
  SqliMatchStatement: (node) => {
    const inner = fields(node, ['FieldToMatch', 'TextTransformations'], ['SensitivityLevel']);
    const level = word(inner?.['SensitivityLevel'], ['LOW', 'HIGH']) ?? 'LOW';
    const units = level === 'HIGH' ? UNITS.sqlHigh : UNITS.sqlLow;
    return tested(inner, units, (part) => isSqlInjection(part, level));
  },
  XssMatchStatement: (node) =>
    tested(fields(node, ['FieldToMatch', 'TextTransformations']), UNITS.xss, isCrossSiteScript),
  GeoMatchStatement: (node) => geoMatch(node),
  AsnMatchStatement: (node) => {
    const inner = fields(node, ['AsnList'], ['ForwardedIPConfig']);
    const list = items(inner?.['AsnList'], { min: 1, max: 100 });
    const numbers = new Set(list.map((one) => integer(one, { min: 0, max: 2 ** 32 - 1 })));
    const source = readAddressSource(inner?.['ForwardedIPConfig'], false);
    if (source === undefined) return undefined;
    const matches: Matcher = (run) =>
      anyAddress(source, run, (address) => numbers.has(run.whereabouts(address).asn));
    return { matches, capacity: UNITS.asn, needsBody: false };
  },
  IPSetReferenceStatement: (node, { ipSets }) => {
    const inner = fields(node, ['ARN'], ['IPSetForwardedIPConfig']);
    const prefixes = referred(inner?.['ARN'], ipSets, 'IP set');
    const source = readAddressSource(inner?.['IPSetForwardedIPConfig'], true);
    if (prefixes === undefined || source === undefined) return undefined;
    const holds = prefixSet(prefixes);
    return {
      matches: (run) => anyAddress(source, run, holds),
      capacity: source.isAny ? UNITS.ipAny : UNITS.ip,
      needsBody: false,
    };
  },
  LabelMatchStatement: (node, { labelPrefix }) => {
    const inner = fields(node, ['Scope', 'Key']);
    const scope = word(inner?.['Scope'], ['LABEL', 'NAMESPACE']);
    const key = text(inner?.['Key'], { min: 1, max: 1024 });
    if (scope === undefined || key === undefined) return undefined;
    const wanted = [key, labelPrefix + key];
    const fits = (label: string): boolean =>
      wanted.some((one) => (scope === 'LABEL' ? label === one : label.startsWith(one)));
    return {
      matches: ({ labels }) => Array.from(labels).some(fits),
      capacity: UNITS.label,
      needsBody: false,
    };
  },
};

function joined(
  node: Node,
  { context, depth }: { readonly context: StatementContext; readonly depth: number },
  join: (all: readonly Statement[]) => Matcher,
): Statement | undefined {
  const list = items(fields(node, ['Statements'])?.['Statements'], { min: 2, max: 100 });
  const all = list.map((one) => readStatement(one, context, depth));
  const good = all.filter((one) => one !== undefined);
  if (good.length < all.length || good.length === 0) return undefined;
  return {
    matches: join(good),
    capacity: good.reduce((sum, { capacity }) => sum + capacity, 0),
    needsBody: good.some(({ needsBody }) => needsBody),
  };
}

/** A statement of `FieldToMatch` and `TextTransformations` that tests each part. */
function tested(
  inner: ReturnType<typeof fields>,
  base: number,
  test: (part: string) => boolean,
): Statement | undefined {
  const field = readTransformed(inner?.['FieldToMatch'], inner?.['TextTransformations']);
  return field === undefined ? undefined : anyPart(field, base, test);
}

/** Capacity units by where the text must stand. */
const POSITION_UNITS = { EXACTLY: 2, STARTS_WITH: 2, ENDS_WITH: 2, CONTAINS: 10, CONTAINS_WORD: 10 } as const;
type Position = keyof typeof POSITION_UNITS;

function byteMatch(node: Node): Statement | undefined {
  const inner = fields(
    node,
    ['FieldToMatch', 'TextTransformations', 'PositionalConstraint'],
    ['SearchString', 'SearchStringBase64'],
  );
  const positions = Object.keys(POSITION_UNITS) as Position[];
  const position = word(inner?.['PositionalConstraint'], positions);
  const plain = text(inner?.['SearchString'], { min: 1, max: 200 });
  const encoded = text(inner?.['SearchStringBase64'], { min: 1, max: 300 });
  if (inner !== undefined && (plain === undefined) === (encoded === undefined))
    return report(node, 'has one of SearchString and SearchStringBase64');
  if (position === undefined) return undefined;
  const sought = Buffer.from(plain ?? encoded ?? '', plain === undefined ? 'base64' : 'utf8').toString(
    'latin1',
  );
  return tested(inner, POSITION_UNITS[position], (part) => standsAt(part, sought, position));
}

function standsAt(part: string, sought: string, position: Position): boolean {
  if (position === 'EXACTLY') return part === sought;
  if (position === 'STARTS_WITH') return part.startsWith(sought);
  if (position === 'ENDS_WITH') return part.endsWith(sought);
  if (position === 'CONTAINS') return part.includes(sought);
  for (let at = part.indexOf(sought); at >= 0; at = part.indexOf(sought, at + 1))
    if (!/\w/.test(part[at - 1] ?? '') && !/\w/.test(part[at + sought.length] ?? '')) return true;
  return false;
}

const COMPARISONS: Readonly<Record<string, (octets: number, size: number) => boolean>> = {
  EQ: (octets, size) => octets === size,
  NE: (octets, size) => octets !== size,
  LE: (octets, size) => octets <= size,
  LT: (octets, size) => octets < size,
  GE: (octets, size) => octets >= size,
  GT: (octets, size) => octets > size,
};

function sizeConstraint(node: Node): Statement | undefined {
  const inner = fields(node, ['FieldToMatch', 'TextTransformations', 'ComparisonOperator', 'Size']);
  const operator = word(inner?.['ComparisonOperator'], Object.keys(COMPARISONS));
  const size = integer(inner?.['Size'], { min: 0, max: 21_474_836_480 });
  if (operator === undefined || size === undefined) return undefined;
  return tested(inner, UNITS.size, (part) => COMPARISONS[operator]?.(part.length, size) === true);
}

function geoMatch(node: Node): Statement | undefined {
  const inner = fields(node, ['CountryCodes'], ['ForwardedIPConfig']);
  const codes = items(inner?.['CountryCodes'], { min: 1, max: 250 });
  const countries = new Set(
    codes.map((one) => {
      const code = text(one, { min: 2, max: 2 });
      return code === undefined || /^[A-Z]{2}$/.test(code) ? code : report(one, `${code} is no country code`);
    }),
  );
  const source = readAddressSource(inner?.['ForwardedIPConfig'], false);
  if (source === undefined) return undefined;
  const namespace = `awswaf:${source.isForwarded ? 'forwardedip' : 'clientip'}:geo:country:`;
  const matches: Matcher = (run) =>
    anyAddress(source, run, (address: Address) => {
      const { country } = run.whereabouts(address);
      run.labels.add(namespace + (country || 'XX'));
      return countries.has(country);
    });
  return { matches, capacity: UNITS.geo, needsBody: false };
}

/** What an ARN stands for; undefined, reported, where no file that was given says. */
export function referred<T>(
  node: Node | undefined,
  known: ReadonlyMap<string, T>,
  what: string,
): T | undefined {
  const arn = text(node, { min: 1, max: 2048 });
  if (node === undefined || arn === undefined) return undefined;
  const found = known.get(arn);
  if (found !== undefined) return found;
  const hint = known.size === 0 ? 'none is given' : `given are ${Array.from(known.keys()).join(', ')}`;
  return report(node, `no ${what} has the ARN ${JSON.stringify(arn)}: ${hint}`);
}

/** A regular expression as a test; undefined, reported, where it is none that runs in linear time. */
function compileRegex(node: Node): ((part: string) => boolean) | undefined {
  const pattern = text(node, { min: 1, max: REGEX_LENGTH_MAX });
  const test = pattern === undefined ? undefined : regexTest(pattern);
  return typeof test === 'string' ? report(node, test) : test;
}

/** A regular expression as a test over octets that are UTF-8; a text says why it is none. */
export function regexTest(pattern: string): ((part: string) => boolean) | string {
  try {
    const regex = RE2JS.compile(pattern);
    return (part) =>
      regex.test(/[\x80-\xff]/.test(part) ? Buffer.from(part, 'latin1').toString('utf8') : part);
  } catch (error) {
    return `not a regular expression of RE2: ${(error as Error).message}`;
  }
}
