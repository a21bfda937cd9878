import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Problem } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import type { TransferTls } from '../config/schema-transfer-tls.ts';
import type { PeerTls } from '../transfer/tls.ts';

/** How TLS is spoken with a peer, its files read now. Throws the system's error. */
export function readPeerTls({ hostname, ca, pins, certificate, key }: TransferTls): PeerTls {
  const read = (path: string | undefined) => path && readFileSync(path, 'utf8');
  return { hostname, ca: read(ca), pins, certificate: read(certificate), key: read(key) };
}

/** What is wrong with the files that `transferTls` names. */
export function transferTlsProblems({ transferTls }: Pick<Config, 'transferTls'>): Problem[] {
  return Object.values(transferTls).flatMap(({ ca, certificate, key }) => [
    ...faultsOf(ca, 'is no certificate in PEM form', (text) => new X509Certificate(text)),
    ...faultsOf(certificate, 'is no certificate in PEM form', (text) => new X509Certificate(text)),
    ...faultsOf(key, 'is no private key in PEM form', createPrivateKey),
  ]);
}

function faultsOf(path: string | undefined, what: string, parse: (text: string) => unknown): Problem[] {
  if (path === undefined) return [];
  try {
    const text = readFileSync(path, 'utf8');
    try {
      parse(text);
      return [];
    } catch (error) {
      return [{ file: path, message: `${what} (${(error as Error).message})` }];
    }
  } catch (error) {
    return [{ file: path, message: `cannot be read: ${(error as Error).message}` }];
  }
}
