import { createHash, randomBytes } from 'node:crypto';
import { OperatorError } from '../base/errors.ts';
import { ACL_ROLES, type AclRole, aclRules } from '../store/redis-acl.ts';
import { type Command, EXIT_OK, textFlag, textFlags } from './command.ts';
import { CONFIG_OPTION, readConfig } from './config-file.ts';
import { popCodeOf, type ValueReader, valueReader } from './values.ts';

/** A user of Redis. */
interface AclUser {
  readonly user: string;
  readonly role: AclRole;
  readonly password: string;
  /** Its line in an ACL file: with the password's hash, not the password. */
  readonly line: string;
}

const PASSWORD_OCTETS = 24;

export const aclCommand: Command = {
  operands: '[ROLE]',
  operandsMin: 0,
  operandsMax: ACL_ROLES.length,
  words: ACL_ROLES,
  description:
    "Prints users of Redis, each with just the rights that its role needs, as lines of Redis' ACL file. An " +
    "agent's user can write its own POP's samples, report, demand and view, take its own targets, and " +
    'nothing else. Passwords are made at random: the lines hold their SHA-256, the passwords themselves ' +
    'go to standard error. Without a role: control, serve, operator, and an agent for each POP of the ' +
    'configuration. Role `up` may do everything, for a process that plays every role. Redis 7 or later.',
  options: {
    ...CONFIG_OPTION,
    cluster: { type: 'string', value: 'NAME', help: "the cluster's name, instead of the configured one" },
    pop: { type: 'string', multiple: true, value: 'CODE', help: 'agents of these POPs only' },
  },
  examples: [
    ['acl --config isochrone.yaml >users.acl 2>passwords', 'the whole file for a fleet'],
    ['acl agent --pop FRA', 'one more agent'],
  ],
  run: async ({ operands, flags, json, terminal }) => {
    const reader = valueReader();
    const roles = rolesOf(operands, reader);
    const given = textFlags(flags, 'pop').map((code) => popCodeOf(code, reader));
    const cluster = textFlag(flags, 'cluster');
    if (cluster !== undefined && !/^[a-z0-9_-]{1,64}$/.test(cluster))
      reader.wrong(`--cluster ${JSON.stringify(cluster)}: small letters, digits, '-' and '_' only`);
    if (reader.problems.length > 0) throw new OperatorError('bad-usage', reader.problems);
    const config = readConfig(flags, terminal);
    const pops = given.length > 0 ? given : config.fleet.pops.map(({ code }) => code);
    const name = cluster ?? config.cluster;
    const users = roles.flatMap((role) =>
      role === 'agent' ? pops.map((pop) => userOf(role, name, pop)) : [userOf(role, name)],
    );
    if (json) {
      terminal.out(JSON.stringify(users, undefined, 2));
      return EXIT_OK;
    }
    for (const { line } of users) terminal.out(line);
    for (const { user, password } of users) terminal.err(`${user} ${password}`);
    return EXIT_OK;
  },
};

function rolesOf(operands: readonly string[], reader: ValueReader): readonly AclRole[] {
  const roles: AclRole[] = [];
  for (const text of operands) {
    const role = ACL_ROLES.find((one) => one === text);
    if (role === undefined)
      reader.wrong(`${JSON.stringify(text)} is no role: there is ${ACL_ROLES.join(', ')}`);
    else roles.push(role);
  }
  return operands.length > 0 ? roles : ACL_ROLES.filter((role) => role !== 'up');
}

function userOf(role: AclRole, cluster: string, pop?: string): AclUser {
  const user = pop === undefined ? `${cluster}-${role}` : `${cluster}-${role}-${pop}`;
  const password = randomBytes(PASSWORD_OCTETS).toString('base64url');
  const hash = createHash('sha256').update(password).digest('hex');
  return { user, role, password, line: `user ${user} on #${hash} ${aclRules(role, cluster, pop)}` };
}
