import { OperatorError } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import { readTargetsCsv, type TargetBook } from '../config/targets-csv.ts';
import type { Terminal } from './command.ts';

/** The targets alone: what the controller tells agents of networks. Throws `OperatorError`. */
export function readTargetBook(
  { measure }: Pick<Config, 'measure'>,
  terminal: Pick<Terminal, 'readText'>,
): TargetBook {
  if (measure.targets === undefined) return new Map();
  const { book, problems } = readTargetsCsv(terminal.readText(measure.targets), measure.targets);
  if (problems.length > 0) throw new OperatorError('bad-config', problems);
  return book;
}
