import { hashText } from '../base/random.ts';
import type { Config } from '../config/config.ts';
import type { TargetBook } from '../config/targets-csv.ts';
import { startMetricsServer } from '../console/metrics-server.ts';
import { runCampaign } from '../probe/campaign.ts';
import { type RealAgent, startRealAgent } from '../probe/real.ts';
import type { Sink } from '../probe/sink.ts';
import { agentCounters } from './agent-counters.ts';
import { agentPop, HOST_OPTIONS, type HostSettings, hostSettings } from './agent-settings.ts';
import { INGEST_OPTIONS, ingestFlags, openSink } from './agent-sink.ts';
import { type Command, EXIT_OK, type Terminal } from './command.ts';
import { startCron } from './cron.ts';
import { rereadAtHangup } from './hangup.ts';
import { startProberChecks } from './health.ts';
import { configOf, LISTEN_OPTIONS } from './listen-flags.ts';
import { systemClock } from './live.ts';
import { logTo } from './log.ts';
import { type CloseLater, runUntilStopped } from './long-running.ts';
import { type MeasureFiles, type PlannedCampaign, readMeasureFiles } from './measure-files.ts';
import { METRICS_OPTION, metricsEndpoint } from './metrics-flag.ts';
import { valueReader } from './values.ts';
import { programVersion } from './version.ts';

const { config: CONFIG, store: STORE } = LISTEN_OPTIONS;

export const agentCommand: Command = {
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  description:
    'Runs the agent of one POP, on a host there: measures the client networks that the controller wants\n' +
    '(ICMP, TCP, HTTP, DNS), looks at the round-trip times of the connections that clients have open, and\n' +
    'reports the load of the POP and of its links to the store. While the store is away, samples wait in\n' +
    'a bounded buffer. SIGUSR1 wishes for a drain of the POP, or takes that back. SIGINT or SIGTERM ends it.',
  options: {
    pop: { type: 'string', value: 'CODE', help: 'the POP that this agent stands at (required)' },
    ...(CONFIG === undefined ? {} : { config: CONFIG }),
    ...(STORE === undefined ? {} : { store: STORE }),
    ...INGEST_OPTIONS,
    ...HOST_OPTIONS,
    ...METRICS_OPTION,
  },
  examples: [
    [
      'agent --pop FRA --config isochrone.yaml --store rediss://fra:PASSWORD@redis.example:6380',
      'the agent of FRA; targets, limits and links as the configuration says',
    ],
    [
      'agent --pop FRA --config isochrone.yaml --ingest https://ns1.example:5381 --token SECRET',
      'without a way to Redis: everything is posted to a name server',
    ],
    [
      'agent --pop FRA --store redis://127.0.0.1:6379 --passive 443 --link FRA-a=eth0:10000',
      'with what it finds on its host from the command line',
    ],
  ],
  run: async (invocation) => {
    const { terminal, json, flags } = invocation;
    const reader = valueReader();
    const code = agentPop(flags, reader);
    const listen = metricsEndpoint(flags, reader);
    const ingest = ingestFlags(flags, terminal, reader);
    // Here it may have an address.
    const { 'admin-port': _, ...others } = flags;
    const config = configOf({ ...invocation, flags: others }, reader);
    const settings = hostSettings(config, { code, flags, reader });
    const files = readMeasureFiles(config, terminal);
    const log = logTo(terminal, systemClock);
    await runUntilStopped(terminal, async (closeLater) => {
      const sink = await openSink(config, ingest);
      closeLater(() => sink.close());
      const running = await startAgent({ config, settings, files, sink, terminal, log });
      closeLater(running.close);
      const checks = startProberChecks(config, { prober: `agent:${code}`, pop: code, store: sink });
      closeLater(checks.close);
      startCampaigns(running, { code, campaigns: files.campaigns, config, log, closeLater });
      const metrics =
        listen === undefined
          ? undefined
          : await startMetricsServer({
              listen,
              facts: { role: 'agent', version: programVersion(terminal) },
              counters: () => agentCounters(running.counts(), sink.state()),
              onError: (error) => log(`metrics: ${(error as Error).message}`),
            });
      if (metrics !== undefined) closeLater(metrics.close);
      for (const reason of running.declined) log(`not measured here: ${reason}`);
      const { address, connected } = sink.state();
      const facts = {
        pop: code,
        store: address,
        connected,
        targets: files.targets.size,
        admin: metrics?.url,
      };
      if (json) terminal.out(JSON.stringify({ ready: { ...facts, declined: running.declined } }));
      else for (const line of startLines(facts, settings)) terminal.out(line);
    });
    return EXIT_OK;
  },
};

