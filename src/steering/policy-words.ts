import type { Policy } from './policy.ts';

/** A policy in words: `failover: FRA, then by weight (AMS 70, LHR 30)`. `codes`: by position in the fleet. */
export function policyWords(policy: Policy, codes: readonly string[]): string {
  const words = (one: Policy): string => {
    const text = policyWords(one, codes);
    return one.kind === 'pop' ? text : `(${text})`;
  };
  const code = (pop: number): string => codes[pop] ?? '';
  switch (policy.kind) {
    case 'pop':
      return code(policy.pop);
    case 'latency':
      return `by score: ${policy.popIndexes.map(code).join(', ')}`;
    case 'failover':
      return `failover: ${policy.choices.map(words).join(', ')}`;
    case 'all':
      return `all of: ${policy.choices.map(words).join(', ')}`;
    case 'weighted':
      return `by weight: ${list(policy.choices, ({ weight, choice }) => `${words(choice)} ${weight}`)}`;
    case 'nearest':
      return `nearest: ${list(policy.choices, ({ choice, bias }) => words(choice) + percent(bias))}`;
    case 'geo': {
      const { networks, countries, continents, otherwise } = policy;
      const named = [...countries, ...continents].map(([name, choice]) => `${name} ${words(choice)}`);
      const own = [...networks].map(([asn, choice]) => `AS${asn} ${words(choice)}`);
      return `by location: ${[...own, ...named, `others ${words(otherwise)}`].join(', ')}`;
    }
  }
}

function percent(bias: number): string {
  return bias === 0 ? '' : ` ${bias} %`;
}

function list<T>(items: readonly T[], words: (item: T) => string): string {
  return items.map(words).join(', ');
}
