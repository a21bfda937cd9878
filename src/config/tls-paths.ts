import type { z } from 'zod';
import type { tlsSchema } from './schema-listen.ts';

type Tls = z.output<typeof tlsSchema>;

/** The key `tls` with the paths of both files made ready to open, where it names them. */
export function tlsWithPaths(tls: Tls, path: (text: string) => string): Tls {
  const { certificate, key } = tls;
  if (certificate === undefined || key === undefined) return tls;
  return { ...tls, certificate: path(certificate), key: path(key) };
}
