import type { z } from 'zod';
import type { BEHAVIOUR_SECURITY, DISTRIBUTION_SECURITY, securitySchema } from './schema-security.ts';

type Parsed = z.output<typeof securitySchema>;

/** Rules, keys and code that run at the edge, by name; paths ready to open. */
export type SecurityConfig = Parsed;

/** What a distribution says of its security: names of `SecurityConfig`. */
export type DistributionSecurity = z.output<z.ZodObject<typeof DISTRIBUTION_SECURITY>>;

/** What a behaviour says of its security: names of `SecurityConfig`. */
export type BehaviourSecurity = z.output<z.ZodObject<typeof BEHAVIOUR_SECURITY>>;

/** The same with paths that start at the configuration's folder made ready to open. */
export function securityWithPaths(security: Parsed, path: (text: string) => string): SecurityConfig {
  return {
    ...security,
    webAcls: mapped(security.webAcls, (acl) => ({ file: path(acl.file), with: acl.with.map(path) })),
    publicKeys: mapped(security.publicKeys, path),
    functions: mapped(security.functions, path),
    keyValueStores: mapped(security.keyValueStores, (store) => ({ ...store, file: path(store.file) })),
    lambdas: mapped(security.lambdas, (lambda) => ({ ...lambda, file: path(lambda.file) })),
  };
}

function mapped<T, U>(record: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
