import { parsePrefix } from '../base/address.ts';
import { OperatorError } from '../base/errors.ts';
import { parseEndpoint } from '../config/scalars.ts';
import type { ExplainView, StatusView } from '../console/api.ts';
import type { NetworkPathsView, PopPathView } from '../console/api-pops.ts';
import { TYPE } from '../wire/constants.ts';
import { formatRdata } from '../wire/rdata.ts';
import { readSections } from '../wire/records.ts';
import { ADMIN_OPTIONS, askAdmin } from './admin-client.ts';
import { type Command, EXIT_OK, hasFlag, type Invocation, textFlag } from './command.ts';
import { formatMs } from './format.ts';
import { askStub } from './stub.ts';
import { type Waterfall, waterfall } from './trace-bars.ts';
import { tracePage } from './trace-html.ts';
import { probeRequest } from './trace-probe.ts';
import { comparisonLines, waterfallLines } from './trace-text.ts';
import { valueReader } from './values.ts';

export const traceCommand: Command = {
  operands: 'URL',
  operandsMin: 1,
  operandsMax: 1,
  description:
    'Sends a request through `isochrone up` as a client elsewhere would, and shows where each millisecond ' +
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
    alone: { type: 'boolean', help: 'only this request, nothing beside it' },
    html: { type: 'string', value: 'FILE', help: 'write the picture as a page as well' },
    ...ADMIN_OPTIONS,
  },
  examples: [
    ['trace https://www.cdn.example/static/a --client 200.147.0.0/16 --cold', 'everything is to be done'],
    ['trace https://www.cdn.example/static/a --client 1.120.0.0/16 --warm', 'nothing but the way there'],
    ['trace https://www.cdn.example/dynamic --client 91.0.0.0/16 --tls1.2 --html trace.html', 'as a page'],
  ],
  run: async (invocation) => {
    const { flags, json, terminal } = invocation;
    const asked = readTrace(invocation);
    const ground = await lookAround(invocation, asked);
    const main = await traced(invocation, { asked, ground }, { title: 'this request', path: ground.path });
    const others = hasFlag(flags, 'alone') ? [] : await beside(invocation, { asked, ground });
    const falls = [main, ...others];
    const { client, pops } = ground.view;
    const heading = `${asked.url.href} for ${client.address}, ${client.place}`;
    const file = textFlag(flags, 'html');
    if (file !== undefined) terminal.writeText(file, tracePage(heading, ground.why, falls));
    if (json) {
      const { bars, ...rest } = main;
      terminal.out(
        JSON.stringify({ url: asked.url.href, client, why: ground.why, ...rest, bars, others }, undefined, 2),
      );
      return EXIT_OK;
    }
    terminal.out(heading);
    terminal.out(ground.why);
    terminal.out(
      `${main.tls}; ${main.cache}; ${main.clientRoundTrips} round trips between client and ${main.pop}`,
    );
    terminal.out('');
    for (const line of waterfallLines(main, terminal.colour)) terminal.out(line);
    if (main.skipped.length > 0) terminal.out(`left out: ${main.skipped.join('; ')}`);
    if (others.length > 0) terminal.out('');
    if (others.length > 0) for (const line of comparisonLines(falls, terminal.colour)) terminal.out(line);
    if (pops.length === 0) terminal.err('no POP is known');
    return EXIT_OK;
  },
};

/** What was asked for on the command line. */
interface Asked {
  readonly url: URL;
  readonly client: string;
  readonly isCold: boolean;
  readonly isWarm: boolean;
  readonly tls12: boolean;
  readonly resume: boolean;
  readonly fastOpen: boolean;
}

function readTrace({ operands, flags }: Invocation): Asked {
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
  if (reader.problems.length > 0 || url === undefined) throw new OperatorError('bad-usage', reader.problems);
  return {
    url,
    client: client ?? '',
    isCold,
    isWarm,
    tls12: hasFlag(flags, 'tls1.2'),
    resume: isWarm && !hasFlag(flags, 'no-resume'),
    fastOpen: isWarm || hasFlag(flags, 'fast-open'),
  };
}

/** Where everything is for this client, and which POP it gets. */
interface Around {
  readonly view: NetworkPathsView;
  readonly path: PopPathView;
  readonly address: string;
  readonly dnsMs: number;
  /** Why that POP, in a line. */
  readonly why: string;
  readonly runnerUp: string | undefined;
}

