/**
 * One parameter of the decision: its unit, default, bounds and meaning. Configuration and reference page
 * show these.
 */
export interface ParameterSpec {
  readonly unit: string;
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly meaning: string;
}

const spec = (
  unit: string,
  value: number,
  bounds: readonly [min: number, max: number],
  meaning: string,
): ParameterSpec => ({ unit, default: value, min: bounds[0], max: bounds[1], meaning });

/** Every parameter of the decision. */
export const STEERING_PARAMETERS = {
  priorBaseMs: spec('ms', 4, [0, 1000], 'Prior: round-trip time of a client next door to the POP.'),
  priorMsPerKm: spec(
    'ms/km',
    0.0155,
    [0.006, 1],
    'Prior: round-trip time added by each km of great circle; light in fibre along it takes 0.01.',
  ),
  priorDeviationMs: spec('ms', 4, [0, 1000], 'Prior: standing part of its uncertainty.'),
  priorDeviationShare: spec('', 0.25, [0, 1], 'Prior: uncertainty added, as a share of the prior.'),
  popBiasMaxMs: spec('ms', 30, [0, 1000], 'Bound of the learned correction of one POP in the prior.'),
  alpha: spec(
    '',
    0.3,
    [0.01, 1],
    'Weight of a new burst in the moving averages of RTT and of its deviation.',
  ),
  clipDeviations: spec(
    'deviations',
    3,
    [1, 100],
    'A burst farther than this from the estimate is an outlier: it counts only as if it were this far.',
  ),
  deviationMinMs: spec('ms', 0.5, [0.01, 100], 'Least deviation that a measured estimate is given.'),
  jitterWeight: spec(
    '',
    0.8,
    [0, 2],
    'How much of a jitter that is well known (mean of a burst less its minimum) counts as round-trip time.',
  ),
  probeStopMs: spec(
    'ms',
    1,
    [0.01, 1000],
    'A network is explored until no burst to a POP not measured yet promises a gain of so much.',
  ),
  probeRefreshMs: spec(
    'ms',
    2000,
    [100, 86_400_000],
    "A network's POP is measured again so often, its challengers a third as often, if the budget allows.",
  ),
  burstsMax: spec('bursts', 20, [1, 1000], 'Bursts that an estimate is credited with at most.'),
  ageMs: spec('ms', 900_000, [1000, 1e9], 'The credit of an estimate falls by a factor e in this time.'),
  lossMsPerUnit: spec(
    'ms',
    1000,
    [0, 100_000],
    'Score for losing every packet: loss x this. 1000 ms is what a lost SYN waits for (RFC 6298 §2).',
  ),
  lossIgnored: spec('', 0.003, [0, 1], 'Loss of a POP up to this, as any path has it, does not count.'),
  alarmDeviations: spec(
    'deviations',
    3,
    [1, 100],
    'A POP alarms when the median of its standardised residuals of a tick exceeds this.',
  ),
  alarmMs: spec('ms', 4, [0, 1000], 'A POP alarms only if its median residual exceeds this too.'),
  alarmCells: spec('cells', 5, [2, 1000], 'A POP alarms only on bursts from at least so many cells.'),
  hysteresisMs: spec('ms', 5, [0, 1000], 'A cell changes its POP at once for a gain above this …'),
  hysteresisShare: spec('', 0.1, [0, 1], '… and above this share of the score of its POP …'),
  hysteresisFloorMs: spec(
    'ms',
    0.5,
    [0, 1000],
    'Each tick that one challenger leads halves the gain it needs, down to this …',
  ),
  hysteresisDeviations: spec(
    'deviations',
    5,
    [0, 100],
    '… or so many deviations of the difference of the two estimates, whichever is more.',
  ),
  congestionKnee: spec('', 0.8, [0, 0.99], 'Utilisation of a link from which congestion counts.'),
  congestionFullMs: spec(
    'ms',
    50,
    [0, 10_000],
    'Congestion of a link that is full, without its queue and loss.',
  ),
  congestionMaxMs: spec('ms', 500, [0, 10_000], 'Bound of the congestion of a link.'),
  congestionRise: spec('', 0.7, [0.01, 1], 'Share of a rise of congestion that counts at once.'),
  congestionFall: spec('', 0.6, [0.01, 1], 'Share of a fall of congestion that counts at once.'),
  linkSlackMs: spec('ms', 8, [0, 1000], 'Links of a POP within this of its best one share its clients.'),
  utilisationTarget: spec(
    '',
    0.9,
    [0.01, 1],
    'Share of its capacity that a POP is filled to before its room gets a price.',
  ),
  priceMaxMs: spec('ms', 1000, [1, 100_000], 'Bound of the price of a POP.'),
  drainMs: spec(
    'ms',
    300_000,
    [1000, 86_400_000],
    'Load that was moved away counts as still expected in reports for about this long (the longest TTL).',
  ),
  churnShare: spec(
    '',
    0.02,
    [0.0001, 1],
    'Share of demand that may move in a tick for its gain alone; the largest gains x demand go first.',
  ),
  badReports: spec(
    'reports',
    2,
    [1, 100],
    'A POP is down after so many bad reports in a row (1 if they are slow).',
  ),
  goodReports: spec('reports', 3, [1, 100], 'A POP is up again after so many good reports in a row.'),
  silentReports: spec(
    'reports',
    3,
    [1, 100],
    'A POP is down when so many reports are missing while others report.',
  ),
  ttlMinSeconds: spec('s', 20, [0, 86_400], 'TTL of the closest decisions, and of recent ones.'),
  ttlMaxSeconds: spec('s', 300, [0, 86_400], 'TTL of the clearest decisions.'),
  ttlFullMarginMs: spec('ms', 20, [0.1, 1000], 'Margin over the runner-up that earns the longest TTL.'),
  ttlRecentMs: spec(
    'ms',
    60_000,
    [0, 3_600_000],
    'For this long after a change a cell gets the shortest TTL.',
  ),
  lightSlackKm: spec(
    'km',
    1000,
    [0, 20_000],
    'A burst faster than light over the distance less this is refused; it allows for wrong locations.',
  ),
  futureMs: spec('ms', 10_000, [0, 3_600_000], 'A burst farther in the future than this is refused.'),
  staleMs: spec('ms', 300_000, [1000, 86_400_000], 'A burst older than this on arrival is refused.'),
} as const satisfies Record<string, ParameterSpec>;

/** Values of all parameters. */
export type SteeringParams = { readonly [Name in keyof typeof STEERING_PARAMETERS]: number };
