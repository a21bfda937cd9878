import { z } from 'zod';
import { ACCESS_RULES_MAX, type AccessList, accessList } from '../base/access-list.ts';
import { addressRule, endpointOrOff, filePath } from './scalars.ts';
import { dnsListener } from './schema-access.ts';
import { whole } from './schema-numbers.ts';

const listeners = z.array(dnsListener).max(64);

/** The key `listen`. */
export const listenSchema = z
  .strictObject({
    dns: listeners
      .min(1)
      .prefault(['127.0.0.1:5300'])
      .describe(
        'Addresses for DNS, UDP and TCP: `127.0.0.1:5300`, `[::1]:5300`. A mapping where not all may ask.',
      ),
    dot: listeners
      .prefault([])
      .describe('Addresses for DNS over TLS (RFC 7858): `192.0.2.53:853`. They need `tls`.'),
    doh: listeners
      .prefault([])
      .describe('Addresses for DNS over HTTPS (RFC 8484): `192.0.2.53:443`. They need `tls`.'),
    proxy: z
      .array(addressRule)
      .max(ACCESS_RULES_MAX)
      .prefault([])
      .transform((rules): AccessList | undefined => (rules.length === 0 ? undefined : accessList(rules)))
      .describe(
        'Proxies such as dnsdist, by address or prefix, that say for whom they ask: on every address for ' +
          'DNS each datagram and each connection of theirs must begin with a PROXY header of version 2. ' +
          'Whoever is not listed must not send one.',
      ),
    admin: endpointOrOff
      .prefault('127.0.0.1:5380')
      .describe('Address of the console, `/metrics` and the admin API; `off`: there is none.'),
    ingest: endpointOrOff
      .prefault('off')
      .describe('Address for agents without a way to the store, and for browsers (see `ingest`).'),
  })
  .prefault({})
  .describe('Where the process listens. Port 0 asks the system for a free one.');

/** The key `tls`. */
export const tlsSchema = z
  .strictObject({
    certificate: filePath
      .optional()
      .describe(
        "PEM file with the chain, the server's certificate first, relative to this file's folder. It is " +
          'read again when it changes, and at SIGHUP.',
      ),
    key: filePath.optional().describe('PEM file with the private key of the certificate; likewise.'),
    workers: whole({ min: 1, max: 256, unit: 'threads' }, 'Threads that speak TLS.').default(1),
    path: z
      .string()
      .regex(/^\/[\x21\x24-\x3e\x40-\x7e]{0,255}$/, { error: 'is not a path such as /dns-query' })
      .default('/dns-query')
      .describe('Path of DNS over HTTPS: its URI template is `https://NAME/dns-query{?dns}`.'),
  })
  .superRefine(({ certificate, key }, context) => {
    if ((certificate === undefined) === (key === undefined)) return;
    const path = [certificate === undefined ? 'certificate' : 'key'];
    context.addIssue({ code: 'custom', path, message: 'is missing' });
  })
  .prefault({})
  .describe(
    'What `listen.dot` and `listen.doh` prove their name with. Without a certificate `up` takes one of its ' +
      'development authority, and `serve` does not start.',
  );