/** What starting an agent needs. */
interface AgentParts {
  readonly config: Config;
  readonly settings: HostSettings;
  readonly files: MeasureFiles;
  readonly sink: Sink;
  readonly terminal: Terminal;
  readonly log: (message: string) => void;
}

async function startAgent({ config, settings, files, sink, terminal, log }: AgentParts): Promise<RealAgent> {
  const { measure } = config;
  const { burstsPerSecond, everyMs, silentMaxMs, pings, gapMs, timeoutMs } = measure;
  let { targets } = files;
  const running = await startRealAgent({
    ...settings,
    sink,
    aimAt: (network) => targets.get(network),
    bounds: { burstsPerSecond, everyMs, silentMaxMs, optOut: files.optOut },
    pings,
    gapMs,
    timeoutMs,
    manners: { version: programVersion(terminal), contact: measure.contact, dnsName: measure.dnsName },
    nowMs: systemClock.nowMs,
    log,
  });
  process.on('SIGUSR1', running.toggleDrain);
  const reread = (): void => {
    const read = readMeasureFiles(config, terminal);
    targets = read.targets;
    running.setOptOut(read.optOut);
    log(`addresses of ${targets.size} networks are known; ${read.optOut.length} prefixes are not asked`);
  };
  const forget = rereadAtHangup(terminal, log, [{ what: 'measure.targets, measure.optOut', again: reread }]);
  return {
    ...running,
    close: () => {
      forget();
      process.off('SIGUSR1', running.toggleDrain);
      running.close();
    },
  };
}

/** Each runs alone: one that is due while another runs waits for its next time. */
function startCampaigns(
  running: RealAgent,
  options: {
    readonly code: string;
    readonly campaigns: readonly PlannedCampaign[];
    readonly config: Config;
    readonly log: (message: string) => void;
    readonly closeLater: CloseLater;
  },
): void {
  const { code, campaigns, config, log, closeLater } = options;
  const stop = new AbortController();
  closeLater(() => stop.abort());
  const { nowMs } = systemClock;
  const burstsPerSecond = config.measure.burstsPerSecond * CAMPAIGN_SHARE;
  for (const { cron, name, pings, ...list } of campaigns) {
    const aims = inOwnOrder(list.aims, code);
    const pinger = running.pingerWith(pings);
    const run = async (): Promise<void> => {
      log(`${name} begins: ${aims.size} networks`);
      await runCampaign(running.agent, { name, aims, pinger }, { burstsPerSecond, nowMs, stop: stop.signal });
      log(`${name} ${stop.signal.aborted ? 'was cut short' : 'is done'}`);
    };
    closeLater(startCron({ name, cron, run }, { log }));
  }
}

/** Agents begin a campaign together: each goes through the list in an order of its own. */
function inOwnOrder(aims: TargetBook, code: string): TargetBook {
  const order = [...aims].map((entry) => ({ entry, key: hashText(`${code} ${entry[0]}`) }));
  return new Map(order.sort((a, b) => a.key - b.key).map(({ entry }) => entry));
}

/** Share of an agent's bursts that campaigns may take: the rest is the controller's. */
const CAMPAIGN_SHARE = 0.5;

function startLines(
  facts: { pop: string; store: string; connected: boolean; targets: number; admin: string | undefined },
  { passivePorts, method, exporter }: HostSettings,
): string[] {
  const connection = facts.connected ? '' : ', NOT connected yet';
  const passive = passivePorts.length === 0 ? 'none' : `connections of port ${passivePorts.join(', ')}`;
  return [
    `Isochrone agent of ${facts.pop}: store ${facts.store}${connection}`,
    `Measures by ${method} by default; addresses of ${facts.targets} networks are known`,
    `Passive: ${passive}; requests counted by ${exporter?.url ?? 'nobody'}; metrics ${facts.admin ?? 'off'}`,
  ];
}
