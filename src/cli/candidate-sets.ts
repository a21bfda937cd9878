/** Addresses in one answer, at most: a row has so many parts. */
const PARTS_MAX = 7;

/**
 * Sets of links that may be answered together, two and more, where all choices that are up are: the whole
 * first, then those that lack one, two and so on, each over every link of its POPs. `choices` has the links
 * of each; `max` bounds the sets, and `membersMax` the links that they are made of.
 */
export function setsTogether(
  choices: readonly (readonly number[])[],
  limits: { readonly max: number; readonly membersMax: number },
): number[][] {
  const found = new Map<string, number[]>();
  const members = new Set<number>();
  const add = (links: readonly number[]): boolean => {
    const set = [...new Set(links)].sort((one, other) => one - other);
    const key = set.join();
    if (set.length < 2 || found.has(key)) return true;
    const more = set.filter((link) => !members.has(link));
    if (members.size + more.length > limits.membersMax) return true;
    for (const link of more) members.add(link);
    found.set(key, set);
    return found.size < limits.max;
  };
  const all = choices.map((_, i) => i);
  for (let lacking = 0; lacking < choices.length - 1; lacking++)
    // Out when the row was made, and others come in for them; or since, and none does.
    for (let before = 0; before <= lacking; before++)
      for (const up of without(all, before))
        for (const parts of without(up.slice(0, PARTS_MAX), lacking - before))
          for (const links of products(parts.map((i) => choices[i] as readonly number[])))
            if (!add(links)) return [...found.values()];
  return [...found.values()];
}

/** The items without `count` of them, in every way. */
function* without(items: readonly number[], count: number, from = 0): Generator<readonly number[]> {
  if (count === 0) yield items;
  else
    for (let i = from; i < items.length; i++)
      yield* without([...items.slice(0, i), ...items.slice(i + 1)], count - 1, i);
}

/** One of each list, in every way. */
function* products(lists: readonly (readonly number[])[], at = 0): Generator<number[]> {
  if (at === lists.length) yield [];
  else
    for (const one of lists[at] as readonly number[])
      for (const rest of products(lists, at + 1)) yield [one, ...rest];
}
