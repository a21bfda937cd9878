import { validateDetailed } from 'node-cron';
import type { Prefix } from '../base/address.ts';
import { OperatorError, type Problem } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import { type Aim, readPrefixList, readTargetsCsv, type TargetBook } from '../config/targets-csv.ts';
import type { Terminal } from './command.ts';

/** What the files hold that `measure` names, and its schedules. */
export interface MeasureFiles {
  readonly targets: TargetBook;
  readonly optOut: readonly Prefix[];
  readonly campaigns: readonly PlannedCampaign[];
}

/** A list, how it is measured, and when. */
export interface PlannedCampaign {
  readonly cron: string;
  /** For people. */
  readonly name: string;
  readonly aims: TargetBook;
  readonly pings: number;
}

type MeasureConfig = Pick<Config, 'measure' | 'file'>;
type ReadText = Pick<Terminal, 'readText'>;

/** Reads them. Throws `OperatorError` with every problem in all of them. */
export function readMeasureFiles(config: MeasureConfig, terminal: ReadText): MeasureFiles {
  const { files, problems } = inspect(config, terminal);
  if (problems.length > 0) throw new OperatorError('bad-config', problems);
  return files;
}

/** What is wrong with them. */
export function measureProblems(config: MeasureConfig, terminal: ReadText): readonly Problem[] {
  return inspect(config, terminal).problems;
}

function inspect(
  { measure, file }: MeasureConfig,
  { readText }: ReadText,
): { files: MeasureFiles; problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const known = new Map<string, TargetBook>();
  const readBook = (path: string): TargetBook => {
    const before = known.get(path);
    if (before !== undefined) return before;
    const { book, problems: found } = readTargetsCsv(readText(path), path);
    problems.push(...found);
    known.set(path, book);
    return book;
  };
  const attempt = <T>(read: () => T, otherwise: T): T => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      problems.push(...error.problems);
      return otherwise;
    }
  };
  const nothing: TargetBook = new Map();
  const { targets: path, optOut: optOutPath } = measure;
  const targets = path === undefined ? nothing : attempt(() => readBook(path), nothing);
  const list = optOutPath === undefined ? undefined : attempt(() => readText(optOutPath), '');
  const optOut = list === undefined ? undefined : readPrefixList(list, optOutPath ?? '');
  problems.push(...(optOut?.problems ?? []));
  const campaigns = measure.campaigns.map((campaign, i) => {
    const { cron, networks } = campaign;
    const { valid, errors } = validateDetailed(cron);
    const faults = errors.map(({ message }) => message).join('; ');
    const message = `measure.campaigns[${i}].cron: ${JSON.stringify(cron)} is no cron expression: ${faults}`;
    if (!valid) problems.push({ file, message });
    const aims = networks === 'all' ? targets : attempt(() => readBook(networks), nothing);
    const name = `campaign ${i + 1} (${networks === 'all' ? 'all targets' : networks})`;
    return { cron, name, aims: withMethod(aims, campaign.method), pings: campaign.pings ?? measure.pings };
  });
  return { files: { targets, optOut: optOut?.prefixes ?? [], campaigns }, problems };
}

/** The same measured in that way; a port is of the way that the file names. */
function withMethod(aims: TargetBook, method: Aim['method']): TargetBook {
  if (method === undefined) return aims;
  return new Map(
    [...aims].map(([network, aim]) => {
      const { port, ...rest } = aim;
      return [network, aim.method === method && port !== undefined ? { ...aim } : { ...rest, method }];
    }),
  );
}
