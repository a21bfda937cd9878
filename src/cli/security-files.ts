import type { KeyObject } from 'node:crypto';
import { must } from '../base/assert.ts';
import { OperatorError, type Problem } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import { type FunctionSource, functionFault } from '../pop/edge/function-file.ts';
import { edgeFunctions } from '../pop/edge/functions.ts';
import { type KeyValues, readKeyValues } from '../pop/edge/key-values.ts';
import { edgeLambdas } from '../pop/edge/lambdas.ts';
import type { Profile } from '../pop/fle/form.ts';
import type { FieldEncryption } from '../pop/fle/stage.ts';
import type { SecurityParts } from '../pop/security.ts';
import { securityCounts } from '../pop/security-counters.ts';
import { readPublicKey } from '../pop/signed/keys.ts';
import { type Acl, readAcl } from '../pop/waf/acl.ts';
import type { Run } from '../pop/waf/run.ts';
import { boundedLog } from './bounded-log.ts';
import type { Terminal } from './command.ts';
import type { CloseLater } from './long-running.ts';

type ReadText = Pick<Terminal, 'readText' | 'exists'>;
type SecuritySource = Pick<Config, 'security'>;

/** What the files hold that `security` names. */
interface SecurityFiles {
  readonly acls: ReadonlyMap<string, Acl>;
  readonly keys: ReadonlyMap<string, KeyObject>;
  readonly functions: ReadonlyMap<string, FunctionSource>;
}

/** What the features need besides their files. */
export interface SecurityNeeds {
  readonly terminal: ReadText;
  readonly whereabouts: Run['whereabouts'];
  readonly log: (message: string) => void;
  readonly closeLater: CloseLater;
}

/** Everything of `security`, ready to run. Throws `OperatorError` with every problem in all of its files. */
export function openSecurity({ security }: SecuritySource, needs: SecurityNeeds): SecurityParts {
  const { terminal, whereabouts, closeLater } = needs;
  const log = boundedLog(needs.log, () => performance.now());
  const { acls, keys, functions: code, problems } = read(security, terminal);
  if (problems.length > 0) throw new OperatorError('bad-config', problems);
  const counts = securityCounts(acls);
  const { limitMs, memoryKb, threads } = security.functionLimits;
  const functions = edgeFunctions({
    functions: code,
    memoryOctets: memoryKb * 1024,
    limitMs,
    threads,
    log,
    count: (ended) => counts.code('function', ended),
  });
  const lambdas = edgeLambdas({
    lambdas: Object.entries(security.lambdas).map(([name, lambda]) => ({ name, ...lambda })),
    log,
    count: (ended) => counts.code('lambda', ended),
  });
  closeLater(functions.close);
  closeLater(lambdas.close);
  const groups = Object.entries(security.keyGroups).map(
    ([name, ids]) => [name, new Map(ids.map((id) => [id, must(keys.get(id), `key ${id}`)]))] as const,
  );
  return {
    acls,
    keyGroups: new Map(groups),
    encryptions: encryptionsOf(security, keys),
    functions,
    lambdas,
    whereabouts,
    counts,
  };
}

/** What is wrong with the files that `security` names. */
export function securityProblems({ security }: SecuritySource, terminal: ReadText): readonly Problem[] {
  return read(security, terminal).problems;
}

function read(
  security: Config['security'],
  terminal: ReadText,
): SecurityFiles & { readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const textOf = (file: string): string | undefined => {
    try {
      return terminal.readText(file);
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      problems.push(...error.problems);
      return undefined;
    }
  };
  const acls = new Map<string, Acl>();
  for (const [name, { file, with: others }] of Object.entries(security.webAcls)) {
    const text = textOf(file);
    const rest = others.flatMap((path) => {
      const content = textOf(path);
      return content === undefined ? [] : [{ file: path, text: content }];
    });
    if (text === undefined) continue;
    const { acl, problems: found } = readAcl({ file, text }, rest);
    problems.push(...found);
    if (acl !== undefined) acls.set(name, acl);
  }
  const keys = new Map<string, KeyObject>();
  for (const [id, file] of Object.entries(security.publicKeys)) {
    const pem = textOf(file);
    const key = pem === undefined ? undefined : readPublicKey(pem);
    if (typeof key === 'string') problems.push({ file, message: key });
    else if (key !== undefined) keys.set(id, key);
  }
  for (const { key } of Object.values(security.fieldProfiles))
    if (keys.get(key)?.asymmetricKeyType === 'ec')
      problems.push({
        file: security.publicKeys[key] ?? '',
        message: 'is an ECDSA key: fields are encrypted for RSA keys only',
      });
  const functions = readFunctions(security, textOf, problems);
  for (const { file } of Object.values(security.lambdas))
    if (!terminal.exists(file)) problems.push({ file, message: 'is not there' });
  return { acls, keys, functions, problems };
}

/** Functions with the stores that they read. */
function readFunctions(
  { functions, keyValueStores }: Config['security'],
  textOf: (file: string) => string | undefined,
  problems: Problem[],
): Map<string, FunctionSource> {
  const stores = new Map<string, KeyValues>();
  for (const { file, functions: names } of Object.values(keyValueStores)) {
    const text = textOf(file);
    // What is wrong with it is told once, and no function is blamed for it.
    const { store, faults } = readKeyValues(text ?? '{"data": []}', new Date().toISOString());
    problems.push(...faults.map((message) => ({ file, message })));
    for (const name of names) stores.set(name, store);
  }
  const sources = new Map<string, FunctionSource>();
  for (const [name, file] of Object.entries(functions)) {
    const code = textOf(file);
    if (code === undefined) continue;
    const store = stores.get(name);
    const source = { code, ...(store && { store }) };
    const fault = functionFault(source);
    if (fault === undefined) sources.set(name, source);
    else problems.push({ file, ...fault });
  }
  return sources;
}

function encryptionsOf(
  security: Config['security'],
  keys: ReadonlyMap<string, KeyObject>,
): ReadonlyMap<string, FieldEncryption> {
  const profileOf = (name: string): Profile => {
    const { key, provider, fields } = must(security.fieldProfiles[name], `profile ${name}`);
    return { name, provider, fields, keyName: key, publicKey: must(keys.get(key), `key ${key}`) };
  };
  const all = Object.entries(security.fieldEncryption).map(([name, encryption]) => {
    const { profile, queryProfiles, ...rest } = encryption;
    const named = Object.entries(queryProfiles).map(([value, one]) => [value, profileOf(one)] as const);
    const own = profile === undefined ? undefined : profileOf(profile);
    return [name, { ...rest, profile: own, queryProfiles: new Map(named) }] as const;
  });
  return new Map(all);
}
