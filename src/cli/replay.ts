import { OperatorError } from '../base/errors.ts';
import { type Config, loadConfig } from '../config/config.ts';
import { type ReplayReport, replayHtml } from '../replay/report.ts';
import {
  type Command,
  EXIT_FAILED,
  EXIT_OK,
  type Flags,
  type Terminal,
  textFlag,
  textFlags,
} from './command.ts';
import type { CloseLater } from './long-running.ts';
import { fileLog } from './replay-log.ts';
import { runReplay } from './replay-run.ts';
import { openGround } from './replay-side.ts';
import { replayLines } from './replay-text.ts';
import { popCodeOf, valueReader } from './values.ts';

export const replayCommand: Command = {
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  description:
    'Asks what a change would do: runs the queries of a log through a configuration, or through a world ' +
    'without a POP, and compares every answer with that of the configuration before: who moves, how much ' +
    'longer or shorter their way gets, the load of each POP against its capacity, answers that differ. ' +
    'Logs: the JSON log, dnstap frame streams, captures (pcap, pcapng) of UDP and TCP, the text logs of ' +
    'BIND, PowerDNS and Route 53; packed with gzip or not. docs/replay.md tells what is decided with what.',
  options: {
    log: { type: 'string', value: 'FILE', help: 'the log of queries (required)' },
    config: { type: 'string', value: 'NEW', help: 'configuration of the world after (required)' },
    against: { type: 'string', value: 'OLD', help: 'configuration of the world before (default: NEW)' },
    without: {
      type: 'string',
      value: 'POP',
      multiple: true,
      help: 'a POP that is away after; may be repeated',
    },
    state: { type: 'string', value: 'DIR', help: 'state folder whose saved table is gone on from' },
    store: { type: 'string', value: 'URL', help: 'Redis whose estimates are decided with; only read' },
    html: { type: 'string', value: 'FILE', help: 'write a report there, too' },
    'one-of': {
      type: 'string',
      value: 'N',
      help: 'queries that one of the log stands for (default: as OLD logs; of captures 1)',
    },
    'requests-per-query': { type: 'string', value: 'X', help: 'requests that a query brings (default 1)' },
    port: { type: 'string', value: 'N', help: 'port of the name server in captures (default 53)' },
  },
  examples: [
    ['replay --log queries.json --config new.yaml --against isochrone.yaml --html report.html', 'a change'],
    ['replay --log day.pcap.gz --config isochrone.yaml --without FRA --state /var/lib/isochrone', 'a loss'],
  ],
  run: async ({ flags, json, terminal }) => {
    const wishes = wishesOf(flags, terminal);
    const closers: (() => Promise<void> | void)[] = [];
    try {
      const report = await replay(wishes, terminal, (close) => void closers.push(close));
      if (wishes.html !== undefined) terminal.writeText(wishes.html, replayHtml(report));
      if (json) terminal.out(JSON.stringify(report, undefined, 2));
      else for (const line of replayLines(report, wishes.html)) terminal.out(line);
      return EXIT_OK;
    } catch (error) {
      if (!terminal.stop.aborted) throw error;
      terminal.err('stopped before the log was replayed');
      return EXIT_FAILED;
    } finally {
      for (const close of closers.reverse()) await close();
    }
  },
};

interface Wishes {
  readonly log: string;
  readonly after: Config;
  readonly before: Config | undefined;
  readonly without: readonly string[];
  readonly state: string | undefined;
  readonly store: string | undefined;
  readonly html: string | undefined;
  readonly oneOf: number | undefined;
  readonly requestsPerQuery: number;
  readonly port: number;
}

function wishesOf(flags: Flags, terminal: Terminal): Wishes {
  const read = valueReader();
  const required = (flag: string, what: string): string => {
    const value = textFlag(flags, flag) ?? '';
    if (value === '') read.wrong(`--${flag} is missing: ${what}`);
    return value;
  };
  const log = required('log', 'the log of queries');
  const file = required('config', 'the configuration to try');
  const old = textFlag(flags, 'against');
  const without = textFlags(flags, 'without').map((code) => popCodeOf(code, read));
  if (old === undefined && without.length === 0)
    read.wrong('there is nothing to compare: --against OLD or --without POP');
  const ports = { min: 1, max: 65_535, what: 'a port' };
  const port = read.whole('port', textFlag(flags, 'port'), ports) ?? 53;
  const queries = { min: 1, max: 1_000_000, what: 'a number of queries' };
  const oneOf = read.whole('one-of', textFlag(flags, 'one-of'), queries);
  const requests = { min: 0.001, max: 1_000_000, what: 'requests' };
  const requestsPerQuery =
    read.number('requests-per-query', textFlag(flags, 'requests-per-query'), requests) ?? 1;
  if (read.problems.length > 0) throw new OperatorError('bad-usage', read.problems);
  const { readText, listFolder } = terminal;
  const config = (path: string): Config =>
    loadConfig({ text: readText(path), file: path, read: readText, list: listFolder });
  const after = config(file);
  const before = old === undefined ? undefined : config(old);
  const codes = new Set(after.fleet.pops.map(({ code }) => code));
  for (const code of without) if (!codes.has(code)) read.wrong(`--without ${code}: ${file} has no such POP`);
  if (read.problems.length > 0) throw new OperatorError('bad-usage', read.problems);
  const [state, store, html] = ['state', 'store', 'html'].map((flag) => textFlag(flags, flag));
  return { log, after, before, without, state, store, html, oneOf, requestsPerQuery, port };
}

/** Reads the log, opens both worlds, and compares. */
async function replay(wishes: Wishes, terminal: Terminal, closeLater: CloseLater): Promise<ReplayReport> {
  const { state, store, without, after, before = after } = wishes;
  const parts = { state, store, terminal, closeLater };
  return runReplay(wishes, {
    log: fileLog(wishes.log),
    names: {
      before: before.file,
      after: `${after.file}${without.length === 0 ? '' : ` without ${without.join(', ')}`}`,
    },
    loggedOneOf: before.log.queries?.oneOf ?? 1,
    grounds: async () => {
      const ground = await openGround(after, parts);
      return { after: ground, before: before === after ? ground : await openGround(before, parts) };
    },
    onLog: ({ faults }) => {
      for (const fault of faults) terminal.err(`warning: ${fault}`);
    },
    terminal,
  });
}
