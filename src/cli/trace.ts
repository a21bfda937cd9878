import { validateHeaderName, validateHeaderValue } from 'node:http';
import { parsePrefix } from '../base/address.ts';
import { OperatorError } from '../base/errors.ts';
import type { StatusView } from '../console/api.ts';
import type { NetworkPathsView } from '../console/api-pops.ts';
import type { TraceWish, Waterfall } from '../console/api-trace.ts';
import { ADMIN_OPTIONS, askAdmin } from './admin-client.ts';
import { type Command, EXIT_OK, hasFlag, type Invocation, textFlag, textFlags } from './command.ts';
import { tracePage } from './trace-html.ts';
import { type TracedProcess, traceRequest } from './trace-run.ts';
import { comparisonLines, waterfallLines } from './trace-text.ts';
import { valueReader } from './values.ts';

export const traceCommand: Command = {
  operands: 'URL',
  operandsMin: 1,
  operandsMax: 1,
  description:
    'Sends a request to a POP as a client elsewhere would, and shows where each millisecond ' +
    "goes: resolver, authoritative answer, TCP, TLS, the POP's layers, regional cache, shield, origin, " +
    'transfer. What happens on this machine is measured; the network between the places is modelled, by ' +
    'the model that steering sees; every figure says which. The name server stands at the nearest POP, ' +
    "the resolver in the client's own network. TLS 1.3 takes one round trip, resumed or not; TLS 1.2 two, " +
    'resumed one. No early data is taken, so that nothing can be replayed.',
  options: {
    client: { type: 'string', value: 'ADDR', help: 'address or prefix of the client (required)' },
    cold: { type: 'boolean', help: 'the object is dropped from all caches first' },
    warm: {
      type: 'boolean',
      help: 'a client that comes again: resolver, caches, TLS ticket and Fast Open cookie know it',
    },
    'tls1.2': { type: 'boolean', help: 'TLS 1.2 in place of 1.3' },
    'no-resume': { type: 'boolean', help: 'with --warm: a full TLS handshake' },
    'fast-open': { type: 'boolean', help: 'TLS in the first packet of TCP; --warm has it' },
    method: {
      type: 'string',
      value: 'METHOD',
      help: 'GET (default), POST, …; what may change something is sent once',
    },
    header: {
      type: 'string',
      multiple: true,
      value: "'NAME: VALUE'",
      help: 'a field of the request, such as a cookie or a range (may be repeated)',
    },
    data: { type: 'string', value: 'TEXT', help: 'body of the request; without --method it is a POST' },
    alone: { type: 'boolean', help: 'only this request, nothing beside it' },
    ca: {
      type: 'string',
      value: 'FILE',
      help: "the POPs' authority, where it is not in the state folder of who is asked",
    },
    html: { type: 'string', value: 'FILE', help: 'write the picture as a page as well' },
    ...ADMIN_OPTIONS,
  },
  examples: [
    ['trace https://www.cdn.example/static/a --client 200.147.0.0/16 --cold', 'everything is to be done'],
    ['trace https://www.cdn.example/static/a --client 1.120.0.0/16 --warm', 'nothing but the way there'],
    [
      "trace https://www.cdn.example/echo --client 41.0.0.0/16 --data a=1 --header 'x-a: 1'",
      'a POST, which no cache can help',
    ],
    ['trace https://www.cdn.example/dynamic --client 91.0.0.0/16 --tls1.2 --html trace.html', 'as a page'],
    [
      'trace https://www.edge.example:8443/ --client 91.0.0.0/16 --admin http://127.0.0.1:5390 --ca ca.crt',
      'by a name server (`serve`) to POPs (`pop`) of this machine',
    ],
  ],
  run: async (invocation) => {
    const { flags, json, terminal } = invocation;
    const asked = readTrace(invocation);
    const view = await traceRequest(processOf(invocation), asked);
    const { client, why, others } = view;
    const falls: Waterfall[] = [view, ...others];
    const heading = `${view.url} for ${client.address}, ${client.place}`;
    const file = textFlag(flags, 'html');
    if (file !== undefined) terminal.writeText(file, tracePage(heading, why, falls));
    if (json) {
      terminal.out(JSON.stringify(view, undefined, 2));
      return EXIT_OK;
    }
    terminal.out(heading);
    terminal.out(why);
    const { tls, status, cache, clientRoundTrips, pop } = view;
    terminal.out(`${tls}; ${status}, ${cache}; ${clientRoundTrips} round trips between client and ${pop}`);
    terminal.out('');
    for (const line of waterfallLines(view, terminal.colour)) terminal.out(line);
    if (view.skipped.length > 0) terminal.out(`left out: ${view.skipped.join('; ')}`);
    if (others.length > 0) terminal.out('');
    if (others.length > 0) for (const line of comparisonLines(falls, terminal.colour)) terminal.out(line);
    return EXIT_OK;
  },
};

