import { OperatorError } from '../base/errors.ts';
import type { ModelChange } from '../store/store.ts';
import { ADMIN_OPTIONS, askAdmin } from './admin-client.ts';
import { type Command, EXIT_OK, type Flags, hasFlag, type Invocation, textFlag } from './command.ts';
import { popCodeOf, type ValueReader, valueReader } from './values.ts';

export const modelCommand: Command = {
  operands: '[POP]',
  operandsMin: 0,
  operandsMax: 1,
  description:
    'Changes the modelled internet of `isochrone up`, to see how steering answers. Changes of one POP ' +
    'add up until --reset. Without POP and flags it lists what is changed.',
  options: {
    rtt: { type: 'string', value: 'MS', help: 'milliseconds added to every round trip to the POP' },
    loss: { type: 'string', value: 'FRACTION', help: 'fraction 0 to 1 of packets lost on paths to the POP' },
    congestion: {
      type: 'string',
      value: 'UTIL',
      help: 'utilisation of its links from other traffic; 1 is full',
    },
    link: { type: 'string', value: 'ID', help: 'with --congestion: of this link alone, such as FRA-a' },
    load: { type: 'string', value: 'FRACTION', help: 'load from elsewhere, as a fraction of its capacity' },
    outage: { type: 'boolean', help: 'the POP answers nothing' },
    reset: { type: 'boolean', help: 'as modelled again: the POP, or without POP all of them' },
    ...ADMIN_OPTIONS,
  },
  examples: [
    ['model FRA --rtt 60', 'every round trip to Frankfurt takes 60 ms more'],
    ['model FRA --congestion 1.2 --link FRA-a', 'one of its links is overfull; the other still serves'],
    ['model FRA --load 1.1', 'more requests than it can serve come from elsewhere'],
    ['model FRA --outage', 'it answers nothing'],
    ['model --reset', 'undo all changes'],
  ],
  run: async (invocation) => {
    const { operands, flags, json, terminal } = invocation;
    const body = readChange(operands[0], flags);
    const path = '/api/model';
    const { changes } = await askAdmin<{ changes: readonly ModelChange[] }>(
      body === undefined ? { path } : { path, body },
      invocation as Invocation,
    );
    if (json) terminal.out(JSON.stringify({ changes }, undefined, 2));
    else if (changes.length === 0) terminal.out('the modelled internet is as modelled: nothing is changed');
    else for (const change of changes) terminal.out(describeChange(change));
    return EXIT_OK;
  },
};

/** What to send; undefined to list only. */
function readChange(operand: string | undefined, flags: Flags): object | undefined {
  const reader = valueReader();
  const change = changesOf(flags, reader);
  const reset = hasFlag(flags, 'reset');
  const changed = Object.keys(change).length > 0;
  if (reset && changed) reader.wrong('--reset stands alone');
  if (flags['link'] !== undefined && flags['congestion'] === undefined)
    reader.wrong('--link needs --congestion');
  const pop = operand === undefined ? undefined : popCodeOf(operand, reader);
  if (pop === undefined && changed) reader.wrong('which POP? isochrone model POP …');
  if (pop !== undefined && !changed && !reset && reader.problems.length === 0)
    reader.wrong('what is to change? --rtt, --loss, --congestion, --load, --outage or --reset');
  if (reader.problems.length > 0) throw new OperatorError('bad-usage', reader.problems);
  if (!changed && !reset) return undefined;
  return { ...(pop === undefined ? {} : { pop }), ...(reset ? { reset } : change) };
}

function changesOf(flags: Flags, reader: ValueReader): Partial<ModelChange> {
  const number = (flag: string, max: number, what: string): number | undefined =>
    reader.number(flag, textFlag(flags, flag), { min: 0, max, what });
  const change = {
    rttMs: number('rtt', 10_000, 'milliseconds'),
    lossRate: number('loss', 1, 'lost packets to all'),
    congestion: number('congestion', 10, 'traffic to what fits'),
    load: number('load', 10, 'load to capacity'),
    link: textFlag(flags, 'link')?.replace(/^[^-]*/, (code) => code.toUpperCase()),
    outage: hasFlag(flags, 'outage') ? true : undefined,
  };
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
}

function describeChange(change: ModelChange): string {
  const { pop, rttMs, lossRate, congestion, link, load, outage } = change;
  const parts = [
    rttMs === undefined ? '' : `RTT +${rttMs} ms`,
    lossRate === undefined ? '' : `loss ${lossRate}`,
    congestion === undefined ? '' : `congestion ${congestion} on ${link ?? 'all links'}`,
    load === undefined ? '' : `load ${load} of capacity`,
    outage === true ? 'outage' : '',
  ];
  return `${pop}: ${parts.filter((part) => part !== '').join(', ')}`;
}
