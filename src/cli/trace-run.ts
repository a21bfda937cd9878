import { parsePrefix } from '../base/address.ts';
import { OperatorError } from '../base/errors.ts';
import { parseEndpoint } from '../config/scalars.ts';
import type { ExplainQuestion, ExplainView, PassedOverView } from '../console/api-explain.ts';
import type { NetworkPathsView, PopPathView } from '../console/api-pops.ts';
import type { TraceView, TraceWish, Waterfall } from '../console/api-trace.ts';
import { TYPE } from '../wire/constants.ts';
import { formatRdata } from '../wire/rdata.ts';
import { readSections } from '../wire/records.ts';
import { formatMs, passedOverText } from './format.ts';
import { askStub } from './stub.ts';
import { waterfall } from './trace-bars.ts';
import { healthOf, probeRequest } from './trace-probe.ts';

/** A process that answers queries and runs POPs: this one, or another over its admin API. */
export interface TracedProcess {
  readonly paths: (client: string) => Promise<NetworkPathsView>;
  readonly explain: (question: ExplainQuestion) => Promise<ExplainView>;
  /** Where it answers queries: `127.0.0.1:5300`. */
  readonly dns: () => Promise<readonly string[]>;
  /** Drops an object from all caches, by its path with query. */
  readonly invalidate: (pattern: string) => Promise<unknown>;
  /** Ends what is under way. */
  readonly stop: AbortSignal;
}

/**
 * Sends a request as a client elsewhere would. Rejects with `OperatorError`: `not-found` for a name that is
 * not steered, `server-unreachable` for a POP that gives no answer.
 */
export async function traceRequest(process: TracedProcess, asked: TraceWish): Promise<TraceView> {
  const ground = await lookAround(process, asked);
  const main = await traced(process, { asked, ground }, { title: 'this request', path: ground.path });
  const others = asked.isAlone || !isSafe(asked) ? [] : await beside(process, { asked, ground });
  const { why, passedOver, view } = ground;
  return {
    url: asked.url.href,
    client: view.client,
    why,
    ...(passedOver && { passedOver }),
    ...main,
    others,
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
  readonly passedOver: PassedOverView | undefined;
  readonly runnerUp: string | undefined;
  /** POPs that are down or drained: nothing is asked of these. */
  readonly out: ReadonlySet<string>;
}

async function lookAround(process: TracedProcess, asked: TraceWish): Promise<Around> {
  const { client, url } = asked;
  const view = await process.paths(client);
  const explained = await process.explain({ name: url.hostname, type: 'A', client });
  const dns = await process.dns();
  const server = parseEndpoint(dns[0] ?? '');
  const prefix = parsePrefix(client);
  if (typeof server === 'string' || typeof prefix === 'string')
    throw new OperatorError('admin-unreachable', [
      { file: 'DNS', message: 'that process answers no queries' },
    ]);
  const { stop } = process;
  const reply = await askStub({ server, name: url.hostname, type: TYPE.A, client: prefix, tcp: false, stop });
  const sections = readSections(reply.octets);
  const record =
    typeof sections === 'string' ? undefined : sections.answer.find(({ type }) => type === TYPE.A);
  if (record === undefined)
    throw new OperatorError('not-found', [
      { file: url.hostname, message: 'the name server gives no address' },
    ]);
  const address = formatRdata(record.type, record.rdata);
  const { chosen, runnerUp, passedOver } = explained;
  const path = view.pops.find(({ pop }) => pop === chosen.pop) ?? view.pops[0];
  if (path === undefined) throw new OperatorError('not-found', [{ file: 'POPs', message: 'there are none' }]);
  const margin = runnerUp === undefined ? '' : `; ${runnerUp.pop} is next, ${marginText(runnerUp.marginMs)}`;
  const passed = passedOver === undefined ? '' : `; ${passedOverText(passedOver)}`;
  const why = `DNS gives ${chosen.pop} (${path.city}) over ${chosen.link}, ${address}${margin}${passed}`;
  const out = new Set(explained.pops.filter((one) => one.out !== undefined).map(({ pop }) => pop));
  return { view, path, address, dnsMs: reply.tookMs, why, passedOver, runnerUp: runnerUp?.pop, out };
}

/** The next POP may be the better one, where clients are divided or what is known changed just now. */
function marginText(marginMs: number): string {
  return `${formatMs(Math.abs(marginMs))} ms ${marginMs < 0 ? 'better' : 'worse'}`;
}

/** One request to a POP, as a waterfall. */
async function traced(
  process: TracedProcess,
  { asked, ground }: { readonly asked: TraceWish; readonly ground: Around },
  to: { readonly title: string; readonly path: PopPathView; readonly change?: Partial<TraceWish> },
): Promise<Waterfall> {
  const how = { ...asked, ...to.change };
  const { url, isCold, isWarm, tls12, resume, fastOpen, method, headers, body } = how;
  const { view } = ground;
  const isChosen = to.path.pop === ground.path.pop;
  const address = isChosen ? ground.address : to.path.ipv4;
  const { caFile, client } = view;
  const port = url.port === '' ? view.port : Number(url.port);
  const named = { url, address, port, caFile, client: client.address };
  const options = { ...named, tls12, opensAnew: isCold, method, headers, body };
  // The first request of a process takes long for what the process has to load: that is no part of the way.
  await probeRequest({ ...options, ...healthOf(url), resume: false });
  if (isCold && isSafe(how)) await probeRequest({ ...options, resume: false });
  if (isCold) await process.invalidate(url.pathname + url.search);
  // What is warm was asked for before: then its caches have it.
  if (isWarm && isSafe(how)) await probeRequest({ ...options, resume: false });
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

/** Whether it may be sent again and again: nothing is changed by it (RFC 9110 §9.2.1). */
function isSafe({ method = 'GET' }: TraceWish): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

/** The same for the next best POP, for the farthest, and with another handshake. */
async function beside(
  process: TracedProcess,
  known: { readonly asked: TraceWish; readonly ground: Around },
): Promise<Waterfall[]> {
  const { asked, ground } = known;
  const { pops } = ground.view;
  const isOther = ({ pop, ipv4 }: PopPathView): boolean =>
    pop !== ground.path.pop && ipv4.startsWith('127.') && !ground.out.has(pop);
  const next = pops.find(({ pop }) => pop === ground.runnerUp) ?? pops.find(isOther);
  const farthest = pops.findLast(isOther);
  const falls: Waterfall[] = [];
  if (next !== undefined && isOther(next))
    falls.push(await traced(process, known, { title: 'another POP', path: next }));
  if (farthest !== undefined)
    falls.push(await traced(process, known, { title: 'the farthest POP', path: farthest }));
  const path = ground.path;
  if (asked.resume)
    falls.push(
      await traced(process, known, { title: 'without resumption', path, change: { resume: false } }),
    );
  const other = asked.tls12 ? 'with TLS 1.3' : 'with TLS 1.2';
  falls.push(await traced(process, known, { title: other, path, change: { tls12: !asked.tls12 } }));
  return falls;
}
