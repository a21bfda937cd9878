import type { Acl } from './acl.ts';
import type { Action, BlockResponse } from './action.ts';
import type { Rule } from './rule.ts';
import type { Run } from './run.ts';

/** What a web ACL says of a request. */
export interface Verdict {
  readonly action: 'allow' | 'block';
  /** Name of the rule that decided; of a rule in a group `group/rule`; absent: the default action. */
  readonly rule?: string;
  /** Names of the rules that only counted it. */
  readonly counted: readonly string[];
  /** For the origin. */
  readonly insertHeaders: readonly (readonly [name: string, value: string])[];
  /** For the client of a blocked request, where it is not the usual 403. */
  readonly response?: BlockResponse;
}

/**
 * Runs the rules in order: the first that means the request and allows or blocks it decides, the others that
 * mean it add their labels and are counted. Labels are added to `run.labels`.
 */
export function evaluateAcl(acl: Acl, run: Run): Verdict {
  const counted: string[] = [];
  const inserted: (readonly [string, string])[] = [];
  for (const rule of acl.rules) {
    const ended = runRule(rule, run, { counted, inserted, within: '' });
    if (ended !== undefined) return verdictOf(ended.action, { rule: ended.rule, counted, inserted });
  }
  return verdictOf(acl.defaultAction, { counted, inserted });
}

interface Found {
  readonly counted: string[];
  readonly inserted: (readonly [string, string])[];
  /** Name of the group's rule and a slash. */
  readonly within: string;
}

/** The rule's action where it ends the evaluation. */
function runRule(rule: Rule, run: Run, found: Found): { rule: string; action: Action } | undefined {
  const name = found.within + rule.name;
  if (rule.what.kind === 'group') {
    const { rules, isCounted } = rule.what;
    for (const inner of rules) {
      const ended = runRule(inner, run, { ...found, within: `${name}/` });
      if (ended === undefined) continue;
      for (const label of rule.labels) run.labels.add(label);
      if (!isCounted) return ended;
      found.counted.push(ended.rule);
      return undefined;
    }
    return undefined;
  }
  const { statement, action } = rule.what;
  if (!statement.matches(run)) return undefined;
  for (const label of rule.labels) run.labels.add(label);
  if (action.kind !== 'count') return { rule: name, action };
  found.counted.push(name);
  found.inserted.push(...action.insertHeaders);
  return undefined;
}

function verdictOf(
  action: Action,
  found: { rule?: string; counted: readonly string[]; inserted: readonly (readonly [string, string])[] },
): Verdict {
  const { rule, counted, inserted } = found;
  return {
    action: action.kind === 'block' ? 'block' : 'allow',
    ...(rule === undefined ? {} : { rule }),
    counted,
    insertHeaders: [...inserted, ...action.insertHeaders],
    ...(action.response === undefined ? {} : { response: action.response }),
  };
}
