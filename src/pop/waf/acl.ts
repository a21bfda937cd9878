import type { Prefix } from '../../base/address.ts';
import type { Problem } from '../../base/errors.ts';
import { type Action, readAction, readResponseBodies } from './action.ts';
import {
  ABOUT,
  arnOf,
  type Document,
  readDocument,
  readIpSet,
  readPatternSet,
  type WafFile,
} from './documents.ts';
import { type Fields, fields, integer, type Node, report, text, word } from './reading.ts';
import { type Rule, type RuleGroup, readRules } from './rule.ts';

/** A web ACL, ready to run. Its rate-based rules count over all that it is asked about. */
export interface Acl {
  readonly name: string;
  readonly rules: readonly Rule[];
  readonly defaultAction: Action;
  /** Capacity units of all rules. */
  readonly capacity: number;
  /** Octets of a body that rules look at; 0: none does. */
  readonly bodyOctetsMax: number;
}

/** Capacity units that a web ACL or a rule group may have. */
const CAPACITY_MAX = 5000;
const BODY_LIMITS = { KB_8: 8192, KB_16: 16_384, KB_32: 32_768, KB_48: 49_152, KB_64: 65_536 } as const;
type BodyLimit = keyof typeof BODY_LIMITS;

/**
 * Reads a web ACL and what it refers to: rule groups, IP sets and regex pattern sets, each a file. Every
 * problem of every file is found; without problems there is an ACL.
 */
export function readAcl(
  file: WafFile,
  others: readonly WafFile[],
): { readonly acl?: Acl; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const documents = others.flatMap((other) => readDocument(other, problems) ?? []);
  const ipSets = new Map<string, readonly Prefix[]>();
  const patternSets = new Map<string, readonly string[]>();
  const groups = new Map<string, RuleGroup>();
  for (const { kind, node } of documents) {
    if (kind === 'WebACL') report(node, 'is a web ACL: one is enough');
    if (kind === 'IPSet') {
      const { arn, prefixes } = readIpSet(node);
      ipSets.set(arn, prefixes);
    }
    if (kind === 'RegexPatternSet') {
      const { arn, patterns } = readPatternSet(node);
      patternSets.set(arn, patterns);
    }
  }
  for (const document of documents)
    if (document.kind === 'RuleGroup') readGroup(document, { ipSets, patternSets, groups });
  const document = readDocument(file, problems);
  if (document !== undefined && document.kind !== 'WebACL')
    report(document.node, `is a ${document.kind}, not a web ACL`);
  if (document?.kind !== 'WebACL') return { problems };
  const acl = readWebAcl(document, { ipSets, patternSets, groups });
  return acl === undefined || problems.length > 0 ? { problems } : { acl, problems };
}

interface Referred {
  readonly ipSets: Map<string, readonly Prefix[]>;
  readonly patternSets: Map<string, readonly string[]>;
  readonly groups: Map<string, RuleGroup>;
}

function readGroup(document: Document, referred: Referred): void {
  const inner = fields(
    document.node,
    ['Name', 'Rules'],
    [...ABOUT, 'Capacity', 'VisibilityConfig', 'LabelNamespace', 'CustomResponseBodies', 'AvailableLabels'],
  );
  const { ipSets, patternSets } = referred;
  const rules = readRules(plainStrings(document, inner?.['Rules']), {
    ipSets,
    patternSets,
    labelPrefix: labelPrefixOf(inner, 'rulegroup'),
    bodies: readResponseBodies(inner?.['CustomResponseBodies']),
  });
  const needed = capacityOf(rules);
  const declared = integer(inner?.['Capacity'], { min: 1, max: CAPACITY_MAX });
  if (declared !== undefined && needed > declared && inner?.['Capacity'] !== undefined)
    report(inner['Capacity'], `its rules need ${needed} capacity units, more than ${declared}`);
  checkCapacity(document.node, needed);
  const arn = arnOf(inner);
  if (arn !== undefined) referred.groups.set(arn, { rules, capacity: declared ?? needed });
}

