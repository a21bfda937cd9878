import { OperatorError, type Problem } from '../base/errors.ts';
import { fileNameOf } from '../base/file-name.ts';
import type { Path, Place, YamlText } from './document.ts';
import { folderOf, joinPath } from './paths.ts';
import { quote } from './problems.ts';
import { domainName } from './scalars.ts';
import type { Dnssec } from './schema-dnssec.ts';

/** A zone to answer for. */
export interface ZoneSource {
  readonly origin: string;
  /** Path of the master file, ready to open. */
  readonly file: string;
  /** Where the configuration names the file, or its folder: for problems with opening it. */
  readonly place: Place;
  /** Position in the configuration's list of zones. */
  readonly entry: number;
  /** How it is signed; absent: it is not. */
  readonly dnssec?: Dnssec;
  /** It comes from elsewhere: its file is written by transfers, and may not be there yet. */
  readonly isSecondary: boolean;
  /**
   * It is a catalog (RFC 9432): one from elsewhere whose zones are fetched too, or one made of zones here,
   * whose file is written as those from elsewhere are. Or a member: a catalog names it.
   */
  readonly catalog?: 'consumed' | 'produced' | 'member';
}

/** Folder of the zones that come from elsewhere, in the state folder. */
const SECONDARY_FOLDER = 'secondary';

/** Zones that one configuration may have, those of folders among them. */
export const ZONES_MAX = 100_000;
/** How the name of a master file ends in a folder of zones: before it stands the zone's name. */
const ENDING = '.zone';

/** Where the copy of a zone that comes from elsewhere is kept. */
export function secondaryFile(state: string, origin: string): string {
  return `${state}/${SECONDARY_FOLDER}/${fileNameOf(origin.replace(/\.$/, ''))}${ENDING}`;
}

/** How zones are found. */
interface ZoneSourceOptions {
  readonly file: string;
  readonly yaml: YamlText;
  /** Names of what lies in a folder; throws where it cannot be read. Absent: folders cannot be read here. */
  readonly list: ((path: string) => readonly string[]) | undefined;
}

/**
 * The zones that can be made out of `zones`, in order: those named one by one, and one for each file
 * `NAME.zone` of a folder, by name. Also what is wrong with folders, and zones that stand twice. Forms of
 * values are the schema's business.
 */
export function zoneSources(
  said: Readonly<Record<string, unknown>>,
  options: ZoneSourceOptions,
): { readonly zones: readonly ZoneSource[]; readonly problems: readonly Problem[] } {
  const found: ZoneSource[] = [];
  const problems: Problem[] = [];
  const first = new Map<string, Place>();
  const { file, yaml } = options;
  const { zones, state } = said;
  const folderOfState = joinPath(folderOf(file), typeof state === 'string' ? state : 'state');
  const report = (path: Path, message: string): void => {
    problems.push({ file, ...yaml.valuePlace(path), message: `zones[${path[1]}].${path[2]}: ${message}` });
  };
  const enter = (origin: string, path: Path): void => {
    const place = yaml.valuePlace(path);
    const name = `${origin.toLowerCase().replace(/\.$/, '')}.`;
    const before = first.get(name);
    if (before === undefined) first.set(name, place);
    else report(path, `the zone ${quote(name)} stands on line ${before.line} already`);
  };
  for (const [i, zone] of Array.isArray(zones) ? zones.entries() : []) {
    const { origin, file: named, dir, primary, produce, consume } = fieldsOf(zone);
    if (typeof origin === 'string') enter(origin, ['zones', i, 'origin']);
    if (typeof origin === 'string' && typeof named === 'string')
      found.push({
        origin,
        file: joinPath(folderOf(file), named),
        place: yaml.valuePlace(['zones', i, 'file']),
        entry: i,
        isSecondary: false,
      });
    else if (typeof origin === 'string' && (primary !== undefined || produce !== undefined))
      found.push({
        origin,
        file: secondaryFile(folderOfState, origin),
        place: yaml.valuePlace(['zones', i, primary === undefined ? 'produce' : 'primary']),
        entry: i,
        isSecondary: true,
        ...(produce !== undefined && { catalog: 'produced' as const }),
        ...(consume !== undefined && { catalog: 'consumed' as const }),
      });
    if (typeof dir !== 'string' || dir === '') continue;
    const path = ['zones', i, 'dir'];
    const place = yaml.valuePlace(path);
    const folder = joinPath(folderOf(file), dir);
    for (const one of zonesIn(folder, options.list, (message) => report(path, message))) {
      enter(one.origin, path);
      found.push({ ...one, place, entry: i, isSecondary: false });
    }
  }
  if (found.length > ZONES_MAX)
    problems.push({
      file,
      ...yaml.valuePlace(['zones']),
      message: `zones: ${found.length}: at most ${ZONES_MAX}`,
    });
  return { zones: found, problems };
}

/** A zone with how it is signed, paths ready to open. */
export function withDnssec(
  zone: ZoneSource,
  dnssec: Dnssec | undefined,
  path: (text: string) => string,
): ZoneSource {
  if (dnssec === undefined) return zone;
  return { ...zone, dnssec: { ...dnssec, keys: dnssec.keys === undefined ? undefined : path(dnssec.keys) } };
}

function zonesIn(
  folder: string,
  list: ZoneSourceOptions['list'],
  report: (message: string) => void,
): { origin: string; file: string }[] {
  let names: readonly string[];
  try {
    if (list === undefined) throw new Error('folders cannot be read here');
    names = list(folder);
  } catch (error) {
    const why = error instanceof OperatorError ? error.problems[0]?.message : (error as Error).message;
    report(`cannot read the folder ${quote(folder)}: ${why}`);
    return [];
  }
  const files = names.filter((name) => name.endsWith(ENDING) && !name.startsWith('.')).sort();
  if (files.length === 0) report(`the folder ${quote(folder)} holds no file NAME${ENDING}`);
  return files.flatMap((name) => {
    const origin = name.slice(0, -ENDING.length);
    const file = joinPath(folder, name);
    if (domainName.safeParse(origin).success) return [{ origin, file }];
    report(`${quote(file)}: ${quote(origin)} is not a domain name`);
    return [];
  });
}

function fieldsOf(zone: unknown): Record<string, unknown> {
  return typeof zone === 'object' && zone !== null ? (zone as Record<string, unknown>) : {};
}
