/**
 * Named security policies: versions and ciphers of TLS as CloudFront's policies of those names have them, by
 * OpenSSL's names. Ciphers of TLS 1.3 cannot be chosen one by one, and need not be.
 */
export interface SecurityPolicy {
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** Ciphers of TLS 1.2, best first, and the suites of TLS 1.3. */
  readonly ciphers: string;
}

const TLS13 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];
const GCM = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
];
const CHACHA = ['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'];
const CBC_SHA2 = [
  'ECDHE-ECDSA-AES128-SHA256',
  'ECDHE-RSA-AES128-SHA256',
  'ECDHE-ECDSA-AES256-SHA384',
  'ECDHE-RSA-AES256-SHA384',
];
const RSA_KEY_EXCHANGE = ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'AES128-SHA256'];

/** The policies by name; those that allow TLS 1.1 and less are not offered. */
export const SECURITY_POLICIES = {
  'TLSv1.2_2018': { minVersion: 'TLSv1.2', ciphers: list(TLS13, GCM, CHACHA, CBC_SHA2, RSA_KEY_EXCHANGE) },
  'TLSv1.2_2019': { minVersion: 'TLSv1.2', ciphers: list(TLS13, GCM, CHACHA, CBC_SHA2) },
  'TLSv1.2_2021': { minVersion: 'TLSv1.2', ciphers: list(TLS13, GCM, CHACHA) },
  'TLSv1.2_2025': { minVersion: 'TLSv1.2', ciphers: list(TLS13, GCM) },
  'TLSv1.3_2025': { minVersion: 'TLSv1.3', ciphers: list(TLS13) },
} as const satisfies Record<string, SecurityPolicy>;

export type SecurityPolicyName = keyof typeof SECURITY_POLICIES;

/** What CloudFront recommends, and what holds where nothing is said. */
export const DEFAULT_SECURITY_POLICY: SecurityPolicyName = 'TLSv1.2_2021';

function list(...groups: readonly (readonly string[])[]): string {
  return groups.flat().join(':');
}