function readWebAcl(document: Document, referred: Referred): Acl | undefined {
  const inner = fields(
    document.node,
    ['Name', 'DefaultAction', 'Rules'],
    [...ABOUT, ...MORE_OF_ACL, 'CustomResponseBodies', 'AssociationConfig', 'LabelNamespace', 'Capacity'],
  );
  const bodies = readResponseBodies(inner?.['CustomResponseBodies']);
  const name = text(inner?.['Name'], { min: 1, max: 128 });
  const defaultAction = inner?.['DefaultAction'] && readAction(inner['DefaultAction'], bodies);
  if (defaultAction?.kind === 'count')
    report(inner?.['DefaultAction'] ?? document.node, 'none of Allow, Block');
  const labelPrefix = labelPrefixOf(inner, 'webacl');
  const rules = readRules(plainStrings(document, inner?.['Rules']), { ...referred, bodies, labelPrefix });
  const capacity = capacityOf(rules);
  checkCapacity(document.node, capacity);
  const bodyLimit = readBodyLimit(inner?.['AssociationConfig']);
  if (name === undefined || defaultAction === undefined) return undefined;
  const needsBody = rules.some((rule) => rule.needsBody);
  return { name, rules, defaultAction, capacity, bodyOctetsMax: needsBody ? BODY_LIMITS[bodyLimit] : 0 };
}

/** What AWS says of a web ACL besides, without a meaning here. */
const MORE_OF_ACL = [
  'VisibilityConfig',
  'ManagedByFirewallManager',
  'RetrofittedByFirewallManager',
  'CaptchaConfig',
  'ChallengeConfig',
  'TokenDomains',
  'PreProcessFirewallManagerRuleGroups',
  'PostProcessFirewallManagerRuleGroups',
];

function readBodyLimit(node: Node | undefined): BodyLimit {
  const body = node && fields(node, [], ['RequestBody'])?.['RequestBody'];
  const kind = body && fields(body, ['CLOUDFRONT'])?.['CLOUDFRONT'];
  const limit = kind && fields(kind, ['DefaultSizeInspectionLimit'])?.['DefaultSizeInspectionLimit'];
  return word(limit, Object.keys(BODY_LIMITS) as BodyLimit[]) ?? 'KB_16';
}

function capacityOf(rules: readonly Rule[]): number {
  return rules.reduce((sum, rule) => sum + rule.capacity, 0);
}

function checkCapacity(node: Node, needed: number): void {
  if (needed > CAPACITY_MAX) report(node, `its rules need ${needed} capacity units: at most ${CAPACITY_MAX}`);
}

function labelPrefixOf(inner: Fields | undefined, what: 'webacl' | 'rulegroup'): string {
  const given = text(inner?.['LabelNamespace'], { min: 1, max: 1024 });
  if (given !== undefined) return given.endsWith(':') ? given : `${given}:`;
  const account = /^arn:[^:]*:wafv2:[^:]*:(\d{12}):/.exec(arnOf(inner) ?? '')?.[1] ?? '000000000000';
  return `awswaf:${account}:${what}:${text(inner?.['Name'], { min: 1, max: 128 }) ?? ''}:`;
}

/** The same rules with search strings as `SearchStringBase64`, where AWS's command line wrote them so. */
function plainStrings(document: Document, node: Node | undefined): Node | undefined {
  if (node === undefined || !document.isFromCommandLine) return node;
  const renamed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(renamed);
    if (typeof value !== 'object' || value === null) return value;
    const pairs = Object.entries(value).map(([key, inner]) => [
      key === 'SearchString' ? 'SearchStringBase64' : key,
      renamed(inner),
    ]);
    return Object.fromEntries(pairs);
  };
  return { ...node, value: renamed(node.value) };
}
