import type { Draft, Location, PolicyDraft, ServiceDraft } from './draft.ts';
import { type ServiceTypes, serviceTypes } from './gdnsd-health.ts';
import { entriesOf, get, type Hash, inherit, text, texts, type Value } from './vscf.ts';

export type Family = 4 | 6;

/** What a resource is asked for with. */
export interface Wish {
  readonly family: Family;
  /** TTL of the answers, seconds. */
  readonly ttl: { readonly min: number; readonly max: number };
  /** Where the addresses are, as far as a map says so. */
  readonly location?: Location | undefined;
}

/** What plugins are made with. */
export interface Plugins {
  readonly draft: Draft;
  readonly config: Hash;
  readonly types: ServiceTypes;
  /** What a resource is: a POP's code or a service's name; undefined: it has none of the family. */
  readonly resolve: (plugin: string, resource: string, wish: Wish) => string | undefined;
}

/** Parameters that stand among addresses. */
const PARAMETERS: readonly string[] = ['service_types', 'up_thresh', 'ignore_health', 'multi', 'plugin'];
/** Clients are divided among so many choices, and answers have so many addresses. */
const PARTS_MAX = 7;

/** Reads what plugins need beside their own part. */
export function pluginsOf(config: Hash, draft: Draft, resolve: Plugins['resolve']): Plugins {
  return { draft, config, types: serviceTypes(config, draft), resolve };
}

/** The choice of a resource of simplefo, multifo or weighted, given its part of the configuration. */
export function choiceOfAddresses(
  plugins: Plugins,
  what: { readonly plugin: string; readonly name: string; readonly value: Value },
  wish: Wish,
): string | undefined {
  const { plugin, name, value } = what;
  const stanza = stanzaOf(value, wish.family);
  if (stanza === undefined) return undefined;
  const makers: Readonly<Record<string, typeof simplefo>> = { simplefo, multifo, weighted };
  return makers[plugin]?.(plugins, { name, value: stanza }, wish);
}

interface Resource {
  readonly name: string;
  readonly value: Value;
}

/** The part of a resource that is of a family, with what it inherits; undefined: it has none. */
function stanzaOf(value: Value, family: Family): Value | undefined {
  const own = get(value, `addrs_v${family}`);
  if (own?.kind === 'hash') return inherit(own, parametersOf(value));
  if (own !== undefined && value.kind === 'hash') {
    const entries = new Map([...parametersOf(value).entries, ...entriesOf(own)]);
    return { kind: 'hash', entries, place: own.place };
  }
  if (get(value, 'addrs_v4') !== undefined || get(value, 'addrs_v6') !== undefined) return undefined;
  const first = firstAddress(value);
  // Names serve either family.
  if (first === undefined || isName(first)) return first === undefined ? undefined : value;
  return first.includes(':') === (family === 6) ? value : undefined;
}

function parametersOf(value: Value): Hash {
  const entries = entriesOf(value).filter(([key]) => PARAMETERS.includes(key));
  return { kind: 'hash', entries: new Map(entries), place: value.place };
}

function addressesOf(value: Value): [string, Value][] {
  return entriesOf(value).filter(([key]) => !PARAMETERS.includes(key));
}

function firstAddress(value: Value): string | undefined {
  for (const [, one] of addressesOf(value)) {
    if (one.kind === 'text') return one.text;
    const found = one.kind === 'list' ? text(one.items[0]) : firstAddress(one);
    if (found !== undefined) return found;
  }
  return undefined;
}

const isName = (address: string): boolean => /[g-z]/i.test(address) || address.endsWith('.');

/** The POP of one address, checked as the stanza says. */
function popOf(
  { draft, types }: Plugins,
  one: { readonly label: string; readonly address: string; readonly stanza: Value; readonly at: Value },
  wish: Wish,
): { readonly code: string; readonly checked: boolean } {
  const { label, address, stanza, at } = one;
  const target = isName(address)
    ? { cname: address }
    : address.includes(':')
      ? { ipv6: address }
      : { ipv4: address };
  const code = draft.pop(target, /^\d+$/.test(label) ? `P${label}` : label, wish.location);
  if (isName(address)) return { code, checked: false };
  return { code, checked: types.carry({ code, address }, get(stanza, 'service_types'), at.place) };
}

function serve(plugins: Plugins, name: string, policy: PolicyDraft, wish: Wish): string {
  const service: ServiceDraft = { policy, ttl: wish.ttl };
  return plugins.draft.service(service, wish.family === 6 ? `${name}-ipv6` : name);
}

