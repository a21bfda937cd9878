import { keyOf } from './redis-context.ts';

/** Who may do what in Redis. `up`: all of it, for a process that plays every role. */
export type AclRole = (typeof ACL_ROLES)[number];

/** Every role. */
export const ACL_ROLES = ['up', 'control', 'serve', 'operator', 'agent'] as const;

/** What every process does: say its name, ask for the time, hear of changes, find its way in a Cluster. */
const COMMON =
  '+ping +info +select +client|setname +time +exists +publish +subscribe ' +
  '+cluster|slots +cluster|info +readonly +readwrite +asking';

interface Rights {
  /**
   * Names of keys, as patterns; `%R` before what may only be read, `%W` before what may only be written.
   * `POP` stands for the agent's own.
   */
  readonly keys: readonly string[];
  readonly topics: readonly string[];
  readonly commands: string;
}

const RIGHTS: Readonly<Record<AclRole, Rights>> = {
  up: {
    keys: ['*'],
    topics: ['*'],
    commands:
      '+xadd +xtrim +xread +xrevrange +hset +hdel +hget +hmget +hvals +hgetall +hscan ' +
      '+pexpire +pttl +set +get +del +mget +getdel +eval',
  },
  control: {
    keys: [
      ...[
        'lease',
        'leader',
        'image',
        'estimates:*',
        'targets:*',
        'overrides',
        'model',
        'health',
        'invalidations',
      ],
      ...['%Rsamples:*', '%Rreport:*', '%Rdemand:*', '%Rhealth:agent:*', '%Rclock'],
    ],
    topics: ['*'],
    commands:
      '+xread +xadd +xrevrange +hset +hdel +hget +hmget +hvals +hgetall +hscan ' +
      '+pexpire +pttl +set +get +del +mget +eval',
  },
  serve: {
    keys: [
      'health',
      ...['image', 'estimates:*', 'overrides', 'model', 'lease', 'leader'].map((name) => `%R${name}`),
      ...['%Rreport:*', '%Rdemand:*', '%Rhealth:agent:*', '%Rclock'],
    ],
    topics: ['*'],
    commands: '+hset +hdel +hget +hmget +hvals +hgetall +hscan +pexpire +pttl +get +mget +eval',
  },
  operator: {
    keys: ['overrides', 'model', '%R*'],
    topics: ['overrides', 'model'],
    commands:
      '+hset +hdel +hget +hmget +hvals +hgetall +hscan +get +mget +pttl ' +
      '+xread +xrange +xrevrange +xlen +strlen +hlen',
  },
  agent: {
    keys: [
      '%Wsamples:POP',
      'report:POP',
      'demand:POP',
      'health:agent:POP',
      'targets:POP',
      '%Rclock',
      '%Rinvalidations',
    ],
    topics: ['news', 'reports', 'health', 'targets', 'invalidations'],
    commands: '+xadd +xtrim +xread +xrevrange +pexpire +set +getdel',
  },
};

/**
 * The rules of a user of that role, as `ACL SETUSER` and an ACL file take them (Redis 7), without password.
 * `pop`: the POP of an agent.
 */
export function aclRules(role: AclRole, cluster: string, pop = ''): string {
  const { keys, topics, commands } = RIGHTS[role];
  const patterns = keys.map((key) => {
    const [, right = '', bare = ''] = /^(%[RW])?(.*)$/.exec(key) ?? [];
    return `${right}~${keyOf(cluster, bare.replace('POP', pop))}`;
  });
  const channels = topics.map((topic) => `&${keyOf(cluster, `nudge:${topic}`)}`);
  return ['resetkeys', ...patterns, 'resetchannels', ...channels, '-@all', COMMON, commands].join(' ');
}
