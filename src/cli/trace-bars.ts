import type { NetworkPathsView, PopPathView } from '../console/api-pops.ts';
import type { Bar, Waterfall } from '../console/api-trace.ts';
import { backboneRttMs } from '../netmodel/backbone.ts';
import type { ProbedRequest } from './trace-probe.ts';

/** How the client comes. */
export interface Manner {
  /** Its resolver knows the answer: nobody else is asked. */
  readonly hasAnswer: boolean;
  /** TLS goes in the first packet of TCP (RFC 7413): the client has a cookie from before. */
  readonly fastOpen: boolean;
}

/** What `waterfall` puts together. */
export interface TraceParts {
  readonly title: string;
  readonly probed: ProbedRequest;
  readonly path: PopPathView;
  readonly view: NetworkPathsView;
  readonly manner: Manner;
  /** Measured at the name server; absent where it was not asked. */
  readonly dnsMs: number | undefined;
}

/** TCP sends so many segments before the first acknowledgement (RFC 6928), then twice as many each time. */
const INITIAL_WINDOW_OCTETS = 10 * 1460;

/** Puts what was measured here and what the network would add into one line of time. */
export function waterfall(parts: TraceParts): Waterfall {
  const { title, probed, path, manner } = parts;
  const told = readServerTiming(String(probed.headers['server-timing'] ?? ''));
  const rtt = path.rttMs;
  const tlsTrips = probed.tlsVersion === 'TLSv1.3' || probed.resumed ? 1 : 2;
  const tcpTrips = manner.fastOpen ? 0 : 1;
  const moreTrips = transferTrips(probed.octets);
  const inside = insideBars(parts, told);
  const insideMs = inside.reduce((sum, bar) => sum + (bar.source === 'measured' ? bar.ms : 0), 0);
  const bars: Bar[] = [
    ...dnsBars(parts),
    network(`TCP handshake${manner.fastOpen ? ', in the packets of TLS (Fast Open)' : ''}`, tcpTrips, rtt),
    measured('L1', 'TCP accepted', probed.tcpMs),
    network(`${probed.tlsVersion} handshake${probed.resumed ? ', resumed' : ''}`, tlsTrips, rtt),
    measured('L1', `keys and certificate, ${probed.cipher}`, probed.tlsMs),
    network('request and first octet', 1, rtt),
    ...inside,
    measured('client', 'sending and reading on this machine', Math.max(0, probed.headMs - insideMs)),
    ...(moreTrips > 0
      ? [network(`transfer of ${probed.octets} octets: TCP's window grows`, moreTrips, rtt)]
      : []),
    measured('client', 'last octet read', probed.transferMs),
  ];
  const { dnsMs = 0 } = parts;
  const wallMs = dnsMs + probed.tcpMs + probed.tlsMs + probed.headMs + probed.transferMs;
  return {
    title,
    pop: path.pop,
    bars,
    totalMs: wallMs + modelledMs({ bars }),
    clientRoundTrips: tcpTrips + tlsTrips + 1 + moreTrips,
    skipped: skipTexts(told),
    status: probed.status,
    cache: String(probed.headers['x-cache'] ?? 'answered by the POP itself'),
    tls: `${probed.tlsVersion} ${probed.cipher}${probed.resumed ? ', resumed' : ''}`,
  };
}

/** Of all bars, what is modelled, ms. */
export function modelledMs({ bars }: Pick<Waterfall, 'bars'>): number {
  return bars.reduce((sum, { source, ms }) => sum + (source === 'modelled' ? ms : 0), 0);
}

function dnsBars({ view, manner, dnsMs = 0 }: TraceParts): Bar[] {
  const asked: Bar = {
    layer: 'DNS',
    name: manner.hasAnswer ? "the network's resolver, which knows the answer" : "the network's resolver",
    ms: view.resolverRttMs,
    roundTrips: 1,
    source: 'modelled',
  };
  if (manner.hasAnswer) return [asked];
  // The name server that the resolver asks stands at the nearest POP: anycast.
  const nearestMs = Math.max(0.1, (view.pops[0]?.rttMs ?? 0) - view.resolverRttMs);
  return [
    asked,
    { layer: 'DNS', name: 'resolver to name server', ms: nearestMs, roundTrips: 1, source: 'modelled' },
    measured('DNS', 'authoritative answer', dnsMs),
  ];
}