async function lookAround(invocation: Invocation, asked: Asked): Promise<Around> {
  const { client, url } = asked;
  const query = new URLSearchParams({ client });
  const view = await askAdmin<NetworkPathsView>({ path: `/api/paths?${query}` }, invocation);
  const { dns } = await askAdmin<StatusView>({ path: '/api/status' }, invocation);
  const question = new URLSearchParams({ name: url.hostname, type: 'A', client });
  const explained = await askAdmin<ExplainView>({ path: `/api/explain?${question}` }, invocation);
  const server = parseEndpoint(dns[0] ?? '');
  const prefix = parsePrefix(client);
  if (typeof server === 'string' || typeof prefix === 'string')
    throw new OperatorError('admin-unreachable', [
      { file: 'DNS', message: 'that process answers no queries' },
    ]);
  const { stop } = invocation.terminal;
  const reply = await askStub({ server, name: url.hostname, type: TYPE.A, client: prefix, tcp: false, stop });
  const sections = readSections(reply.octets);
  const record =
    typeof sections === 'string' ? undefined : sections.answer.find(({ type }) => type === TYPE.A);
  if (record === undefined)
    throw new OperatorError('not-found', [
      { file: url.hostname, message: 'the name server gives no address' },
    ]);
  const address = formatRdata(record.type, record.rdata);
  const { chosen, runnerUp } = explained;
  const path = view.pops.find(({ pop }) => pop === chosen.pop) ?? view.pops[0];
  if (path === undefined) throw new OperatorError('not-found', [{ file: 'POPs', message: 'there are none' }]);
  const margin =
    runnerUp === undefined ? '' : `; ${runnerUp.pop} is next, ${formatMs(runnerUp.marginMs)} ms worse`;
  const why = `DNS gives ${chosen.pop} (${path.city}) over ${chosen.link}, ${address}${margin}`;
  return { view, path, address, dnsMs: reply.tookMs, why, runnerUp: runnerUp?.pop };
}

/** One request to a POP, as a waterfall. */
async function traced(
  invocation: Invocation,
  { asked, ground }: { readonly asked: Asked; readonly ground: Around },
  to: { readonly title: string; readonly path: PopPathView; readonly change?: Partial<Asked> },
): Promise<Waterfall> {
  const how = { ...asked, ...to.change };
  const { url, isCold, isWarm, tls12, resume, fastOpen } = how;
  const { view } = ground;
  const isChosen = to.path.pop === ground.path.pop;
  const address = isChosen ? ground.address : to.path.ipv4;
  const options = { url, address, port: view.port, caFile: view.caFile, client: view.client.address, tls12 };
  const dropped = { pattern: url.pathname + url.search };
  if (isCold) await askAdmin({ path: '/api/invalidations', body: dropped }, invocation);
  // What is warm was asked for before: then its caches have it.
  if (isWarm) await probeRequest({ ...options, resume: false });
  const probed = await probeRequest({ ...options, resume });
  const manner = { hasAnswer: isWarm, fastOpen };
  return waterfall({
    title: to.title,
    probed,
    path: to.path,
    view,
    manner,
    dnsMs: isWarm ? undefined : ground.dnsMs,
  });
}

/** The same for the next best POP, for the farthest, and with another handshake. */
async function beside(
  invocation: Invocation,
  known: { readonly asked: Asked; readonly ground: Around },
): Promise<Waterfall[]> {
  const { asked, ground } = known;
  const { pops } = ground.view;
  const isOther = ({ pop, ipv4 }: PopPathView): boolean => pop !== ground.path.pop && ipv4.startsWith('127.');
  const next = pops.find(({ pop }) => pop === ground.runnerUp) ?? pops.find(isOther);
  const farthest = pops.findLast(isOther);
  const falls: Waterfall[] = [];
  if (next !== undefined && isOther(next))
    falls.push(await traced(invocation, known, { title: 'another POP', path: next }));
  if (farthest !== undefined)
    falls.push(await traced(invocation, known, { title: 'the farthest POP', path: farthest }));
  const path = ground.path;
  if (asked.resume)
    falls.push(
      await traced(invocation, known, { title: 'without resumption', path, change: { resume: false } }),
    );
  const other = asked.tls12 ? 'with TLS 1.3' : 'with TLS 1.2';
  falls.push(await traced(invocation, known, { title: other, path, change: { tls12: !asked.tls12 } }));
  return falls;
}
