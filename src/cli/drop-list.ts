import { stat } from 'node:fs/promises';
import { type AddressSet, addressSet } from '../base/address-set.ts';
import { formatProblem, OperatorError, type Problem } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import { readPrefixList } from '../config/targets-csv.ts';
import type { Terminal } from './command.ts';

type DropConfig = { readonly dns: Pick<Config['dns'], 'dropList'> };
type ReadText = Pick<Terminal, 'readText'>;

/** Prefixes that a list may have. */
const PREFIXES_MAX = 1_000_000;
/** The file is looked at this often, ms. */
const EVERY_MS = 2000;

/** Reads the drop list that the configuration names. Throws `OperatorError` with all that is wrong in it. */
export function readDropList({ dns }: DropConfig, { readText }: ReadText): AddressSet | undefined {
  const { dropList } = dns;
  if (dropList === undefined) return undefined;
  const { prefixes, problems } = readPrefixList(readText(dropList), dropList);
  if (problems.length > 0) throw new OperatorError('bad-config', problems);
  if (prefixes.length <= PREFIXES_MAX) return addressSet(prefixes);
  const message = `${prefixes.length} prefixes: at most ${PREFIXES_MAX}`;
  throw new OperatorError('bad-config', [{ file: dropList, message }]);
}

/** What is wrong with the drop list that the configuration names. */
export function dropListProblems(config: DropConfig, terminal: ReadText): readonly Problem[] {
  try {
    readDropList(config, terminal);
    return [];
  } catch (error) {
    if (error instanceof OperatorError) return error.problems;
    throw error;
  }
}

/**
 * Takes the drop list anew whenever its file changes; one that is broken, or gone, is told of, and the one
 * before stays. Returns how to stop.
 */
export function watchDropList(options: {
  readonly config: DropConfig;
  readonly terminal: ReadText;
  readonly take: (drops: AddressSet | undefined) => void;
  readonly log: (message: string) => void;
}): () => void {
  const { config, terminal, take, log } = options;
  const { dropList } = config.dns;
  if (dropList === undefined) return () => undefined;
  let known: string | undefined;
  let looking = false;
  const look = async (): Promise<void> => {
    const found = await stat(dropList).catch(() => undefined);
    const words = found === undefined ? 'none' : `${found.mtimeMs} ${found.size} ${found.ino}`;
    // At the start it was read just before.
    const isKnown =
      known === words || (known === undefined && (found?.mtimeMs ?? 0) < performance.timeOrigin);
    known = words;
    if (isKnown) return;
    const problems = dropListProblems(config, terminal);
    for (const problem of problems.slice(0, 1))
      log(`the drop list stays as it was: ${formatProblem(problem)}`);
    if (problems.length > 0) return;
    const drops = readDropList(config, terminal);
    take(drops);
    log(`the drop list changed: ${drops?.prefixes ?? 0} prefixes`);
  };
  const turn = (): void => {
    if (looking) return;
    looking = true;
    void look()
      .catch((error: Error) => log(`the drop list stays as it was: ${error.message}`))
      .finally(() => {
        looking = false;
      });
  };
  turn();
  const timer = setInterval(turn, EVERY_MS);
  return () => clearInterval(timer);
}
