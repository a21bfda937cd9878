import { z } from 'zod';
import { filePath, ipAddress, popCode } from './scalars.ts';
import { whole } from './schema-numbers.ts';

const PORT = z.number().int().min(1).max(65_535);

/** Ways to measure that ask somebody. */
export const ACTIVE_METHODS = ['icmp', 'tcp', 'http', 'https', 'dns'] as const;
const method = z.enum(ACTIVE_METHODS);

const CAMPAIGNS_MAX = 32;

const campaignSchema = z.strictObject({
  cron: z
    .string()
    .min(1)
    .max(200)
    .describe('When it begins: a cron expression in local time, `0 3 * * *`, seconds in front if wanted.'),
  networks: z
    .union([z.literal('all'), filePath])
    .default('all')
    .describe('What is measured: `all` of `measure.targets`, or a CSV file of the same columns.'),
  method: method.optional().describe('How; absent: as the row says, else `measure.method`.'),
  pings: whole({ min: 1, max: 20 }, 'Pings of a burst; absent: `measure.pings`.').optional(),
});

/** What agents measure, how, and how much they ask of others. */
export const measureSchema = z
  .strictObject({
    targets: filePath
      .optional()
      .describe(
        "CSV file, relative to this file's folder, that says which address to ask in each client network " +
          '(its columns are below). Networks without a row are measured by what clients do alone.',
      ),
    optOut: filePath
      .optional()
      .describe('File of addresses and prefixes that want no measurements, one a line; nobody asks them.'),
    contact: z
      .string()
      .regex(/^[\x21-\x7e]{1,128}$/, { error: 'is not an address or URL of 1 to 128 visible characters' })
      .optional()
      .describe('Where those who are measured can complain: stands in the User-Agent and in ICMP payloads.'),
    method: method.default('icmp').describe('How to measure where a row says nothing.'),
    pings: whole({ min: 1, max: 20 }, 'Pings of a burst.').default(3),
    gapMs: whole({ min: 0, max: 1000, unit: 'ms' }, 'Between two pings of a burst.').default(20),
    timeoutMs: whole({ min: 50, max: 10_000, unit: 'ms' }, 'A ping is lost after this time.').default(1000),
    burstsPerSecond: whole(
      { min: 1, max: 20_000, unit: 'bursts/s' },
      'What one agent sends at most; the rest is held back, and counted.',
    ).default(200),
    everyMs: whole(
      { min: 100, max: 3_600_000, unit: 'ms' },
      'Between two bursts of one agent to one network, at least.',
    ).default(1000),
    silentMaxMs: whole(
      { min: 1000, max: 86_400_000, unit: 'ms' },
      'A network that does not answer is asked half as often after each burst; but so often at least.',
    ).default(600_000),
    dnsName: z
      .string()
      .min(1)
      .max(253)
      .default('.')
      .describe("Name that resolvers are asked for (SOA, without recursion): any answer's time counts."),
    campaigns: z
      .array(campaignSchema)
      .max(CAMPAIGNS_MAX)
      .default([])
      .describe('Measurements of whole lists at fixed times, besides what the controller wants.'),
  })
  .prefault({})
  .describe('What agents measure, and how much they ask of others.');

const linkAgentSchema = z.strictObject({
  interface: z
    .string()
    .regex(/^[^\s/]{1,15}$/, { error: 'is not the name of a network interface' })
    .optional()
    .describe("Network interface that carries the link: its counters are the link's throughput."),
  gateway: ipAddress
    .optional()
    .describe('Next router: what its round-trip time is over the least one seen is the queue of the link.'),
});

const exporterSchema = z.strictObject({
  url: z
    .url({ protocol: /^https?$/, error: 'is not a URL of http or https' })
    .describe('Page of metrics in Prometheus text form: node_exporter, nginx exporter …'),
  requests: z
    .string()
    .min(1)
    .max(256)
    .optional()
    .describe('Counter of requests: `nginx_http_requests_total`, with labels if only some count.'),
  connections: z.string().min(1).max(256).optional().describe('Gauge of open connections.'),
  capacity: z
    .string()
    .min(1)
    .max(256)
    .optional()
    .describe('Gauge of the requests a second that the POP can serve now.'),
});

const agentSchema = z.strictObject({
  passivePorts: z
    .array(PORT)
    .max(16)
    .default([])
    .describe("Local TCP ports whose connections' round-trip times the kernel is asked for."),
  passiveEveryMs: whole({ min: 500, max: 600_000, unit: 'ms' }, 'How often it is asked.').default(5000),
  links: z
    .record(z.string(), linkAgentSchema)
    .default({})
    .describe("What the host knows of the POP's links, by their id: `FRA-a`."),
  exporter: exporterSchema.optional().describe('Where the load of the POP can be read.'),
  drainFile: filePath
    .optional()
    .describe('While this file is there the POP wants to be drained; its first line is the reason.'),
});

/** What each agent knows of its POP, by POP code. */
export const agentsSchema = z
  .record(popCode, agentSchema)
  .default({})
  .describe("What the agent of each POP finds on its host, by the POP's code.");

/** A section of `agents` with nothing in it. */
export const NO_AGENT = agentSchema.parse({});