function simplefo(plugins: Plugins, { name, value }: Resource, wish: Wish): string | undefined {
  const codes = ['primary', 'secondary'].flatMap((label) => {
    const at = get(value, label);
    const address = text(at);
    if (at === undefined || address === undefined) return [];
    return popOf(plugins, { label: `${name}${label}`, address, stanza: value, at }, wish).code;
  });
  return codes.length === 0 ? undefined : serve(plugins, name, { failover: codes }, wish);
}

function multifo(plugins: Plugins, { name, value }: Resource, wish: Wish): string | undefined {
  const pops = addressesOf(value).flatMap(([label, at]) => {
    const address = text(at);
    return address === undefined ? [] : [popOf(plugins, { label, address, stanza: value, at }, wish)];
  });
  const codes = [...new Set(pops.map(({ code }) => code))];
  if (codes.length < 2) return codes[0];
  tellOfThreshold(plugins, { name, value, pops, wish });
  if (codes.length > PARTS_MAX)
    plugins.draft.changed(
      value.place,
      `multifo ${name}: ${codes.length} addresses`,
      `an answer has the first ${PARTS_MAX} that are up`,
    );
  if (text(get(value, 'ignore_health')) === 'true')
    plugins.draft.changed(value.place, `ignore_health of ${name}`, 'addresses that are down are left out');
  return serve(plugins, name, { all: codes }, wish);
}

function weighted(plugins: Plugins, { name, value }: Resource, wish: Wish): string | undefined {
  const { draft } = plugins;
  const items = addressesOf(value);
  const isMulti = text(get(value, 'multi'))?.toLowerCase() === 'true';
  const isGrouped = items.some(([, item]) => item.kind === 'hash');
  const weights = new Map<string, number>();
  const pops: { readonly checked: boolean }[] = [];
  const add = (label: string, item: Value, into: Map<string, number>): void => {
    const [address, weight = '1'] = texts(item);
    if (address === undefined) return;
    const pop = popOf(plugins, { label, address, stanza: value, at: item }, wish);
    pops.push(pop);
    into.set(pop.code, (into.get(pop.code) ?? 0) + Number(weight));
  };
  for (const [label, item] of items) {
    if (item.kind !== 'hash') add(label, item, weights);
    else {
      const group = new Map<string, number>();
      for (const [inner, one] of addressesOf(item)) add(`${label}${inner}`, one, group);
      const total = [...group.values()].reduce((sum, weight) => sum + weight, 0);
      const [only] = group.keys();
      const all: PolicyDraft = isMulti
        ? { weighted: heaviest(plugins, name, value, group) }
        : { all: [...group.keys()] };
      if (only !== undefined)
        weights.set(group.size === 1 ? only : serve(plugins, `${name}-${label}`, all, wish), total);
    }
  }
  if (weights.size === 0) return undefined;
  tellOfThreshold(plugins, { name, value, pops, wish });
  if (isGrouped && !isMulti && pops.length > weights.size)
    draft.changed(value.place, `weighted ${name}`, 'of a group that is chosen one address is answered');
  if (!isMulti) return serve(plugins, name, { weighted: heaviest(plugins, name, value, weights) }, wish);
  draft.changed(value.place, `multi of ${name}`, 'all that are up are answered, whatever their weights');
  return serve(plugins, name, { all: [...weights.keys()] }, wish);
}

function heaviest(
  { draft }: Plugins,
  name: string,
  value: Value,
  weights: ReadonlyMap<string, number>,
): Record<string, number> {
  const sorted = [...weights].sort(([, one], [, other]) => other - one);
  if (sorted.length > PARTS_MAX)
    draft.lost(
      value.place,
      `${sorted.length - PARTS_MAX} of ${sorted.length} weights of ${name}`,
      `clients are divided among ${PARTS_MAX} choices at most: the heaviest stay`,
    );
  return Object.fromEntries(sorted.slice(0, PARTS_MAX));
}

/** gdnsd gives up on a group of which less than a share is up; here it goes on to the last. */
function tellOfThreshold(
  { draft }: Plugins,
  what: Resource & { readonly pops: readonly { readonly checked: boolean }[]; readonly wish: Wish },
): void {
  const { name, value, pops } = what;
  const share = text(get(value, 'up_thresh')) ?? '0.5';
  // With less than one address of all it is the same.
  if (!pops.some(({ checked }) => checked) || Number(share) * pops.length <= 1) return;
  draft.changed(value.place, `up_thresh ${share} of ${name}`, 'what is up is answered until nothing is');
}
