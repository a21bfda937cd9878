import { z } from 'zod';
import { CONTINENTS } from '../base/continents.ts';
import { countryCode, popCode } from './scalars.ts';
import { real, whole } from './schema-numbers.ts';

/** Names of services, and of the cluster. */
export const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;
export const NOT_A_NAME = { error: "is not a name of 1 to 63 small letters, digits, '-' and '_'" };

/** What an operator adds to scores. */
export const biasMs = real(
  { min: -1000, max: 1000, unit: 'ms' },
  "Added to the POP's score: positive makes it less wanted.",
);

/** A row of the table has room for so many POPs that clients start from. */
const PARTS_MAX = 7;
const CHOICES_MAX = 64;
const WEIGHT_MAX = 1_000_000;
const NETWORK_CHOICES_MAX = 1000;

const choice = z.string().regex(/^(?:[A-Z][A-Z0-9]{1,7}|[a-z0-9][a-z0-9_-]{0,62})$/, {
  error: 'is neither the code of a POP (capital letters and digits) nor the name of a service',
});

const geoPolicy = z
  .strictObject({
    default: choice.describe('Choice for clients that are nowhere below.'),
    continents: z
      .partialRecord(z.enum(CONTINENTS), choice)
      .default({})
      .describe('Choice by continent: AF AN AS EU NA OC SA.'),
    countries: z.record(countryCode, choice).default({}).describe('Choice by country (ISO 3166-1).'),
    networks: z
      .record(z.string().min(1).max(128), choice)
      .refine((networks) => Object.keys(networks).length <= NETWORK_CHOICES_MAX, {
        error: `has more than ${NETWORK_CHOICES_MAX} labels`,
      })
      .default({})
      .describe('Choice by label of entries under `networks`, which then say where they are.'),
  })
  .describe('By where clients are: the narrowest choice of which any POP is up.');

const policySchema = z
  .strictObject({
    failover: z
      .array(choice)
      .min(1)
      .max(CHOICES_MAX)
      .optional()
      .describe('The first choice of which any POP is up.'),
    weighted: z
      .record(choice, whole({ min: 0, max: WEIGHT_MAX }, 'Weight of the choice.'))
      .optional()
      .describe(
        'Clients are divided by weight, network by network, among the choices of which any POP is up; ' +
          'one of weight 0 counts only where no other is.',
      ),
    nearest: z
      .record(choice, real({ min: -99, max: 99, unit: 'percent' }, 'Bias of the choice.'))
      .optional()
      .describe(
        'The nearest choice of which any POP is up, by great circle; a positive bias makes it seem nearer ' +
          'by so many percent. A service is where the first POP is that it names.',
      ),
    all: z
      .array(choice)
      .min(1)
      .max(CHOICES_MAX)
      .optional()
      .describe(`All choices of which any POP is up, in one answer: the first ${PARTS_MAX} POPs of them.`),
    geo: geoPolicy.optional(),
  })
  .superRefine((policy, context) => {
    const named = Object.entries(policy).filter(([, value]) => value !== undefined);
    const report = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: path === '' ? [] : [path], message });
    if (named.length !== 1) report('', 'is one of failover, weighted, nearest, all and geo');
    const weights = Object.values(policy.weighted ?? {});
    if (weights.filter((weight) => weight > 0).length > PARTS_MAX)
      report('weighted', `has more than ${PARTS_MAX} choices with a weight`);
    if (policy.weighted !== undefined && weights.length === 0) report('weighted', 'names no choice');
    if (policy.nearest !== undefined && Object.keys(policy.nearest).length === 0)
      report('nearest', 'names no choice');
  })
  .describe(
    'Who gets which POP in place of the score. A choice is the code of a POP, or the name of another ' +
      'service whose policy, or score, then decides. See docs/steering.md.',
  );

/** A service: who gets which POP, and what answers say. */
export const serviceSchema = z
  .strictObject({
    pops: z
      .union([z.literal('all'), z.array(popCode).min(1)])
      .default('all')
      .describe('POPs that serve it: `all`, or a list of their codes.'),
    biasMs: z
      .record(popCode, biasMs)
      .default({})
      .describe('Bias for this service alone, by POP code, added to that of the POP.'),
    policy: policySchema.optional(),
    ipv6: z
      .string()
      .regex(NAME, NOT_A_NAME)
      .optional()
      .describe('Service whose answers AAAA gets, where it is not decided as A is.'),
    ttl: z
      .strictObject({
        min: whole({ min: 0, max: 86_400, unit: 's' }, 'Shortest TTL of a steered answer.').default(20),
        max: whole({ min: 0, max: 86_400, unit: 's' }, 'Longest TTL of a steered answer.').default(120),
      })
      .superRefine(({ min, max }, context) => {
        if (min > max)
          context.addIssue({ code: 'custom', message: `min (${min}) is greater than max (${max})` });
      })
      .prefault({})
      .describe('Bounds of the TTL: a close decision gets a short one.'),
    https: z
      .strictObject({
        alpn: z
          .array(z.string().regex(/^[\x21-\x7e]{1,255}$/, { error: 'is not a protocol name such as h2' }))
          .min(1)
          .max(16)
          .default(['h2', 'http/1.1'])
          .describe('Protocols that the POPs speak, best first.'),
        port: whole({ min: 1, max: 65_535 }, 'Port, where it is not 443.').optional(),
      })
      .optional()
      .describe('What the HTTPS record says (RFC 9460), unless the zone has its own. Absent: none is made.'),
  })
  .superRefine(({ policy, pops, biasMs: biases }, context) => {
    const report = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (policy === undefined) return;
    if (pops !== 'all') report('pops', 'stands without policy, which names its POPs itself');
    if (Object.keys(biases).length > 0) report('biasMs', 'is of the score: a policy does not look at it');
  })
  .describe('A service that zones name in `STEER` records.');
