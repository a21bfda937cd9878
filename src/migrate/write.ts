import { stringify } from 'yaml';
import { type Draft, type Note, words } from './draft.ts';
import { usedServices, withNames } from './used.ts';

/** The configuration's file in the folder that is written. */
export const CONFIG_FILE = 'isochrone.yaml';
/** The list of what could not be carried over. */
export const NOTES_FILE = 'not-carried-over.txt';
/** Where nobody knows a POP's capacity it has as good as no bound. */
const UNKNOWN_RPS = 1_000_000_000;
const UNKNOWN_MBPS = 100_000_000;
/** A country that is none: ISO 3166 leaves ZZ to users. */
const NOWHERE = { city: 'unknown', country: 'ZZ', latitude: 0, longitude: 0 };

/** The files of the folder, by path in it, in the order in which they should be written. */
export function filesOf(
  draft: Draft,
  what: { readonly source: string; readonly geoCity?: string | undefined },
): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  const { services, renamed } = usedServices(draft);
  for (const [origin, text] of draft.zones) files.set(zonePath(origin), withNames(text, renamed));
  files.set(CONFIG_FILE, configText({ ...draft, services }, what));
  const lines = draft.notes.map(formatNote);
  files.set(NOTES_FILE, `${lines.length === 0 ? 'Everything was carried over.' : lines.join('\n')}\n`);
  return files;
}

/** `FILE:LINE: lost: what: why`. */
export function formatNote({ kind, file, line, what, reason }: Note): string {
  return `${file}${line === undefined ? '' : `:${line}`}: ${kind}: ${what}: ${reason}`;
}

/** Zones may have names that are no good file names: `/` is what gdnsd writes as `@`. */
function zonePath(origin: string): string {
  return `zones/${origin === '.' ? 'root' : origin.replaceAll('/', '@')}.zone`;
}

function configText(
  draft: Draft,
  { source, geoCity }: { readonly source: string; readonly geoCity?: string | undefined },
): string {
  const checked = draft.pops.filter(({ check }) => check !== undefined);
  const config = {
    listen: { dns: ['127.0.0.1:5300'] },
    zones: [...new Set([...draft.zones.keys(), ...draft.transfers.keys()])].map((origin) => ({
      origin,
      ...(draft.zones.has(origin) ? { file: zonePath(origin) } : {}),
      ...draft.transfers.get(origin),
    })),
    ...(draft.keys.size === 0 ? {} : { keys: Object.fromEntries(draft.keys) }),
    ...(draft.services.size === 0 ? {} : { services: Object.fromEntries(draft.services) }),
    ...(draft.pops.length === 0 ? {} : { pops: draft.pops.map(popOf) }),
    ...(geoCity === undefined ? {} : { geo: { city: geoCity } }),
    ...(draft.networks.length === 0 ? {} : { networks: draft.networks }),
    ...(checked.length === 0
      ? {}
      : { health: { pops: Object.fromEntries(checked.map(({ code, check }) => [code, check?.check])) } }),
  };
  const text = stringify(config, { lineWidth: 110, aliasDuplicateObjects: false });
  return `# Imported from ${source}. ${NOTES_FILE} lists what could not be carried over.\n${text}`;
}

function popOf({ code, target, location }: Draft['pops'][number]) {
  return {
    code,
    ...(location ?? NOWHERE),
    region: location === undefined ? 'imported, location unknown' : 'imported',
    capacityRps: UNKNOWN_RPS,
    links: [{ transit: 'unknown', capacityMbps: UNKNOWN_MBPS, ...target }],
  };
}

/** POPs whose location nobody knows, in words: it counts where a score or a distance decides. */
export function unlocated(draft: Draft): string[] {
  return draft.pops.filter(({ location }) => location === undefined).map(({ target }) => words(target));
}
