import { allMetrics, type Metric, type Role } from '../../deploy/prometheus/source/families.ts';

/** What is said of metrics, held against what the code counts. */

const SUFFIXED: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['_sum', '_count'],
};
/** Labels that Prometheus, its scrape configuration, or a bucket has. */
const OTHERS = ['instance', 'job', 'le'];

const known = new Map<string, Metric>();
for (const metric of allMetrics()) {
  known.set(metric.name, metric);
  for (const suffix of SUFFIXED[metric.type] ?? []) known.set(metric.name + suffix, metric);
}

/**
 * What a text says of metrics that is not so: names that nothing counts, labels that a metric has not, and
 * values that no label takes. `name_*` and `…_name` stand for several, and are passed over.
 */
export function misspelt(text: string): string[] {
  const wrong: string[] = [];
  for (const [whole, name = '', matchers = ''] of text.matchAll(/\b(isochrone_[a-z_]+)\b(?:\{([^}]*)\})?/g)) {
    const isWild = name.endsWith('_');
    if (isWild ? ![...known.keys()].some((one) => one.startsWith(name)) : !known.has(name)) wrong.push(name);
    for (const matcher of matchers.split(/,\s*(?=[a-z])/).filter((one) => one.trim() !== ''))
      if (!fits(known.get(name), matcher)) wrong.push(whole);
  }
  return wrong;
}

function fits(metric: Metric | undefined, matcher: string): boolean {
  const [, label = '', operator, value = ''] =
    /^\s*([a-z_]+)(?:(=~|!~|!=|=)\\?"?([^"\\]*))?/.exec(matcher) ?? [];
  if (metric === undefined) return false;
  if (OTHERS.includes(label)) return true;
  const found = metric.labels.find(({ name }) => name === label);
  if (found?.values === undefined || operator === undefined || value.startsWith('$') || label === 'pop')
    return found !== undefined;
  const { values } = found;
  if (!operator.includes('~')) return values.includes(value);
  return value.split('|').every((one) => values.some((its) => new RegExp(`^(?:${one})$`).test(its)));
}

/** Families and labels of a process's page that the catalogue has not, or has otherwise. */
export function strangers(page: string, role: Role): string[] {
  const wrong: string[] = [];
  for (const [, name = '', help] of page.matchAll(/^# HELP (isochrone_\w+) (.*)$/gm)) {
    const metric = known.get(name);
    if (metric === undefined || metric.help !== help) wrong.push(`${name}: ${help}`);
    else if (!metric.roles.includes(role)) wrong.push(`${name}: in ${role}`);
  }
  for (const [, name = '', type] of page.matchAll(/^# TYPE (isochrone_\w+) (.*)$/gm))
    if (known.get(name)?.type !== type) wrong.push(`${name}: ${type}`);
  for (const [, name = '', labels = ''] of page.matchAll(/^(isochrone_\w+)\{(.*)\} /gm)) {
    const its = known.get(name)?.labels ?? [];
    for (const [, label] of labels.matchAll(/([a-z_]+)="/g))
      if (label !== 'le' && !its.some((one) => one.name === label)) wrong.push(`${name}: label ${label}`);
  }
  return [...new Set(wrong)];
}
