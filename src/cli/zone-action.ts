import { OperatorError } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import type { Dnssec } from '../config/schema-dnssec.ts';
import type { ZoneSource } from '../config/zone-sources.ts';
import { lowerName, namesEqual, parseName } from '../wire/name.ts';
import type { Command, Invocation } from './command.ts';

/** One thing that `isochrone zone` does. */
export interface ZoneAction {
  /** What it does, for the help; further lines are indented. */
  readonly description: string;
  readonly options: Command['options'];
  readonly examples: Command['examples'];
  readonly run: (zone: string, invocation: Invocation) => Promise<number>;
}

/** A zone of the configuration, by its name in any case, with or without the final dot. */
export function namedZone(
  config: Config,
  text: string,
): { readonly origin: Uint8Array; readonly source: ZoneSource } {
  const name = parseName(text);
  const wrong = (message: string): never => {
    throw new OperatorError('bad-usage', [{ file: 'command line', message }]);
  };
  if (typeof name === 'string') return wrong(name);
  const source = config.zones.find(({ origin }) => {
    const other = parseName(origin);
    return typeof other !== 'string' && namesEqual(other, name);
  });
  if (source === undefined) return wrong(`the configuration has no zone ${JSON.stringify(text)}`);
  return { origin: lowerName(name), source };
}

/** How the zone is signed; an error if it is not. */
export function dnssecOf(config: Config, { origin, dnssec, place }: ZoneSource): Dnssec {
  if (dnssec !== undefined) return dnssec;
  const message = `the zone ${origin} has no "dnssec:", so it is not signed`;
  throw new OperatorError('bad-config', [{ file: config.file, ...place, message }]);
}
