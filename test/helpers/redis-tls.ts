import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Reason to skip a test that needs a Redis with TLS, or false. */
export function withoutTls(): string | false {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    const linked = execFileSync('sh', ['-c', 'ldd "$(command -v redis-server)"'], { encoding: 'utf8' });
    return linked.includes('libssl') ? false : 'this redis-server has no TLS';
  } catch {
    return 'no openssl or ldd on this machine';
  }
}

/**
 * Makes a CA, and with it a certificate for `localhost` (`leaf`) and one for a client (`client`), in the
 * folder: `ca.crt`, `leaf.crt`, `leaf.key`, `client.crt`, `client.key`.
 */
export function makeCertificates(folder: string): void {
  const path = (name: string) => join(folder, name);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const make = (...args: string[]) =>
    execFileSync('openssl', ['req', '-x509', ...key, ...args], { stdio: 'ignore' });
  make('-subj', '/CN=test CA', '-keyout', path('ca.key'), '-out', path('ca.crt'));
  const signed = [
    '-CA',
    path('ca.crt'),
    '-CAkey',
    path('ca.key'),
    '-addext',
    'basicConstraints=critical,CA:FALSE',
  ];
  const leaf = ['-keyout', path('leaf.key'), '-out', path('leaf.crt')];
  make('-subj', '/CN=localhost', ...signed, ...leaf, '-addext', 'subjectAltName=DNS:localhost');
  make('-subj', '/CN=client', ...signed, '-keyout', path('client.key'), '-out', path('client.crt'));
}

/** Options for a server that speaks TLS only, with the certificates of the folder. */
export function tlsArguments(folder: string, port: number, authClients: 'yes' | 'no'): string[] {
  makeCertificates(folder);
  const file = (name: string) => join(folder, name);
  const files = [
    ...['--tls-cert-file', file('leaf.crt'), '--tls-key-file', file('leaf.key')],
    ...['--tls-ca-cert-file', file('ca.crt')],
  ];
  return ['--port', '0', '--tls-port', String(port), ...files, '--tls-auth-clients', authClients];
}
