import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { OperatorError } from '../base/errors.ts';
import { replaceFile } from '../store/replace-file.ts';
import { type Credential, makeAuthority, makeServerCertificate } from './certificate.ts';

/** What a TLS server needs, and what its clients need to trust it. */
export interface PopCertificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
  /** Path of the authority's certificate: for `curl --cacert`. */
  readonly caFile: string;
  /** The authority's own certificate and key, PEM: it also says that the certificate is good (OCSP). */
  readonly issuer: { readonly certificate: string; readonly key: string };
}

/** What `developmentCertificate` needs. */
export interface AuthorityOptions {
  /** Where certificates and keys are kept; made if missing. */
  readonly folder: string;
  /** Domains to serve: the certificate is for each and for every name directly below it. */
  readonly domains: readonly string[];
  /** Loopback addresses that the certificate is for as well: browsers time POPs by their addresses. */
  readonly addresses: readonly string[];
  readonly clock: Clock;
  readonly log: (message: string) => void;
}

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3_650;
const SERVER_DAYS = 90;
/** A certificate that ends sooner is made anew. */
const RENEW_BEFORE_DAYS = 30;
/** Clocks of clients may be behind ours. */
const BACKDATE_DAYS = 1;
/**
 * The development authority's certificate for the POPs, from the folder; what is missing, damaged, near its
 * end or for other domains is made anew, and the log says so. Throws `OperatorError` when the folder cannot
 * be used.
 */
export function developmentCertificate(options: AuthorityOptions): PopCertificate {
  try {
    mkdirSync(options.folder, { recursive: true });
    const authority = keptAuthority(options) ?? newAuthority(options);
    const server = keptServer(options, authority) ?? newServer(options, authority);
    const key = pemOf(server.key);
    const issuer = { certificate: authority.certificate, key: pemOf(authority.key) };
    return { certificate: server.certificate, key, caFile: join(options.folder, 'ca.crt'), issuer };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined || !/^E[A-Z]+$/.test(code)) throw error;
    const problem = `the POPs' certificates cannot be kept here, choose another --state: ${message}`;
    throw new OperatorError('not-permitted', [{ file: options.folder, message: problem }]);
  }
}

function keptAuthority(options: AuthorityOptions): Credential | undefined {
  return kept(options, 'ca', (certificate, key) => {
    if (!certificate.ca || !certificate.verify(certificate.publicKey)) return 'is no authority';
    if (!certificate.checkPrivateKey(key)) return 'does not belong to its key';
    if (endsWithin(certificate, options, RENEW_BEFORE_DAYS + SERVER_DAYS)) return 'is near its end';
    return certificate.subject === `CN=${authorityName(options)}` ? undefined : 'is for other domains';
  });
}

function newAuthority(options: AuthorityOptions): Credential {
  const request = {
    name: authorityName(options),
    dnsNames: options.domains,
    ...validity(options, AUTHORITY_DAYS),
  };
  return keep(options, 'ca', makeAuthority(request));
}

function keptServer(options: AuthorityOptions, authority: Credential): Credential | undefined {
  const issuer = new X509Certificate(authority.certificate);
  return kept(options, 'pop', (certificate, key) => {
    if (!certificate.checkPrivateKey(key)) return 'does not belong to its key';
    if (!certificate.verify(issuer.publicKey)) return 'is signed by another authority';
    if (endsWithin(certificate, options, RENEW_BEFORE_DAYS)) return 'is near its end';
    const names = serverNames(options).map((name) => `DNS:${name}`);
    const all = [...names, ...options.addresses.map((address) => `IP Address:${address}`)];
    return certificate.subjectAltName === all.join(', ') ? undefined : 'is for other names';
  });
}

function newServer(options: AuthorityOptions, authority: Credential): Credential {
  const request = {
    name: options.domains[0] ?? 'pop',
    dnsNames: serverNames(options),
    addresses: options.addresses,
    ...validity(options, SERVER_DAYS),
  };
  return keep(
    options,
    'pop',
    makeServerCertificate(request, { name: authorityName(options), key: authority.key }),
  );
}

/**
 * An authority may sign for its domains only, so that trusting it risks little; the name tells which they
 * are.
 */
function authorityName({ domains }: AuthorityOptions): string {
  const digest = createHash('sha256').update(domains.join(' ')).digest('hex').slice(0, 8);
  return `Isochrone development CA ${digest}`;
}

function serverNames({ domains }: AuthorityOptions): string[] {
  return domains.flatMap((domain) => [domain, `*.${domain}`]);
}

function validity({ clock }: AuthorityOptions, days: number): { notBeforeMs: number; notAfterMs: number } {
  const nowMs = clock.nowMs();
  return { notBeforeMs: nowMs - BACKDATE_DAYS * DAY_MS, notAfterMs: nowMs + days * DAY_MS };
}

function endsWithin(certificate: X509Certificate, { clock }: AuthorityOptions, days: number): boolean {
  return Date.parse(certificate.validTo) - clock.nowMs() < days * DAY_MS;
}

/** Reads `name.crt` and `name.key`; undefined, with a line in the log, when they cannot be used any more. */
function kept(
  options: AuthorityOptions,
  name: string,
  fault: (certificate: X509Certificate, key: KeyObject) => string | undefined,
): Credential | undefined {
  const file = join(options.folder, `${name}.crt`);
  try {
    const certificate = readFileSync(file, 'utf8');
    const key = createPrivateKey(readFileSync(join(options.folder, `${name}.key`), 'utf8'));
    const problem = fault(new X509Certificate(certificate), key);
    if (problem === undefined) return { certificate, key };
    options.log(`${file} ${problem}: making a new one`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EISDIR') throw error;
    if (code !== 'ENOENT') options.log(`${file} or its key is damaged (${message}): making a new one`);
  }
  return undefined;
}

/** Writes both files whole or not at all; the key first, readable by its owner only. */
function keep(options: AuthorityOptions, name: string, credential: Credential): Credential {
  replaceFile(join(options.folder, `${name}.key`), [pemOf(credential.key)], 0o600);
  replaceFile(join(options.folder, `${name}.crt`), [credential.certificate], 0o644);
  return credential;
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
