import { type Action, type ResponseBodies, readAction } from './action.ts';
import { fields, integer, items, type Node, report, text } from './reading.ts';
import type { Statement } from './run.ts';
import { readStatement, referred, type StatementContext } from './statement.ts';

/** A rule, ready to run. */
export interface Rule {
  readonly name: string;
  readonly priority: number;
  readonly capacity: number;
  readonly needsBody: boolean;
  /** Labels of the requests that it means, fully qualified. */
  readonly labels: readonly string[];
  readonly what: StatementRule | GroupRule;
}

interface StatementRule {
  readonly kind: 'statement';
  readonly statement: Statement;
  readonly action: Action;
}

/** The rules of a group, with the actions that this use of it gives them. */
interface GroupRule {
  readonly kind: 'group';
  readonly rules: readonly Rule[];
  /** Whatever a rule of the group would end is only counted. */
  readonly isCounted: boolean;
}

/** A rule group: its rules, and what they cost. */
export interface RuleGroup {
  readonly rules: readonly Rule[];
  readonly capacity: number;
}

/** What rules may refer to. */
export interface RuleContext extends StatementContext {
  /** Absent in a rule group: a group holds no groups. */
  readonly groups?: ReadonlyMap<string, RuleGroup>;
  readonly bodies: ResponseBodies;
}

const RULES_MAX = 1000;
const LABELS_MAX = 100;
const NAME = /^[\w-]{1,128}$/;
const LABEL = /^[0-9A-Za-z_:-]{1,1024}$/;

/** Reads `Rules`: in the order of their priorities. */
export function readRules(node: Node | undefined, context: RuleContext): readonly Rule[] {
  const nodes = items(node, { min: 0, max: RULES_MAX });
  const rules: Rule[] = [];
  for (const one of nodes) {
    const rule = readRule(one, context);
    if (rule === undefined) continue;
    if (rules.some(({ name }) => name === rule.name))
      report(one, `another rule has the name ${rule.name} already`);
    if (rules.some(({ priority }) => priority === rule.priority))
      report(one, `another rule has the priority ${rule.priority} already`);
    rules.push(rule);
  }
  return rules.toSorted((a, b) => a.priority - b.priority);
}

function readRule(node: Node, context: RuleContext): Rule | undefined {
  const inner = fields(
    node,
    ['Name', 'Priority', 'Statement'],
    ['Action', 'OverrideAction', 'RuleLabels', 'VisibilityConfig', 'CaptchaConfig', 'ChallengeConfig'],
  );
  const name = text(inner?.['Name'], { min: 1, max: 128 });
  const priority = integer(inner?.['Priority'], { min: 0, max: 2 ** 31 - 1 });
  if (name !== undefined && !NAME.test(name))
    report(inner?.['Name'] ?? node, 'has letters, digits, - and _ only');
  const labels = readLabels(inner?.['RuleLabels'], context.labelPrefix);
  const statement = inner?.['Statement'];
  if (inner === undefined || statement === undefined) return undefined;
  const isGroup = Object.keys(statement.value ?? {})[0] === 'RuleGroupReferenceStatement';
  const what = isGroup ? readGroupRule(inner, node, context) : readStatementRule(inner, node, context);
  if (what === undefined || name === undefined || priority === undefined) return undefined;
  const { capacity, needsBody, ...rest } = what;
  return { name, priority, labels, capacity, needsBody, what: rest };
}

interface Costs {
  readonly capacity: number;
  readonly needsBody: boolean;
}

function readStatementRule(
  inner: Readonly<Record<string, Node>>,
  node: Node,
  context: RuleContext,
): (StatementRule & Costs) | undefined {
  if (inner['OverrideAction'] !== undefined)
    report(inner['OverrideAction'], 'is for rule groups: a statement has an Action');
  if (inner['Action'] === undefined) report(node, 'Action is missing');
  const action = inner['Action'] && readAction(inner['Action'], context.bodies);
  const statement = inner['Statement'] && readStatement(inner['Statement'], context, 1);
  if (action === undefined || statement === undefined) return undefined;
  const { capacity, needsBody } = statement;
  return { kind: 'statement', statement, action, capacity, needsBody };
}

function readGroupRule(
  inner: Readonly<Record<string, Node>>,
  node: Node,
  context: RuleContext,
): (GroupRule & Costs) | undefined {
  const { Statement: statement, OverrideAction: override } = inner;
  const reference = statement && fields(statement, ['RuleGroupReferenceStatement']);
  const parts =
    reference?.['RuleGroupReferenceStatement'] &&
    fields(reference['RuleGroupReferenceStatement'], ['ARN'], ['ExcludedRules', 'RuleActionOverrides']);
  if (context.groups === undefined) return report(node, 'a rule group holds no rule groups');
  if (inner['Action'] !== undefined)
    report(inner['Action'], 'is for statements: a rule group has an OverrideAction');
  if (override === undefined) return report(node, 'OverrideAction is missing');
  const kind = Object.keys(fields(override, [], ['None', 'Count']) ?? {})[0];
  if (kind === undefined) return report(override, 'none of None, Count');
  const group = referred(parts?.['ARN'], context.groups, 'rule group');
  if (group === undefined) return undefined;
  const actions = readOverrides(parts, group, context);
  const rules = group.rules.map((rule) => {
    const action = actions.get(rule.name);
    return action === undefined || rule.what.kind === 'group'
      ? rule
      : { ...rule, what: { ...rule.what, action } };
  });
  return {
    kind: 'group',
    rules,
    isCounted: kind === 'Count',
    capacity: group.capacity,
    needsBody: rules.some(({ needsBody }) => needsBody),
  };
}

/** Actions by the names of the group's rules. */
function readOverrides(
  parts: Readonly<Record<string, Node>> | undefined,
  group: RuleGroup,
  context: RuleContext,
): Map<string, Action> {
  const actions = new Map<string, Action>();
  const set = (nameNode: Node | undefined, action: Action | undefined): void => {
    const name = text(nameNode, { min: 1, max: 128 });
    if (nameNode === undefined || name === undefined) return;
    if (!group.rules.some((rule) => rule.name === name)) report(nameNode, 'the rule group has no such rule');
    else if (action !== undefined) actions.set(name, action);
  };
  for (const one of items(parts?.['ExcludedRules'], { min: 0, max: 100 }))
    set(fields(one, ['Name'])?.['Name'], { kind: 'count', insertHeaders: [] });
  for (const one of items(parts?.['RuleActionOverrides'], { min: 0, max: 100 })) {
    const inner = fields(one, ['Name', 'ActionToUse']);
    set(inner?.['Name'], inner?.['ActionToUse'] && readAction(inner['ActionToUse'], context.bodies));
  }
  return actions;
}

function readLabels(node: Node | undefined, prefix: string): string[] {
  return items(node, { min: 0, max: LABELS_MAX }).flatMap((item) => {
    const nameNode = fields(item, ['Name'])?.['Name'];
    const name = text(nameNode, { min: 1, max: 1024 });
    if (nameNode === undefined || name === undefined) return [];
    if (LABEL.test(name)) return [prefix + name];
    report(nameNode, 'has letters, digits, -, _ and : only');
    return [];
  });
}
