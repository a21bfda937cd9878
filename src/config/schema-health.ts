import { z } from 'zod';
import { parseCron } from '../steering/cron.ts';
import { RCODE, typeCode } from '../wire/constants.ts';
import { domainName, popCode } from './scalars.ts';
import { real, whole } from './schema-numbers.ts';

/** Extended codes need EDNS, which a check does not send. */
const RCODES = Object.keys(RCODE).filter(
  (name) => name !== 'BADVERS' && name !== 'BADCOOKIE',
) as (keyof typeof RCODE)[];
const HTTP_PATH = /^\/[\x21-\x7e]{0,2047}$/;

const checkSchema = z
  .strictObject({
    kind: z
      .enum(['https', 'http', 'tcp', 'dns'])
      .describe('What is done: a GET over HTTPS or HTTP, a TCP connection, a DNS query over UDP.'),
    port: whole(
      { min: 1, max: 65_535 },
      'Port on the addresses of the links. Absent: 443, 80 or 53.',
    ).optional(),
    address: z
      .enum(['ipv4', 'ipv6'])
      .default('ipv4')
      .describe(
        'Which addresses of the links are checked, the others where a POP has none of these. A POP is up ' +
          'while any of them answers.',
      ),
    intervalMs: whole(
      { min: 200, max: 3_600_000, unit: 'ms' },
      'Time from one check of an address to the next, a tenth more or less by chance.',
    ).default(500),
    timeoutMs: whole(
      { min: 50, max: 60_000, unit: 'ms' },
      'Time that a check may take: three round trips and more for HTTPS.',
    ).default(1000),
    downAfter: whole(
      { min: 1, max: 100, unit: 'checks' },
      'Failures that take a POP down; they add up until they are forgotten.',
    ).default(2),
    upAfter: whole(
      { min: 1, max: 100, unit: 'checks' },
      'Good checks in a row that bring a POP up, and make failures forgotten.',
    ).default(3),
    path: z
      .string()
      .regex(HTTP_PATH, { error: 'is not a path such as /health' })
      .default('/')
      .describe('HTTP: what is asked for.'),
    host: domainName
      .optional()
      .describe('HTTP: name in `Host`, in SNI and in the certificate. Absent: the address.'),
    status: z
      .array(whole({ min: 100, max: 599 }, 'A status code.'))
      .min(1)
      .max(64)
      .default([200])
      .describe('HTTP: statuses that are good.'),
    text: z
      .string()
      .min(1)
      .max(1024)
      .optional()
      .describe('HTTP: text that the first 64 KiB of the body must hold.'),
    verify: z.boolean().default(true).describe('HTTPS: whether the certificate must be valid for `host`.'),
    keepAlive: z
      .boolean()
      .default(false)
      .describe(
        'HTTP: one connection for many checks: cheaper, but a POP that takes no new ones is not seen.',
      ),
    question: z
      .strictObject({
        name: domainName.default('.').describe('DNS: name that is asked for.'),
        type: z
          .string()
          .refine((text) => typeCode(text) !== undefined, { error: 'is no record type such as A or SOA' })
          .default('SOA')
          .describe('DNS: its type.'),
      })
      .prefault({})
      .describe('DNS: the question.'),
    rcode: z.enum(RCODES).default('NOERROR').describe('DNS: the response code that is good.'),
  })
  .superRefine((check, context) => {
    const report = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (check.kind === 'https' && check.verify && check.host === undefined)
      report('host', 'is missing: the name that the certificate is for (or verify: false)');
    if (check.kind === 'tcp' && check.port === undefined) report('port', 'is missing');
  });

/** How POPs are checked, and how many probers must agree. */
export const healthSchema = z
  .strictObject({
    check: checkSchema
      .optional()
      .describe('How every POP is checked. Absent: only the reports of agents say whether a POP is up.'),
    pops: z
      .record(popCode, z.union([z.literal('off'), checkSchema]))
      .default({})
      .describe('POPs that are checked in another way, or not at all (`off`), by their codes.'),
    quorum: real(
      { min: 0.01, max: 1 },
      'Share of the views that count which must see a POP down: 0.6 is 1 of 1, 2 of 2, 2 of 3, 3 of 4.',
    ).default(0.6),
    viewsMin: whole(
      { min: 1, max: 1000, unit: 'views' },
      "Views that must count at least; with fewer, the POP's own reports say whether it is up.",
    ).default(1),
    agentsPerPop: whole(
      { min: 0, max: 1000, unit: 'agents' },
      'Agents that check each POP, beside all name servers: of that many other POPs, the same ones always.',
    ).default(5),
  })
  .prefault({})
  .describe('Checks of the POPs by name servers and agents.');

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})$/;
const instant = z.string().refine((text) => INSTANT.test(text) && !Number.isNaN(Date.parse(text)), {
  error: 'is not a time with its zone, such as 2026-12-01T22:00Z',
});
/** A window is at most a week long. */
const WINDOW_MINUTES_MAX = 7 * 24 * 60;

const windowSchema = z
  .strictObject({
    pop: popCode.describe('Code of the POP.'),
    reason: z.string().min(1).max(200).describe('Why, for colleagues: shown by `status` and `explain`.'),
    cron: z
      .string()
      .superRefine((text, context) => {
        const cron = parseCron(text);
        if (typeof cron === 'string') context.addIssue({ code: 'custom', message: cron });
      })
      .optional()
      .describe('When windows begin: minute, hour, day of the month, month, day of the week; `0 2 * * 0`.'),
    timezone: z
      .string()
      .refine(isTimezone, { error: 'is not a time zone such as Europe/Berlin' })
      .default('UTC')
      .describe('Time zone of `cron`.'),
    durationMin: whole(
      { min: 1, max: WINDOW_MINUTES_MAX, unit: 'minutes' },
      'How long each window is, with `cron`.',
    ).optional(),
    from: instant
      .optional()
      .describe('When the only window begins, in place of `cron`: `2026-12-01T22:00Z`.'),
    to: instant.optional().describe('When it ends.'),
  })
  .superRefine(({ cron, durationMin, from, to }, context) => {
    const report = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (cron === undefined && from === undefined) report('cron', 'is missing, or from and to are');
    if (cron !== undefined && (from !== undefined || to !== undefined))
      report('cron', 'stands with durationMin, without from and to');
    if (cron !== undefined && durationMin === undefined) report('durationMin', 'is missing');
    if (from !== undefined && to === undefined) report('to', 'is missing');
    if (from === undefined && to !== undefined && cron === undefined) report('from', 'is missing');
    if (from !== undefined && durationMin !== undefined)
      report('durationMin', 'stands with cron, not with from and to');
    if (from !== undefined && to !== undefined && Date.parse(from) >= Date.parse(to))
      report('to', `(${to}) is not after from (${from})`);
  });

/** Times at which POPs are drained. */
export const maintenanceSchema = z
  .array(windowSchema)
  .max(1000)
  .prefault([])
  .describe('Maintenance windows: a POP is drained while one is open, and restored when it closes.');

function isTimezone(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return true;
  } catch {
    return false;
  }
}