/** What was asked for on the command line. */
function readTrace({ operands, flags }: Invocation): TraceWish {
  const reader = valueReader();
  const [text = ''] = operands;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:')
    reader.wrong(`${JSON.stringify(text)} is not a URL such as https://www.cdn.example/`);
  const client = textFlag(flags, 'client');
  const prefix = client === undefined ? 'is missing: --client ADDR' : parsePrefix(client);
  if (typeof prefix === 'string') reader.wrong(`--client ${prefix}`);
  const [isCold, isWarm] = [hasFlag(flags, 'cold'), hasFlag(flags, 'warm')];
  if (isCold && isWarm) reader.wrong('--cold and --warm exclude each other');
  if (hasFlag(flags, 'no-resume') && !isWarm) reader.wrong('--no-resume needs --warm: others have no ticket');
  const sent = readMessage(flags, reader.wrong);
  if (reader.problems.length > 0 || url === undefined) throw new OperatorError('bad-usage', reader.problems);
  return {
    url,
    client: client ?? '',
    isCold,
    isWarm,
    tls12: hasFlag(flags, 'tls1.2'),
    resume: isWarm && !hasFlag(flags, 'no-resume'),
    fastOpen: isWarm || hasFlag(flags, 'fast-open'),
    isAlone: hasFlag(flags, 'alone'),
    ...sent,
  };
}

/** Fields that the request has of its own, or that would make another message of it. */
const OWN_FIELDS = /^(?:host|connection|content-length|transfer-encoding|upgrade|expect|x-isochrone-.*)$/;

/** Method, fields and body. */
function readMessage(
  flags: Invocation['flags'],
  wrong: (message: string) => void,
): Pick<TraceWish, 'method' | 'headers' | 'body'> {
  const body = textFlag(flags, 'data');
  const method = textFlag(flags, 'method') ?? (body === undefined ? 'GET' : 'POST');
  if (!/^[A-Z]{3,20}$/.test(method) || method === 'CONNECT')
    wrong(`--method ${JSON.stringify(method)} is no method such as POST`);
  const headers: Record<string, string[]> = {};
  for (const line of textFlags(flags, 'header')) {
    const at = line.indexOf(':');
    const name = line.slice(0, Math.max(0, at)).trim().toLowerCase();
    const value = line.slice(at + 1).trim();
    if (OWN_FIELDS.test(name)) wrong(`--header ${JSON.stringify(line)}: trace says ${name} itself`);
    else if (isField(name, value)) (headers[name] ??= []).push(value);
    else wrong(`--header ${JSON.stringify(line)} is no field such as 'accept-language: pt'`);
  }
  return { method, headers, ...(body === undefined ? {} : { body }) };
}

function isField(name: string, value: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}

/** A running process, asked over its admin API. */
function processOf(invocation: Invocation): TracedProcess {
  const ask = <T>(path: string, fields: Record<string, string> = {}): Promise<T> =>
    askAdmin<T>({ path: `${path}?${new URLSearchParams(fields)}` }, invocation);
  return {
    paths: async (client) => {
      const view = await ask<NetworkPathsView>('/api/paths', { client });
      return { ...view, caFile: textFlag(invocation.flags, 'ca') ?? view.caFile };
    },
    explain: ({ name, type, client }) => ask('/api/explain', { name, type, client }),
    dns: async () => (await ask<StatusView>('/api/status')).dns,
    invalidate: (pattern) => askAdmin({ path: '/api/invalidations', body: { pattern } }, invocation),
    stop: invocation.terminal.stop,
  };
}