/** What happens behind the POP's door, from its own word. */
function insideBars({ view, path }: TraceParts, told: readonly Metric[]): Bar[] {
  const bars: Bar[] = [];
  // What is too large to be kept is asked for once as a whole, and then in parts: each is a way of its own.
  const timesOf = (name: string): readonly number[] =>
    told.flatMap((metric) => (metric.name === name && metric.ms !== undefined ? [metric.ms] : []));
  const msOf = (name: string): number | undefined => {
    const times = timesOf(name);
    return times.length === 0 ? undefined : times.reduce((sum, ms) => sum + ms, 0);
  };
  for (const { name, ms } of told)
    if (/^iso-l1-/.test(name) && ms !== undefined) bars.push(measured('L1', name.slice(7), ms));
  const l3Ms = told.filter(({ name }) => /^iso-l3-/.test(name)).reduce((sum, { ms = 0 }) => sum + ms, 0);
  const [l2, rec, shield] = [msOf('iso-l2-total'), msOf('iso-rec-total'), msOf('iso-shield-total')];
  const place = (name: string): string | undefined => told.find((metric) => metric.name === name)?.text;
  const at = (code: string | undefined): PopPathView => view.pops.find(({ pop }) => pop === code) ?? path;
  let here = path;
  const hop = (layer: Bar['layer'], to: PopPathView, what: string, trips: number): void => {
    const isHere = to.pop === here.pop;
    const ms = isHere ? 0 : backboneRttMs(here, to) * trips;
    const name = isHere ? `${what}: in the same place` : `${here.pop} to ${to.pop}, ${what}`;
    bars.push({ layer, name, ms, roundTrips: isHere ? 0 : trips, source: 'modelled' });
  };
  if (l2 !== undefined) bars.push(measured('L2', 'look-up and cache', l2 - (rec ?? shield ?? l3Ms)));
  if (rec !== undefined) {
    hop('REC', at(place('iso-at-rec')), 'regional cache', timesOf('iso-rec-total').length);
    here = at(place('iso-at-rec'));
    bars.push(measured('REC', 'look-up and cache', rec - (shield ?? l3Ms)));
  }
  if (shield !== undefined) {
    hop('shield', at(place('iso-at-shield')), 'origin shield', timesOf('iso-shield-total').length);
    here = at(place('iso-at-shield'));
    bars.push(measured('shield', 'look-up and cache', shield - l3Ms));
  }
  if (l3Ms > 0) bars.push(...originBars({ view, here, told }));
  return bars;
}

function originBars(parts: {
  readonly view: NetworkPathsView;
  readonly here: PopPathView;
  readonly told: readonly Metric[];
}): Bar[] {
  const { view, here, told } = parts;
  const name = told.find((metric) => metric.name === 'iso-at-origin')?.text ?? '';
  const region = view.originRegions[name] ?? '';
  const place = view.pops.find(({ pop }) => pop === view.regional[region]);
  const rtt = place === undefined ? 0 : backboneRttMs(here, place);
  const where =
    place === undefined
      ? `origin ${name}: nobody said where it is`
      : `${here.pop} to origin ${name} in ${region}`;
  const bars: Bar[] = [];
  for (const { name: part, ms } of told) {
    if (!part.startsWith('iso-l3-') || ms === undefined) continue;
    const step = part.slice(7);
    if (step === 'connect') {
      bars.push({ layer: 'L3', name: `${where}, connect`, ms: rtt, roundTrips: 1, source: 'modelled' });
      bars.push(measured('L3', 'connection opened', ms));
    } else if (step === 'origin') {
      bars.push({ layer: 'L3', name: `${where}, request`, ms: rtt, roundTrips: 1, source: 'modelled' });
      bars.push(measured('origin', 'until its first octet', ms));
    } else bars.push(measured('L3', step, ms));
  }
  return bars;
}

function measured(layer: Bar['layer'], name: string, ms: number): Bar {
  return { layer, name, ms: Math.max(0, ms), roundTrips: 0, source: 'measured' };
}

function network(name: string, roundTrips: number, rttMs: number): Bar {
  return { layer: 'network', name, ms: roundTrips * rttMs, roundTrips, source: 'modelled' };
}

/** Round trips after the first octet until all octets came, on a new connection that loses nothing. */
export function transferTrips(octets: number): number {
  let trips = 0;
  for (let sent = INITIAL_WINDOW_OCTETS; sent < octets; sent = sent * 2 + INITIAL_WINDOW_OCTETS) trips++;
  return trips;
}

/** One metric of `Server-Timing`. */
interface Metric {
  readonly name: string;
  readonly ms: number | undefined;
  readonly text: string | undefined;
}

function readServerTiming(header: string): Metric[] {
  return Array.from(
    header.matchAll(/([\w-]+)((?:;\s*\w+=(?:"[^"]*"|[^;,]*))*)/g),
    ([, name = '', rest = '']) => {
      const ms = /;\s*dur=([\d.]+)/.exec(rest)?.[1];
      return {
        name,
        ms: ms === undefined ? undefined : Number(ms),
        text: /;\s*desc="([^"]*)"/.exec(rest)?.[1],
      };
    },
  );
}

const LAYER_WORDS: Readonly<Record<string, string>> = {
  l1: 'L1',
  l2: 'L2',
  rec: 'REC',
  shield: 'shield',
  l3: 'L3',
};

/** What was left out, and why; layers with one reason are named together. */
function skipTexts(told: readonly Metric[]): string[] {
  const skips = told.filter(({ name }) => name.startsWith('iso-skip-'));
  const byReason = Map.groupBy(skips, ({ text = '' }) => text);
  return Array.from(byReason, ([reason, all]) => {
    const layers = all.map(({ name }) => name.slice('iso-skip-'.length));
    return `${layers.map((layer) => LAYER_WORDS[layer] ?? layer).join(', ')}: ${reason}`;
  });
}
