import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { makeAuthority, makeServerCertificate } from '../../src/pop/certificate.ts';

/** A certificate with its key, PEM. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

/** An authority of the test's own, for `edge.test` and this machine. */
export interface TestAuthority {
  /** PEM. */
  readonly ca: string;
  readonly caFile: string;
  /** A folder that goes with the test. */
  readonly folder: string;
  /** A new certificate for `edge.test` and 127.0.0.1. */
  readonly issue: () => Pair;
}

const DAY_MS = 86_400_000;

/** Makes the authority, and a folder with its certificate. */
export function testAuthority(context: TestContext): TestAuthority {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-tls-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const times = { notBeforeMs: Date.now() - DAY_MS, notAfterMs: Date.now() + DAY_MS };
  const authority = makeAuthority({ name: 'test CA', dnsNames: ['edge.test'], ...times });
  const caFile = join(folder, 'ca.crt');
  writeFileSync(caFile, authority.certificate);
  return {
    ca: authority.certificate,
    caFile,
    folder,
    issue: () => {
      const request = { name: 'edge.test', dnsNames: ['edge.test'], addresses: ['127.0.0.1'], ...times };
      const { certificate, key } = makeServerCertificate(request, { name: 'test CA', key: authority.key });
      return { certificate, key: key.export({ type: 'pkcs8', format: 'pem' }).toString() };
    },
  };
}
