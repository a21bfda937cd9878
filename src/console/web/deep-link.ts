/** What the address bar says after `#`: `#pop=FRA`, `#explain=www.cdn.example,192.0.2.1`, or `#replay`. */

/** Where the console is. */
export interface Place {
  readonly pop?: string;
  readonly explain?: { readonly name: string; readonly client: string };
}

/** Of the view of replays. */
export const REPLAY_LINK = '#replay';

/** Reads a hash; what it does not know is left out. */
export function readLink(hash: string): Place {
  const values = new URLSearchParams(hash.replace(/^#/, ''));
  const pop = values.get('pop');
  const [name = '', client = ''] = values.get('explain')?.split(',') ?? [];
  return {
    ...(pop === null || pop === '' ? {} : { pop }),
    ...(name === '' || client === '' ? {} : { explain: { name, client } }),
  };
}

/** The hash for a place; empty for none. */
export function writeLink({ pop, explain }: Place): string {
  if (explain !== undefined) return `#explain=${encodeURI(explain.name)},${encodeURI(explain.client)}`;
  return pop === undefined ? '' : `#pop=${encodeURIComponent(pop)}`;
}
